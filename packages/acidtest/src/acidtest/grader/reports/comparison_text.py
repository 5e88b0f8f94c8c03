"""A comparison in the terminal and as one HTML file; both tell the same."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from acidtest.grader.reports import wording
from acidtest.grader.reports.comparison import Cell, Column, Comparison, Row
from acidtest.grader.reports.console_text import line, safe
from acidtest.grader.reports.html_file import document
from acidtest.grader.reports.losses import Loss

_MOST = 8
_LABEL = 60


def render_comparison(comparison: Comparison) -> str:
    """Return `comparison` as one self-contained HTML document."""
    styles = ("report.css", "comparison.css")
    return document("comparison.html.j2", styles=styles, c=comparison)


def comparison_lines(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield `comparison` for a terminal."""
    yield line((f"{comparison.problem}: side by side", "bold"))
    for column in comparison.columns:
        yield _head(column)
    for warning in comparison.warnings:
        yield line(("Notice  ", "bold yellow"), warning)
    for title, rows in (("area", comparison.areas), ("group", comparison.groups)):
        if rows:
            yield Text()
            yield _table(title, rows, comparison.columns)
    yield from _alone(comparison)
    yield from _measured(comparison)


def _head(column: Column) -> Text:
    told = column.headline or ("no total" if column.points is None else "")
    points = told or f"{wording.points(column.points or 0.0)} of 100"
    level = f", level {column.level}" if column.level else ""
    return line(
        (f"  {column.letter}  ", "bold"),
        safe(column.label, limit=_LABEL).plain,
        (f"  {points}{level}", "bold"),
        f", {column.checks}" if column.checks else "",
    )


def _empty(title: str, columns: tuple[Column, ...]) -> Table:
    table = Table(title, box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.letter, justify="right")
    return table


def _table(title: str, rows: tuple[Row, ...], columns: tuple[Column, ...]) -> Table:
    table = _empty(title, columns)
    for row in rows:
        table.add_row(safe(row.title), *(_cell(cell) for cell in row.cells))
    return table


def _cell(cell: Cell | None) -> Text:
    if cell is None:
        return Text("-", style="dim")
    return Text(f"{cell.points}/{cell.possible:.1f}")


def _alone(comparison: Comparison) -> Iterator[Text]:
    for column, found in zip(comparison.columns, comparison.alone, strict=True):
        yield Text()
        yield line((f"Only {column.letter} has", "bold"), "" if found else "  nothing")
        for loss in found[:_MOST]:
            yield _loss(loss)
        if len(found) > _MOST:
            yield line((f"         and {len(found) - _MOST} more, on the page of --html", "dim"))
    number = len(comparison.shared)
    if number:
        yield Text()
        verb = "is" if number == 1 else "are"
        yield line(f"{wording.plural(number, 'finding')} {verb} shared by two or more.")


def _loss(loss: Loss) -> Text:
    price = f"-{wording.cost(loss.cost)}" if loss.cost else loss.severity.value
    where = f"{wording.place(loss.place)} " if loss.place else ""
    return line((f"{price:>8} ", "red" if loss.cost else "dim"), (where, "bold"), loss.message)


def _measured(comparison: Comparison) -> Iterator[RenderableType]:
    if not comparison.measures:
        return
    table = _empty("measured", comparison.columns)
    for measure in comparison.measures:
        unit = ", 95 % within ms" if measure.spreads else ""
        values = ("-" if value is None else f"{value:g}" for value in measure.values)
        table.add_row(safe(f"{measure.name}{unit}"), *values)
    yield Text()
    yield table
