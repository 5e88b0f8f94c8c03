"""The evidence of the sample judgement: one function for each finding."""

from acidtest.core.evidence import (
    Evidence,
    FaultMark,
    HttpExchange,
    LatencySlot,
    LoadRecord,
    LogLine,
    Moment,
    Note,
    RedisCommand,
    RequestFigures,
    SqlStatement,
)

SEED = 20_261_121
HOSTILE = (
    "<script>document.title='owned'</script></pre></style><img src=x onerror=alert(1)> "
    "{{7*7}} {% raw %} [bold red]markup[/] \x1b[31mred\x1b[0m\x1b]0;title\x07 \x00 "
    "\u202edesrever\u202c \u200b ]]> &amp; \x9b2J e" + "\u0301" * 9
)
"""Text that tries to leave HTML, XML, templates, rich markup, a terminal and a line's direction."""


def _http(at: float, method: str, path: str, *, status: int | None, **more: object) -> HttpExchange:
    body = more.get("request_body")
    data = f" \\\n  -H 'content-type: application/json' --data-raw '{body}'" if body else ""
    return HttpExchange.model_validate(
        {
            "at": at,
            "method": method,
            "url": f"http://127.0.0.1:8000{path}",
            "status": status,
            "curl": f'curl -sS -i -X {method} "$BASE{path}"{data}',
            "response_headers": {"content-type": "application/json"} if status else {},
            **more,
        }
    )


def race() -> Evidence:
    """Two equal books at one moment, one answered with 500."""
    book = '{"title":"Momo","author":"Michael Ende","isbn":"9783522202558"}'
    select = "SELECT books.id FROM books WHERE books.isbn = $1"
    insert = "INSERT INTO books (title, author, isbn) VALUES ($1, $2, $3) RETURNING books.id"
    values = ("Momo", "Michael Ende", "9783522202558")
    refused = '23505 duplicate key value violates unique constraint "books_isbn_key"'
    trace = 'File "/app/books/repository.py", line 41, in add\nasyncpg.UniqueViolationError'
    timeline: tuple[Moment, ...] = (
        Note(at=31.400, text="two equal books are sent at one moment, +5 ms on every round trip"),
        FaultMark(at=31.401, target="postgres", text="5 ms on every round trip begins"),
        _http(31.402, "POST", "/books", status=201, request_body=book, seconds=0.0214,
              replica="replica-1", response_body='{"id":7,"title":"Momo"}'),
        _http(31.403, "POST", "/books", status=500, request_body=book, seconds=0.0291,
              replica="replica-2", response_body="Internal Server Error"),
        SqlStatement(at=31.405, connection=3, text=select, parameters=(values[2],), seconds=0.0054,
                     rows=0, replica="replica-1"),
        SqlStatement(at=31.406, connection=8, text=select, parameters=(values[2],), seconds=0.0055,
                     rows=0, replica="replica-2"),
        SqlStatement(at=31.412, connection=3, text=insert, parameters=values, seconds=0.0058,
                     rows=1, replica="replica-1"),
        SqlStatement(at=31.4135, connection=8, text=insert, parameters=values, seconds=0.0119,
                     error=refused, replica="replica-2"),
        RedisCommand(at=31.4195, connection=2, command="DEL", arguments=("books:all",), reply="1",
                     seconds=0.0004, replica="replica-1"),
        LogLine(at=31.427, stream="stderr", text=trace, replica="replica-2"),
        FaultMark(at=31.4335, target="postgres", text="delay ends"),
    )  # fmt: skip
    return Evidence(
        expected="one answer 201, one answer 409, one row",
        observed="201 from replica-1, 500 from replica-2, one row",
        timeline=timeline,
        tables={
            "books before": [],
            "books after": [{"id": "7", "title": "Momo", "isbn": "9783522202558", "note": None}],
        },
        seed=SEED,
    )


def n_plus_one() -> Evidence:
    """One statement more for every book of a list."""
    lists = "SELECT books.id, books.title, books.author FROM books ORDER BY books.id"
    one = "SELECT avg(reviews.rating), count(*) FROM reviews WHERE reviews.book_id = $1"
    start = 14.2
    statements: list[Moment] = [
        SqlStatement(at=start + 0.003 + i * 0.0011, connection=3, text=one if i else lists,
                     parameters=(str(i),) if i else (), seconds=0.0008, rows=1 if i else 50,
                     replica="replica-1")
        for i in range(51)
    ]  # fmt: skip
    request = _http(start, "GET", "/books", status=200, seconds=0.0631, replica="replica-1",
                    response_body='[{"id":1,"title":"Momo"} … [9120 more characters]')  # fmt: skip
    return Evidence(
        expected="at most 0.5 statements more for each book more",
        observed="5 books: 6 statements; 50 books: 51 statements; 1.0 for each book more",
        timeline=(request, *statements),
        tables={
            "statements by size of the list": [
                {"books": "1", "statements": "2", "seconds": "0.009"},
                {"books": "5", "statements": "6", "seconds": "0.013"},
                {"books": "50", "statements": "51", "seconds": "0.063"},
            ]
        },
        seed=SEED,
    )


def stall() -> Evidence:
    """A cache that is silent while a request waits five seconds for it."""
    timeline: tuple[Moment, ...] = (
        _http(52.00, "GET", "/books", status=200, seconds=0.004, replica="replica-1"),
        RedisCommand(at=52.001, connection=4, command="GET", arguments=("books:all",), hit=True,
                     reply="812 bytes", seconds=0.0003, replica="replica-1"),
        FaultMark(at=52.10, target="redis", text="stall: commands are held, nothing is answered"),
        _http(52.15, "GET", "/books", status=200, seconds=5.021, replica="replica-1"),
        RedisCommand(at=52.152, connection=4, command="GET", arguments=("books:all",),
                     reply="held", replica="replica-1"),
        LogLine(at=57.15, stream="stderr", replica="replica-1",
                text="WARNING cache read failed: TimeoutError reading from redis:6379"),
        SqlStatement(at=57.160, connection=3, text="SELECT * FROM books ORDER BY id", rows=3,
                     seconds=0.0021, replica="replica-1"),
        FaultMark(at=57.40, target="redis", text="stall ends: what was held is released"),
        _http(69.00, "GET", "/books", status=200, seconds=0.005, replica="replica-1"),
        RedisCommand(at=69.002, connection=5, command="GET", arguments=("books:all",), hit=False,
                     reply="nil", seconds=0.0003, replica="replica-1"),
    )  # fmt: skip
    return Evidence(
        expected="an answer within 1 s while the cache is silent",
        observed="200 after 5.02 s, confirmed on a fresh environment (5.02 s, 5.03 s)",
        timeline=timeline,
        seed=SEED,
    )


def stale() -> Evidence:
    """An old list that a slow reader puts back."""
    query = "SELECT id, title FROM books ORDER BY id"
    timeline: tuple[Moment, ...] = (
        _http(40.10, "GET", "/books", status=200, seconds=0.212, replica="replica-1"),
        RedisCommand(at=40.101, connection=1, command="GET", arguments=("books:all",), hit=False,
                     reply="nil", seconds=0.0003, replica="replica-1"),
        SqlStatement(at=40.103, connection=3, text=query, rows=2, seconds=0.004,
                     replica="replica-1"),
        FaultMark(at=40.108, target="postgres", text="the answer to replica-1 is held"),
        _http(40.13, "POST", "/books", status=201, seconds=0.021, replica="replica-2",
              request_body='{"title":"Krabat","author":"Otfried Preußler"}'),
        SqlStatement(at=40.134, connection=8, text="INSERT INTO books (title, author) VALUES …",
                     rows=1, seconds=0.004, replica="replica-2"),
        RedisCommand(at=40.147, connection=6, command="DEL", arguments=("books:all",), reply="0",
                     seconds=0.0003, replica="replica-2"),
        FaultMark(at=40.30, target="postgres", text="the answer is released"),
        RedisCommand(at=40.308, connection=1, command="SETEX", reply="OK", seconds=0.0004,
                     arguments=("books:all", "300", '[{"id":1},{"id":2}]'), replica="replica-1"),
        _http(40.40, "GET", "/books", status=200, seconds=0.003, replica="replica-2",
              response_body='[{"id":1},{"id":2}]'),
    )  # fmt: skip
    return Evidence(
        expected="three books: the list equals the database once nothing moves",
        observed="two books; Krabat is in the database and not in the list",
        timeline=timeline,
        tables={
            "in the database": [
                {"id": "1", "title": "Momo"},
                {"id": "2", "title": "Die Brüder Löwenherz"},
                {"id": "3", "title": "Krabat"},
            ],
            "served": [
                {"id": "1", "title": "Momo"},
                {"id": "2", "title": "Die Brüder Löwenherz"},
            ],
        },
        seed=SEED,
    )


def plan() -> Evidence:
    """A sequential scan where an index is asked for."""
    return Evidence(
        expected="an index whose first column is reviews.book_id",
        observed="a sequential scan that read 50,000 rows to return 12",
        plan=(
            "Seq Scan on reviews  (cost=0.00..1069.00 rows=12 width=61) "
            "(actual time=0.211..4.870 rows=12 loops=1)\n"
            "  Filter: (book_id = 4711)\n  Rows Removed by Filter: 49988\n"
            "Planning Time: 0.081 ms\nExecution Time: 4.893 ms"
        ),
        tables={"indexes on reviews": [{"name": "reviews_pkey", "columns": "id"}]},
    )


def hostile() -> Evidence:
    """Text that tries to break out, in every place there is."""
    body = HOSTILE + "x" * 3_000
    return Evidence(
        expected="400 or 422 without internals " + HOSTILE,
        observed="500 " + HOSTILE,
        timeline=(
            _http(22.0, "POST", "/books?q=" + HOSTILE[:60], status=500, response_body=body,
                  request_body='{"title":"' + HOSTILE + '"}', replica="replica-1", seconds=0.02),
            _http(22.1, "GET", "/books", status=None, error="connection reset " + HOSTILE,
                  replica=HOSTILE[:30], seconds=0.01),
            SqlStatement(at=22.004, connection=1, text="SELECT '" + HOSTILE + "'", error=HOSTILE),
            RedisCommand(at=22.011, connection=1, command="SET", arguments=(HOSTILE,),
                         reply=HOSTILE, replica="replica-1"),
            LogLine(at=22.015, stream="stdout", text=HOSTILE, replica="replica-1"),
        ),
        tables={HOSTILE: [{HOSTILE: HOSTILE, "empty": None}]},
        plan=HOSTILE,
        seed=SEED,
    )  # fmt: skip


def load(*, at: float, limit: float, worst: float) -> LoadRecord:
    """A load of a minute at 100 per second with a stall of the database in its midst."""
    slots = []
    for second in range(60):
        stalled = 30 <= second < 34
        p99 = worst if stalled else 20.0 + 7 * (second % 5)
        slots.append(
            LatencySlot(at=at + second, seconds=1.0, requests=100, failed=20 if stalled else 0,
                        p50=p99 / 4, p95=p99 / 1.5, p99=p99, worst=p99 * 1.1)
        )  # fmt: skip
    return LoadRecord(
        at=at, name="mixed", warm_up=10, seconds=60, asked=100, achieved=99.97, requests=6000,
        good=5920, failed=80, failures={"answered 503": 60, HOSTILE: 20},
        percentiles={"50": 6.1, "90": 29.0, "95": 31.8, "99": 1480.0, "99.9": 1510.0,
                     "100": 1533.0},
        from_sending={"50": 6.0, "95": 31.7, "99": 1479.0},
        lateness={"50": 0.04, "99": 0.9}, percentile=95, limit=limit, error_share=0.001,
        busy=0.41, foreign=0.03, judge=0.22, pressure=0.08,
        by_request=(
            RequestFigures(name="list_orders", requests=4200, failed=60, p50=5.1, p95=22.0,
                           p99=1400.0, statuses={"200": 4140, "503": 60}),
            RequestFigures(name="create_order " + HOSTILE, requests=1800, failed=20, p50=9.9,
                           p95=44.0, p99=1480.0, statuses={"201": 1780}),
        ),
        slots=tuple(slots),
        marks=(
            FaultMark(at=at + 30, target="postgres", text="stalled"),
            FaultMark(at=at + 34, target="postgres", text="stall ends " + HOSTILE),
        ),
        doubts=("others used 31 % of the machine's processors",),
    )  # fmt: skip
