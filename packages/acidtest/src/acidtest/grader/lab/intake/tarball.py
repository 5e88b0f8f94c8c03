"""Tar archives, plain or compressed, read once from front to back and bounded at every step."""

import stat
import tarfile
from collections.abc import Iterator
from typing import IO, Self, cast

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.inflate import Inflated
from acidtest.grader.lab.intake.landing import CHUNK, Landing
from acidtest.grader.lab.intake.pathname import shown

_MOST_HEADER = 64 * 1024
"""Long names and pax records are read into memory whole; honest ones have a few hundred bytes."""
_HEADER_TYPES = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)


class _BoundedTarInfo(tarfile.TarInfo):
    """A tar member whose header cannot eat our memory, nor silently end the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read one header; damage is an error here, where tarfile would stop without a word."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            # The other two header errors are how tarfile notices the regular end.
            if type(error).__name__ in {"TruncatedHeaderError", "InvalidHeaderError"}:
                raise SubmissionError("the tar archive is damaged or cut short") from error
            raise
        if member.type in _HEADER_TYPES and member.size > _MOST_HEADER:
            raise SubmissionError(
                f"the tar archive has a header of {member.size} bytes; it was refused"
            )
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise SubmissionError(
                f"the entry `{shown(member.name)}` is a sparse file; repack it without --sparse"
            )
        return member


def unpack_tar(file: IO[bytes], compression: str, landing: Landing) -> None:
    """Unpack the tar archive in `file` into `landing`.

    Raises:
        SubmissionError: it is damaged, or an entry is refused.
    """
    stream = cast("IO[bytes]", Inflated(file, compression, landing.budget))
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_BoundedTarInfo) as archive:
            for member in archive:
                # tarfile keeps every member for random access, which a stream never needs.
                archive.members.clear()  # type: ignore[attr-defined] # documented nowhere, stable since 2.2
                _land_member(archive, member, landing)
    except (tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        raise SubmissionError(f"the tar archive is damaged: {shown(str(error))}") from error


def _land_member(archive: tarfile.TarFile, member: tarfile.TarInfo, landing: Landing) -> None:
    name = member.name
    if not landing.wants(name):
        return
    if member.isdir():
        landing.folder(name)
    elif member.issym():
        landing.link(name, member.linkname)
    elif member.islnk():
        landing.twin(name, member.linkname)
    elif member.isreg() and not member.issparse():
        content = archive.extractfile(member)
        if content is None:
            raise SubmissionError(f"the entry `{shown(name)}` has no content")
        executable = bool(member.mode & stat.S_IXUSR)
        landing.file(name, _chunks(content, member), executable=executable)
    else:
        raise SubmissionError(
            f"the entry `{shown(name)}` is neither a file, a folder nor a link; it was refused"
        )


def _chunks(content: IO[bytes], member: tarfile.TarInfo) -> Iterator[bytes]:
    left = member.size
    while left > 0:
        chunk = content.read(min(CHUNK, left))
        if not chunk:
            raise SubmissionError("the tar archive is damaged or cut short")
        left -= len(chunk)
        yield chunk
