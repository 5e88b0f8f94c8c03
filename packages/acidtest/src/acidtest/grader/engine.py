"""The engine: one request in, a stream of events out, one judgement at the end.

It knows no listener. Whatever goes wrong on the way has an owner: what the candidate can mend ends
in `not_built` or `not_started`, what only we can mend ends in `void`.
"""

import asyncio
import platform
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from acidtest.catalogue.loader import load_problem
from acidtest.catalogue.profiles import load_profile
from acidtest.catalogue.rules import load_rules
from acidtest.core.assessment import Assessment, assess
from acidtest.core.clock import RunClock
from acidtest.core.errors import (
    AcidTestError,
    InfrastructureError,
    SubmissionError,
    UsageError,
    sole,
)
from acidtest.core.events import Event, Listener, Progress, RunFinished, RunStarted, StageFinished
from acidtest.core.evidence import clip
from acidtest.core.judgement import Judgement, Outcome, ProblemRef, RunOptions, SubmissionRef
from acidtest.core.mark import Mark
from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.score import GroupWeight, marks_of_checks, score, severities_of
from acidtest.core.verdict import Owner, Status
from acidtest.grader.baseline import Place, baseline_for, furnish
from acidtest.grader.client import Reply, Request
from acidtest.grader.contract import Examiner, find_document
from acidtest.grader.dialect import discover
from acidtest.grader.lab.build import Built, build
from acidtest.grader.lab.disk_bound import bounded_disk
from acidtest.grader.lab.intake import Submission, take_in
from acidtest.grader.lab.lab import Lab
from acidtest.grader.lab.leftovers import RunDirectory, sweep
from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.recipe import Recipe, recognise
from acidtest.grader.lab.sandbox import Driver, choose_driver
from acidtest.grader.lab.world import WorldPlan
from acidtest.grader.plan import plan
from acidtest.grader.reading import read
from acidtest.grader.request import GradeRequest
from acidtest.grader.run import Run
from acidtest.grader.sdk import Knowledge
from acidtest.grader.stages import StageOutcome

_PROBE_SECONDS = 4.0
"""A silent service must not hold up every question of the discovery for long."""
UNSAFE_NOTICE = (
    "Nothing isolates this submission: it runs as you, on your files and your network."
    " Judge only code you trust."
)

_DOORS = {
    "postgres": "It ignores DATABASE_URL: it came to the database through the default port.",
    "redis": "It ignores REDIS_URL: it came to the cache through the default port.",
}


class Grading:
    """One run from request to judgement. Use `grade`."""

    def __init__(self, request: GradeRequest, listen: Listener) -> None:
        self.request = request
        self.clock = RunClock()
        self.run = f"{self.clock.started_at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self.seed = secrets.randbelow(2**31) if request.seed is None else request.seed
        self.problem = load_problem(request.problem)
        self.checks = plan(self.problem, request)
        self.results: dict[str, CheckResult] = {}
        self.timings: dict[str, float] = {}
        self.environment = {"python": platform.python_version(), "machine": platform.platform()}
        self.submission = SubmissionRef(label=Path(request.source).name or request.source)
        self.dialect: dict[str, str] = {}
        self.outcome = StageOutcome()
        self.rules = load_rules()
        self.profile = load_profile(request.profile or self.problem.profile)
        self.isolated = True
        self.driver = request.driver or ""
        self._listen = listen
        self._deaf = False
        self._lab_made: Lab | None = None

    def emit(self, event: Event) -> None:
        """Tell the listeners."""
        try:
            self._listen(event)
        except Exception:
            self._deaf = True
            raise

    def progress(self, stage: str, text: str) -> None:
        """Tell what is going on."""
        self.emit(Progress(at=self.clock.now(), stage=stage, text=text))

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[Callable[[str], None]]:
        """Time a stage; yields a function that tells its progress."""
        begun = self.clock.now()
        yield lambda text: self.progress(name, text)
        seconds = self.clock.now() - begun
        self.timings[name] = round(seconds, 3)
        self.emit(StageFinished(at=self.clock.now(), stage=name, seconds=seconds))

    async def execute(self) -> Judgement:
        """Do it all; every way it can end is a judgement."""
        outcome, message, log = Outcome.NOT_BUILT, "", ""
        try:
            driver = await _driver(self.request)
            self.driver, self.isolated = driver.name, driver.isolated
            self._announce()
            async with AsyncExitStack() as stack:
                # First of all, since it loads for a second and nothing waits for it yet.
                examiner = await stack.enter_async_context(Examiner())
                lab = await self._lab(driver, stack)
                outcome = Outcome.NOT_STARTED
                await self._check(lab, examiner)
            outcome = Outcome.JUDGED
        except SubmissionError as error:
            outcome = Outcome.JUDGED if self.results else outcome
            message, log = str(error), error.log
            self._settle_rest(Status.SKIPPED, Owner.CANDIDATE, message)
        except UsageError:
            raise
        except Exception as error:
            # A listener's failure is no verdict: whoever listens must hear of it.
            if self._deaf:
                raise
            outcome, message = Outcome.VOID, _in_words(error)
            self._settle_rest(Status.VOID, Owner.INFRASTRUCTURE, message)
        judgement = _recorded(self, self._submission_as_seen(), outcome, message, log)
        self.emit(RunFinished(at=self.clock.now(), judgement=judgement))
        return judgement

    def _announce(self) -> None:
        self.emit(
            RunStarted(
                at=self.clock.now(),
                run=self.run,
                problem=self.problem.slug,
                submission=self.submission.label,
                checks=tuple(check.info for check in self.checks),
                isolated=self.isolated,
                notice="" if self.isolated else UNSAFE_NOTICE,
            )
        )

    async def _lab(self, driver: Driver, stack: AsyncExitStack) -> Lab:
        """Take the submission in, build it, and meanwhile start its database cluster."""
        state = self.request.state
        await asyncio.to_thread(sweep, state)
        directory = RunDirectory.create(state)
        stack.callback(directory.close)
        cache = state / "cache"
        place = Place(driver, directory.path, cache, self.request.build_seconds)
        try:
            async with asyncio.TaskGroup() as tasks:
                starting = tasks.create_task(Cluster.start(directory.path, cache_dir=cache))
                building = tasks.create_task(self._build(place))
                comparing = tasks.create_task(baseline_for(self.checks, self.problem, place))
        except BaseExceptionGroup as group:
            raise sole(group) from None
        finally:
            if starting.done() and not starting.cancelled() and starting.exception() is None:
                stack.push_async_callback(starting.result().stop)
        submission, recipe, built = building.result()
        cluster = starting.result()
        self.environment["postgresql"] = cluster.version
        self.environment["driver"] = driver.name
        lab = Lab(
            problem=self.problem,
            submission=submission,
            recipe=recipe,
            built=built,
            driver=driver,
            cluster=cluster,
            run_dir=directory.path,
            clock=self.clock,
        )
        self._lab_made = lab
        await stack.enter_async_context(bounded_disk(cluster))
        baseline = comparing.result()
        if self.problem.dataset is not None or baseline is not None:
            async with self.stage("data"):
                await furnish(lab, self.problem, baseline)
        async with self.stage("migrate") as tell:
            await lab.migrate(tell)
        return lab

    async def _build(self, place: Place) -> tuple[Submission, Recipe, Built]:
        async with self.stage("intake") as tell:
            tell("taking a private copy")
            submission = await take_in(
                self.request.source,
                place.run_dir / "submission",
                subdirectory=self.request.subdirectory,
            )
            recipe = recognise(submission.root)
        self.submission = SubmissionRef(
            label=submission.label,
            digest=submission.digest,
            commit=submission.commit,
            committed_at=submission.committed_at,
            stack=recipe.stack,
            recognised_by=recipe.source,
            notes=(*submission.notes, *recipe.notes),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(submission, place))
                building = tasks.create_task(self._built(submission, recipe, place))
        except BaseExceptionGroup as group:
            raise sole(group) from None
        self.outcome, built = reading.result(), building.result()
        if isinstance(built, SubmissionError):
            # What cannot be built was read none the less.
            raise built
        recipe = built.recipe or recipe
        notes = (*self.submission.notes, *built.notes)
        self.submission = self.submission.model_copy(update={"notes": notes})
        return submission, recipe, built

    async def _built(
        self, submission: Submission, recipe: Recipe, place: Place
    ) -> Built | SubmissionError:
        """Build it; what the candidate must mend is returned, so that its reading goes on."""
        async with self.stage("build") as tell:
            tell(f"building a {recipe.stack} service")
            try:
                return await build(
                    submission,
                    recipe,
                    driver=place.driver,
                    cache_dir=place.cache_dir,
                    run_dir=place.run_dir,
                    deadline=place.deadline,
                    emit=tell,
                )
            except SubmissionError as error:
                return error

    async def _read(self, submission: Submission, place: Place) -> StageOutcome:
        """Judge its files, unless only checks were asked for."""
        request = self.request
        if not request.read_code or request.only or request.dry_run:
            return StageOutcome()
        async with self.stage("read") as tell:
            found = await read(submission, self.rules, place, tell, sarif=request.sarif)
        self.environment.update({f"lines of {name}": str(n) for name, n in found.languages.items()})
        return found.outcome

    async def _check(self, lab: Lab, examiner: Examiner) -> None:
        async with self.stage("start"):
            knowledge = await self._know(lab, examiner)
        run = Run(
            lab,
            self.problem,
            knowledge=knowledge,
            seed=self.seed,
            emit=self.emit,
            ready_seconds=self.request.ready_seconds,
        )
        self.results = run.results
        async with self.stage("checks"):
            await run.judge_all(self.checks)

    async def _know(self, lab: Lab, examiner: Examiner) -> Knowledge:
        """Find out how the service speaks, while its migrations run a second time."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(lab.migrate_again())
                knowing = tasks.create_task(self._get_to_know(lab, examiner))
        except BaseExceptionGroup as group:
            raise sole(group) from None
        return knowing.result()

    async def _get_to_know(self, lab: Lab, examiner: Examiner) -> Knowledge:
        """Start the service once, and find out how it speaks."""
        self.progress("start", f"starting it: {lab.recipe.start}")
        plan = WorldPlan("discovery", ready_seconds=self.request.ready_seconds)
        async with lab.world(plan) as world:
            self.progress("start", "finding out how it names things")
            lab.answers_in_error = world.service.answers_in_error

            async def probe(request: Request) -> Reply:
                return await world.service.http.send(request, deadline=_PROBE_SECONDS)

            document = await find_document(probe, folder=lab.submission.root)
            dialect = await discover(
                self.problem,
                overrides=lab.recipe.dialect,
                openapi=document,
                probe=probe,
                seed=self.seed,
            )
        missing = {m.subject: f"not found; tried {', '.join(m.tried)}" for m in dialect.mismatches}
        self.dialect = {**dialect.mapping(), **missing}
        return Knowledge(dialect, document, examiner)

    def _settle_rest(self, status: Status, owner: Owner, reason: str) -> None:
        for check in self.checks:
            verdict = CheckResult(check=check.info.id, status=status, owner=owner, message=reason)
            self.results.setdefault(check.info.id, verdict)

    def _submission_as_seen(self) -> SubmissionRef:
        """The submission with what only its running could show."""
        doors = self._lab_made.open_doors if self._lab_made else set()
        seen = [note for door, note in _DOORS.items() if door in doors]
        return self.submission.model_copy(update={"notes": (*self.submission.notes, *seen)})


def _recorded(
    grading: Grading, submission: SubmissionRef, outcome: Outcome, message: str, log: str
) -> Judgement:
    """Everything a grading found, as it is kept."""
    groups = tuple(
        GroupWeight(
            name=group.name, title=group.title, weight=group.weight, criterion=group.criterion
        )
        for group in grading.problem.groups
    )
    infos: tuple[CheckInfo, ...] = tuple(check.info for check in grading.checks)
    marks = (*marks_of_checks(groups, infos, grading.results), *grading.outcome.marks)
    return Judgement(
        run=grading.run,
        acidtest_version=version("acidtest"),
        problem=ProblemRef(
            slug=grading.problem.slug,
            version=grading.problem.version,
            title=grading.problem.title,
            requirements=grading.problem.requirements,
        ),
        submission=submission,
        options=RunOptions(
            seed=grading.seed,
            quick=grading.request.quick,
            only=grading.request.only,
            driver=grading.driver,
            isolated=grading.isolated,
        ),
        started_at=grading.clock.started_at,
        seconds=round(grading.clock.now(), 3),
        outcome=outcome,
        message=message,
        log=log,
        groups=groups,
        checks=infos,
        results=tuple(grading.results[info.id] for info in infos if info.id in grading.results),
        score=score(groups, infos, grading.results),
        environment=grading.environment,
        timings=grading.timings,
        dialect=grading.dialect,
        findings=grading.outcome.findings,
        marks=marks,
        assessment=_assessed(grading, outcome, infos, marks),
        stage_notes=grading.outcome.notes,
    )


def _assessed(
    grading: Grading, outcome: Outcome, infos: Sequence[CheckInfo], marks: Sequence[Mark]
) -> Assessment | None:
    """All marks under the profile; nothing when the judge broke or few checks were asked."""
    if outcome is Outcome.VOID or grading.request.only or not grading.request.read_code:
        return None
    severities = severities_of(infos)
    return assess(grading.profile, marks, findings=grading.outcome.findings, severities=severities)


async def _driver(request: GradeRequest) -> Driver:
    """The driver asked for; without one the isolating one, or none where that is allowed."""
    try:
        return await choose_driver(request.driver, allow_unsafe=request.allow_unsafe)
    except InfrastructureError:
        if request.driver is not None or not request.allow_unsafe:
            raise
        return await choose_driver("local-unsafe", allow_unsafe=True)


def _in_words(error: Exception) -> str:
    if isinstance(error, AcidTestError):
        return str(error)
    return f"AcidTest itself broke: {clip(repr(error), 600)}"


async def grade(request: GradeRequest, listen: Listener) -> Judgement:
    """Grade one submission and return its judgement; events go to `listen` as they happen.

    Raises:
        UsageError: the request cannot be carried out as it stands.
        PackageError: the problem package is not valid.
    """
    return await Grading(request, listen).execute()
