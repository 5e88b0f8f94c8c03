"""Judging documents and bodies: the part that runs a stranger's patterns.

Runs as a process of its own (`python -m acidtest.grader.contract.examination`), which reads one
question per line and writes one answer per line, because a pattern may take for ever and cannot be
interrupted from within. References that leave the document are never followed.
"""

import base64
import json
import resource
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from openapi_schema_validator import OAS30ReadValidator
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from acidtest.core.evidence import clip
from acidtest.grader.contract.document import OpenApiDocument, Operation

_MAX_SENTENCES = 20
_MAX_SENTENCE = 400
_MEMORY = 1024 * 1024 * 1024
_ADDRESS = "urn:document"
_BODILESS = {204, 304}
_FORMATS = ("date", "date-time", "uuid")


def validate(document: OpenApiDocument) -> list[str]:
    """What is wrong with the document by the OpenAPI specification."""
    found: list[str] = []
    root = _closed(document.root, found, "#")
    judge = (
        OpenAPIV30SpecValidator if document.version.startswith("3.0") else OpenAPIV31SpecValidator
    )
    try:
        for error in judge(root).iter_errors():
            found.append(_sentence(error))
            if len(found) >= _MAX_SENTENCES:
                break
    except RecursionError:
        found.append("it refers to itself without end")
    except Unresolvable as error:
        found.append(f"it refers to {error.ref!r}, which is not there")
    return found[:_MAX_SENTENCES]


def conforms(
    document: OpenApiDocument,
    method: str,
    path: str,
    *,
    status: int,
    content_type: str,
    body: bytes,
) -> list[str]:
    """How an answer departs from the document; a status it does not foresee is not told here."""
    operation = document.find(method, path)
    if operation is None:
        return [f"the document does not describe {method} {clip(path, 200)}"]
    response = document.response(operation, status)
    content = (response or {}).get("content")
    if not isinstance(content, Mapping) or not content or status in _BODILESS:
        return []
    media = _media(content, content_type)
    if media is None:
        said = ", ".join(map(str, list(content)[:5]))
        return [f"{status} was answered as {content_type or 'nothing'}, the document says {said}"]
    node = content[media]
    is_json = "json" in media or "*" in media
    if not is_json or not isinstance(node, Mapping) or "schema" not in node:
        return []
    return _read_and_compare(document, _pointer(document, operation, status, media), body)


def _read_and_compare(document: OpenApiDocument, reference: str, body: bytes) -> list[str]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        return [f"the body is not JSON: {clip(str(error), 200)}"]
    return _departures(document, reference, value)


def _departures(document: OpenApiDocument, reference: str, value: Any) -> list[str]:
    closed = _closed(document.root, [], "#")
    made = Resource.from_contents(closed, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(_ADDRESS, made)
    judge = OAS30ReadValidator if document.version.startswith("3.0") else Draft202012Validator
    checker = FormatChecker(formats=_FORMATS)
    schema = {"$ref": f"{_ADDRESS}{reference}"}
    found: list[str] = []
    try:
        for error in judge(schema, registry=registry, format_checker=checker).iter_errors(value):
            found.append(_sentence(error))
            if len(found) >= _MAX_SENTENCES:
                break
    except RecursionError:
        found.append("its schema refers to itself without end")
    except Exception as error:  # noqa: BLE001 - a stranger's schema breaks validators in many ways
        found.append(f"its schema cannot be applied: {clip(f'{error}', 200)}")
    return found


def _pointer(document: OpenApiDocument, operation: Operation, status: int, media: str) -> str:
    """A reference to the schema, with references on the way to it followed."""
    responses = operation.node["responses"]
    keys = (str(status), f"{status // 100}XX", f"{status // 100}xx", "default")
    key = next(key for key in keys if key in responses)
    node = responses[key]
    if isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
        return f"{_final(document, node)}/content/{_escaped(media)}/schema"
    item = document.root["paths"][operation.path]
    start = f"#/paths/{_escaped(operation.path)}"
    if isinstance(item, Mapping) and isinstance(item.get("$ref"), str):
        start = _final(document, item)
    method = operation.method.lower()
    return f"{start}/{method}/responses/{key}/content/{_escaped(media)}/schema"


def _final(document: OpenApiDocument, node: Mapping[str, Any]) -> str:
    reference = str(node["$ref"])
    for _ in range(20):
        following = document.at(reference)
        if not (isinstance(following, dict) and isinstance(following.get("$ref"), str)):
            break
        reference = following["$ref"]
    return reference


def _escaped(part: str) -> str:
    return (
        part.replace("~", "~0")
        .replace("/", "~1")
        .replace("%", "%25")
        .replace("{", "%7B")
        .replace("}", "%7D")
    )


def _media(content: Mapping[str, Any], content_type: str) -> str | None:
    wanted = content_type.partition(";")[0].strip().lower()
    ranges = {wanted, f"{wanted.partition('/')[0]}/*", "*/*"}
    return next((m for m in content if m.partition(";")[0].strip().lower() in ranges), None)


def _closed(node: Any, found: list[str], place: str) -> Any:
    """The tree without references that leave it; each is said once."""
    if isinstance(node, list):
        return [_closed(item, found, place) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        if len(found) < _MAX_SENTENCES:
            found.append(f"{place} refers to {clip(reference, 200)!r}, which is not followed")
        return {}
    return {key: _closed(item, found, f"{place}/{key}"[:200]) for key, item in node.items()}


def _sentence(error: ValidationError) -> str:
    place = "/".join(map(str, error.absolute_path))
    return clip(f"{place or 'the document'}: {error.message}", _MAX_SENTENCE)


def _answer(question: Mapping[str, Any]) -> list[str]:
    document = OpenApiDocument(question["root"], source="")
    if question["ask"] == "validate":
        return validate(document)
    return conforms(
        document,
        question["method"],
        question["path"],
        status=question["status"],
        content_type=question["content_type"],
        body=base64.b64decode(question["body"]),
    )


def main(lines: Iterable[bytes]) -> None:
    """Answer every question on standard input until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for line in lines:
        try:
            said: dict[str, Any] = {"found": _answer(json.loads(line))}
        except Exception as error:  # noqa: BLE001 - the asker decides what a breakdown means
            said = {"broken": f"{type(error).__name__}: {clip(str(error), _MAX_SENTENCE)}"}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer)
