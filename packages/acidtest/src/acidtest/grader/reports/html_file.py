"""The HTML report: one file that needs nothing else, runs no script and lets nothing else run."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from acidtest.core.judgement import Judgement
from acidtest.grader.reports import latency_chart, wording
from acidtest.grader.reports.inert import visible
from acidtest.grader.reports.page import page

MAX_VALUE = 20_000
"""Characters of any single text on the page; the whole of it is in judgement.json."""


def render(judgement: Judgement) -> str:
    """Return the report of `judgement` as one self-contained HTML document."""
    return document("report.html.j2", styles=("report.css",), page=page(judgement))


def document(template: str, *, styles: Sequence[str], **values: object) -> str:
    """Return `template` filled with `values`, which are made inert, under a policy of its own.

    Args:
        template: a page that puts `style` into its head, and `style_hash` into its policy.
        styles: our own style sheets, one after the other.
        values: what the template shows.
    """
    environment = _environment()
    style = "\n".join(environment.get_template(name).render() for name in styles)
    return environment.get_template(template).render(
        **values,
        style=Markup(style),  # noqa: S704 - our own stylesheet, without values
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def write(judgement: Judgement, path: Path) -> None:
    """Write the report of `judgement` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(judgement), encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("acidtest.grader.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.filters.update(
        points=wording.points,
        cost=wording.cost,
        duration=wording.duration,
        plural=wording.plural,
        earned=wording.earned,
        of_area=wording.of_area,
        sentence=wording.sentence,
        status=wording.STATUS_WORDS.__getitem__,
    )
    environment.globals["chart_heads"] = {
        "kinds": latency_chart.KIND_HEAD,
        "table": latency_chart.TABLE_HEAD,
    }
    return environment


def _inert(value: object) -> object:
    """Every value the templates print passes here, so that none can be forgotten."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value, limit=MAX_VALUE)
