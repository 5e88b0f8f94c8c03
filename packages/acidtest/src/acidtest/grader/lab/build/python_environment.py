"""A Python submission's environment: a virtual environment at /env/python, built by uv."""

import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from acidtest.grader.lab.build.failure import looks_like_the_network, of_installing
from acidtest.grader.lab.build.local_packages import fingerprint_of_folders
from acidtest.grader.lab.build.own_imports import append_command, hidden_by
from acidtest.grader.lab.build.requirements import (
    mended,
    of_pipfile,
    of_poetry,
    pins_of_lock,
    read_requirements,
    read_toml,
    with_binary_driver,
)
from acidtest.grader.lab.build.store import Store, key_of
from acidtest.grader.lab.build.toolchains import Interpreter, Tool, find_python, find_uv
from acidtest.grader.lab.build.workshop import Result, Step, Workshop
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.recipe import PythonBuild
from acidtest.grader.lab.sandbox import Mount

ENV = "/env"
_VENV = f"{ENV}/python"
_INSIDE = "env"
"""What a build may write to; our own notes lie beside it, where nobody can plant a link."""
_WORK = f"{ENV}/.work"
_CACHE = f"{ENV}/.cache"
_OURS = ".acidtest-requirements.txt"
_PINS = ".acidtest-constraints.txt"
_FILES = (
    "requirements*.txt",
    "requirements/*.txt",
    "constraints*.txt",
    "pyproject.toml",
    "uv.toml",
    "*.lock",
)
_NEEDS_TREE = ("setup",)
"""Kinds that install the submission itself."""
_MISSING_PG_CONFIG = "pg_config"


class Environment(NamedTuple):
    """A ready environment for one language."""

    mounts: tuple[Mount, ...]
    path: tuple[str, ...]
    env: dict[str, str]
    notes: tuple[str, ...]
    cached: bool


class _Plan(NamedTuple):
    build: PythonBuild
    tree: Path
    """The build's copy of the submission's tree; we may write into it."""
    cwd: str
    folder: Path
    """The service's folder in `tree`."""
    before: datetime | None

    @property
    def imports(self) -> list[str]:
        """The folders that must be importable, as the service sees them."""
        return [f"{self.cwd}/{path}".removesuffix("/.") for path in self.build.import_paths]


async def python_environment(
    submission: Submission,
    plan: PythonBuild,
    *,
    tree: Path,
    workshop: Workshop,
    store: Store,
    seed: bool = False,
) -> Environment:
    """Return the environment of a Python submission, built or found ready.

    Args:
        submission: what came in; its date and digest decide what is built.
        plan: what to install.
        tree: the build's own copy of the submission, mended in place where installers need it.
        workshop: where steps run.
        store: where finished environments are kept.
        seed: whether pip is wanted too, because the submission's own commands call it.
    """
    interpreter = await find_python(plan.requires_python)
    inner = submission.subdirectory
    cwd = "/app" if inner == "." else f"/app/{inner}"
    here = _Plan(plan, tree, cwd, tree / inner, submission.committed_at)
    notes = [*_prepare(here), *([interpreter.note] if interpreter.note else [])]
    maker = _Maker(here, interpreter, workshop, seed=seed)
    kept = await store.get(
        _key(submission, here, interpreter.tool, seed=seed, isolated=workshop.isolated),
        maker.make,
        deadline=workshop.seconds_left,
    )
    notes += _notes_of(kept.path)
    installed = kept.path / _INSIDE / "python"
    hidden = {
        name for path in plan.import_paths for name in hidden_by(here.folder / path, installed)
    }
    # Where a folder would hide a dependency it stays at the end of the path, as for everybody.
    first = {} if hidden else {"PYTHONPATH": ":".join(here.imports)}
    return Environment(
        mounts=(Mount(source=kept.path / _INSIDE, target=ENV), *interpreter.tool.mounts),
        path=(f"{_VENV}/bin",),
        env={
            "VIRTUAL_ENV": _VENV,
            "PYTHONUNBUFFERED": "1",
            **first,
        },
        notes=tuple(notes),
        cached=kept.cached,
    )


def _key(submission: Submission, here: _Plan, python: Tool, *, seed: bool, isolated: bool) -> str:
    files = sorted({path for pattern in _FILES for path in here.tree.rglob(pattern)})
    texts = [
        f"{path.relative_to(here.tree)}\0{path.read_bytes().decode('latin-1')}"
        for path in files
        if path.is_file() and not path.is_symlink()
    ]
    before = here.before.isoformat() if here.before else datetime.now(UTC).date().isoformat()
    return key_of(
        "python",
        python.program,
        python.version,
        before,
        here.build.model_dump_json(),
        here.cwd,
        str(seed),
        str(isolated),
        _own_code(submission, here),
        *texts,
    )


def _own_code(submission: Submission, here: _Plan) -> str:
    if here.build.install_project or here.build.kind in _NEEDS_TREE:
        return submission.digest
    names = [_OURS] if here.build.kind in {"poetry", "pipfile"} else here.build.files
    start = [here.folder / name for name in (*names, *here.build.files)]
    start += [path for path in (here.folder / "pyproject.toml",) if path.is_file()]
    found = fingerprint_of_folders(
        [path for path in start if path.is_file()], cwd=here.folder, tree=here.tree
    )
    return submission.digest if found is None else found


def _prepare(here: _Plan) -> list[str]:
    build, folder = here.build, here.folder
    if build.lock and build.kind in {"poetry", "pdm", "pipfile"}:
        (folder / _PINS).write_text("\n".join(pins_of_lock(folder / build.lock)) + "\n")
    if build.kind == "poetry":
        lines = of_poetry(read_toml(folder / "pyproject.toml"))
        (folder / _OURS).write_text("\n".join(lines) + "\n")
    elif build.kind == "pipfile":
        lines = of_pipfile(read_toml(folder / "Pipfile"))
        (folder / _OURS).write_text("\n".join(lines) + "\n")
    elif build.kind == "requirements":
        return list(_mend_files(here))
    return []


def _mend_files(here: _Plan) -> Iterator[str]:
    for path in sorted(here.tree.rglob("requirements*.txt")):
        if path.is_symlink() or not path.is_file():
            continue
        raw, text = path.read_bytes(), read_requirements(path)
        name = path.relative_to(here.folder) if path.is_relative_to(here.folder) else path.name
        if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            yield f"{name} is written in UTF-16; it was read all the same"
        path.write_text(mended(text), "utf-8")


def _notes_of(content: Path) -> list[str]:
    notes = content / "notes"
    return notes.read_text("utf-8").splitlines() if notes.is_file() else []


class _Maker:
    """Makes one environment, once; what it finds out is kept with the environment."""

    def __init__(
        self, here: _Plan, interpreter: Interpreter, workshop: Workshop, *, seed: bool
    ) -> None:
        self._here = here
        self._python = interpreter.tool
        self._workshop = workshop
        self._uv = find_uv()
        self._seed = seed
        self._notes: list[str] = []

    async def make(self, content: Path) -> None:
        """Build the environment in the folder `content`."""
        (content / _INSIDE / ".work").mkdir(parents=True)
        seed = " --seed" if self._seed else ""
        python = shlex.quote(self._python.program)
        result = await self._run(
            content,
            "venv",
            f"{self._uv.program} venv -q --relocatable{seed} --python {python} {_VENV}",
        )
        if result.code:
            raise of_installing(result.log, result.code)
        await self._install(content)
        if self._here.build.install_project:
            await self._install_project(content)
        if self._here.imports:
            await self._run(content, "folders", append_command(_VENV, self._here.imports))
        (content / "notes").write_text("\n".join(self._notes), "utf-8")
        for left in (".work", ".cache"):
            shutil.rmtree(content / _INSIDE / left, ignore_errors=True)

    async def _install(self, content: Path) -> None:
        wanted = self._wanted()
        if not wanted:
            return
        dated = self._here.before is not None and self._here.build.lock is None
        result = await self._attempt(content, wanted, dated=dated)
        if result.code and _MISSING_PG_CONFIG in result.log and self._use_binary_driver():
            self._notes.append("psycopg2 needs a compiler here; psycopg2-binary was used instead")
            result = await self._attempt(content, wanted, dated=dated)
        if result.code and dated and not looks_like_the_network(result.log):
            result = await self._attempt(content, wanted, dated=False)
            self._notes.append(
                "the dependencies do not resolve as of the submission's date; today's were used"
            )
        if result.code:
            raise of_installing(result.log, result.code)

    async def _attempt(self, content: Path, wanted: str, *, dated: bool) -> Result:
        before = self._here.before
        limit = f" --exclude-newer {before:%Y-%m-%dT%H:%M:%SZ}" if dated and before else ""
        command = (
            f"{self._export()}{self._uv.program} pip install --no-editable --compile-bytecode"
            f" --python {_VENV}/bin/python{limit} {wanted}"
        )
        return await self._run(content, "install", command)

    def _wanted(self) -> str:
        build = self._here.build
        added = [shlex.quote(name) for name in build.added]
        pins = (self._here.folder / _PINS).exists()
        match build.kind:
            case "requirements":
                files = [f"-r {shlex.quote(file)}" for file in build.files]
            case "uv":
                files = [f"-r {_WORK}/locked.txt"]
            case "poetry" | "pipfile":
                files = [f"-r {_OURS}"] if self._poetry_lines() else ["-r pyproject.toml"]
            case "pdm" | "pyproject":
                files = ["-r pyproject.toml"]
            case "setup":
                files = ["."]
            case _:
                files = []
        return " ".join([*files, *([f"-c {_PINS}"] if pins else []), *added])

    def _poetry_lines(self) -> bool:
        # Newer poetry projects name their dependencies in the standard table.
        project = read_toml(self._here.folder / "pyproject.toml")
        return self._here.build.kind == "pipfile" or "dependencies" not in project.get(
            "project", {}
        )

    def _export(self) -> str:
        if self._here.build.kind != "uv":
            return ""
        options = "--frozen --no-dev --no-emit-project --no-editable --no-hashes --no-header -q"
        python = f"--python {_VENV}/bin/python"
        return f"{self._uv.program} export {options} {python} -o {_WORK}/locked.txt >/dev/null && "

    def _use_binary_driver(self) -> bool:
        changed = False
        for file in (*self._here.build.files, _OURS):
            path = self._here.folder / file
            text = with_binary_driver(read_requirements(path)) if path.is_file() else None
            if text is not None and path.suffix == ".txt":
                path.write_text(text, "utf-8")
                changed = True
        return changed

    async def _install_project(self, content: Path) -> None:
        command = f"{self._uv.program} pip install --no-deps --python {_VENV}/bin/python ."
        result = await self._run(content, "project", command)
        if result.code:
            self._notes.append(
                "the project itself does not install as a package; it runs from source"
            )

    async def _run(self, content: Path, name: str, command: str) -> Result:
        return await self._workshop.run(
            Step(
                name=f"python-{name}",
                command=command,
                cwd=self._here.cwd,
                env={
                    "PATH": f"{_VENV}/bin:/usr/local/bin:/usr/bin:/bin",
                    "UV_CACHE_DIR": _CACHE,
                    "UV_PYTHON_DOWNLOADS": "never",
                    "UV_NO_PROGRESS": "1",
                    "UV_CONCURRENT_BUILDS": "2",
                    "GIT_TERMINAL_PROMPT": "0",
                    "XDG_CACHE_HOME": _CACHE,
                },
                mounts=(
                    Mount(source=content / _INSIDE, target=ENV, writable=True),
                    *self._python.mounts,
                    *self._uv.mounts,
                ),
                layered=self._here.tree,
            )
        )
