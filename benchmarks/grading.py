"""A grading as a person starts it, and its judgement: what several benchmarks read figures off."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

_PATIENCE = 600.0


async def start_grading(
    source: Path, *more: str, problem: str, subdirectory: str | None, state: Path, target: Path
) -> Process:
    """Start `acidtest grade` in a process of its own; `target` is where its judgement will be."""
    words = ["grade", str(source), "--problem", problem, "--json", str(target), *more]
    if subdirectory:
        words += ["--subdir", subdirectory]
    return await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "acidtest"),
        *words,
        env={**os.environ, "ACIDTEST_STATE": str(state)},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )


async def judgement_of(process: Process, target: Path) -> dict[str, Any]:
    """Return the judgement of a grading, when it has ended.

    Raises:
        RuntimeError: it did not end in time, or nothing was judged.
    """
    try:
        _, said = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        process.terminate()
        await process.wait()
        raise RuntimeError("a grading did not end") from None
    return _read(target, said)


def _read(target: Path, said: bytes) -> dict[str, Any]:
    if not target.exists():
        raise RuntimeError(f"no judgement: {said.decode(errors='replace')[-500:]}")
    judgement: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    # The next grading must not be told by the judgement of this one.
    target.unlink()
    if judgement["outcome"] != "judged":
        raise RuntimeError(f"{judgement['outcome']}: {judgement['message']}")
    return judgement
