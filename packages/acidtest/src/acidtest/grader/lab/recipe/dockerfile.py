"""A Dockerfile, read for what it says about starting the service without building its image."""

import json
import re
import shlex

from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.sources import Sources

NAMES = ("Dockerfile", "dockerfile", "docker/Dockerfile", "Containerfile")
_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
_INSTRUCTION = re.compile(r"^\s*([A-Za-z]+)\s+(.*\S)\s*$")
_ENV_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|\S+)")
_PORT_OPTION = re.compile(r"(--port[= ]|-p |--bind[= ]\S*?:|-b \S*?:|--listen[= ]\S*?:)(\d{2,5})\b")
_NOT_OURS = frozenset({"PATH", "HOME", "PORT", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "TZ"})


def draft_of(sources: Sources) -> Draft | None:
    """Return the hints a Dockerfile gives, or None when there is none with a command."""
    name = sources.first(*NAMES)
    if name is None:
        return None
    last = _instructions(sources.text(name) or "")
    folder = last.get("WORKDIR", "").rstrip("/")
    command = " ".join(filter(None, (_words(last.get("ENTRYPOINT")), _words(last.get("CMD")))))
    start = with_port(at_app(command, folder)) if command else None
    port = re.match(r"\d+", last.get("EXPOSE", ""))
    env = dict(_ENV_PAIR.findall(last.get("ENV", "")))
    plain = {key: value.strip("\"'") for key, value in env.items() if key not in _NOT_OURS}
    return Draft(
        source=name,
        start=start,
        port=int(port[0]) if port else None,
        env={key: value for key, value in plain.items() if "$" not in value},
        names=frozenset(env),
        notes=(f"the start command is the one of {name}: {start}",) if start else (),
    )


def at_app(command: str, folder: str) -> str:
    """Return `command` with an image's own work folder replaced by ours."""
    if not folder.startswith("/") or folder in {"", "/app"}:
        return command
    return re.sub(rf"(?<![\w/.-]){re.escape(folder)}(?=/|\s|$)", "/app", command)


def with_port(command: str) -> str:
    """Return `command` listening on $PORT where it names a port of its own."""
    return _PORT_OPTION.sub(r"\g<1>$PORT", command)


def _instructions(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _CONTINUED.sub(" ", text).splitlines():
        if not (match := _INSTRUCTION.match(line)):
            continue
        name, value = match[1].upper(), match[2]
        if name == "FROM":
            # Only the last stage of a build is what runs.
            found = {}
        elif name == "ENV":
            if "=" not in value.split()[0]:
                key, _, rest = value.partition(" ")
                value = f"{key}={shlex.quote(rest.strip())}"
            found[name] = f"{found.get(name, '')} {value}"
        else:
            found[name] = value
    return found


def _words(value: str | None) -> str:
    if not value:
        return ""
    try:
        words = json.loads(value)
    except ValueError:
        return value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return value
    if words[:2] in (["sh", "-c"], ["/bin/sh", "-c"], ["bash", "-c"], ["/bin/bash", "-c"]):
        return " ".join(words[2:])
    # `$PORT` in a JSON form is left for the shell: whoever wrote it meant it so.
    return " ".join(
        word if re.fullmatch(r"[\w@%+=:,./$*-]+", word) else shlex.quote(word) for word in words
    )
