"""The page of a whole run: what to mend first, and where each of it is told."""

import re
from types import ModuleType

from acidtest.core.verdict import Status
from acidtest.grader.reports import render_html
from acidtest.grader.reports.page_assessment import assessment_view


def test_what_costs_most_comes_first_wherever_it_was_seen(sample: ModuleType) -> None:
    """Checks and files stand in one list, by what each costs of the whole."""
    view = assessment_view(sample.judgement())

    assert view is not None
    costs = [mend.cost for mend in view.first]
    assert costs == sorted(costs, reverse=True)
    assert {mend.anchor.partition("-")[0] for mend in view.first} == {"check", "finding"}


def test_what_could_not_be_asked_is_nothing_to_mend(sample: ModuleType) -> None:
    """A skipped check comes right with what it rests on, so it is not in the list."""
    judgement = sample.judgement()
    skipped = {f"check-{r.check}" for r in judgement.results if r.status is Status.SKIPPED}

    view = assessment_view(judgement)

    assert skipped
    assert view is not None
    assert not skipped & {mend.anchor for mend in view.first}


def test_every_link_of_the_list_leads_somewhere(sample: ModuleType) -> None:
    """Each thing to mend is told further down on the same page."""
    page = render_html(sample.judgement())

    linked = set(re.findall(r'href="#((?:check|finding)-[^"]+)"', page))
    assert linked
    assert linked <= set(re.findall(r'id="([^"]+)"', page))


def test_a_few_chosen_checks_are_not_weighed(sample: ModuleType) -> None:
    """Where most was not asked, areas and levels would mislead."""
    judgement = sample.judgement()
    options = judgement.options.model_copy(update={"only": ("books_are_listed",)})

    assert assessment_view(judgement.model_copy(update={"options": options})) is None
