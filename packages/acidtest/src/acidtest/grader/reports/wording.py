"""The words of the reports: numbers, times and verdicts as a person reads them."""

import math

from acidtest.core.assessment import Assessment
from acidtest.core.finding import Place
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Status
from acidtest.grader.reports.digest import Digest, GroupPoints

STATUS_WORDS = {
    Status.PASS: "passed",
    Status.PARTIAL: "partly",
    Status.FAIL: "failed",
    Status.UNKNOWN: "unknown",
    Status.VOID: "void",
    Status.SKIPPED: "skipped",
    Status.NOT_APPLICABLE: "not applicable",
}

OUTCOME_HEADLINES = {
    Outcome.JUDGED: "Judged",
    Outcome.NOT_BUILT: "The submission could not be built",
    Outcome.NOT_STARTED: "The service did not start",
    Outcome.VOID: "This run says nothing about the submission",
}

OUTCOME_MEANINGS = {
    Outcome.JUDGED: "",
    Outcome.NOT_BUILT: "No check was asked, because there was nothing to run. "
    "That is the submission's to mend; the message and the log below say where it ended.",
    Outcome.NOT_STARTED: "It was built, but it never answered on the port it was given, so no "
    "check could be asked. That is the submission's to mend; its log is below.",
    Outcome.VOID: "The judge or the machine broke, not the submission. No points were given or "
    "taken, and nobody should be held to this run.",
}

OUTCOME_ADVICE = {
    Outcome.JUDGED: (),
    Outcome.NOT_BUILT: (
        "Run the doctor in the submission's folder: it says what it recognised, and builds it.",
        "If the wrong thing was recognised, say how it is built and started in acidtest.toml.",
        "Pin the versions of your dependencies, so that today's releases cannot break the build.",
    ),
    Outcome.NOT_STARTED: (
        "Run the doctor in the submission's folder: it builds and starts with the same code.",
        "Listen on the port in $PORT and on all interfaces (0.0.0.0).",
        "Take DATABASE_URL and REDIS_URL from the environment.",
        "Let the migrate command of acidtest.toml bring an empty database to your schema.",
    ),
    Outcome.VOID: (
        "Run it again; a second void run is worth a bug report with judgement.json attached.",
        "Where the machine lacks something (memory, disk, a sandbox), the message says what.",
    ),
}

UNISOLATED = (
    "This run was not isolated: the submission ran with the rights of the person who started it, "
    "and could have reached this machine and its network."
)


def points(value: float) -> str:
    """`value` points with one decimal, rounded down so that 99.97 never reads as 100."""
    return f"{math.floor(value * 10 + 1e-6) / 10:.1f}"


def earned(group: GroupPoints) -> str:
    """The earned points of `group`; they read like the possible ones only when none was lost."""
    return f"{group.possible:.1f}" if group.whole else points(group.earned)


def of_area(earned: float, possible: float) -> str:
    """The points of an area; they read like the possible ones only when none was lost."""
    return f"{possible:.1f}" if possible - earned < 0.005 else points(earned)  # noqa: PLR2004 - half a hundredth


def cost(value: float) -> str:
    """A lost `value` of points; what rounds to nothing still reads as something."""
    return f"{value:.1f}" if value >= 0.05 else "under 0.1"  # noqa: PLR2004 - half a decimal


def duration(seconds: float) -> str:
    """`seconds` in the unit a person would choose."""
    if seconds < 0.001:  # noqa: PLR2004 - the units of time
        return f"{seconds * 1_000:.2g} ms" if seconds > 0 else "0 ms"
    if seconds < 1:
        return f"{seconds * 1_000:.3g} ms"
    if seconds < 60:  # noqa: PLR2004 - the units of time
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def place(where: Place) -> str:
    """Where something was seen, as editors and people write it."""
    return f"{where.file}:{where.line}" if where.line else where.file


def costs_of(assessment: Assessment) -> dict[str, float]:
    """Points of the total each finding and check cost, whatever area they counted in."""
    costs: dict[str, float] = {}
    for area in assessment.areas:
        for name, cost in area.costs.items():
            costs[name] = costs.get(name, 0.0) + cost
    return costs


def no_score(judgement: Judgement) -> str:
    """Why a run that was judged has no score."""
    if not judgement.results:
        return "No check was asked."
    share = round(100 * judgement.score.void_share)
    if share:
        return f"The judge itself broke on {share} % of the weight: too much to say. Run it again."
    return "No check came to a verdict that carries points."


def only_some(judgement: Judgement) -> str:
    """That a run asked chosen checks only; empty for a whole run."""
    chosen = judgement.options.only
    verb = "was" if len(chosen) == 1 else "were"
    return (
        f"Only {plural(len(chosen), 'check')} {verb} asked, so there is no score." if chosen else ""
    )


def sentence(text: str) -> str:
    """`text` with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def plural(count: int, one: str, many: str = "") -> str:
    """`count` with the noun in the right number."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def replay_command(judgement: Judgement, check: str) -> str:
    """The command that asks `check` of the same submission once more."""
    return f"acidtest replay {judgement.run}/{check}"


def lead(rows: Digest) -> str:
    """The whole result in two or three sentences."""
    scored = [row for row in rows.findings if not row.advisory]
    told = len(scored) + len(rows.passed) + len(rows.skipped)
    parts = [f"{len(rows.passed)} of {plural(told, 'check')} passed."]
    if scored:
        verb = "costs" if len(scored) == 1 else "cost"
        price = f" {verb} {cost(rows.lost)} points" if rows.lost else ""
        parts.append(f"{plural(len(scored), 'finding')}{price}.")
    if rows.skipped:
        parts.append(
            f"{plural(len(rows.skipped), 'check')} could not be asked, because what they rest on "
            "did not hold"
            + (f": {cost(rows.lost_to_skips)} points." if rows.lost_to_skips else ".")
        )
    if rows.untold:
        number = len(rows.untold)
        ending = "it costs nothing" if number == 1 else "they cost nothing"
        parts.append(f"About {plural(number, 'check')} nobody could tell; {ending}.")
    return " ".join(parts)
