from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from acidkit import EnvironmentSettings


class Example(EnvironmentSettings):
    """Settings as a service would write them."""

    pass_phrase: SecretStr
    size: int = 3


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field is read from the variable of its name."""
    monkeypatch.setenv("PASS_PHRASE", "open sesame")
    monkeypatch.setenv("SIZE", "7")
    settings = Example()
    assert (settings.pass_phrase.get_secret_value(), settings.size) == ("open sesame", 7)


def test_mounted_file_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NAME_FILE is read before NAME, without the newline that editors add."""
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("PASS_PHRASE", "from the variable")
    monkeypatch.setenv("PASS_PHRASE_FILE", str(tmp_path / "secret"))
    assert Example().pass_phrase.get_secret_value() == "from the file"


def test_wrong_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that does not fit is named, but never shown."""
    monkeypatch.setenv("PASS_PHRASE", "x")
    monkeypatch.setenv("SIZE", "hunter2")
    with pytest.raises(ValidationError) as caught:
        Example()
    assert "size" in str(caught.value)
    assert "hunter2" not in str(caught.value)
