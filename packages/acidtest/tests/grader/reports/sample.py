"""One rich judgement, as a run against a flawed and hostile service would leave it.

Every report is tested on this: races with two replicas, an N+1, a stall, a plan, rows before and
after, and text that tries to break out of wherever it is shown.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from acidtest.core.events import (
    CheckFinished,
    CheckStarted,
    Event,
    GroupStarted,
    Progress,
    RunFinished,
    RunStarted,
    StageFinished,
)
from acidtest.core.evidence import Evidence
from acidtest.core.judgement import Judgement, Outcome, ProblemRef, RunOptions, SubmissionRef
from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.score import GroupWeight, Score, marks_of_checks, score
from acidtest.core.verdict import Kind, Owner, Status


def _beside(name: str) -> ModuleType:
    """The module `name` of this folder; by path, because test folders are no packages."""
    spec = spec_from_file_location(
        f"acidtest_sample_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


evidence = _beside("evidence")
reading = _beside("reading")

RUN = "20261121-101512-7f3a"
GROUPS = tuple(
    GroupWeight(name=name, title=title, weight=weight, criterion=criterion)
    for name, title, weight, criterion in (
        ("contract", "The four operations", 20, "behaviour.correctness"),
        ("validation", "Validation and errors", 12, "behaviour.errors"),
        ("schema", "Migrations and schema", 12, "behaviour.data"),
        ("statements", "What the database saw", 10, "performance.queries"),
        ("cache", "Cache first and never stale", 14, "behaviour.reliability"),
        ("races", "Races between two instances", 10, "behaviour.reliability"),
        ("security", "Injection and secrets", 8, "behaviour.security"),
        ("cache_faults", "The cache is down", 8, "behaviour.reliability"),
        ("crashes", "Crashes and stops", 6, "behaviour.reliability"),
    )
)
REQUIREMENTS = {
    "R1": "GET /books answers 200 with the books as JSON.",
    "R2": "POST /books stores a book and answers 201 with the whole book.",
    "R3": "GET /books/{id}/reviews answers with the reviews of that book, 404 for an unknown one.",
    "R4": "POST /books/{id}/reviews stores a review and answers 201, 404 for an unknown book.",
    "R5": "What breaks a rule of the data tables is refused with 400 or 422 and changes nothing.",
    "R6": "No two books have the same ISBN; the second is refused with 409.",
    "R7": "Errors are JSON of one shape, give nothing internal away, and no input leads to a 5xx.",
    "R8": "An OpenAPI document is served or kept in the repository, valid and true.",
    "R9": "Data lives in PostgreSQL behind repeatable migrations, with its rules in the database.",
    "R10": "Reviews of one book are found through an index.",
    "R11": "The number of SQL statements of a list does not grow with its items.",
    "R12": "GET /books is served cache first, with an expiry on every key.",
    "R13": "What was answered with 201 is in the very next list; no stale list survives.",
    "R14": "A cache that is down, silent or slow costs no answer and at most a second.",
    "R15": "Many requests at once neither stampede nor break.",
    "R17": "Acknowledged writes survive kill -9; SIGTERM finishes what is under way.",
    "R18": "Text and times come back true.",
    "R19": "Values never become part of the structure of SQL.",
    "R20": "Secrets appear in no answer and no log line.",
    "R21": "Pages, where offered, give every book exactly once.",
    "R22": "There are tests and a README.",
}

# id | requirement | group | kind | weight | title
_CHECKS = """
books_are_listed|R1|contract|det|3|The list of books holds every book that was added.
book_is_stored|R2|contract|det|3|A book that was added comes back whole, with 201.
location_leads_to_the_book|R2|contract|det|1|The Location of a new book answers 200.
reviews_are_listed|R3|contract|det|3|The reviews of a book are its own and no other's.
review_is_stored|R4|contract|det|3|A review that was added comes back whole, with 201.
unknown_book_has_no_reviews|R3|contract|det|2|Reviews of an unknown book are a 404.
review_of_unknown_book_stores_nothing|R4|contract|safety|2|A review of an unknown book is a 404.
openapi_is_true|R8|contract|det|2|The OpenAPI document describes the answers that are given.
pages_give_every_book_once|R21|contract|safety|2|Walking the pages gives every book exactly once.
broken_rules_are_refused|R5|validation|det|4|What breaks a rule is refused with 400 or 422.
values_at_the_edge_are_accepted|R5|validation|det|2|Values at the edge are accepted.
senseless_ids_are_client_errors|R5|validation|det|2|An id that cannot exist is a 4xx.
errors_give_nothing_away|R7|validation|safety|3|An error answer shows no stack trace, SQL or path.
hostile_json_is_no_5xx|R7|validation|det|3|No JSON, however hostile, is answered with a 5xx.
unknown_method_is_405|R7|validation|det|1|A method that a path does not know is a 405.
migrations_run_on_empty|R9|schema|det|3|One command brings an empty database to the schema.
migrations_run_twice|R9|schema|det|2|Running the migrations again changes nothing.
rules_are_in_the_database|R9|schema|det|2|Keys, references and unique ISBN are in the schema.
reviews_have_an_index|R10|schema|det|3|Reviews of one book are found through an index.
list_statements_stay_level|R11|statements|det|4|Statements of a list do not grow with it.
review_statements_stay_level|R11|statements|det|2|Statements of the review list stay level.
warm_list_sends_no_sql|R12|cache|det|3|A warm list of books sends no SQL.
keys_expire|R12|cache|det|2|Every key in the cache has an expiry.
poisoned_entry_is_a_miss|R12|cache|det|1|An entry that cannot be read is a miss.
new_book_is_in_the_next_list|R13|cache|safety|3|A new book is in the very next list.
old_list_cannot_come_back|R13|cache|safety|3|A slow reader cannot put an old list back.
isbn_race_has_one_winner|R6|races|safety|4|Of two equal ISBNs at one moment one is a 409.
vanishing_book_is_no_5xx|R15|races|safety|2|A book that vanishes under a review leads to 404 or 409.
stampede_is_bounded|R15|races|timing|3|An instance computes a list that is gone at most twice.
values_stay_values|R19|security|safety|4|Values never change the structure of a statement.
secrets_stay_secret|R20|security|safety|3|No answer and no log line shows a password.
text_survives|R18|security|det|2|Text in any script comes back exactly as it was sent.
refused_cache_costs_no_answer|R14|cache_faults|det|3|A cache that refuses costs no answer.
silent_cache_costs_a_second|R14|cache_faults|timing|3|A silent cache costs at most a second.
cache_is_used_again|R14|cache_faults|timing|2|A cache that is back is used again within ten seconds.
kill_loses_nothing|R17|crashes|safety|3|What was answered with 201 is there after kill -9.
sigterm_finishes_requests|R17|crashes|timing|2|SIGTERM finishes the requests under way.
readme_says_how|R22|contract|advisory|1|The README says how to run the service and its tests.
"""


_REQUIRES = {
    "cache_is_used_again": ("silent_cache_costs_a_second",),
    "review_statements_stay_level": ("list_statements_stay_level", "reviews_are_listed"),
}


def checks() -> tuple[CheckInfo, ...]:
    """Every check of the sample as a plan lists it."""
    return tuple(
        CheckInfo(
            id=row[0],
            requirement=row[1],
            group=row[2],
            kind=Kind.DETERMINISTIC if row[3] == "det" else Kind(row[3]),
            weight=float(row[4]),
            title=row[5],
            requires=_REQUIRES.get(row[0], ()),
            explanation="Asks the running service and compares with what the proxies saw.",
        )
        for row in (line.split("|") for line in _CHECKS.strip().splitlines())
    )


def _result(check: str, status: Status, message: str, **more: object) -> CheckResult:
    owner = {Status.VOID: Owner.GRADER, Status.UNKNOWN: Owner.INFRASTRUCTURE}.get(
        status, Owner.CANDIDATE
    )
    row = {"check": check, "status": status, "message": message, "owner": owner, "seconds": 0.41}
    return CheckResult.model_validate({**row, **more})


def results() -> tuple[CheckResult, ...]:
    """The verdicts of the sample, one for every check, in the order of the plan."""
    told = {
        row.check: row
        for row in (
            _result("isbn_race_has_one_winner", Status.FAIL, "The second of two equal books that "
                    "arrived together was answered with 500 instead of 409.",
                    evidence=evidence.race()),
            _result("list_statements_stay_level", Status.FAIL, "Listing 50 books sent 51 "
                    "statements: one for the list and one more for every book.",
                    evidence=evidence.n_plus_one()),
            _result("silent_cache_costs_a_second", Status.FAIL, "While the cache was silent, "
                    "GET /books answered after 5.0 s.", tries=2,
                    evidence=evidence.stall().model_copy(
                    update={"loads": (evidence.load(at=40.0, limit=200, worst=1500.0),)})),
            _result("old_list_cannot_come_back", Status.FAIL, "A slow reader put its old list "
                    "back after a book was added; it is served until it expires.",
                    evidence=evidence.stale()),
            _result("reviews_have_an_index", Status.FAIL, "No index leads from a book to its "
                    "reviews; every list reads the whole table.", evidence=evidence.plan()),
            _result("errors_give_nothing_away", Status.PARTIAL,
                    "An error showed: " + evidence.HOSTILE,
                    share=0.5, evidence=evidence.hostile()),
            _result("readme_says_how", Status.FAIL, "The README names no command that runs "
                    "the tests."),
            _result("stampede_is_bounded", Status.UNKNOWN, "The machine was too busy to time "
                    "this: the load generator was 41 ms late."),
            _result("text_survives", Status.VOID, "The judge lost its own database connection: "
                    + evidence.HOSTILE, evidence=Evidence(observed="Traceback of the judge")),
            _result("cache_is_used_again", Status.SKIPPED,
                    "Needs silent_cache_costs_a_second, which failed."),
            _result("review_statements_stay_level", Status.SKIPPED,
                    "Needs list_statements_stay_level, which failed."),
            _result("sigterm_finishes_requests", Status.PASS, "", owner=None, seconds=0.12,
                    evidence=Evidence(
                    loads=(evidence.load(at=90.0, limit=2_000, worst=180.0),))),
            _result("pages_give_every_book_once", Status.NOT_APPLICABLE,
                    "The list is not given in pages.", owner=None),
        )
    }  # fmt: skip
    passed = CheckResult(check="", status=Status.PASS, seconds=0.12)
    return tuple(told.get(c.id, passed.model_copy(update={"check": c.id})) for c in checks())


def judgement() -> Judgement:
    """The sample as a finished judgement."""
    rows = results()
    by_check = {row.check: row for row in rows}
    found = reading.findings(evidence.HOSTILE)
    marks = (*marks_of_checks(GROUPS, checks(), by_check), *reading.marks(found))
    return Judgement(
        run=RUN,
        acidtest_version="0.1.0",
        problem=ProblemRef(
            slug="book-reviews", version="1.0", title="Book reviews", requirements=REQUIREMENTS
        ),
        submission=SubmissionRef(
            label="book-service <b>\x1b[31m\u202e</b>",
            digest="9f2c" * 16,
            commit="4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            committed_at=datetime(2026, 11, 19, 18, 4, 11, tzinfo=UTC),
            stack="python-fastapi",
            recognised_by="requirements.txt",
            notes=(
                "requirements.txt pins no versions; they were resolved as of 2026-11-19.",
                "No acidtest.toml; the start command was taken from the source code.",
                evidence.HOSTILE,
            ),
        ),
        options=RunOptions(seed=evidence.SEED, driver="local-unsafe", isolated=False),
        started_at=datetime(2026, 11, 21, 10, 15, 12, tzinfo=UTC),
        seconds=74.3,
        outcome=Outcome.JUDGED,
        groups=GROUPS,
        checks=checks(),
        results=rows,
        score=score(GROUPS, checks(), by_check),
        environment={
            "acidtest": "0.1.0",
            "PostgreSQL": "15.20 (Debian)",
            "Redis": "7.0.15",
            "isolation": "local-unsafe",
            "kernel": "Linux 6.18",
            "processors": "2",
        },
        timings={"intake": 0.3, "build": 11.2, "lab": 0.8, "start": 1.1, "checks": 60.9},
        dialect={
            "list_books": "GET /api/v1/books, items in `data`",
            "create_book": "POST /api/v1/books",
            "review.comment": "review_text",
            "review.reviewer": evidence.HOSTILE,
        },
        findings=found,
        marks=marks,
        assessment=reading.weighed(found, marks, checks()),
        stage_notes=(f"{evidence.HOSTILE}.py could not be read as source",),
    )


def unjudged(outcome: Outcome) -> Judgement:
    """A judgement of a run that did not come to its checks."""
    messages = {
        Outcome.NOT_BUILT: "pip could not find a version of fastapi==0.999.",
        Outcome.NOT_STARTED: "The service did not answer on its port within 60 s.",
        Outcome.VOID: "PostgreSQL could not be started on this machine: the disk is full.",
    }
    return judgement().model_copy(
        update={
            "outcome": outcome,
            "message": messages[outcome],
            "log": "Collecting fastapi==0.999\nERROR: No matching distribution\n"
            + evidence.HOSTILE,
            "results": (),
            "score": Score(points=None, groups=(), costs={}),
            "assessment": None,
        }
    )


def events() -> Iterator[Event]:
    """The stream of events that ends in `judgement()`."""
    final = judgement()
    yield RunStarted(
        at=0.0,
        run=RUN,
        problem=final.problem.slug,
        submission=final.submission.label,
        checks=final.checks,
        isolated=False,
        notice="Nothing is isolated: the submission runs with your rights on this machine.",
    )
    yield Progress(
        at=0.1, stage="build", text="pip install -r requirements.txt " + evidence.HOSTILE
    )
    yield StageFinished(at=11.4, stage="build", seconds=11.2)
    clock = 13.0
    rows = {row.check: row for row in final.results}
    for group in final.groups:
        inside = tuple(check.id for check in final.checks if check.group == group.name)
        yield GroupStarted(at=clock, group=group.name, title=group.title, checks=inside)
        for check in inside:
            yield CheckStarted(at=clock, check=check)
            clock += rows[check].seconds
            yield CheckFinished(at=clock, result=rows[check])
    yield StageFinished(at=clock, stage="checks", seconds=clock - 13.0)
    yield RunFinished(at=final.seconds, judgement=final)


def normalised(text: str) -> str:
    """`text` without trailing spaces and blank-line runs, so that snapshots stay calm."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
