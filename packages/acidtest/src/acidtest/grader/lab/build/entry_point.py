"""Where a build really put what the start command runs.

TypeScript keeps the folder `src` in its output as soon as one compiled file lies beside it, so that
`node dist/main` names nothing while `dist/src/main.js` is there. Frameworks look in both places.
"""

import re
import shlex
from pathlib import Path, PurePosixPath

_RUNS = re.compile(r"node (?:\./)?((?:dist|build|out|lib)/[\w./-]{1,200})")
_SAID_BY = "package.json"


def other_entry(start: str, folder: Path, *, said_by: str) -> str | None:
    """Return a start command for what was built, where `start` names a file that was not.

    Only what was recognised is mended; a command that the submission gave us itself is its word.
    """
    named = _RUNS.fullmatch(start.strip())
    if said_by != _SAID_BY or named is None or ".." in named[1].split("/"):
        return None
    entry = PurePosixPath(named[1])
    if any((folder / f"{entry}{end}").is_file() for end in ("", ".js", "/index.js", ".cjs")):
        return None
    inner = PurePosixPath(entry.parts[0], "src", *entry.parts[1:]).with_suffix(".js")
    return f"node {shlex.quote(str(inner))}" if (folder / inner).is_file() else None
