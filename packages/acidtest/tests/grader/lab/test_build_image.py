"""Images of submissions: how they are to be built, what is refused, whose fault a failure is."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from acidtest.core.errors import AcidTestError, InfrastructureError, SubmissionError, UsageError
from acidtest.core.judgement import Outcome
from acidtest.core.verdict import Status
from acidtest.grader.engine import grade
from acidtest.grader.lab.build.failure import of_image
from acidtest.grader.lab.build.image import image_of
from acidtest.grader.lab.build.surroundings import pull_policy
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.recipe import ImageBuild, recognise
from acidtest.grader.lab.sandbox import ContainerDriver, drivers
from acidtest.grader.request import GradeRequest

BASE = "docker.io/library/python:3.11-slim"
DOCKERFILE = 'FROM x\nCMD ["python", "-m", "app"]\n'
COMPOSE = """
services:
  postgres: {image: "postgres:15"}
  worker:
    build: .
    command: celery -A app worker
  api:
    build:
      context: ./code
      dockerfile: Prod.Dockerfile
      target: run
      args: {COLOUR: "${COLOUR:-green}", PRICE: "5$$", NUMBER: 7, FROM_HOST:}
      additional_contexts: ["kit=../kit", "tool=docker-image://alpine:3"]
    command: uvicorn app:app --port ${PORT:-8000}
    read_only: true
"""


def _tree(place: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def test_a_compose_file_says_how_its_image_is_built(tmp_path: Path) -> None:
    """Folder, stage, arguments with their defaults and further folders are taken as written."""
    files = {"compose.yaml": COMPOSE, "code/Prod.Dockerfile": DOCKERFILE, "Dockerfile": DOCKERFILE}

    assert recognise(_tree(tmp_path, files)).container == ImageBuild(
        dockerfile="Prod.Dockerfile",
        context="./code",
        target="run",
        args={"COLOUR": "green", "PRICE": "5$", "NUMBER": "7"},
        contexts={"kit": "../kit", "tool": "docker-image://alpine:3"},
        command=("uvicorn", "app:app", "--port", "8000"),
        read_only=True,
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"Dockerfile": DOCKERFILE}, ImageBuild(dockerfile="Dockerfile")),
        ({"docker/Dockerfile": DOCKERFILE}, ImageBuild(dockerfile="docker/Dockerfile")),
        (
            {"Dockerfile": DOCKERFILE, "compose.yaml": "services: {db: {image: postgres}}"},
            ImageBuild(dockerfile="Dockerfile"),
        ),
        (
            {"Containerfile": DOCKERFILE, "compose.yaml": "services: {api: {build: .}}"},
            ImageBuild(dockerfile="Containerfile"),
        ),
        ({"Procfile": "web: ./serve\n"}, None),
    ],
)
def test_a_dockerfile_alone_is_enough(
    tmp_path: Path, files: dict[str, str], said: ImageBuild | None
) -> None:
    """Without a compose file that builds something, the Dockerfile in the folder is built."""
    assert recognise(_tree(tmp_path, files)).container == said


async def _refused(tmp_path: Path, files: dict[str, str]) -> str:
    """Why an image of these files, handed in as they are, is not even tried."""
    tree = _tree(tmp_path / "tree", files)
    (tmp_path / "secret").mkdir()
    submission = Submission(
        root=tree / "service",
        tree=tree,
        label="x",
        digest="0" * 64,
    )
    with pytest.raises(SubmissionError) as caught:
        await image_of(
            submission,
            recognise(submission.root),
            driver=ContainerDriver("podman"),
            run_dir=tmp_path,
            deadline=1,
            emit=lambda _: None,
        )
    return str(caught.value)


@pytest.mark.parametrize(
    ("build", "word"),
    [
        ("{context: ../../secret}", "not inside what was handed in"),
        ("{context: /etc}", "not inside what was handed in"),
        ("{dockerfile: ../../../etc/passwd}", "not inside what was handed in"),
        ("{additional_contexts: {kit: ../../secret}}", "--subdir"),
        ("{additional_contexts: {kit: /}}", "not inside what was handed in"),
        ("{additional_contexts: {kit: missing}}", "not a folder"),
        ("{additional_contexts: {kit: 'https://example.org/x.git'}}", "not a folder"),
        ("{additional_contexts: {'--x': .}}", "cannot be a name"),
        ("{args: {'--volume': '/:/host'}}", "cannot be a name"),
        ("{target: '--volume=/:/host'}", "cannot be a name"),
        ("{dockerfile: None.Dockerfile}", "no file `None.Dockerfile`"),
    ],
)
async def test_nothing_outside_the_submission_is_built_from(
    tmp_path: Path, build: str, word: str
) -> None:
    """A compose file cannot name the machine's own folders, nor smuggle options in."""
    files = {
        "service/compose.yaml": f"services: {{api: {{build: {build}, command: ./serve}}}}",
        "service/Dockerfile": DOCKERFILE,
    }

    assert word in await _refused(tmp_path, files)


async def test_without_a_dockerfile_it_is_said_what_to_add(tmp_path: Path) -> None:
    """The message shows a Dockerfile and the way without one."""
    said = await _refused(tmp_path, {"service/Procfile": "web: ./serve\n"})

    assert "no Dockerfile" in said
    assert "CMD" in said
    assert "without `--driver podman`" in said


@pytest.mark.parametrize(
    ("log", "kind", "word"),
    [
        ('Error: building at STEP "RUN false": exit status 1', SubmissionError, "does not build"),
        (
            "Error: creating build container: x: image not known",
            InfrastructureError,
            "ACIDTEST_PULL",
        ),
        (
            "Error: initializing source docker://a/b: pinging container registry a: no such host",
            InfrastructureError,
            "could not be fetched",
        ),
        ("ERROR: pull access denied, repository does not exist", SubmissionError, "not to be had"),
        ("pip: Temporary failure in name resolution\nError: step", InfrastructureError, "network"),
        ("no such image\n" * 3 + "Error: exit status 2", SubmissionError, "does not build"),
    ],
)
def test_a_failed_image_build_has_an_owner(log: str, kind: type[AcidTestError], word: str) -> None:
    """Registries and networks are not the candidate's fault; steps and wrong names are."""
    error = of_image(log, 1)

    assert type(error) is kind
    assert word in str(error)


def test_an_unknown_pull_policy_is_named() -> None:
    """ACIDTEST_PULL has three words, and fetching what is missing is the usual one."""
    assert pull_policy({}) == "missing"
    assert pull_policy({"ACIDTEST_PULL": "never"}) == "never"
    with pytest.raises(UsageError, match="always, missing, never"):
        pull_policy({"ACIDTEST_PULL": "sometimes"})


@pytest.fixture
async def engine() -> ContainerDriver:
    """A container engine that has the image the reference service starts from."""
    reasons = []
    for driver in drivers():
        if not isinstance(driver, ContainerDriver):
            continue
        probe = await driver.probe()
        if not probe.ok:
            reasons.append(f"{driver.name}: {probe.reason}")
        elif (await driver.command("image", "inspect", BASE)).returncode:
            reasons.append(f"{driver.name}: has no image {BASE}")
        else:
            return driver
    pytest.skip("; ".join(reasons))


@pytest.mark.lab
@pytest.mark.timeout(900)
async def test_the_reference_is_graded_in_containers(
    engine: ContainerDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Book Review service's own image is built, migrated, started, judged and removed."""
    monkeypatch.setenv("ACIDTEST_PULL", "never")
    top = await asyncio.to_thread(
        subprocess.run,
        ["git", "rev-parse", "--show-toplevel"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    request = GradeRequest(
        source=top.stdout.strip(),
        subdirectory="services/book_reviews",
        problem="book-reviews",
        state=tmp_path / "state",
        driver=engine.name,
        only=("adding_a_book_answers_201",),
    )
    tmp_path.chmod(0o755)
    judgement = await grade(request, lambda _event: None)

    assert judgement.outcome is Outcome.JUDGED, judgement.message + judgement.log
    assert {result.status for result in judgement.results} == {Status.PASS}
    assert any("acidtest.toml says how" in note for note in judgement.submission.notes)
    left = await engine.command("images", "--quiet", "localhost/acidtest-submission")
    assert left.output.strip() == ""
