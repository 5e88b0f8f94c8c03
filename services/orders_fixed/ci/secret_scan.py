"""Blocks a change that adds a secret in any of its commits; runs in CI and as a pre-push hook.

    CI_BASE=<commit before the change> CI_HEAD=<its last commit> python3 ci/secret_scan.py

Every commit is looked at, not only the sum: what is added and removed again stays in the history.
Needs Python and git, nothing else. Findings are shown without the secret.
"""

import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

GIT_SECONDS = 60
LONGEST_LINE = 20_000
RANDOM_ENOUGH = 3.2  # bits a character; words and identifiers stay below it

RULES = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "Google key": re.compile(r"\bAIza[\w-]{35}"),
    "Azure storage key": re.compile(r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{60,})"),
    "GitLab token": re.compile(r"\bgl(?:pat|dt|rt|cbt)-[\w-]{20,}"),
    "payment key": re.compile(r"\b(?:sk|rk)_live_[A-Za-z0-9]{16,}"),
    "webhook secret": re.compile(r"\bwhs(?:ec|k)_[A-Za-z0-9+/]{24,}={0,2}"),
    "chat token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "chat webhook": re.compile(r"hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    "mail key": re.compile(r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    "package token": re.compile(r"\b(?:npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,})"),
    "JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
}
PASSWORD_IN_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:([^\s/@'\"]+)@")
SETTING = re.compile(
    r"(?i)[\w.-]*(?:secret|passw(?:or)?d|passwd|pwd|token|api_?key|access_?key|private_?key)[\w.-]*"
    r"[\"']?\s*(?::=|=>|[:=])\s*[\"']?([^\s\"',;]{8,})"
)
# What stands for a secret and is none: a reference, a placeholder, code that fetches it.
STAND_IN = re.compile(r"[$<>{}()\[\]*]|(?i:example|change.?me|placeholder|your[_-]|xxxx|\bnone\b)")


class Added(NamedTuple):
    """A line that a commit adds."""

    commit: str
    path: str
    text: str


def main() -> int:
    """Print each finding with its place; return 1 if there is any, 2 if nothing could be read."""
    base, head = os.environ.get("CI_BASE", ""), os.environ.get("CI_HEAD", "HEAD")
    try:
        lines = list(added_lines(f"{base}..{head}" if base else head))
    except (OSError, subprocess.SubprocessError) as error:
        print(f"secret scan: the change cannot be read: {error}", file=sys.stderr)
        return 2
    findings = [(line, kind) for line in lines for kind in secrets_in(line.text)]
    for line, kind in findings:
        print(f"{line.path}: {kind} in commit {line.commit[:12]}")
    return 1 if findings else 0


def added_lines(span: str) -> Iterator[Added]:
    """Yield every line that any commit of `span` adds, merges compared with each parent."""
    run = subprocess.run(
        [
            *("git", "log", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "-m"),
            *("--no-renames", "--text", "--no-textconv", "--format=commit %H", span, "--"),
        ],
        check=True,
        capture_output=True,
        timeout=GIT_SECONDS,
    )
    commit = path = ""
    for raw in run.stdout.split(b"\n"):
        line = raw[:LONGEST_LINE].decode("utf-8", "replace")
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        elif line.startswith("+++ "):
            path = line.removeprefix("+++ ").removeprefix("b/")
        elif line.startswith("+"):
            yield Added(commit, path, line[1:])


def secrets_in(text: str) -> Iterator[str]:
    """Yield the kinds of secrets in a line."""
    found = [kind for kind, shape in RULES.items() if shape.search(text)]
    yield from found
    for match in PASSWORD_IN_ADDRESS.finditer(text):
        if not STAND_IN.search(match[1]) and match[1] not in {"password", "user", "PASSWORD"}:
            yield "password in an address"
    for match in SETTING.finditer(text) if not found else ():
        if not STAND_IN.search(match[1]) and bits(match[1]) >= RANDOM_ENOUGH:
            yield "secret in a setting"


def bits(text: str) -> float:
    """Return the entropy of `text` in bits a character; words with no digit count as half."""
    counts = Counter(text).values()
    entropy = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return entropy if any(character.isdigit() for character in text) else entropy / 2


if __name__ == "__main__":
    sys.exit(main())
