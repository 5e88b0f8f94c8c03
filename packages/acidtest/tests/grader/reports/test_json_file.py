"""judgement.json gives back what was written, and its schema is current."""

import json
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

import acidtest.schemas
from acidtest.core.errors import UsageError
from acidtest.core.evidence import Evidence
from acidtest.grader.reports import json_file


def test_what_is_written_is_read(sample: ModuleType, tmp_path: Path) -> None:
    """Reading a written judgement gives an equal one, and nothing else is left in the folder."""
    path = tmp_path / "deep" / "judgement.json"

    json_file.write(sample.judgement(), path)

    assert json_file.read(path) == sample.judgement()
    assert [entry.name for entry in path.parent.iterdir()] == ["judgement.json"]


def test_half_a_character_can_be_stored(sample: ModuleType, tmp_path: Path) -> None:
    """A lone surrogate, which no file can hold, is stored by name instead of losing the run."""
    judgement = sample.judgement()
    broken = judgement.results[0].model_copy(update={"evidence": Evidence(observed="x\ud800y")})
    path = tmp_path / "judgement.json"

    json_file.write(judgement.model_copy(update={"results": (broken,)}), path)

    evidence = json_file.read(path).results[0].evidence
    assert evidence
    assert evidence.observed == "x\\ud800y"


def test_the_published_schema_is_current() -> None:
    """The schema in the package is the one the models give; else store `schema()` there."""
    published = Path(acidtest.schemas.__path__[0]) / "judgement.schema.json"

    assert published.read_text(encoding="utf-8") == json_file.schema()


def test_a_judgement_is_valid_by_the_schema(sample: ModuleType) -> None:
    """The sample keeps the published schema."""
    jsonschema.validate(
        json.loads(json_file.render(sample.judgement())), json.loads(json_file.schema())
    )


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "acidtest/judgement/9"}'])
def test_what_is_no_judgement_is_a_usage_error(tmp_path: Path, text: str) -> None:
    """A file that is no judgement is refused with its name."""
    path = tmp_path / "judgement.json"
    path.write_text(text)

    with pytest.raises(UsageError, match=r"judgement\.json is not a judgement"):
        json_file.read(path)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(UsageError, match="cannot be read"):
        json_file.read(tmp_path / "none.json")
