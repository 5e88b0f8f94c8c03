"""An archive as a source: told by its first bytes, never by its name."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.landing import CHUNK, Landing
from acidtest.grader.lab.intake.pathname import shown
from acidtest.grader.lab.intake.submission import MIB
from acidtest.grader.lab.intake.tarball import unpack_tar

_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf", "7z"),
)
_TAR_MAGIC_AT = 257
_ENCRYPTED = 0x1
_END_RECORD = b"PK\x05\x06"
_END_RECORD_BYTES = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_MOST_COMMENT = 65_535
_MOST_DIRECTORY = 12 * MIB
"""A zip's list of entries is read into memory at once; this bounds it."""
_MOST_TARGET = 4_096
"""Longest target of a symbolic link, as on Linux."""


def unpack(source: Path, landing: Landing) -> None:
    """Unpack the archive `source` into `landing`.

    Raises:
        SubmissionError: it is no archive we read, it is damaged, or an entry is refused.
    """
    size = source.stat().st_size
    limit = landing.budget.limits.archive_bytes
    if size > limit:
        raise SubmissionError(
            f"the archive has {size // MIB} MiB, more than {limit // MIB} MiB; "
            "hand in the source only"
        )
    landing.budget.source_bytes = size
    with source.open("rb") as file:
        kind = _kind_of(file)
        if kind == "zip":
            _unpack_zip(file, landing)
        else:
            unpack_tar(file, kind, landing)


def _kind_of(file: IO[bytes]) -> str:
    head = file.read(512)
    file.seek(0)
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    if kind is None and head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        kind = "tar"
    if kind is None:
        raise SubmissionError(
            "this file is not an archive we know; hand in a folder, .zip, .tar, .tar.gz, "
            ".tar.bz2, .tar.xz or a git repository"
        )
    if kind in {"zstd", "rar", "7z"}:
        raise SubmissionError(f"{kind} archives are not read; repack it as .tar.gz or .zip")
    return kind


def _unpack_zip(file: IO[bytes], landing: Landing) -> None:
    _check_directory_size(file)
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                _land_zip_entry(archive, entry, landing)
    except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
        raise SubmissionError(f"the zip archive is damaged: {shown(str(error))}") from error
    except (NotImplementedError, RuntimeError) as error:
        raise SubmissionError(f"the zip archive cannot be read: {shown(str(error))}") from error
    except Exception as error:
        # Decompressors raise classes of their own (zlib.error, lzma.LZMAError) for damaged data.
        if type(error).__module__ in {"zlib", "_lzma"}:
            raise SubmissionError(f"the zip archive is damaged: {shown(str(error))}") from error
        raise


def _check_directory_size(file: IO[bytes]) -> None:
    size = file.seek(0, 2)
    tail_bytes = min(size, _END_RECORD_BYTES + _MOST_COMMENT + _ZIP64_LOCATOR_BYTES)
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    file.seek(0)
    at = tail.rfind(_END_RECORD)
    if at < 0 or len(tail) < at + _END_RECORD_BYTES:
        raise SubmissionError("the zip archive is damaged or cut short: it has no end")
    directory_bytes = int.from_bytes(tail[at + 12 : at + 16], "little")
    locator = tail[max(0, at - _ZIP64_LOCATOR_BYTES) : at]
    if directory_bytes > _MOST_DIRECTORY or locator.startswith(_ZIP64_LOCATOR):
        raise SubmissionError(
            "the zip archive lists too many entries (or is of the 64-bit kind); "
            "hand in the source only"
        )


def _land_zip_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, landing: Landing) -> None:
    name = entry.orig_filename
    if not landing.wants(name):
        return
    if entry.flag_bits & _ENCRYPTED:
        raise SubmissionError(
            f"the entry `{shown(name)}` is encrypted; hand in an archive without a password"
        )
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if name.endswith("/") or kind == stat.S_IFDIR:
        landing.folder(name)
    elif kind == stat.S_IFLNK:
        with archive.open(entry) as content:
            landing.link(name, _target(content.read(_MOST_TARGET + 1), name))
    elif kind in {0, stat.S_IFREG}:
        with archive.open(entry) as content:
            landing.file(name, _chunks(content), executable=bool(mode & stat.S_IXUSR))
    else:
        raise SubmissionError(
            f"the entry `{shown(name)}` is neither a file, a folder nor a link; it was refused"
        )


def _target(raw: bytes, name: str) -> str:
    if len(raw) > _MOST_TARGET:
        raise SubmissionError(f"the link `{shown(name)}` has an endless target; it was refused")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise SubmissionError(f"the link `{shown(name)}` has a target not in UTF-8") from None


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(CHUNK):
        yield chunk
