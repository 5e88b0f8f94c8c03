"""How a process reads its configuration: the environment, or a file the environment points at.

It is a room of its own because nothing else may read the environment: everything below it
takes plain settings objects as arguments.
"""

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class EnvironmentSettings(BaseSettings):
    """Settings from `NAME` or, for mounted secrets, from the file that `NAME_FILE` names.

    A value that does not fit is reported by name and rule only: what was given may be a secret.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put arguments first, then `NAME_FILE`, then `NAME`."""
        del dotenv_settings, file_secret_settings
        return init_settings, _FileSource(settings_cls), env_settings


class _FileSource(PydanticBaseSettingsSource):
    """Values of fields whose `NAME_FILE` is set, without the final newline editors add."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        place = os.environ.get(f"{field_name.upper()}_FILE")
        return (Path(place).read_text("utf-8").rstrip("\r\n") if place else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}
