"""The terminal report: what runs now, what was found as it is found, and the result at the end.

It listens to the events of a run. On a terminal one line at the bottom moves; elsewhere every line
is plain and final, so that a CI log reads like a story.
"""

import io
from collections import Counter
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

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
from acidtest.core.judgement import Outcome
from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.verdict import Kind, Status
from acidtest.grader.reports import wording
from acidtest.grader.reports.console_summary import summary
from acidtest.grader.reports.console_text import STYLES, line, safe

_NOW_LIMIT = 200
_NOTHING_ASKED = "checks"
"""The stage that a dry run goes through without doing anything."""
_CLEAN = {wording.STATUS_WORDS[status] for status in (Status.PASS, Status.NOT_APPLICABLE)}
_SEEN_AT_ONCE = {Status.FAIL, Status.PARTIAL, Status.UNKNOWN, Status.VOID}


class ConsoleReport:
    """A listener that writes to `console`; as a context manager it leaves the screen clean."""

    def __init__(self, console: Console, *, dry: bool = False) -> None:
        """Listen for `console`; a `dry` run has no result to sum up."""
        self._console = console
        self._dry = dry
        self._live = Live(
            _Now(self), console=console, refresh_per_second=8, transient=True, auto_refresh=True
        )
        self._checks: dict[str, CheckInfo] = {}
        self._finished = 0
        self._groups: dict[str, _Group] = {}
        """Groups that are being judged, by name; several at a time."""
        self._now = "starting"

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show `event`; what cannot be shown on this console is shown in other characters."""
        match event:
            case RunStarted():
                self._begin(event)
            case Progress():
                self._progress(event)
            case StageFinished():
                self._end_stage(event)
            case GroupStarted():
                self._groups[event.group] = _Group(
                    event.title, event.at, set(event.checks), Counter()
                )
                self._now = event.title
            case CheckStarted():
                info = self._checks.get(event.check)
                group = self._groups.get(info.group) if info else None
                title = info.title if info else event.check
                self._now = f"{group.title} · {title}" if group else title
            case CheckFinished():
                self._check(event.result, event.at)
            case RunFinished():
                self._end_groups(event.at)
                self._live.stop()
                if self._dry and event.judgement.outcome is Outcome.JUDGED:
                    return
                for text in summary(event.judgement, width=self._console.width):
                    self._print(text)

    @property
    def now(self) -> Text:
        """The line that moves."""
        done = f" {self._finished}/{len(self._checks)}  " if self._checks else " "
        return Text(done, style="dim") + safe(self._now, limit=_NOW_LIMIT)

    def _begin(self, event: RunStarted) -> None:
        self._checks = {info.id: info for info in event.checks}
        self._print(line(("AcidTest  ", "bold"), f"{event.submission}  against  {event.problem}"))
        self._print(line((f"run {event.run}, {wording.plural(len(event.checks), 'check')}", "dim")))
        notice = event.notice or ("" if event.isolated else wording.UNISOLATED)
        if notice:
            self._print(line(("Notice  ", "bold yellow"), notice))

    def _progress(self, event: Progress) -> None:
        self._now = f"{event.stage}: {event.text}"
        if not self._console.is_terminal and event.text.strip():
            self._print(line((f"  {event.stage}: ", "dim"), (event.text, "dim")))

    def _end_stage(self, event: StageFinished) -> None:
        self._end_groups(event.at)
        if self._dry and event.stage == _NOTHING_ASKED:
            return
        self._print(line((f"  {event.stage}  {wording.duration(event.seconds)}", "dim")))

    def _end_groups(self, at: float) -> None:
        for name in list(self._groups):
            self._end_group(name, at)

    def _end_group(self, name: str, at: float) -> None:
        group = self._groups.pop(name)
        if not group.counts:
            return
        counts = ", ".join(f"{count} {word}" for word, count in group.counts.items())
        style = "green" if set(group.counts) <= _CLEAN else "bold"
        took = wording.duration(at - group.began)
        self._print(line((f"  {group.title}  ", style), counts, (f"  {took}", "dim")))

    def _check(self, result: CheckResult, at: float) -> None:
        self._finished += 1
        info = self._checks.get(result.check)
        failed = result.status in {Status.FAIL, Status.PARTIAL}
        advisory = failed and info is not None and info.kind is Kind.ADVISORY
        word = "advice" if advisory else wording.STATUS_WORDS[result.status]
        if result.status in _SEEN_AT_ONCE:
            name = f"{info.requirement} " if info else ""
            self._print(
                line(
                    (f"  {word:<8}", STYLES["advice" if advisory else result.status.value]),
                    (f"{name}{result.check}", "bold"),
                    f"  {result.message}",
                )
            )
        group = self._groups.get(info.group) if info else None
        if info is None or group is None:
            return
        group.counts[word] += 1
        group.left.discard(result.check)
        if not group.left:
            self._end_group(info.group, at)

    def _print(self, text: Text) -> None:
        if not self._can_show(text.plain):
            # Rich would raise on the first such character, and a listener must never raise.
            text = Text(text.plain.encode("ascii", "backslashreplace").decode())
        self._console.print(text, soft_wrap=not self._console.is_terminal)

    def _can_show(self, text: str) -> bool:
        try:
            text.encode(self._console.encoding)
        except (LookupError, UnicodeEncodeError):
            return False
        return True


class _Group(NamedTuple):
    """A group that is being judged."""

    title: str
    began: float
    left: set[str]
    counts: Counter[str]


class _Now:
    """What the live display draws: a spinner beside the moving line."""

    def __init__(self, report: ConsoleReport) -> None:
        self._report = report
        self._spinner = Spinner("dots", style="cyan")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self._report.now
        if not options.encoding.startswith("utf"):
            text = Text(text.plain.encode("ascii", "replace").decode())
        text.truncate(max(10, options.max_width - 4), overflow="ellipsis")
        self._spinner.text = text
        yield self._spinner


def plain_console(width: int = 100) -> Console:
    """A console that keeps what it was given as plain text, for snapshots and mails."""
    return Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
