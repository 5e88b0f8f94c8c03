from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st

from acidkit.errors import install_error_handlers
from acidkit.web import (
    Precondition,
    PreconditionDep,
    PreconditionFailed,
    PreconditionMalformed,
    PreconditionRequired,
    etag_of,
    fresh_headers,
    is_unchanged,
    not_modified,
)


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ('"7"', True),
        ("*", True),
        ('"6", "7"', True),
        ('"a,b" ,, "7",', True),
        ('"6"', False),
        ('W/"7"', False),
        ('"70"', False),
        ('""', False),
    ],
)
def test_if_match_compares_strongly(line: str, *, holds: bool) -> None:
    """Only the very version, in a list or as a star, allows the change; a weak tag never does."""
    condition = Precondition([line])
    assert condition.given
    if holds:
        condition.check(etag_of(7))
    else:
        with pytest.raises(PreconditionFailed):
            condition.check(etag_of(7))
    with pytest.raises(PreconditionFailed):
        condition.check(None)


@pytest.mark.parametrize(
    "line", ["", "7", "'7'", '"7', '"7" "8"', 'w/"7"', '*, "7"', ",", '"a b"', '"7";q=1']
)
def test_malformed_condition_is_refused(line: str) -> None:
    """What is not a list of entity tags must not be taken for no condition."""
    with pytest.raises(PreconditionMalformed):
        Precondition([line])


@given(st.text(max_size=60) | st.text('W/"*, a', max_size=30))
def test_any_text_is_a_condition_or_malformed(text: str) -> None:
    """A header that is no condition is said to be malformed, and nothing worse happens."""
    try:
        condition = Precondition([text])
    except PreconditionMalformed:
        return
    assert condition.given


def test_too_many_tags_are_refused() -> None:
    """A list is bounded."""
    with pytest.raises(PreconditionMalformed):
        Precondition([",".join(['"1"'] * 101)])


def test_if_none_match_forbids_what_exists() -> None:
    """With a star something is only created; tags are compared weakly; no condition allows all."""
    Precondition(if_none_match=["*"]).check(None)
    for line in ["*", 'W/"7"', '"6"\t, "7"']:
        with pytest.raises(PreconditionFailed):
            Precondition(if_none_match=[line]).check(etag_of(7))
    Precondition(if_none_match=['"6"']).check(etag_of(7))
    Precondition().check(etag_of(7))
    with pytest.raises(PreconditionRequired):
        Precondition(if_none_match=["*"]).require()
    Precondition(["*"]).require()


def test_own_tag_must_be_one() -> None:
    """A service that forgets the quotes hears of it."""
    with pytest.raises(ValueError, match="not an entity tag"):
        Precondition(['"7"']).check("7")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An application with one resource in version 7."""
    router = APIRouter()

    @router.get("/thing", response_model=None)
    async def show(request: Request, response: Response) -> Response | dict[str, int]:
        if is_unchanged(request, etag_of(7)):
            return not_modified(etag_of(7))
        response.headers.update(fresh_headers(etag_of(7)))
        return {"version": 7}

    @router.patch("/thing")
    async def change(condition: PreconditionDep) -> dict[str, bool]:
        condition.require()
        condition.check(etag_of(7))
        return {"changed": True}

    app = FastAPI()
    app.include_router(router)
    install_error_handlers(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as made:
        yield made


async def test_unchanged_resource_is_not_sent_again(client: httpx.AsyncClient) -> None:
    """304 has the tag and no body; another version or nonsense gets the whole answer."""
    whole = await client.get("/thing")
    assert (whole.status_code, whole.headers["etag"]) == (200, '"7"')
    for line in ['"7"', 'W/"7"', "*", '"1", "7"']:
        answer = await client.get("/thing", headers={"If-None-Match": line})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == '"7"'
        assert answer.headers["cache-control"] == "private, no-cache"
    for line in ['"6"', "7", '"7']:
        assert (await client.get("/thing", headers={"If-None-Match": line})).json() == whole.json()


async def test_change_needs_the_current_version(client: httpx.AsyncClient) -> None:
    """428 without a condition, 412 with an old one, 400 with nonsense, and lines make one list."""
    statuses = [
        (await client.patch("/thing", headers=headers)).status_code
        for headers in (
            [],
            [("If-Match", '"6"')],
            [("If-Match", "7")],
            [("If-Match", '"6"'), ("If-Match", '"7"')],
            [("If-Match", '"7"'), ("If-None-Match", "*")],
        )
    ]
    assert statuses == [428, 412, 400, 200, 412]
    body = (await client.patch("/thing")).json()
    assert body["code"] == "precondition_required"
