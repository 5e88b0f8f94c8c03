"""Reading a submission's files to recognise it: bounded, inside its folder, never running."""

import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

_MOST_BYTES = 512 * 1024
"""Of any one file; source written by people is far below."""
_MOST_FILES = 2_000
_NOT_LOOKED_INTO = re.compile(
    r"^(\..*|node_modules|venv|env|__pycache__|tests?|__tests__|spec|e2e|docs?|examples?|dist|build"
    r"|coverage|static|public|site-packages)$"
)
_CODE = frozenset({".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".go"})
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


def decode(raw: bytes) -> str:
    """Return text of any usual encoding; Windows shells write requirement files in UTF-16."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if raw.startswith(mark)), "utf-8")
    return raw.decode(encoding, "replace")


class Sources:
    """The files of one service's folder, as text."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()

    def has(self, name: str) -> bool:
        """Say whether there is a plain file called `name` inside the folder."""
        return self._file(name) is not None

    def text(self, name: str) -> str | None:
        """Return the beginning of a file, or None when there is no such file in the folder."""
        path = self._file(name)
        if path is None:
            return None
        with path.open("rb") as file:
            return decode(file.read(_MOST_BYTES))

    def first(self, *names: str) -> str | None:
        """Return the first of `names` that is a file."""
        return next((name for name in names if self.has(name)), None)

    def matching(self, pattern: str) -> list[str]:
        """Return the files directly or deeper in the folder that a glob finds, in order."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.glob(pattern))
        return sorted(name for name in found if self.has(name))[:_MOST_FILES]

    @cached_property
    def code(self) -> dict[str, str]:
        """The program's own source files, path to text; tests and examples are not among them."""
        return {name: text for name in self._walk() if (text := self.text(name)) is not None}

    @cached_property
    def python(self) -> dict[str, str]:
        """The Python files of `code`."""
        return {name: text for name, text in self.code.items() if name.endswith(".py")}

    @cached_property
    def everything(self) -> str:
        """All source in one text, for questions that one search answers."""
        return "\n".join(self.code.values())

    def _file(self, name: str) -> Path | None:
        path = self.root / name
        try:
            real = path.resolve()
            return path if real.is_file() and real.is_relative_to(self._real) else None
        except (OSError, ValueError, RuntimeError):
            # Loops of links and names that no file system takes.
            return None

    def _walk(self) -> Iterator[str]:
        count = 0
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not _NOT_LOOKED_INTO.match(name))
            for file in sorted(files):
                if Path(file).suffix not in _CODE:
                    continue
                count += 1
                if count > _MOST_FILES:
                    return
                yield (Path(folder) / file).relative_to(self.root).as_posix()
