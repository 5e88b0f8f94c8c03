"""SARIF of other tools: known codes count as ours, others are notes, and nothing is believed."""

import json
from pathlib import Path
from typing import Any

import pytest

from acidtest.catalogue.rules import Rules, load_rules
from acidtest.core.errors import UsageError
from acidtest.core.finding import Severity
from acidtest.grader.reports import sarif as ours
from acidtest.grader.stages.foreign import ForeignReport, notes_of, read_sarif
from acidtest.grader.stages.foreign import sarif as foreign
from acidtest.grader.stages.hits import Hit, weigh
from acidtest.grader.stages.tree import SourceTree, read_tree

SOURCE = "try:\n    work()\nexcept Exception:\n    pass\n"


@pytest.fixture
def tree(tmp_path: Path) -> SourceTree:
    """A submission of one module, a Dockerfile, and a link that leads out."""
    root = tmp_path / "submission"
    (root / "app").mkdir(parents=True)
    (root / "app" / "main.py").write_text(SOURCE)
    (root / "app" / "ä b.py").write_text("x = 1\n")
    (root / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "out.txt").symlink_to(tmp_path / "outside.txt")
    return read_tree(root)


@pytest.fixture(scope="module")
def rules() -> Rules:
    """The rules of the catalogue."""
    return load_rules()


def result(uri: str = "app/main.py", **more: Any) -> dict[str, Any]:
    """One result of a tool, at the third line of the module unless said otherwise."""
    region = {"startLine": 3, "endLine": 4}
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
    return {"ruleId": "S110", "message": {"text": "bad"}, "locations": [place], **more}


def log(*results: Any, tool: str = "Ruff", **more: Any) -> dict[str, Any]:
    """A log of one run."""
    run = {"tool": {"driver": {"name": tool}}, "results": list(results), **more}
    return {"version": "2.1.0", "runs": [run]}


def read(tree: SourceTree, rules: Rules, content: Any) -> ForeignReport:
    """Write `content` and read it."""
    path = tree.root.parent / "report.sarif"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return read_sarif(path, tree, rules)


def test_a_known_code_counts_as_if_we_had_seen_it(tree: SourceTree, rules: Rules) -> None:
    """What another run of ruff saw and what ours saw at the same line is one finding."""
    (hit,) = read(tree, rules, log(result())).hits

    seen = Hit("ruff", "S110", "app/main.py", 3, None, "try-except-pass")
    weighed = weigh([seen, hit], rules, tree)

    assert (hit.tool, hit.code, hit.file, hit.line, hit.end_line) == (
        "ruff", "S110", "app/main.py", 3, 4
    )  # fmt: skip
    (finding,) = weighed.findings
    assert finding.rule == "errors.swallowed"


def test_codes_that_another_tool_took_over_are_known(tree: SourceTree, rules: Rules) -> None:
    """ESLint's and flake8's names of a rule count under the rule that knows them."""
    eslint = read(tree, rules, log(result(ruleId="no-empty"), tool="ESLint"))
    flake8 = read(tree, rules, log(result(ruleId="E722"), tool="flake8"))

    assert [hit.tool for hit in (*eslint.hits, *flake8.hits)] == ["oxlint", "ruff"]


def test_an_unknown_code_is_a_note_without_a_cost(tree: SourceTree, rules: Rules) -> None:
    """It is shown with its place and its words, and costs nothing whatever its level."""
    content = log(result(ruleId="py/x", level="error"), tool="Some Scanner 2")
    hits = read(tree, rules, content).hits

    (note,) = notes_of(hits, tree)

    assert weigh(hits, rules, tree).findings == ()
    assert (note.rule, note.severity) == ("foreign.some-scanner-2", Severity.NOTE)
    assert note.tools == ("some-scanner-2 py/x",)
    assert note.place
    assert note.place.quote == "except Exception:\n    pass"
    assert note.id


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("app/main.py", "app/main.py"),
        ("./app/main.py", "app/main.py"),
        ("app\\main.py", "app/main.py"),
        ("file:///home/runner/work/repo/repo/app/main.py", "app/main.py"),
        ("file:///C:/src/repo/app/main.py", "app/main.py"),
        ("C:\\src\\repo\\app\\main.py", "app/main.py"),
        ("/builds/x/app/%C3%A4%20b.py", "app/ä b.py"),
        ("Dockerfile", "Dockerfile"),
    ],
)
def test_a_file_is_found_wherever_the_report_was_made(
    tree: SourceTree, rules: Rules, uri: str, file: str
) -> None:
    """Absolute paths of other machines, encodings and backslashes lead to the file."""
    (hit,) = read(tree, rules, log(result(uri))).hits

    assert hit.file == file


@pytest.mark.parametrize(
    "uri",
    [
        "",
        ".",
        "/",
        "other/main.py",
        "../submission/app/main.py",
        "app/../app/main.py",
        "/etc/passwd",
        "file:///etc/passwd",
        "out.txt",
        "%2e%2e/outside.txt",
        "app/main.py%00",
        "http://[::1",
        "a/" * 5_000,
    ],
)
def test_a_file_that_is_not_in_the_submission_is_left_out(
    tree: SourceTree, rules: Rules, uri: str
) -> None:
    """Nothing outside is ever looked at, and the result is counted as left out."""
    report = read(tree, rules, log(result(uri)))

    assert report.hits == ()
    assert report.notes == (
        "report.sarif: 1 of 1 results left out: their file is not in the submission",
    )


def test_a_base_that_the_log_declares_is_taken_off(tree: SourceTree, rules: Rules) -> None:
    """A root of the tool's machine before a path is not part of the path."""
    bases = {"%SRCROOT%": {"uri": "file:///src/"}}

    (hit,) = read(tree, rules, log(result("file:///src/Dockerfile"), originalUriBaseIds=bases)).hits

    assert hit.file == "Dockerfile"


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "pass"},
        {"kind": "notApplicable"},
        {"level": "none"},
        {"suppressions": [{"kind": "inSource"}]},
        {"baselineState": "absent"},
        {"ruleId": ""},
    ],
)
def test_what_is_no_complaint_is_no_hit(tree: SourceTree, rules: Rules, more: Any) -> None:
    """Passed, suppressed and gone results are left out, and it is said."""
    report = read(tree, rules, log(result(**more)))

    assert report.hits == ()
    assert len(report.notes) == 1


def test_a_suppression_that_was_rejected_does_not_hold(tree: SourceTree, rules: Rules) -> None:
    """Somebody asked to silence it and was refused."""
    rejected = [{"kind": "external", "status": "rejected"}]

    assert read(tree, rules, log(result(suppressions=rejected))).hits


def test_rule_and_message_may_be_given_by_reference(tree: SourceTree, rules: Rules) -> None:
    """A rule named by its place in the tool, and a message by its id, are resolved."""
    described = [{"id": "X1", "messageStrings": {"default": {"text": "{0} is not {1}: {7}"}}}]
    message = {"id": "default", "arguments": ["a", "b"]}
    one = result(ruleId=None, ruleIndex=0, message=message)
    content = log(one)
    content["runs"][0]["tool"]["driver"]["rules"] = described

    (hit,) = read(tree, rules, content).hits

    assert (hit.code, hit.message) == ("X1", "a is not b: {7}")


@pytest.mark.parametrize(
    "content",
    ["", "nothing", "[]", "{}", '{"version": "2.0.0"}', '{"version": 1' + "0" * 6_000 + "}",
     "[" * 100_000, '{"a":' * 100_000],
)  # fmt: skip
def test_what_is_no_log_is_refused(tree: SourceTree, rules: Rules, content: str) -> None:
    """A file that is something else is named, never a traceback."""
    with pytest.raises(UsageError, match=r"report\.sarif"):
        read(tree, rules, content)


@pytest.mark.parametrize("odd", [None, 1, "x", [], [1], {}, True])
def test_odd_values_anywhere_break_nothing(tree: SourceTree, rules: Rules, odd: Any) -> None:
    """Whatever stands where something else belongs, the rest is still read."""
    whole = log(result())
    fine = result()
    odd_ones = [{**fine, key: odd} for key in ("locations", "message", "suppressions", "rule")]
    odd_ones += [
        {**fine, "locations": [{"physicalLocation": odd}]},
        {**fine, "locations": [{"physicalLocation": {"artifactLocation": odd}}]},
        {**fine, "ruleIndex": odd},
        odd,
    ]
    whole["runs"] = [
        odd,
        {**whole["runs"][0], "results": [*odd_ones, fine]},
        {"tool": odd, "results": [fine], "originalUriBaseIds": odd},
        {"tool": {"driver": {"name": "ruff", "rules": odd}}, "results": odd},
    ]

    hits = read(tree, rules, whole).hits

    assert {hit.tool for hit in hits} == {"ruff", "unnamed"}


@pytest.mark.parametrize("line", [0, -1, 10**9, "3", 3.5, True])
def test_a_line_that_cannot_be_is_none(tree: SourceTree, rules: Rules, line: Any) -> None:
    """The finding is then about the whole file."""
    one = result()
    one["locations"][0]["physicalLocation"]["region"] = {"startLine": line, "endLine": 2}

    (hit,) = read(tree, rules, log(one)).hits

    assert (hit.line, hit.end_line) == (None, None)


def test_a_log_is_bounded(tree: SourceTree, rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many results the rest is counted; a larger file is not read at all."""
    monkeypatch.setattr(foreign, "MOST_RESULTS", 3)
    many = [result(ruleId=f"X{number}") for number in range(10)]

    report = read(tree, rules, log(*many))
    monkeypatch.setattr(foreign, "MOST_BYTES", 100)

    assert len(report.hits) == 3
    assert "7 of 10 results left out: beyond the first 3" in report.notes[0]
    with pytest.raises(UsageError, match="larger than"):
        read(tree, rules, log(*many))


def test_long_and_hostile_words_are_clipped(tree: SourceTree, rules: Rules) -> None:
    """A message is one bounded line that can be stored."""
    hostile = result(ruleId="X" * 500, message={"text": "a\n\ud800" + "b" * 10_000})

    (hit,) = read(tree, rules, log(hostile, tool="T" * 500)).hits

    assert len(hit.message) < 1_100
    assert "\n" not in hit.message
    assert "\\ud800" in hit.message
    assert max(len(hit.tool), len(hit.code)) <= 80


def test_our_own_report_can_be_read_back(tree: SourceTree, rules: Rules) -> None:
    """What one run of ours wrote about a file, another one takes as notes at the same lines."""
    (note,) = notes_of(read(tree, rules, log(result(ruleId="py/x"))).hits, tree)
    written = json.loads(ours.render(_judgement(note)))

    hits = read(tree, rules, written).hits

    assert [(hit.tool, hit.file, hit.line, hit.end_line) for hit in hits] == [
        ("acidtest", "app/main.py", 3, 4)
    ]


def _judgement(note: Any) -> Any:
    sample_path = Path(__file__).parents[1] / "reports" / "sample.py"
    from importlib.util import module_from_spec, spec_from_file_location  # noqa: PLC0415

    spec = spec_from_file_location("acidtest_foreign_sample", sample_path)
    assert spec
    assert spec.loader
    sample = module_from_spec(spec)
    spec.loader.exec_module(sample)
    return sample.judgement().model_copy(update={"findings": (note,), "results": ()})
