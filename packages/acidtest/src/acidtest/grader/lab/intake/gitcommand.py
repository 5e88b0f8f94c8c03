"""Running git itself: our own empty repository, an allow-listed environment, hard bounds."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.core.git import git_command, git_environment
from acidtest.grader.lab.intake.budget import Budget
from acidtest.grader.lab.intake.landing import CHUNK
from acidtest.grader.lab.intake.submission import MIB

_PASSED_ON = (
    "PATH",
    "LANG",
    "SSH_AUTH_SOCK",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
)
_MOST_MEMORY_KIB = 2 * 1024 * 1024
_MOST_OUTPUT = 64 * MIB
_SETTINGS = (
    "core.symlinks=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "gc.auto=0",
    "safe.directory=*",
)


class Answer(NamedTuple):
    """What one git command said."""

    code: int
    stdout: bytes
    stderr: bytes


class Git:
    """Runs git in a repository of ours, optionally on the objects of somebody else's."""

    def __init__(self, home: Path, budget: Budget, *, objects: Path | None = None) -> None:
        self._home = home
        self._budget = budget
        self._program = _find_git()
        self._objects = objects
        home.mkdir(parents=True, exist_ok=True)

    def initialise(self, *, object_format: str = "sha1") -> None:
        """Make the empty repository that commands run in."""
        answer = self.run("init", "--quiet", "--bare", f"--object-format={object_format}", ".")
        if answer.code:
            raise InfrastructureError(f"git could not make a repository: {_text(answer.stderr)}")

    def run(self, *arguments: str) -> Answer:
        """Run one command to its end, within the deadline of the intake."""
        out, err = self._home / "stdout", self._home / "stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = self._start(arguments, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
            try:
                code = process.wait(timeout=max(0.1, self._budget.seconds_left))
            except subprocess.TimeoutExpired:
                raise SubmissionError(
                    f"git took longer than {self._budget.limits.seconds:g} s; "
                    "hand in a smaller repository or a folder"
                ) from None
            finally:
                _end(process)
        return Answer(code, _head(out, _MOST_OUTPUT), _head(err, CHUNK))

    @contextmanager
    def contents(self) -> Iterator["Contents"]:
        """Open a long-running reader of objects."""
        process = self._start(
            ("cat-file", "--batch"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # A pipe planted among the objects would make git, and so our read, wait for ever.
        alarm = threading.Timer(self._budget.seconds_left, process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            yield Contents(process, self._budget)
        finally:
            alarm.cancel()
            _end(process)

    def _start(
        self,
        arguments: tuple[str, ...],
        *,
        stdin: int,
        stdout: int | IO[bytes],
        stderr: int | IO[bytes],
    ) -> subprocess.Popen[bytes]:
        words = git_command(*arguments, program=self._program, settings=_SETTINGS)
        file_blocks = self._budget.limits.total_bytes // 512
        bounds = f'ulimit -v {_MOST_MEMORY_KIB} -f {file_blocks} 2>/dev/null; exec "$@"'
        return subprocess.Popen(
            ["/bin/sh", "-c", bounds, "sh", *words],
            cwd=self._home,
            env=self._environment(),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        env |= git_environment(self._home)
        env |= {
            "GIT_DIR": str(self._home),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": "file:https:ssh:git",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        if self._objects is not None and (self._home / "HEAD").exists():
            env["GIT_OBJECT_DIRECTORY"] = str(self._objects)
        return env


class Contents:
    """Reads objects one after another from one git process."""

    def __init__(self, process: subprocess.Popen[bytes], budget: Budget) -> None:
        self._process = process
        self._budget = budget

    def read(self, sha: str, *, at_most: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of one object in chunks; every one must be read to its end."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise InfrastructureError("git was started without pipes")
        try:
            stdin.write(f"{sha}\n".encode())
            stdin.flush()
        except BrokenPipeError:
            raise SubmissionError("the repository is damaged: git gave up reading it") from None
        size = _size_of(stdout.readline(1024))
        if size is None or (at_most is not None and size > at_most):
            raise SubmissionError(f"the repository is damaged: object {sha[:12]} is not readable")
        while size > 0:
            self._budget.tick()
            chunk = stdout.read(min(CHUNK, size))
            if not chunk:
                raise SubmissionError("the repository is damaged: git gave up reading it")
            size -= len(chunk)
            yield chunk
        stdout.read(1)


def _size_of(line: bytes) -> int | None:
    words = line.split()
    return int(words[2]) if len(words) == 3 and words[1] == b"blob" else None  # noqa: PLR2004 - hash, kind, size


def _find_git() -> str:
    program = shutil.which("git")
    if program is None:
        raise InfrastructureError(
            "git is not installed; install it, or hand in a folder or archive"
        )
    return program


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    process.wait()


def _head(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()
