"""The terminal report reads the same every time and never acts on the terminal."""

import io
from collections.abc import Callable
from types import ModuleType

import pytest
from rich.console import Console

from acidtest.core.events import RunFinished
from acidtest.core.judgement import Outcome
from acidtest.grader.reports import ConsoleReport, plain_console

Snapshot = Callable[[str, str], None]


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_run_reads_like_a_story(sample: ModuleType, snapshot: Snapshot) -> None:
    """Without a terminal every stage, finding and the result are plain final lines."""
    console = plain_console()

    with ConsoleReport(console) as report:
        for event in sample.events():
            report(event)

    snapshot("console.txt", sample.normalised(_written(console)))


@pytest.mark.parametrize("outcome", [Outcome.NOT_BUILT, Outcome.NOT_STARTED, Outcome.VOID])
def test_a_run_without_checks_says_what_to_do(
    sample: ModuleType, snapshot: Snapshot, outcome: Outcome
) -> None:
    """What could not be judged ends with a message, the log and advice."""
    console = plain_console()

    with ConsoleReport(console) as report:
        report(RunFinished(at=1.0, judgement=sample.unjudged(outcome)))

    snapshot(f"console-{outcome}.txt", sample.normalised(_written(console)))


def test_a_message_of_several_lines_keeps_them(sample: ModuleType) -> None:
    """What was looked for when nothing was recognised is a list, not one line with marks in it."""
    console = plain_console()
    judgement = sample.unjudged(Outcome.NOT_BUILT)
    told = judgement.model_copy(update={"message": "not recognised. Looked for:\n  - a Procfile"})

    with ConsoleReport(console) as report:
        report(RunFinished(at=1.0, judgement=told))

    assert "Not recognised. Looked for:\n  - a Procfile\n" in _written(console)


def test_a_terminal_gets_no_control_sequence_of_the_submission(sample: ModuleType) -> None:
    """On a terminal the only escape sequences are rich's own colours and cursor moves."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")

    with ConsoleReport(console) as report:
        for event in sample.events():
            report(event)

    written = _written(console)
    assert "\x1b[" in written
    assert not {"\x07", "\x00", "\x9b", "\u202e"} & set(written)
    assert "\x1b]" not in written
    assert "\x1b[2J" not in written
    assert "[bold red]markup[/]" in written.replace("\n", "")


def test_a_poor_console_gets_other_characters(sample: ModuleType) -> None:
    """A console that knows ASCII only shows the report instead of breaking the run."""
    buffer = io.BytesIO()
    console = Console(
        file=io.TextIOWrapper(buffer, encoding="ascii", write_through=True),
        width=100,
        force_terminal=False,
    )

    with ConsoleReport(console) as report:
        for event in sample.events():
            report(event)

    assert b"70.7 of 100" in buffer.getvalue()


def test_the_moving_line_names_the_check(sample: ModuleType) -> None:
    """While a check runs, the moving line says which, and how many are done."""
    report = ConsoleReport(plain_console())
    stream = sample.events()
    for event in stream:
        report(event)
        if event.type == "check_started" and event.check == "isbn_race_has_one_winner":
            break

    assert report.now.plain.startswith(" 27/38 ")
    assert "Races between two instances" in report.now.plain
