"""Bodies of PATCH: a JSON merge patch (RFC 7396) with a fixed set of members.

A service writes what may change, all of it optional, and marks what may be cleared:

    class OrderPatch(Patch):
        status: Status | None = None
        note: Clearable[str] = None

Absent means "leave it", null means "clear it" and is refused elsewhere. `changes()` holds what was
said and nothing else. An empty patch is a patch: as in RFC 7396 it changes nothing and is answered
with the resource as it is.
"""

from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")
CLEARABLE = "clearable"

Clearable = Annotated[T | None, CLEARABLE]


class Patch(BaseModel):
    """What a client wants changed; unknown members are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_null(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.field_name and not cls._is_clearable(info.field_name):
            raise PydanticCustomError("null_forbidden", "This cannot be cleared")
        return value

    @classmethod
    def _is_clearable(cls, name: str) -> bool:
        return CLEARABLE in cls.model_fields[name].metadata

    def changes(self) -> dict[str, Any]:
        """Return what was said: names and values, None for what is to be cleared."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Document null only where it is allowed."""
        schema = handler.resolve_ref_schema(handler(core))
        for name, field in cls.model_fields.items():
            member = schema.get("properties", {}).get(field.alias or name, {})
            if member.pop("default", ...) is None and not cls._is_clearable(name):
                _without_null(member)
        return schema


def _without_null(member: dict[str, Any]) -> None:
    kinds = [kind for kind in member.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del member["anyOf"]
        member.update(kinds[0])
