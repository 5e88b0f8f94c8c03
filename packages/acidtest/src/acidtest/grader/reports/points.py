"""What each check is worth, for formats that keep a score for each."""

from acidtest.core.judgement import Judgement
from acidtest.core.verdict import Kind, Status

_COUNTED = {Status.PASS, Status.PARTIAL, Status.FAIL, Status.SKIPPED}


def worth(judgement: Judgement) -> dict[str, float]:
    """Return the points of each check that counted, which make 100 together.

    What nobody could tell, advice and what does not apply is worth nothing and is not in it.
    """
    if judgement.options.only:
        return {}
    statuses = {result.check: result.status for result in judgement.results}
    counted = [
        info
        for info in judgement.checks
        if info.kind is not Kind.ADVISORY and statuses.get(info.id) in _COUNTED
    ]
    told = sum(group.possible for group in judgement.score.groups)
    shares = {}
    for group in judgement.score.groups:
        inside = [info for info in counted if info.group == group.name]
        weight = sum(info.weight for info in inside)
        for info in inside:
            shares[info.id] = 100 * group.possible / told * info.weight / weight
    return shares
