import io
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake import IntakeLimits, Submission, take_in

MIB = 1024 * 1024
Fill = Callable[[tarfile.TarFile], None]


def _zip(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def _zip_mode(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = mode << 16
    return entry


def _member(name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member


def _tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload] # the mode is the example
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


async def _refusal(source: Path, tmp_path: Path, limits: IntakeLimits | None = None) -> str:
    with pytest.raises(SubmissionError) as caught:
        await take_in(str(source), tmp_path / "copy", limits=limits)
    assert not (tmp_path / "copy").exists()
    return str(caught.value)


async def _taken(source: Path, tmp_path: Path) -> Submission:
    return await take_in(str(source), tmp_path / "copy")


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "C:/evil",
        "c:evil",
        "..\\evil",
        "a\\b",
        "a\nb",
    ],
)
async def test_a_zip_entry_that_leads_out_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """A zip entry with `..`, an absolute path, a drive or a backslash is refused and named."""
    message = await _refusal(_zip(tmp_path / "a.zip", ("ok.py", b""), (name, b"x")), tmp_path)

    assert ascii(name)[1:-1] in message
    assert not list(tmp_path.rglob("evil"))
    assert not (tmp_path.parent / "evil").exists()
    assert not Path("/etc/evil").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\evil"])
async def test_a_tar_entry_that_leads_out_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """A tar entry with `..`, an absolute path or a backslash is refused and named."""
    source = _tar(tmp_path / "a.tar", (_member("ok.py"), b""), (_member(name), b"x"))

    assert "evil" in await _refusal(source, tmp_path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "a/../../x", ""])
async def test_a_link_that_leaves_an_archive_is_refused(tmp_path: Path, target: str) -> None:
    """A symbolic link to anywhere outside the archive is refused and named."""
    source = _tar(tmp_path / "a.tar", (_member("sly", tarfile.SYMTYPE, target=target), b""))

    assert "`sly`" in await _refusal(source, tmp_path)


async def test_a_link_that_leaves_by_another_link_is_refused(tmp_path: Path) -> None:
    """Two links, each harmless alone, that lead out together are refused."""
    source = _tar(
        tmp_path / "a.tar",
        (_member("deep/down/file"), b"x"),
        (_member("a", tarfile.SYMTYPE, target="deep/down"), b""),
        (_member("b", tarfile.SYMTYPE, target="a/../../.."), b""),
    )

    assert "`b`" in await _refusal(source, tmp_path)


async def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A file whose folder is a link made before it is refused, wherever the link leads."""
    source = _tar(
        tmp_path / "a.tar",
        (_member("real/file"), b"x"),
        (_member("sly", tarfile.SYMTYPE, target="real"), b""),
        (_member("sly/through"), b"x"),
    )

    assert "`sly/through` goes through `sly`" in await _refusal(source, tmp_path)


async def test_a_link_inside_the_archive_is_kept(tmp_path: Path) -> None:
    """A symbolic link that stays inside the submission is still a link in the copy."""
    taken = await _taken(
        _tar(
            tmp_path / "a.tar",
            (_member("real.py"), b"x"),
            (_member("alias.py", tarfile.SYMTYPE, target="real.py"), b""),
        ),
        tmp_path,
    )

    assert (taken.root / "alias.py").is_symlink()
    assert (taken.root / "alias.py").read_bytes() == b"x"


async def test_a_zip_may_carry_links_too_and_they_are_judged_alike(tmp_path: Path) -> None:
    """A link in a zip that leaves it is refused."""
    source = _zip(tmp_path / "a.zip", (_zip_mode("sly", stat.S_IFLNK | 0o777), b"../../x"))

    assert "`sly`" in await _refusal(source, tmp_path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "later", "nowhere"])
async def test_a_hard_link_to_no_earlier_file_is_refused(tmp_path: Path, target: str) -> None:
    """A hard link may only name a file that came before it in the same archive."""
    source = _tar(
        tmp_path / "a.tar",
        (_member("sly", tarfile.LNKTYPE, target=target), b""),
        (_member("later"), b"x"),
    )

    message = await _refusal(source, tmp_path)

    assert "`sly`" in message or f"`{target}`" in message


async def test_a_hard_link_inside_becomes_a_copy(tmp_path: Path) -> None:
    """A hard link to an earlier file is a file of its own with the same bytes."""
    source = _tar(
        tmp_path / "a.tar",
        (_member("one"), b"same"),
        (_member("two", tarfile.LNKTYPE, target="one"), b""),
    )
    taken = await _taken(source, tmp_path)

    assert (taken.root / "two").read_bytes() == b"same"
    assert (taken.root / "two").stat().st_nlink == 1


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
async def test_devices_and_pipes_are_refused(tmp_path: Path, kind: bytes) -> None:
    """A device or a pipe in an archive is refused and named."""
    assert "`odd`" in await _refusal(
        _tar(tmp_path / "a.tar", (_member("odd", kind), b"")), tmp_path
    )


async def test_a_zip_cannot_carry_a_pipe(tmp_path: Path) -> None:
    """A zip entry whose mode says pipe is refused."""
    source = _zip(tmp_path / "a.zip", (_zip_mode("odd", stat.S_IFIFO | 0o644), b""))

    assert "`odd`" in await _refusal(source, tmp_path)


async def test_a_zip_bomb_is_noticed_by_its_ratio(tmp_path: Path) -> None:
    """Forty megabytes of zeros in a forty-kilobyte zip are refused as a bomb."""
    source = _zip(tmp_path / "a.zip", ("zeros", bytes(40 * MIB)))

    assert "zip bomb" in await _refusal(source, tmp_path)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
async def test_a_tar_bomb_is_noticed_even_in_what_is_left_out(tmp_path: Path, mode: str) -> None:
    """A compressed tar bomb hidden in a folder that is not kept is still refused."""
    source = _tar(tmp_path / "a", (_member("node_modules/zeros"), bytes(40 * MIB)), mode=mode)

    assert "zip bomb" in await _refusal(source, tmp_path)


async def test_sizes_are_counted_and_not_believed(tmp_path: Path) -> None:
    """A zip whose headers understate a file's size ends in a refusal, not in a full disk."""
    source = _zip(tmp_path / "a.zip", ("big", random.Random(1).randbytes(3 * MIB)))
    raw = source.read_bytes().replace(struct.pack("<I", 3 * MIB), struct.pack("<I", 10))
    source.write_bytes(raw)

    await _refusal(source, tmp_path, IntakeLimits(file_bytes=MIB))


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (IntakeLimits(total_bytes=1000), "in all"),
        (IntakeLimits(file_bytes=100), "larger"),
        (IntakeLimits(entries=5), "more than 5"),
        (IntakeLimits(depth=3), "folders deep"),
        (IntakeLimits(name_bytes=20), "longer than 20"),
        (IntakeLimits(path_bytes=30), "longer than 30"),
        (IntakeLimits(archive_bytes=100), "archive has"),
        (IntakeLimits(seconds=1e-9), "longer than"),
    ],
)
async def test_every_limit_is_kept(tmp_path: Path, limits: IntakeLimits, word: str) -> None:
    """Each limit of intake, crossed alone, is a refusal that says which one it was."""
    source = _zip(
        tmp_path / "a.zip",
        ("a/b/c/d/e", b"x"),
        ("n" * 31, b"x"),
        *((f"file-{i}", b"y" * 200) for i in range(8)),
    )

    assert word in await _refusal(source, tmp_path, limits)


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    """An archive with the same file twice is refused: tools disagree on which one counts."""
    assert "twice" in await _refusal(
        _zip(tmp_path / "a.zip", ("main.py", b"1"), ("./main.py", b"2")), tmp_path
    )


async def test_names_that_differ_in_case_only_are_said(tmp_path: Path) -> None:
    """Two names that collide on other systems are kept and noted."""
    taken = await _taken(_zip(tmp_path / "a.zip", ("App.py", b"1"), ("app.py", b"2")), tmp_path)

    assert any("differ only in case" in note for note in taken.notes)


async def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    """An entry with a password is refused and named."""
    source = _zip(tmp_path / "a.zip", ("secret.py", b"x"))
    raw = bytearray(source.read_bytes())
    raw[raw.find(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(raw)

    assert "encrypted" in await _refusal(source, tmp_path)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
async def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path, ending: str) -> None:
    """Half of an archive of any kind is refused as damaged."""
    content = random.Random(2).randbytes(200_000)
    source = tmp_path / f"a.{ending}"
    if ending == "zip":
        _zip(source, ("data", content), ("more", content))
    else:
        _tar(source, (_member("data"), content), mode=f"w:{ending[4:]}")
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])

    message = await _refusal(source, tmp_path)

    assert "damaged" in message or "cut short" in message


async def test_damage_in_the_middle_of_a_tar_is_not_its_end(tmp_path: Path) -> None:
    """A tar with a broken header after its first file is refused, not taken for a short one."""
    source = _tar(tmp_path / "a.tar", (_member("one"), b"1"), (_member("two"), b"2"))
    raw = bytearray(source.read_bytes())
    raw[1024:1034] = b"\xff" * 10
    source.write_bytes(raw)

    assert "damaged" in await _refusal(source, tmp_path)


async def test_an_archive_inside_itself_is_only_a_file(tmp_path: Path) -> None:
    """Archives inside an archive are not unpacked, so one that contains itself ends here."""
    inner = _zip(tmp_path / "inner.zip", ("x", b"x")).read_bytes()
    taken = await _taken(_zip(tmp_path / "a.zip", ("inner.zip", inner), ("b", b"")), tmp_path)

    assert (taken.root / "inner.zip").read_bytes() == inner


async def test_a_tar_header_cannot_eat_our_memory(tmp_path: Path) -> None:
    """A long-name record of eight mebibytes is refused before it is read."""
    source = _tar(
        tmp_path / "a.tar.gz",
        (_member("././@LongLink", tarfile.GNUTYPE_LONGNAME), b"n" * (8 * MIB)),
        (_member("x"), b""),
        mode="w:gz",
    )

    assert "header" in await _refusal(source, tmp_path)


async def test_a_zip_cannot_list_more_than_we_read_into_memory(tmp_path: Path) -> None:
    """A zip that declares a huge directory is refused before it is read."""
    source = _zip(tmp_path / "a.zip", ("x", b"x"))
    raw = bytearray(source.read_bytes())
    at = raw.rfind(b"PK\x05\x06")
    raw[at + 12 : at + 16] = struct.pack("<I", 64 * MIB)
    source.write_bytes(raw)

    assert "too many entries" in await _refusal(source, tmp_path)


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"Rar!\x1a\x07", "rar"),
        (b"7z\xbc\xaf\x27", "7z"),
        (b"just some text", "not an archive we know"),
        (b"", "not an archive we know"),
    ],
)
async def test_what_is_not_read_is_said_so(tmp_path: Path, head: bytes, word: str) -> None:
    """A file that is no archive we read is refused with what would be accepted."""
    (tmp_path / "a.zip").write_bytes(head)

    assert word in await _refusal(tmp_path / "a.zip", tmp_path)


async def test_the_kind_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    """A tar.gz called .zip is unpacked all the same."""
    source = _tar(tmp_path / "a.zip", (_member("main.py"), b"x"), mode="w:gz")

    assert ((await _taken(source, tmp_path)).root / "main.py").exists()


async def test_a_single_top_folder_is_entered(tmp_path: Path) -> None:
    """An archive of one folder is that folder, and it has a label from the archive's name."""
    source = _zip(tmp_path / "my-service.zip", ("top/main.py", b"x"), ("top/a/b.py", b"y"))
    taken = await _taken(source, tmp_path)

    assert taken.root == taken.tree
    assert (taken.root / "main.py").read_bytes() == b"x"
    assert taken.label == "my-service"


async def test_programs_stay_programs_and_set_uid_goes(tmp_path: Path) -> None:
    """The executable bit survives; every other special bit is gone."""
    script = _member("run.sh")
    script.mode = 0o6755
    taken = await _taken(_tar(tmp_path / "a.tar", (script, b"#!"), (_member("b"), b"")), tmp_path)

    assert stat.S_IMODE((taken.root / "run.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((taken.root / "b").stat().st_mode) == 0o644


async def test_a_virtual_environment_of_any_name_is_left_out(tmp_path: Path) -> None:
    """A folder that carries pyvenv.cfg does not come along, and that is said."""
    source = _zip(tmp_path / "a.zip", ("env/pyvenv.cfg", b""), ("env/lib/x.py", b""), ("m.py", b""))
    taken = await _taken(source, tmp_path)

    assert not (taken.root / "env").exists()
    assert any("virtual environment" in note for note in taken.notes)


async def test_one_content_has_one_digest(tmp_path: Path) -> None:
    """The same files give the same digest from a zip and a tar, and another one when changed."""
    zipped = _zip(tmp_path / "a.zip", ("x/a.py", b"1"), ("x/b.py", b"2"))
    tarred = _tar(tmp_path / "a.tar.gz", (_member("b.py"), b"2"), (_member("a.py"), b"1"))
    other = _zip(tmp_path / "c.zip", ("a.py", b"1"), ("b.py", b"3"))
    taken = [
        await take_in(str(source), tmp_path / f"copy-{i}")
        for i, source in enumerate((zipped, tarred, other))
    ]

    assert taken[0].digest == taken[1].digest != taken[2].digest
