"""The shell lines a program is started with, arranged so that signals reach the program.

A shell that waits for its last command swallows SIGTERM, and a service that was never told to stop
would be judged for not stopping. So the last command of a line replaces its shell where that cannot
change the line's meaning.
"""

import re
import shlex
from collections.abc import Mapping

from acidtest.core.errors import SubmissionError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_WORD = re.compile(r"[A-Za-z0-9_./@+-]+")
# Replacing the shell by one of these would fail, or lose what it does to the shell.
_SHELL_WORDS = frozenset(
    (
        *(".", ":", "[", "alias", "bg", "break", "case", "cd", "command", "continue", "do", "done"),
        *("elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fg", "fi", "for"),
        *("function", "getopts", "hash", "if", "in", "jobs", "local", "printf", "pwd", "read"),
        *("readonly", "return", "set", "shift", "source", "test", "then", "time", "times", "trap"),
        *("true", "type", "ulimit", "umask", "unalias", "unset", "until", "wait", "while"),
    )
)
_OPERATORS = frozenset(";|&()<>\n`")

DEFAULT_ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/home/app",
    "USER": "app",
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own, private and bounded
}


def replacing_shell(command: str) -> str:
    """Return `command` with `exec` before its last program, where that is safe; else unchanged."""
    head, operator, last = command.rpartition("&&")
    stripped = last.strip()
    if "<<" in command or any(char in _OPERATORS for char in head.replace("&&", "")):
        return command
    if _quoted(head) or any(char in _OPERATORS - set("<>") for char in stripped):
        return command
    first = stripped.split(maxsplit=1)[0] if stripped else ""
    if first in _SHELL_WORDS:
        return command
    if _ASSIGNMENT.match(first):
        return f"{head}{operator} exec env {stripped}".lstrip() if _plain(stripped) else command
    if not _WORD.fullmatch(first):
        return command
    return f"{head}{operator} exec {stripped}".lstrip()


def start_script(command: str, *, cwd: str, env: Mapping[str, str]) -> str:
    """Return a script that runs `command` in `cwd` with no other environment than `env`."""
    values = [f"{name}={value}" for name, value in checked_env(env).items()]
    inner = shlex.join(["/usr/bin/env", "-i", *values, "/bin/sh", "-c", replacing_shell(command)])
    return f"cd -- {shlex.quote(cwd)} || exit 126\nexec {inner}\n"


def checked_env(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` over the defaults.

    Raises:
        SubmissionError: a name or value cannot be part of an environment.
    """
    for name, value in env.items():
        if not _NAME.fullmatch(name):
            raise SubmissionError(f"{name!r} cannot be the name of an environment variable.")
        if "\0" in value:
            raise SubmissionError(f"The environment variable {name} holds a NUL byte.")
    return {**DEFAULT_ENV, **env}


def _quoted(text: str) -> bool:
    """Whether a `&&` after `text` may lie inside quotes."""
    return text.count("'") % 2 == 1 or text.count('"') % 2 == 1 or text.endswith("\\")


def _plain(text: str) -> bool:
    """Whether a program, and no word of the shell's own, follows the assignments."""
    try:
        words = [word for word in shlex.split(text) if not _ASSIGNMENT.match(word)]
    except ValueError:
        return False
    return bool(words) and words[0] not in _SHELL_WORDS
