"""Reports: projections of a judgement, and listeners of its events, for people and for machines.

A room of its own because none of them may decide anything: the same judgement always reads alike.
"""

from acidtest.grader.reports.comparison import compare as compare_judgements
from acidtest.grader.reports.comparison_text import comparison_lines, render_comparison
from acidtest.grader.reports.console import ConsoleReport, plain_console
from acidtest.grader.reports.console_summary import summary
from acidtest.grader.reports.ctrf import render as render_ctrf
from acidtest.grader.reports.github import render_annotations, render_summary
from acidtest.grader.reports.gradescope import render as render_gradescope
from acidtest.grader.reports.html_file import render as render_html
from acidtest.grader.reports.html_file import write as write_html
from acidtest.grader.reports.inert import one_line, visible
from acidtest.grader.reports.json_file import read as read_json
from acidtest.grader.reports.json_file import render as render_json
from acidtest.grader.reports.json_file import write as write_json
from acidtest.grader.reports.junit import render as render_junit
from acidtest.grader.reports.junit import write as write_junit
from acidtest.grader.reports.prairielearn import render as render_prairielearn
from acidtest.grader.reports.sarif import render as render_sarif

__all__ = [
    "ConsoleReport",
    "compare_judgements",
    "comparison_lines",
    "one_line",
    "plain_console",
    "read_json",
    "render_annotations",
    "render_comparison",
    "render_ctrf",
    "render_gradescope",
    "render_html",
    "render_json",
    "render_junit",
    "render_prairielearn",
    "render_sarif",
    "render_summary",
    "summary",
    "visible",
    "write_html",
    "write_json",
    "write_junit",
]
