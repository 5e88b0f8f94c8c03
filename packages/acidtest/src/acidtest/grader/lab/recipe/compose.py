"""A compose file, read for the service it builds: command, worker, and the names it is given."""

import re
import shlex
from typing import Any, NamedTuple

import yaml

from acidtest.grader.lab.recipe.dockerfile import at_app, with_port
from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.sources import Sources

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_MOST_BYTES = 64 * 1024
_WORKER = re.compile(r"\b(celery|worker|rq|arq|dramatiq|huey|bullmq|consumer)\b", re.IGNORECASE)
_GOOD_NAMES = ("api", "app", "web", "backend", "server", "service")
_CONTAINER_PORT = re.compile(r"(?:^|:)(\d{2,5})(?:/tcp)?$")


class _Built(NamedTuple):
    file: str | None
    services: dict[str, dict[str, Any]]
    workers: set[str]


def draft_of(sources: Sources) -> Draft | None:
    """Return what a compose file tells of the service it builds, or None when it tells nothing."""
    name, built, workers = _built(sources)
    ours = _ours(built, workers)
    if name is None or ours is None:
        return None
    service = built[ours]
    worker = next((_command(built[key]) for key in sorted(workers)), None) or None
    command = _command(service) or None
    notes = [f"{name} calls it `{ours}`"] if command else []
    return Draft(
        source=name,
        start=with_port(command) if command else None,
        worker=worker,
        port=_port(service),
        names=frozenset(_environment(service)),
        notes=tuple(notes),
    )


def built_service(sources: Sources) -> dict[str, Any] | None:
    """Return what a compose file says of the service it builds, as it stands there."""
    _, built, workers = _built(sources)
    ours = _ours(built, workers)
    return built[ours] if ours is not None else None


def _built(sources: Sources) -> _Built:
    name = sources.first(*NAMES)
    services = _services(sources.text(name) or "") if name else {}
    built = {key: value for key, value in services.items() if "build" in value}
    workers = {key for key, value in built.items() if _WORKER.search(f"{key} {_command(value)}")}
    return _Built(name, built, workers)


def _ours(built: dict[str, dict[str, Any]], workers: set[str]) -> str | None:
    return min((key for key in built if key not in workers), key=_rank, default=None)


def _services(text: str) -> dict[str, dict[str, Any]]:
    # Aliases let a small file grow without end; no honest compose file here needs many.
    if len(text) > _MOST_BYTES or len(re.findall(r"(?:^|\s)\*\w", text)) > 30:  # noqa: PLR2004 - few are honest
        return {}
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    services = content.get("services") if isinstance(content, dict) else None
    if not isinstance(services, dict):
        return {}
    return {str(key): value for key, value in services.items() if isinstance(value, dict)}


def _command(service: dict[str, Any]) -> str:
    command = service.get("command")
    if isinstance(command, list):
        words = [str(word) for word in command]
        if len(words) > 2 and words[1] == "-c":  # noqa: PLR2004 - a shell, -c, and its line
            return words[2]
        return shlex.join(words)
    if not isinstance(command, str):
        return ""
    found = re.fullmatch(r"\s*(?:/bin/)?(?:ba)?sh -c (['\"])(.*)\1\s*", command, re.DOTALL)
    folder = service.get("working_dir")
    return at_app(found[2] if found else command.strip(), folder if isinstance(folder, str) else "")


def _environment(service: dict[str, Any]) -> dict[str, str]:
    given = service.get("environment")
    if isinstance(given, dict):
        return {str(key): "" if value is None else str(value) for key, value in given.items()}
    if isinstance(given, list):
        return {key: value for key, _, value in (str(item).partition("=") for item in given)}
    return {}


def _port(service: dict[str, Any]) -> int | None:
    ports = service.get("ports")
    for entry in ports if isinstance(ports, list) else []:
        target = entry.get("target") if isinstance(entry, dict) else entry
        if found := _CONTAINER_PORT.search(str(target)):
            return int(found[1])
    return None


def _rank(name: str) -> tuple[int, str]:
    place = next((i for i, good in enumerate(_GOOD_NAMES) if good in name), len(_GOOD_NAMES))
    return place, name
