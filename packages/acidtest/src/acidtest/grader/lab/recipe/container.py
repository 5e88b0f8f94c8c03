"""How a submission's image is to be built, read from its compose file or its Dockerfile alone.

Only words are read here; whether a folder lies inside the submission is judged where it is used.
"""

import re
import shlex
from typing import Any

from acidtest.grader.lab.recipe import compose, dockerfile
from acidtest.grader.lab.recipe.plan import ImageBuild
from acidtest.grader.lab.recipe.sources import Sources

_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)(?::?[-+?]([^}]*))?\}|([A-Za-z_]\w*))")
_DEFAULTED = re.compile(r"^\$\{[A-Za-z_]\w*:?-")
_MOST_WORDS = 200


def image_build_of(sources: Sources) -> ImageBuild | None:
    """Return how the service's image is built, or None when nothing says it."""
    service = compose.built_service(sources)
    if service is not None and (said := _of_compose(service, sources)) is not None:
        return said
    name = sources.first(*dockerfile.NAMES)
    return ImageBuild(dockerfile=name) if name else None


def _of_compose(service: dict[str, Any], sources: Sources) -> ImageBuild | None:
    build = service["build"]
    said = {"context": build} if isinstance(build, str) else build
    if not isinstance(said, dict) or "dockerfile_inline" in said:
        return None
    context = _text(said.get("context")) or "."
    name = _text(said.get("dockerfile")) or _dockerfile_in(context, sources)
    if name is None:
        return None
    return ImageBuild(
        dockerfile=name,
        context=context,
        target=_text(said.get("target")),
        args=_pairs(said.get("args")),
        contexts=_pairs(said.get("additional_contexts")),
        entrypoint=_words(service.get("entrypoint")),
        command=_words(service.get("command")),
        read_only=service.get("read_only") is True,
    )


def _dockerfile_in(context: str, sources: Sources) -> str | None:
    # A context outside the service's folder cannot be looked into from here; its Dockerfile has
    # the usual name, or the build will say that there is none.
    if context.startswith(("..", "/")):
        return "Dockerfile"
    names = ("Dockerfile", "Containerfile", "dockerfile")
    return next((name for name in names if sources.has(f"{context}/{name}")), None)


def _pairs(given: Any) -> dict[str, str]:
    if isinstance(given, list):
        split = (str(item).partition("=") for item in given[:_MOST_WORDS])
        return {key: _expanded(value) for key, equals, value in split if equals}
    if isinstance(given, dict):
        # A name without a value means the builder's own environment, which is not for strangers.
        return {str(key): _text(value) or "" for key, value in given.items() if value is not None}
    return {}


def _words(given: Any) -> tuple[str, ...] | None:
    if isinstance(given, list):
        return tuple(_expanded(str(word)) for word in given[:_MOST_WORDS])
    if not isinstance(given, str):
        return None
    try:
        return tuple(shlex.split(_expanded(given)))
    except ValueError:
        return None


def _text(given: Any) -> str | None:
    if isinstance(given, bool):
        return str(given).lower()
    return _expanded(str(given)) if isinstance(given, str | int | float) else None


def _expanded(text: str) -> str:
    """Return `text` as compose reads it where no variable is set: defaults stand, `$$` is `$`."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return found[2] or "" if _DEFAULTED.match(found[0]) else ""

    return _VARIABLE.sub(value, text)
