"""One mistake of a service is one finding: it is not accused of what only follows from it."""

from pathlib import Path

import pytest

from acidtest.core.errors import InfrastructureError
from acidtest.core.events import Event
from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.engine import grade
from acidtest.grader.lab.sandbox import choose_driver
from acidtest.grader.request import GradeRequest

pytestmark = pytest.mark.lab

SERVICE = """
import json, os, sqlite3, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DB = sqlite3.connect("books.db", check_same_thread=False, isolation_level=None)
DB.execute("create table if not exists books (id integer primary key, body text)")
DB.execute("create table if not exists reviews (id integer primary key, book int, body text)")


class Books(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/books":
            rows = DB.execute("select id, body from books").fetchall()
        elif self.path.endswith("/reviews"):
            rows = DB.execute("select id, body from reviews where book = ?", (self.book(),))
        else:
            return self.answer(404, {"message": "there is no such page"})
        self.answer(200, [{**json.loads(body), "id": key} for key, body in rows])

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        body["created_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self.path == "/books":
            sql, values = "insert into books (body) values (?)", ()
        else:
            body["book_id"] = self.book()
            sql, values = "insert into reviews (book, body) values (?, ?)", (self.book(),)
        key = DB.execute(sql, (*values, json.dumps(body))).lastrowid
        self.answer(201, {**body, "id": key})

    def book(self):
        return int(self.path.split("/")[2])

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Books).serve_forever()
"""
KEPT = "one_command_builds_the_schema"
RESTING = (
    "the_database_ties_reviews_to_books",
    "the_list_of_books_takes_as_many_statements_for_forty_as_for_one",
    "a_hit_sends_no_sql",
    "a_new_book_is_in_the_very_next_list",
    "an_answer_of_201_comes_after_the_commit",
    "values_never_become_part_of_the_sql",
)


async def _judged(folder: Path, *only: str, service: str = SERVICE) -> Judgement:
    try:
        await choose_driver()
    except InfrastructureError:
        pytest.skip("this machine permits no sandbox")
    source = folder / "service"
    source.mkdir()
    (source / "app.py").write_text(service)
    (source / "acidtest.toml").write_text('stack = "python"\nstart = "python3 app.py"\n')
    events: list[Event] = []
    request = GradeRequest(
        source=str(source), problem="book-reviews", state=folder / "state", only=only
    )
    return await grade(request, events.append)


async def test_books_in_a_file_are_one_finding_that_names_the_file(tmp_path: Path) -> None:
    """The schema's finding says where the books are, and what rests on PostgreSQL is not asked."""
    judgement = await _judged(tmp_path, KEPT, *RESTING)

    assert judgement.outcome is Outcome.JUDGED, judgement.message
    by_check = {result.check: result for result in judgement.results}
    assert "not kept in the PostgreSQL" in by_check[KEPT].message
    assert by_check[KEPT].evidence is not None
    assert "app.py says sqlite3.connect(" in by_check[KEPT].evidence.observed
    resting = {name: by_check[name].status.value for name in RESTING}
    assert set(resting.values()) == {"skipped"}, resting
    assert all("rests on R9" in by_check[name].message for name in RESTING)


async def test_a_service_stuck_by_one_check_is_asked_the_next(tmp_path: Path) -> None:
    """Who stops answering in one check loses that one, and answers again in the next."""
    stuck = SERVICE.replace("ThreadingHTTPServer", "HTTPServer").replace(
        'elif self.path.endswith("/reviews"):\n',
        'elif self.path.endswith("/reviews"):\n'
        "            while self.book() > 1_000_000:\n"
        "                time.sleep(1)\n",
    )
    unknown, following = "reviews_of_an_unknown_book_are_404", "adding_a_review_answers_201"

    judgement = await _judged(tmp_path, unknown, following, service=stuck)

    statuses = {result.check: result.status.value for result in judgement.results}
    assert statuses == {unknown: "fail", following: "pass"}
