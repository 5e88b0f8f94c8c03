"""Putting load on the service from a check, and what a check may conclude from the figures.

A room of its own because a timing is only worth a verdict together with how late the judge and how
busy the machine was; here the two meet.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from acidtest.catalogue.problem import LoadSpec, ObjectiveSpec
from acidtest.core.errors import PackageError
from acidtest.core.evidence import LoadRecord
from acidtest.grader.lab.world import World
from acidtest.grader.load import (
    Capacity,
    Conclusion,
    Load,
    LoadPlan,
    LoadRequest,
    LoadResult,
    Surroundings,
    calibrated,
    find_capacity,
    gauge,
    send_load,
)
from acidtest.grader.sdk._outcomes import fail, void

if TYPE_CHECKING:
    from acidtest.grader.sdk._env import Env

_CONTAINERS = {"docker", "podman"}
"""Drivers whose services descend from a daemon and not from the judge."""
_MAX_EXAMPLES = 3
_STEP = {"seconds": 4.0, "warm_up": 1.0}
_MAX_NODES = 10_000
_MAX_KEPT = 2
_MAX_MARKS = 40
_ENCODED = re.compile(r"%24%7B([a-z][a-z0-9_]*)%7D")
"""A place as forms encode it."""

Tell = Callable[[str], None]
"""Shows a person in a few words what goes on."""


class Loading:
    """Puts loads on the service of one check, and keeps what was measured as its evidence."""

    def __init__(self, env: "Env", world: World, tell: Tell) -> None:
        self.records: list[LoadRecord] = []
        self._env = env
        self._world = world
        self._tell = tell
        self._sent = 0

    async def __call__(self, profile: str | LoadSpec, plan: LoadPlan, **changes: Any) -> LoadResult:
        """Put a load on all instances, whatever they answer, and return its figures.

        Takes the profile's time, its time-out at most and about five seconds: mind the deadline.

        Args:
            profile: a name under `loads` in `problem.yaml`, or a profile.
            plan: what is sent, and what must come back.
            **changes: fields of the profile to replace, such as `rate` or `seconds`.
        """
        name, spec = self._spec(profile, changes)
        async with gauge() as meter:
            before = await meter.measure(self._world.clock)
            result = await self._send(name, spec, plan)
            after = await meter.measure(self._world.clock)
        found = calibrated(result, before, after)
        self.records.append(found.record)
        return found

    def show(self, result: LoadResult, name: str, figures: Mapping[str, float]) -> None:
        """Give a load of this check another name in its evidence, and further figures.

        Loads on `env.baseline` are shown here only by this.

        Args:
            result: what a load returned.
            name: what it was, such as `before`.
            figures: what else was measured meanwhile, by name and unit.
        """
        changes = {"name": name, "figures": dict(figures)}
        self.records = [record for record in self.records if record is not result.record]
        self.records.append(result.record.model_copy(update=changes))

    def profile(self, name: str) -> LoadSpec:
        """The load of that name in `problem.yaml`."""
        return self._spec(name, {})[1]

    def request(
        self,
        operation: str,
        body: Mapping[str, Any] | None = None,
        *,
        ids: Mapping[str, str] | None = None,
        query: str = "",
        numbers: Sequence[str] = (),
        **options: Any,
    ) -> LoadRequest:
        """A request of a plan for one operation in canonical names.

        Where the operation is for signed-in users it is sent with the place `${token}`, and where
        it takes idempotency keys with a new one each time; headers given here win.

        Args:
            operation: a name from `problem.yaml`; the request's name, too, unless one is given.
            body: canonical fields; a text may be or hold a place such as `${word}`.
            ids: texts for the path, such as `{"order_id": "${order_id}"}`.
            query: sent as it is, without the question mark.
            numbers: places of the body that lose their quotes, such as `amount`.
            **options: everything else of `LoadRequest`.
        """
        dialect = self._env.dialect
        marks = {self._env.word(20): text for text in (ids or {}).values()}
        path = dialect.path(operation, **dict(zip(ids or {}, marks, strict=True)))
        for mark, text in marks.items():
            path = path.replace(mark, text)
        if query:
            path += f"{'&' if '?' in path else '?'}{query}"
        spec = dialect.problem.operations[operation]
        headers: dict[str, str] = {}
        given = {"name": operation, "method": dialect.method(operation), "path": path, **options}
        if body is not None:
            encoded, headers["Content-Type"] = dialect.body(operation, body)
            given["body"] = _with_places(encoded.decode(), numbers)
        if spec.auth == "bearer":
            headers["Authorization"] = "Bearer ${token}"
        if spec.keyed:
            headers["Idempotency-Key"] = "${uuid}"
        given["headers"] = {**headers, **options.get("headers", {})}
        return LoadRequest.model_validate(given)

    async def capacity(
        self,
        profile: str | LoadSpec,
        plan: LoadPlan,
        *,
        lowest: float,
        highest: float,
        within: float = 60.0,
    ) -> Capacity:
        """Search the highest rate at which the profile's objective holds, in steps of 5 s.

        Args:
            profile: as for a load; must have an objective.
            plan: as for a load.
            lowest: requests per second to begin with.
            highest: requests per second to end with.
            within: seconds after which no further step begins.
        """
        name, spec = self._spec(profile, _STEP)
        objective = spec.objective
        if objective is None:
            raise PackageError(f"the load {name} has no objective to search the capacity for")
        give_up = self._env.now() + within

        async def attempt(rate: float) -> LoadResult:
            step = spec.model_copy(update={"rate": rate})
            return await self._send(f"{name} at {rate:.0f} per second", step, plan)

        found = await find_capacity(
            attempt,
            objective,
            lowest=lowest,
            highest=highest,
            time_left=lambda: give_up - self._env.now(),
        )
        best = [step.result for step in found.steps if step.rate in {found.held, found.broke}]
        self.records += [result.record for result in best[-_MAX_KEPT:]]
        self._env.note(f"capacity: {found}")
        return found

    def _spec(self, profile: str | LoadSpec, changes: Mapping[str, Any]) -> tuple[str, LoadSpec]:
        if isinstance(profile, LoadSpec):
            name, spec = "load", profile
        else:
            known = self._env.dialect.problem.loads
            if profile not in known:
                raise PackageError(f"no load {profile!r}; there are: {', '.join(known) or 'none'}")
            name, spec = profile, known[profile]
        return name, LoadSpec.model_validate({**spec.model_dump(), **changes})

    async def _send(self, name: str, spec: LoadSpec, plan: LoadPlan) -> LoadResult:
        env, journal = self._env, self._world.journal
        env.note(f"load {name} begins: {spec.rate:g} requests per second for {spec.seconds:g} s")
        self._sent += 1
        result = await send_load(
            Load(name, spec, plan, f"{env.seed}:{env.check}:{self._sent}"),
            lambda: [replica.endpoint() for replica in self._world.service.replicas],
            Surroundings(
                self._world.clock,
                self._tell,
                # A fault that is on when the load begins was put there by this check, too.
                lambda _begin, end: journal.faults(since=env.began, until=end)[-_MAX_MARKS:],
                self._apart if self._world.lab.driver.name in _CONTAINERS else None,
            ),
        )
        env.note(f"load {name} is over: {result}")
        return result

    async def _apart(self) -> float:
        service = self._world.service
        usages = [await service.usage(index) for index in range(len(service.replicas))]
        return sum(usage.cpu_seconds for usage in usages)


def _with_places(text: str, numbers: Sequence[str]) -> str:
    """A body in which places are places again, also in a form, and some without their quotes."""
    text = _ENCODED.sub(r"${\1}", text)
    for name in numbers:
        text = text.replace(f'"${{{name}}}"', f"${{{name}}}")
    return text


def expect_objective(
    result: LoadResult, claim: str, *, objective: ObjectiveSpec | None = None
) -> None:
    """Fail the check with `claim` unless `result` keeps its profile's objective, or the one given.

    Ends it as void, to be tried again on a fresh world, where the judge or the machine was in the
    way. Use in checks of kind `TIMING`.
    """
    record = result.record
    if objective is None:
        if record.percentile is None or record.limit is None or record.error_share is None:
            raise PackageError(f"the load {record.name} has no objective")
        objective = ObjectiveSpec(
            percentile=record.percentile, limit_ms=record.limit, error_share=record.error_share
        )
    conclusion = result.conclude(**objective.model_dump())
    if conclusion is Conclusion.HOLDS:
        return
    if conclusion is Conclusion.UNTOLD:
        reasons = "; ".join(record.doubts) or "the figures lie too close to the limit"
        void(f"Nobody can tell from this load: {reasons}.")
    fail(
        claim,
        expected=f"{objective.percentile:g} % of the answers within {objective.limit_ms:g} ms,"
        f" failures at most {objective.error_share:.2%}",
        observed=str(result),
        tables=_tables(result),
    )


def _tables(result: LoadResult) -> dict[str, list[dict[str, str | None]]]:
    rows: list[dict[str, str | None]] = [
        {
            "request": example.request,
            "after": f"{example.due:.2f} s",
            "reason": example.reason,
            "body": example.body,
        }
        for example in result.examples[:_MAX_EXAMPLES]
    ]
    return {"The first that failed": rows} if rows else {}


def place_of(value: Any, wanted: object) -> str | None:
    """Where in a JSON value `wanted` lies, as a path for `keys`, `equals` and `capture`."""
    pending: list[tuple[str, Any]] = [("", value)]
    for path, node in pending:
        if path and not isinstance(node, dict | list) and str(node) == str(wanted):
            return path
        inside: list[tuple[str, Any]] = []
        if isinstance(node, dict):
            inside = list(node.items())
        elif isinstance(node, list):
            inside = [(str(index), item) for index, item in enumerate(node)]
        if len(pending) < _MAX_NODES:
            pending += [(f"{path}.{name}".lstrip("."), item) for name, item in inside]
    return None
