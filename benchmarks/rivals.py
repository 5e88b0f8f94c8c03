"""Other load generators, each asked for the same: wrk, hey, autocannon and locust.

Used as their manuals say, with fifty connections. What is not on the machine is fetched into a
folder of its own where a package manager has it, and left out with its reason where not.
"""

import asyncio
import csv
import json
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 50
_FETCHING = 300.0
_SLACK = 30.0
_BOOTING = 3
"""Seconds that locust's users take to begin, which its own clock counts."""


class Said(NamedTuple):
    """What a generator reported, in milliseconds; None where it tells nothing of the kind."""

    p90: float | None
    p99: float | None


class Rival(NamedTuple):
    """One generator, ready to run."""

    name: str
    paced: bool
    """Whether it can be asked for a rate."""
    run: Callable[[str, int, int], Awaitable[Said]]
    """Takes address, requests per second and seconds."""


class MissingError(Exception):
    """A generator is not to be had here; the message says why."""


async def rivals(folder: Path) -> tuple[list[Rival], list[str]]:
    """The generators that can be had, and a sentence for each that cannot."""
    makers: dict[str, Callable[[Path], Awaitable[Rival]]] = {
        "wrk": _wrk,
        "hey": _hey,
        "autocannon": _autocannon,
        "locust": _locust,
    }
    found: list[Rival] = []
    missing: list[str] = []
    for name, make in makers.items():
        try:
            found.append(await make(folder))
        except MissingError as error:
            missing.append(f"{name}: {error}")
    return found, missing


async def _wrk(_folder: Path) -> Rival:
    program = _on_path("wrk", "apt-get install wrk")

    async def run(url: str, _rate: int, seconds: int) -> Said:
        words = (program, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url)
        text = await _output(words, seconds)
        return Said(_wrk_level(text, 90), _wrk_level(text, 99))

    return Rival("wrk", paced=False, run=run)


def _wrk_level(text: str, level: int) -> float | None:
    found = re.search(rf"{level}%\s+([\d.]+)(us|ms|s)\b", text)
    return None if found is None else float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]]


async def _hey(_folder: Path) -> Rival:
    program = _on_path("hey", "apt-get install hey")

    async def run(url: str, rate: int, seconds: int) -> Said:
        pace = f"{rate / CONNECTIONS:g}"
        words = (program, "-c", str(CONNECTIONS), "-q", pace, "-z", f"{seconds}s", url)
        text = await _output(words, seconds)
        levels = dict(re.findall(r"(\d+)%\S* in ([\d.]+) secs", text))
        return Said(*(float(levels[k]) * 1e3 if k in levels else None for k in ("90", "99")))

    return Rival("hey", paced=True, run=run)


async def _autocannon(folder: Path) -> Rival:
    npm = _on_path("npm", "Node.js")
    place = folder / "autocannon"
    await _fetch((npm, "install", "--silent", "--no-audit", "--prefix", str(place), "autocannon"))
    program = str(place / "node_modules" / ".bin" / "autocannon")

    async def run(url: str, rate: int, seconds: int) -> Said:
        words = (program, "-c", str(CONNECTIONS), "-R", str(rate), "-d", str(seconds), "-j", url)
        text = await _output(words, seconds)
        latency = json.loads(text[text.index("{") :])["latency"]
        return Said(latency.get("p90"), latency.get("p99"))

    return Rival("autocannon", paced=True, run=run)


_LOCUSTFILE = """
from locust import FastHttpUser, constant_throughput, task

class Visitor(FastHttpUser):
    wait_time = constant_throughput({pace})

    @task
    def visit(self):
        self.client.get("/")
"""


async def _locust(folder: Path) -> Rival:
    place = folder / "locust"
    uv = str(Path(sys.executable).with_name("uv"))
    await _fetch((uv, "venv", "--quiet", "--python", sys.executable, str(place)))
    python = str(place / "bin" / "python")
    await _fetch((uv, "pip", "install", "--quiet", "--python", python, "locust"))

    async def run(url: str, rate: int, seconds: int) -> Said:
        script, figures = place / "locustfile.py", place / "figures"
        script.write_text(_LOCUSTFILE.format(pace=rate / CONNECTIONS))
        users = str(CONNECTIONS)
        words = (
            *(
                str(place / "bin" / "locust"),
                "-f",
                str(script),
                "--headless",
                "-H",
                url.rstrip("/"),
            ),
            *("-u", users, "-r", users, "-t", f"{seconds + _BOOTING}s", "--csv", str(figures)),
            *("--exit-code-on-error", "0"),
        )
        await _output(words, seconds)
        whole = await asyncio.to_thread(_aggregated, Path(f"{figures}_stats.csv"))
        return Said(*(_number(whole[level]) for level in ("90%", "99%")))

    return Rival("locust", paced=True, run=run)


def _aggregated(path: Path) -> dict[str, str]:
    """The line of Locust's figures that is about all requests."""
    with path.open(encoding="utf-8") as file:
        return next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")


def _number(text: str) -> float | None:
    """A figure of a report; None where it says that there is none."""
    return float(text) if re.fullmatch(r"[\d.]+", text) else None


def _on_path(name: str, source: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"not installed ({source})")
    return found


async def _fetch(words: tuple[str, ...]) -> None:
    try:
        await _output(words, _FETCHING)
    except (OSError, RuntimeError) as error:
        raise MissingError(f"cannot be fetched: {str(error)[:200]}") from None


async def _output(words: tuple[str, ...], seconds: float) -> str:
    """What a command says; raises RuntimeError when it fails or does not end."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds + _SLACK):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError(f"{words[0]} did not end") from None
    text = said.decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{words[0]} said: {text.strip()[-300:]}")
    return text
