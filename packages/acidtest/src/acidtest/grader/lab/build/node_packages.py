"""A Node submission's packages: installed by npm inside the sandbox, kept, and copied into place.

They are copied and not mounted: a program's own build may write into node_modules, and what one
submission writes must not reach the next.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.build.failure import looks_like_the_network, of_command, of_installing
from acidtest.grader.lab.build.python_environment import Environment
from acidtest.grader.lab.build.store import Store, key_of
from acidtest.grader.lab.build.toolchains import Tool, find_node, version_of
from acidtest.grader.lab.build.workshop import Result, Step, Workshop
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.recipe import NodeBuild
from acidtest.grader.lab.sandbox import Mount

_MODULES = "node_modules"
_FILES = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    ".npmrc",
)
_SCRATCH = "/scratch"
_OPTIONS = "--no-audit --no-fund --no-update-notifier --loglevel=warn"


async def node_environment(
    submission: Submission, plan: NodeBuild, *, tree: Path, workshop: Workshop, store: Store
) -> Environment:
    """Put the packages of a Node submission into `tree`, compile it, and say how to run it."""
    node = find_node()
    installer = _Installer(submission, plan, tree, node, workshop)
    cached = False
    if plan.dependencies:
        key = key_of(
            "node",
            node.program,
            await version_of(node),
            str(workshop.isolated),
            *installer.identity(),
        )
        kept = await store.get(key, installer.make, deadline=workshop.seconds_left)
        cached = kept.cached
        installer.place(kept.path)
    if plan.build_script:
        await installer.compile(plan.build_script)
    return Environment(
        mounts=node.mounts,
        path=(f"{installer.cwd}/{_MODULES}/.bin", node.folder),
        # Colours of a terminal that is not there only make its log hard to read.
        env={"NODE_ENV": "production", "NO_COLOR": "1"},
        notes=tuple(installer.notes),
        cached=cached,
    )


class _Installer:
    """Runs npm for one submission."""

    def __init__(
        self, submission: Submission, plan: NodeBuild, tree: Path, node: Tool, workshop: Workshop
    ) -> None:
        inner = submission.subdirectory
        self.cwd = "/app" if inner == "." else f"/app/{inner}"
        self.notes: list[str] = []
        self._plan = plan
        self._before = submission.committed_at
        self._digest = submission.digest
        self._tree = tree
        self._folder = tree / inner
        self._node = node
        self._workshop = workshop

    def identity(self) -> list[str]:
        """Return everything the installed packages depend on."""
        texts = [
            f"{name}\0{path.read_bytes().decode('latin-1')}"
            for name in _FILES
            if (path := self._folder / name).is_file()
        ]
        # Workspaces, local packages and install scripts may read any file of the submission.
        package = (self._folder / "package.json").read_text("utf-8", "replace")
        reads_more = any(
            word in package for word in ('"workspaces"', '"file:', '"link:', "install", "prisma")
        )
        today = datetime.now(UTC).date().isoformat()
        before = self._before.isoformat() if self._before else today
        return [before, self.cwd, self._digest if reads_more else "", *texts]

    async def make(self, content: Path) -> None:
        """Install into the tree, and keep the result in `content`."""
        scratch = content / "scratch"
        scratch.mkdir()
        result = await self._install(scratch)
        shutil.rmtree(scratch, ignore_errors=True)
        if result.code:
            raise of_installing(result.log, result.code)
        self._check_unmoved()
        modules = self._folder / _MODULES
        if modules.is_dir() and not modules.is_symlink():
            shutil.move(modules, content / _MODULES)
        (content / "notes").write_text("\n".join(self.notes), "utf-8")

    def place(self, content: Path) -> None:
        """Copy kept packages into the tree."""
        source, target = content / _MODULES, self._folder / _MODULES
        if source.is_dir() and not target.exists():
            shutil.copytree(source, target, symlinks=True)
        self.notes = (content / "notes").read_text("utf-8").splitlines()

    def _check_unmoved(self) -> None:
        # Install scripts may write the tree; a link in place of a folder must not lead us out.
        wanted = self._tree.resolve() / self._folder.relative_to(self._tree)
        if self._folder.resolve() != wanted or not self._folder.is_dir():
            raise SubmissionError("its install scripts moved the service's folder away")

    async def compile(self, script: str) -> None:
        """Run the package's own build script."""
        command = f"npm run {script}"
        result = await self._run("compile", command, None)
        if result.code:
            raise of_command(command, result.log, result.code)

    async def _install(self, scratch: Path) -> Result:
        if self._plan.manager == "npm" and self._plan.lock:
            result = await self._run("install", f"npm ci {_OPTIONS}", scratch)
            if result.code == 0 or looks_like_the_network(result.log):
                return result
            self.notes.append(f"{self._plan.lock} does not fit package.json; npm install was used")
        elif self._plan.lock:
            self.notes.append(f"{self._plan.manager} is not used here; npm installed its packages")
        install = f"npm install --no-package-lock {_OPTIONS}"
        if self._before is not None:
            dated = f"{install} --before {self._before:%Y-%m-%dT%H:%M:%SZ}"
            result = await self._run("install", dated, scratch)
            if result.code == 0 or looks_like_the_network(result.log):
                return result
            self.notes.append(
                "the dependencies do not resolve as of the submission's date; today's were used"
            )
        return await self._run("install", install, scratch)

    async def _run(self, name: str, command: str, scratch: Path | None) -> Result:
        mounts = [Mount(source=self._tree, target="/app", writable=True), *self._node.mounts]
        if scratch is not None:
            mounts.append(Mount(source=scratch, target=_SCRATCH, writable=True))
        path = f"{self.cwd}/{_MODULES}/.bin:{self._node.folder}:/usr/local/bin:/usr/bin:/bin"
        env = {"PATH": path, "CI": "1", "NODE_OPTIONS": "--max-old-space-size=1536"}
        if scratch is not None:
            env |= {"npm_config_cache": f"{_SCRATCH}/npm", "npm_config_include": "dev"}
        return await self._workshop.run(Step(f"node-{name}", command, self.cwd, env, tuple(mounts)))
