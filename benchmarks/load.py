"""Load on one service: wrk for throughput, a fixed rate for latency."""

import asyncio
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import aiohttp

_SLACK_SECONDS = 20.0
_LATE = 10.0


class Ask(NamedTuple):
    """One kind of request."""

    name: str
    method: str
    path: str
    body: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    numbered: str = ""
    """A header whose value is another one in every request."""


class Throughput(NamedTuple):
    """What wrk saw."""

    per_second: float
    answered: int
    errors: int


class Latency(NamedTuple):
    """Milliseconds counted from when a request was due, not from when it was sent."""

    p50: float
    p99: float
    errors: int


def wrk_missing() -> str | None:
    """Why no throughput can be measured, or None."""
    if shutil.which("wrk") is None:
        return "wrk is not installed (Debian: apt-get install wrk)"
    if shutil.which("nsenter") is None:
        return "nsenter is not installed (Debian: apt-get install util-linux)"
    return None


async def throughput(
    ask: Ask, *, port: int, netns: int | None, seconds: float, connections: int, scripts: Path
) -> Throughput:
    """Send `ask` as fast as the service answers, in the network of process `netns` if given.

    Raises:
        RuntimeError: wrk cannot be run or understood.
    """
    script = scripts / f"{ask.method.lower()}.lua"
    text = _script(ask)
    await asyncio.to_thread(script.write_text, text)
    enter = [] if netns is None else ["nsenter", f"--net=/proc/{netns}/ns/net"]
    process = await asyncio.create_subprocess_exec(
        *enter,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}{ask.path}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), seconds + _SLACK_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError("wrk did not end") from None
    return _understood(said.decode(errors="replace"))


def _script(ask: Ask) -> str:
    lines = [f'wrk.method = "{ask.method}"']
    if ask.body:
        lines += ['wrk.headers["Content-Type"] = "application/json"', f"wrk.body = [[{ask.body}]]"]
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in ask.headers.items()]
    if ask.numbered:
        lines += [
            f'local number, prefix = 0, "{secrets.token_hex(8)}-"',
            "function request()",
            "  number = number + 1",
            f'  wrk.headers["{ask.numbered}"] = prefix .. number',
            "  return wrk.format()",
            "end",
        ]
    return "\n".join(lines) + "\n"


def _understood(said: str) -> Throughput:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    answered = re.search(r"(\d+) requests in", said)
    if rate is None or answered is None:
        raise RuntimeError(f"wrk said: {said.strip()[-300:]}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said
    )
    errors = int(refused.group(1)) if refused else 0
    errors += sum(map(int, broken.groups())) if broken else 0
    return Throughput(float(rate.group(1)), int(answered.group(1)), errors)


async def fixed_rate(
    session: aiohttp.ClientSession, ask: Ask, *, port: int, per_second: float, seconds: float
) -> Latency:
    """Send `ask` at a steady rate whatever the service does, and tell how late answers came."""
    took: list[float] = []
    errors = 0

    async def send(due: float) -> None:
        nonlocal errors
        try:
            async with session.request(
                ask.method,
                f"http://127.0.0.1:{port}{ask.path}",
                data=ask.body or None,
                headers={"Content-Type": "application/json"} if ask.body else None,
                timeout=aiohttp.ClientTimeout(total=_LATE),
            ) as answer:
                await answer.read()
                errors += answer.status >= HTTPStatus.BAD_REQUEST
        except (aiohttp.ClientError, TimeoutError):
            errors += 1
        took.append((time.perf_counter() - due) * 1000)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(per_second * seconds)):
            due = begun + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(send(due))
    took.sort()
    return Latency(took[len(took) // 2], took[int(len(took) * 0.99)], errors)
