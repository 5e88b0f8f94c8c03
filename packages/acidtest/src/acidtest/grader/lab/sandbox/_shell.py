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
_TOKEN = re.compile(
    r"\\.|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$\(|[<>]&|&>|<<|&&|\|\||[;&|()\n`'\"]|(?:^|(?<=\s))\#",
    re.DOTALL,
)
"""What matters in a line: quoted pieces as wholes, redirections, and what ends a command."""
_SEPARATORS = frozenset(("&&", "||", ";", "&", "|", "\n"))
_OPAQUE = frozenset(("<<", "`", "'", '"', "#"))
"""Here-documents, old substitutions, unbalanced quotes, comments: left to the shell."""
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
DEFAULT_ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/home/app",
    "USER": "app",
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own, private and bounded
}


def replacing_shell(command: str) -> str:
    """Return `command` with `exec` before its last program, where that is safe; else unchanged."""
    begin = _last_command(command)
    if begin is None:
        return command
    head, last = command[:begin], command[begin:].strip()
    first = last.split(maxsplit=1)[0] if last else ""
    if _ASSIGNMENT.match(first):
        return f"{head} exec env {last}".lstrip() if _runs_program(last) else command
    if first in _SHELL_WORDS or not _WORD.fullmatch(first):
        return command
    return f"{head} exec {last}".lstrip()


def _last_command(line: str) -> int | None:
    """Return where the last command of `line` begins, or None where only a shell could tell."""
    begin, depth, end = 0, 0, ""
    for token in _TOKEN.finditer(line):
        text = token[0]
        depth += {"$(": 1, "(": 1, ")": -1}.get(text, 0)
        if depth < 0 or text in _OPAQUE or (text == "(" and depth == 1):
            return None
        if text in _SEPARATORS and depth == 0:
            begin, end = token.end(), text
    return None if end == "|" or depth else begin


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


def _runs_program(text: str) -> bool:
    """Whether a program, and no word of the shell's own, follows the assignments."""
    try:
        words = [word for word in shlex.split(text) if not _ASSIGNMENT.match(word)]
    except ValueError:
        return False
    return bool(words) and words[0] not in _SHELL_WORDS
