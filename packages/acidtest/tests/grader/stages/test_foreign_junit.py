"""JUnit XML of any runner is read alike, and what no report has a reason for is refused."""

from pathlib import Path

import pytest

from acidtest.core.errors import UsageError
from acidtest.grader.reports import render_junit
from acidtest.grader.stages.foreign import CaseState, JunitReport, junit, read_junit

PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" tests="5">
<properties><property name="x" value="1"/></properties>
<testcase classname="tests.test_a.TestB" name="test_one[1-&quot;x&quot;]" time="0.012"/>
<testcase classname="tests.test_a" name="test_two" time="0.5"><failure
  message="AssertionError: assert 1 == 2">def test_two(): ...</failure></testcase>
<testcase classname="tests.test_a" name="test_three" time="0"><error message="failed on setup">E
</error></testcase>
<testcase classname="tests.test_a" name="test_four" time="1,024.5"><skipped type="pytest.skip"
  message="no database"/></testcase>
<testcase classname="tests.test_a" name="test_five" time="0"><failure message="a">x</failure><error
  message="teardown">y</error><system-out>not a failure</system-out></testcase>
</testsuite></testsuites>
"""
JEST = """<testsuites name="jest"><testsuite name="books" timestamp="x">
<testcase classname="" name="adds a book" time="0.1" file="books.test.ts"/>
<testcase name="lists"><failure>Error: expect(received).toBe(expected)
    at Object</failure></testcase></testsuite></testsuites>
"""
NODE = """<testsuites><testsuite name="outer"><testsuite name="inner">
<testcase name="deep" time="0.001" classname="test"/></testsuite>
<testcase name="flat" time="nan"><skipped/></testcase></testsuite></testsuites>
"""


def read(tmp_path: Path, text: str | bytes) -> JunitReport:
    """Write `text` and read it."""
    path = tmp_path / "junit.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_junit(path)


def test_pytest_is_read(tmp_path: Path) -> None:
    """States, times, messages and names of pytest's report, the worse state where there are two."""
    report = read(tmp_path, PYTEST)

    assert [(c.name, c.state.value, c.seconds, c.message) for c in report.cases] == [
        ('test_one[1-"x"]', "passed", 0.012, ""),
        ("test_two", "failed", 0.5, "AssertionError: assert 1 == 2"),
        ("test_three", "error", 0.0, "failed on setup"),
        ("test_four", "skipped", 1024.5, "no database"),
        ("test_five", "error", 0.0, "teardown"),
    ]
    assert report.cases[0].suite == "tests.test_a.TestB"
    assert report.count(CaseState.FAILED, CaseState.ERROR) == 3


def test_jest_and_node_are_read(tmp_path: Path) -> None:
    """Without a class the suite stands for it; a message may be the text; suites may nest."""
    jest, node = read(tmp_path, JEST), read(tmp_path, NODE)

    assert [(c.suite, c.name, c.file) for c in jest.cases] == [
        ("books", "adds a book", "books.test.ts"),
        ("books", "lists", ""),
    ]
    assert jest.cases[1].message.startswith("Error: expect(received)")
    assert [(c.suite, c.state.value, c.seconds) for c in node.cases] == [
        ("test", "passed", 0.001),
        ("outer", "skipped", 0.0),
    ]


def test_our_own_report_can_be_read_back(tmp_path: Path, sample_report: str) -> None:
    """The report of a run of ours has as many tests of each kind as it says."""
    report = read(tmp_path, sample_report)

    assert len(report.cases) == 38
    assert report.count(CaseState.FAILED) == 6
    assert report.count(CaseState.ERROR) == 1
    assert report.count(CaseState.SKIPPED) == 4


@pytest.fixture
def sample_report() -> str:
    """The JUnit report of the sample judgement."""
    from importlib.util import module_from_spec, spec_from_file_location  # noqa: PLC0415

    path = Path(__file__).parents[1] / "reports" / "sample.py"
    spec = spec_from_file_location("acidtest_junit_sample", path)
    assert spec
    assert spec.loader
    sample = module_from_spec(spec)
    spec.loader.exec_module(sample)
    return render_junit(sample.judgement())


LAUGHS = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>
<testsuites><testcase name="&b;"/></testsuites>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<testsuites><testcase name="x"><failure>&a;</failure></testcase></testsuites>"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "<html/>",
        "<testsuites>",
        "<testsuites></testsuite>",
        LAUGHS,
        OUTSIDE,
        '<!DOCTYPE testsuites SYSTEM "http://127.0.0.1/x.dtd"><testsuites/>',
        "<testsuites>" + "<a>" * 200 + "</a>" * 200 + "</testsuites>",
        b"\xff\xfe<\x00",
        '<?xml version="1.0" encoding="no-such-thing"?><testsuites/>',
        b"<testsuites><testcase name='\x00'/></testsuites>",
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str | bytes) -> None:
    """Entities, document types, depth and broken files are named, never followed or a traceback."""
    with pytest.raises(UsageError, match=r"junit\.xml"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is said."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_junit(tmp_path / "none.xml")


def test_a_report_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests beyond the bound are counted, words are clipped, a larger file is not read."""
    monkeypatch.setattr(junit, "MOST_CASES", 3)
    case = f"<testcase name='{'n' * 900}'><failure>{'x' * 9_000}</failure></testcase>"

    report = read(tmp_path, f"<testsuite>{case * 10}</testsuite>")
    monkeypatch.setattr(junit, "MOST_BYTES", 50)

    assert (len(report.cases), report.left_out) == (3, 7)
    assert len(report.cases[0].name) == 500
    assert len(report.cases[0].message) == 2_000
    with pytest.raises(UsageError, match="larger than"):
        read(tmp_path, f"<testsuite>{case}</testsuite>")
