"""The action and the recipes for CI: inputs are only ever data, and what they promise is there."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from acidtest.catalogue.loader import problem_slugs

ROOT = Path(__file__).resolve().parent.parent
ACTION = ROOT / "deploy" / "github-action"
RECIPES = ROOT / "docs" / "howto" / "run-in-ci.md"
SCRIPTS = sorted(ACTION.glob("*.sh"))
HOSTILE = '$(touch owned) `touch owned` "; touch owned; " --local-unsafe'
PROGRAM = r"""#!/usr/bin/env bash
here=$(dirname "$0")
printf '%s\n' "$@" >"$here/words"
env >"$here/environment"
echo "::error::said by the submission"
out=$here/acidtest
[ -f "$here/nothing" ] || {
  echo '{}' >"$out/judgement.json"
  echo '{"results": {"summary": {"extra": {"points": 70.76}}}}' >"$out/ctrf.json"
  echo '## Book reviews' >"$out/summary.md"
  echo '::error title=R1::bad' >"$out/annotations.txt"
}
exit "$(cat "$here/code" 2>/dev/null || echo 0)"
"""


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    """The action as GitHub reads it."""
    loaded: dict[str, Any] = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    return loaded


def test_no_expression_stands_in_a_command(action: dict[str, Any]) -> None:
    """What a caller says reaches a shell as a variable, never as part of the command."""
    steps = action["runs"]["steps"]

    assert action["runs"]["using"] == "composite"
    assert [step["run"] for step in steps if "${{" in step["run"]] == []
    assert {step["shell"] for step in steps} == {"bash"}
    assert all("uses" not in step for step in steps)


def test_every_input_is_used_and_every_output_is_made(action: dict[str, Any]) -> None:
    """Inputs reach the script as variables that it reads, and outputs are written by it."""
    script = (ACTION / "grade.sh").read_text(encoding="utf-8")
    (given,) = [step["env"] for step in action["runs"]["steps"] if "env" in step]

    assert sorted(given.values()) == sorted(
        f"${{{{ inputs.{name} }}}}" for name in action["inputs"]
    )
    assert [name for name in given if f"${{{name}:" not in script] == []
    assert all(spec["description"] for spec in action["inputs"].values())
    for name, spec in action["outputs"].items():
        assert spec["value"] == f"${{{{ steps.grade.outputs.{name} }}}}"
        assert f"printf '{name}=" in script


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_run(script: Path) -> None:
    """Each is executable, parses, and stops at the first error."""
    assert script.stat().st_mode & stat.S_IXUSR
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=30)


class Runner:
    """A runner's folders and files, with a program in the place of AcidTest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "acidtest-program"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)

    def grade(self, **given: str) -> "subprocess.CompletedProcess[str]":
        """Run the script of the action."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "ACIDTEST_PROGRAM": str(self.program),
            "ACIDTEST_PROBLEM": "book-reviews",
            **given,
        }
        return subprocess.run(
            [str(ACTION / "grade.sh")],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def text(self, name: str) -> str:
        """What lies in one of its files."""
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner of GitHub's, as far as the script sees it."""
    return Runner(tmp_path)


def test_what_the_submission_prints_is_no_command(runner: Runner) -> None:
    """The runner listens to nothing between a token that nobody can guess and its end."""
    out = runner.grade().stdout

    first, *rest = out.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{48}", token)
    end = rest.index(f"::{token}::")
    assert rest.index("::error::said by the submission") < end
    assert rest.index("::error title=R1::bad") > end
    assert token not in runner.grade().stdout


def test_summary_and_outputs_are_handed_on(runner: Runner) -> None:
    """The job gets the summary, the places of the reports and the points."""
    runner.grade()

    assert runner.text("summary") == "## Book reviews\n"
    assert runner.text("output").splitlines() == [
        f"folder={runner.folder}/acidtest",
        f"sarif={runner.folder}/acidtest/report.sarif",
        "points=70.76",
    ]


def test_inputs_are_words_whatever_is_in_them(runner: Runner) -> None:
    """No value is run, split or taken for an option."""
    runner.grade(
        ACIDTEST_PROBLEM=HOSTILE,
        ACIDTEST_PATH="--local-unsafe",
        ACIDTEST_PROFILE=HOSTILE,
        ACIDTEST_DRIVER=HOSTILE,
        ACIDTEST_QUICK="true",
        ACIDTEST_THRESHOLD=HOSTILE,
    )

    words = runner.text("words").splitlines()
    assert f"--problem={HOSTILE}" in words
    assert words[-2:] == ["--", "--local-unsafe"]
    assert words.count("--quick") == 1
    assert not (runner.folder / "owned").exists()


def test_the_program_gets_none_of_the_jobs_variables(runner: Runner) -> None:
    """Tokens and secrets of the job stay with the job."""
    runner.grade(GITHUB_TOKEN="of-the-job", ACTIONS_RUNTIME_TOKEN="of-the-job")

    names = {line.partition("=")[0] for line in runner.text("environment").splitlines()}
    assert names <= {
        "PATH", "HOME", "GITHUB_WORKSPACE", "ACIDTEST_STATE", "ACIDTEST_CATALOGUE",
        "PWD", "SHLVL", "_", "SUDO_COMMAND", "SUDO_USER", "SUDO_UID", "SUDO_GID",
    }  # fmt: skip
    assert "of-the-job" not in runner.text("environment")


def test_the_catalogue_is_ours_wherever_it_runs(runner: Runner) -> None:
    """A catalogue in the folder that was checked out, which holds programs, is not taken."""
    runner.grade()

    assert f"ACIDTEST_CATALOGUE={ROOT / 'catalogue'}\n" in runner.text("environment")
    gitlab = yaml.safe_load(_blocks("yaml")[1])["acidtest"]
    assert gitlab["variables"]["ACIDTEST_CATALOGUE"] == "/opt/acidtest/catalogue"


def test_how_it_ended_is_how_the_step_ends(runner: Runner) -> None:
    """The exit code is the program's, and nothing is handed on that was not written."""
    (runner.folder / "nothing").touch()
    (runner.folder / "code").write_text("4")

    assert runner.grade().returncode == 4
    assert not (runner.folder / "output").exists()


def test_annotations_can_be_left_out(runner: Runner) -> None:
    """Who asks for none sees none, and the step still ends as the program did."""
    (runner.folder / "code").write_text("1")

    ended = runner.grade(ACIDTEST_ANNOTATIONS="false")

    assert ended.returncode == 1
    assert "R1::bad" not in ended.stdout


def _blocks(language: str) -> list[str]:
    text = RECIPES.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_recipes_are_yaml() -> None:
    """Every recipe can be read as what it is shown to be."""
    for block in _blocks("yaml"):
        assert isinstance(yaml.safe_load(block), dict)


def test_the_recipe_says_what_the_action_knows(action: dict[str, Any]) -> None:
    """The workflow that is shown gives inputs that there are and reads outputs that there are."""
    workflow = yaml.safe_load(_blocks("yaml")[0])
    (step,) = [s for s in workflow["jobs"]["grade"]["steps"] if s.get("id") == "acidtest"]

    assert set(step["with"]) <= set(action["inputs"])
    read = set(re.findall(r"steps\.acidtest\.outputs\.(\w+)", _blocks("yaml")[0]))
    assert read <= set(action["outputs"])


def test_recipes_name_problems_and_options_that_there_are() -> None:
    """Each problem and each option of the page is known to the program."""
    text = RECIPES.read_text(encoding="utf-8")
    program = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "packages" / "acidtest" / "src" / "acidtest" / "cli").glob("*.py")
    )
    commands = [
        line for line in text.splitlines() if re.search(r"acidtest (grade|doctor|co|si)", line)
    ]

    assert set(re.findall(r"(?:--problem|problem:) ([a-z-]+)", text)) <= set(problem_slugs())
    options = {option for line in commands for option in re.findall(r"--([a-z-]+)", line)}
    options |= set(re.findall(r"`--([a-z-]+)", text)) - {"hook-type", "hook-stage"}
    missing = [o for o in options if f'"--{o}"' not in program and f'_option("{o}"' not in program]
    assert missing == []
