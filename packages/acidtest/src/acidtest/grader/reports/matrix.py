"""The kill matrix of a problem package as text: which suspect fails which check."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from acidtest.grader.reports import wording
from acidtest.grader.reports.console_text import line

if TYPE_CHECKING:
    from acidtest.grader.verify import CaseResult, Matrix

_EXPECTED, _MISSED, _STRANGE, _PASSED = "x", "?", "!", "·"
_STYLES = {_EXPECTED: "green", _MISSED: "bold red", _STRANGE: "bold red", _PASSED: "dim"}


def case_line(result: "CaseResult") -> Text:
    """One case as it ends: whether it is as it should be, its score, and what is off."""
    points = result.judgement.score.points
    score = "no score" if points is None else wording.points(points)
    name = f"{result.case.kind} {result.case.name}"
    if not result.problems:
        return line(("ok   ", "green"), f"{name:<40} {score:>8}")
    return line(("OFF  ", "bold red"), f"{name:<40} {score:>8}  {'; '.join(result.problems)}")


def matrix_lines(matrix: "Matrix") -> Iterator[Text]:
    """Yield the matrix: a row per suspect, a column per check that any of them fails or must."""
    suspects = [r for r in matrix.results if r.case.kind == "suspect" and r.round == 1]
    named = {check for r in suspects for check in r.failed | (r.case.fails or frozenset())}
    order = [info.id for r in suspects[:1] for info in r.judgement.checks]
    columns = [check for check in order if check in named] + sorted(named - {*order})
    if columns:
        yield Text()
        yield line(("Kill matrix", "bold"), "  x fails as it must, · passes, ! fails and must not")
        yield line("             ? must fail and does not")
        for number, check in enumerate(columns, 1):
            yield line((f"{number:>4} ", "dim"), check)
        longest = max(len(r.case.name) for r in suspects)
        yield _numbers(longest, len(columns))
        for result in suspects:
            yield _row(result, columns, longest)
    yield Text()
    yield from _ending(matrix)


def _numbers(longest: int, count: int) -> Text:
    return line((" " * (longest + 2) + "".join(f"{n:>3}" for n in range(1, count + 1)), "dim"))


def _row(result: "CaseResult", columns: list[str], longest: int) -> Text:
    text = line(f"{result.case.name:<{longest}}  ")
    for check in columns:
        sign = _sign(check in result.failed, check in (result.case.fails or ()))
        text.append(f"{sign:>3}", style=_STYLES[sign])
    return text


def _sign(failed: bool, expected: bool) -> str:  # noqa: FBT001 - the two axes of a truth table
    return {
        (True, True): _EXPECTED,
        (True, False): _STRANGE,
        (False, True): _MISSED,
        (False, False): _PASSED,
    }[failed, expected]


def _ending(matrix: "Matrix") -> Iterator[Text]:
    off = [result for result in matrix.results if result.problems]
    for name, results in groupby(off, key=lambda result: result.case.name):
        rounds = list(results)
        yield line(("OFF  ", "bold red"), f"{name}: {'; '.join(rounds[0].problems)}")
    if matrix.idle:
        yield line(("OFF  ", "bold red"), f"no suspect fails {', '.join(matrix.idle)}")
    total = wording.plural(len(matrix.results), "case")
    if matrix.ok:
        yield line((f"{total}, all as the package promises", "bold green"))
    else:
        yield line((f"{total}, {len(off)} not as the package promises", "bold red"))
