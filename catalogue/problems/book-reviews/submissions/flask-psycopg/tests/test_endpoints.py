"""The four operations, the rules of their bodies and the shape of errors."""

import json

import pytest

BOOK = {"title": "Middlemarch", "author": "George Eliot"}
REVIEW = {"reviewer": "Ada", "rating": 5}
MEMBERS = {"type", "title", "status", "detail", "errors", "trace_id"}


def assert_problem(response, status):
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert set(response.json) == MEMBERS


def test_a_posted_book_is_answered_whole_and_listed(client):
    book = client.post("/api/books", json={**BOOK, "title": "Обломов 🛋", "published_year": 1859})

    assert book.status_code == 201
    assert book.json["title"] == "Обломов 🛋"
    assert book.json["isbn"] is None
    assert client.get("/api/books").json == [book.json]


def test_reviews_are_listed_under_their_own_book(client):
    one, other = (client.post("/api/books", json=BOOK).json["id"] for _ in range(2))
    review = client.post(f"/api/books/{one}/reviews", json=REVIEW)

    assert review.status_code == 201
    assert client.get(f"/api/books/{one}/reviews").json == [review.json]
    assert client.get(f"/api/books/{other}/reviews").json == []


def test_a_second_book_with_the_same_isbn_is_refused(client):
    client.post("/api/books", json={**BOOK, "isbn": "9780140440409"})

    assert_problem(client.post("/api/books", json={**BOOK, "isbn": "9780140440409"}), 409)


@pytest.mark.parametrize("number", ["7", "0", "-1", "abc", "1e3", "9" * 21, "٣"])
def test_a_book_that_does_not_exist_has_no_reviews(client, number):
    assert_problem(client.get(f"/api/books/{number}/reviews"), 404)
    assert_problem(client.post(f"/api/books/{number}/reviews", json=REVIEW), 404)


@pytest.mark.parametrize(
    "values",
    [{"title": "x" * 255}, {"title": "😀" * 255}, {"title": " padded "}, {"isbn": None}, {"published_year": 9999}],
)
def test_a_book_at_the_edge_of_a_rule_is_accepted_as_it_is(client, values):
    book = client.post("/api/books", json={**BOOK, **values})

    assert book.status_code == 201
    assert values.items() <= book.json.items()


@pytest.mark.parametrize(
    "values",
    [
        {"title": ""}, {"title": " \t"}, {"title": "x" * 256}, {"title": None}, {"title": 1},
        {"title": "a\0"}, {"author": "\ud800"}, {"isbn": "123"}, {"isbn": 9780000000000},
        {"isbn": "٣" * 13}, {"isbn": "9780140440409\n"}, {"published_year": 0},
        {"published_year": 10000}, {"published_year": 1.5}, {"published_year": True},
        {"published_year": "1999"}, {"published_year": 2**63},
    ],
)  # fmt: skip
def test_a_book_beyond_a_rule_is_refused_by_name(client, values):
    response = client.post("/api/books", data=json.dumps({**BOOK, **values}), content_type="application/json")

    assert_problem(response, 422)
    assert response.json["errors"][0]["field"] == next(iter(values))
    assert client.get("/api/books").json == []


@pytest.mark.parametrize(
    "values",
    [{"rating": 0}, {"rating": 6}, {"rating": 4.5}, {"rating": "5"}, {"reviewer": "x" * 101}, {"text": "x" * 5001}],
)
def test_a_review_beyond_a_rule_is_refused(client, values):
    book = client.post("/api/books", json=BOOK).json["id"]

    assert_problem(client.post(f"/api/books/{book}/reviews", json={**REVIEW, **values}), 422)
    assert client.get(f"/api/books/{book}/reviews").json == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"published_year": NaN}', b"9" * 5000]
)
def test_a_body_that_is_no_json_object_is_refused(client, body):
    assert_problem(client.post("/api/books", data=body, content_type="application/json"), 400)


def test_a_body_of_another_type_or_coding_is_refused(client):
    assert_problem(client.post("/api/books", data="title=a", content_type="text/plain"), 415)
    assert_problem(client.post("/api/books", json=BOOK, headers={"Content-Encoding": "gzip"}), 415)


def test_a_body_that_is_far_too_large_is_refused(client):
    assert_problem(client.post("/api/books", data=b"x" * 3_000_000, content_type="application/json"), 413)


def test_a_method_that_a_path_does_not_know_is_answered_with_those_it_knows(client):
    response = client.delete("/api/books")

    assert_problem(response, 405)
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_a_path_that_does_not_exist_is_a_problem_as_well(client):
    assert_problem(client.get("/nothing"), 404)


def test_a_valid_traceparent_is_continued(client):
    trace = "0af7651916cd43dd8448eb211c80319c"
    response = client.get("/nothing", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    assert response.json["trace_id"] == trace
