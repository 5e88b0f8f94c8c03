"""A problem that begins with data and compares: both services on the same rows, and a `ci`."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Status

pytestmark = pytest.mark.lab

HERE = Path(__file__).parent / "tiny"
ROWS = """
create table notes (id bigint generated always as identity primary key, text text not null);
insert into notes (text) select 'note ' || n from generate_series(1, 3) as n;
"""
CHECKS = '''
"""Two services side by side."""

from acidtest.grader.sdk import Env, check, fail


@check("R1", group="beside")
async def both_have_the_same_notes(env: Env) -> None:
    """Both list the same notes, and what one stores the other does not have."""
    mine, theirs = await env.walk("list_notes"), await env.baseline.walk("list_notes")
    if mine != theirs or len(mine) != 3:
        fail("The notes differ.", expected=str(theirs), observed=str(mine))
    await env.call("create_note", {"text": "new"})
    if len(await env.baseline.walk("list_notes")) != 3:
        fail("The other service has the note.")
    if env.secrets[0] in env.secrets[1] or not env.secrets[2].startswith("key_"):
        fail("The drawn value is not what the problem says.", observed=env.secrets[2][:4])


@check("R1", group="alone")
async def a_change_is_judged_commit_by_commit(env: Env) -> None:
    """The submission's own CI sees every commit of a change and nothing else."""
    if env.baseline is not None or env.ci.command is None:
        fail("This group has no other service and a command.")
    clean = await env.ci({"new.txt": "nothing"}, {"new.txt": None})
    found = await env.ci({"new.txt": "a secret"}, {"new.txt": None})
    if (clean.exit_code, found.exit_code) != (0, 3):
        fail("CI says otherwise.", observed=f"{clean} {found}")
'''
CI = """
set -e
test "$(git rev-list --count "$CI_BASE..$CI_HEAD")" = 2
git log -p "$CI_BASE..$CI_HEAD" | grep -q "a secret" && exit 3
test -f app.py
"""


@pytest.fixture
def catalogue(stage: Any) -> Path:
    """A catalogue with one problem that has data and a service to compare with."""
    folder: Path = stage.folder / "catalogue"
    package = folder / "problems" / "beside"
    facts = yaml.safe_load((HERE / "problem.yaml").read_text())
    facts |= {"slug": "beside", "dataset": "rows", "baseline": "old", "contract": "strict"}
    facts["env"] = {"KEY": {"random_hex": 8, "form": "key_{} key_{}"}}
    facts["groups"] = [
        {"name": "beside", "title": "Beside", "weight": 1, "baseline": True},
        {"name": "alone", "title": "Alone", "weight": 1},
    ]
    (package / "checks").mkdir(parents=True)
    (package / "problem.yaml").write_text(yaml.safe_dump(facts))
    (package / "checks" / "__init__.py").write_text('"""Checks."""\n')
    (package / "checks" / "beside.py").write_text(CHECKS)
    (package / "rows").mkdir()
    (package / "rows" / "1-notes.sql").write_text(ROWS)
    shutil.copytree(HERE / "service", package / "old")
    (package / "old" / "acidtest.toml").write_text(_manifest())
    return folder


def _manifest(*lines: str) -> str:
    return "\n".join(('stack = "custom"', 'start = "python3 app.py"', 'health = "/health"', *lines))


def _statuses(judgement: Judgement) -> dict[str, Status]:
    assert judgement.outcome is Outcome.JUDGED, judgement.message
    return {result.check: result.status for result in judgement.results}


async def test_two_services_run_on_copies_of_the_data(
    stage: Any, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The submission and the baseline begin with the same rows, and each goes on alone."""
    monkeypatch.setenv("ACIDTEST_CATALOGUE", str(catalogue))
    source = stage.submission(acidtest=_manifest('ci = "sh ci.sh"'))
    (source / "ci.sh").write_text(CI)

    statuses = _statuses(await stage.grade(source, "beside", within=90.0))

    assert set(statuses.values()) == {Status.PASS}
    assert len(statuses) == 2


async def test_a_data_set_that_is_wrong_is_no_fault_of_a_submission(
    stage: Any, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL of the package that PostgreSQL refuses makes the run void and names the file."""
    monkeypatch.setenv("ACIDTEST_CATALOGUE", str(catalogue))
    rows = catalogue / "problems" / "beside" / "rows" / "1-notes.sql"
    rows.write_text("create tabel notes ()")

    judgement = await stage.grade(stage.submission(acidtest=_manifest()), "beside", within=90.0)

    assert judgement.outcome is Outcome.VOID
    assert "1-notes.sql" in judgement.message
