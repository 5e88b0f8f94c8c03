"""The generator's process: `python -m acidtest.grader.load.generator`, one order in, lines out.

A process of its own, so that the judge's event loop, which carries the proxies, delays no request,
and so that what the generator takes of the machine can be told from what the judge takes.
"""

import json
import resource
import socket
import sys
import time
from array import array
from contextlib import suppress
from typing import Any

from acidtest.grader.load.alarm import be_ordinary, be_punctual, die_with_parent
from acidtest.grader.load.arrivals import schedule
from acidtest.grader.load.order import MAX_ORDER, Order
from acidtest.grader.load.shots import Magazine
from acidtest.grader.load.sockets import HandedSockets, OwnSockets, Target
from acidtest.grader.load.tally import Tally
from acidtest.grader.load.volley import Volley

_LEAD_SECONDS = 0.05
_SPARE_FILES = 64


def main() -> None:
    """Carry out the order at standard input; lines of JSON tell how it goes and what came of it."""
    die_with_parent()
    with suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    order = Order.model_validate_json(sys.stdin.buffer.read(MAX_ORDER))
    say(carry_out(order))


def carry_out(order: Order) -> dict[str, Any]:
    """Send the load and return its result as plain data."""
    spec, plan = order.spec, order.plan
    targets = tuple(Target(host, port) for host, port in order.targets)
    stock = (
        OwnSockets(targets)
        if order.channel is None
        else HandedSockets(socket.socket(fileno=order.channel), len(targets))
    )
    due = _due(order)
    magazine = Magazine(plan, mix=spec.mix, neutral=order.neutral, seed=order.seed)
    names = [request.name for request in plan.requests]
    tally = Tally(names, warm_up=spec.warm_up, timeout=spec.timeout)
    volley = Volley(
        plan.requests,
        magazine,
        due,
        tally=tally,
        timeout=spec.timeout,
        max_body=plan.max_body,
        captures=plan.captures,
    )
    be_punctual()
    begin = time.monotonic() + _LEAD_SECONDS
    say({"began": begin})
    spent = time.process_time()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(1, min(spec.connections, files - _SPARE_FILES))
    opened = volley.fire(targets, stock, limit=limit, begin=begin, tell=say)
    be_ordinary()
    spent = time.process_time() - spent
    return {
        "result": tally.summary(spec.seconds),
        "ended": time.monotonic(),
        "connections": opened,
        "processor": spent,
        "captured": [(names[kind], user, text) for kind, user, text in volley.captured],
        "dropped": volley.dropped,
    }


def _due(order: Order) -> "array[float]":
    """Warm-up and measured part, each with exactly its number of requests."""
    spec = order.spec
    due = array("d")
    for name, begin, seconds in (
        ("warm-up", 0.0, spec.warm_up),
        ("measured", spec.warm_up, spec.seconds),
    ):
        if round(spec.rate * seconds):
            seed = f"{order.seed}:{name}"
            part = schedule(spec.rate, seconds, arrivals=spec.arrivals, seed=seed)
            due.extend(begin + at for at in part)
    return due


def say(line: dict[str, Any]) -> None:
    """Write one line for the judge."""
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
