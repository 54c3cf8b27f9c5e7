"""Laying the demo out: only plain files of a sound archive, once, and what a user did in it stays."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from dashboard import demo
from dashboard.demo import unpack, unpack_archive
from workbench.errors import Exit, UserError


def archive(path: Path, *entries: tuple[tarfile.TarInfo, bytes], cut: int | None = None) -> Path:
    """An archive with these entries, its last bytes cut off."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    path.write_bytes(zstandard.compress(plain.getvalue()[:cut]))
    return path


def file(name: str, content: bytes = b"text") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    return entry, content


def kind(name: str, type_: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = type_, target
    return entry, b""


HOSTILE = {
    "absolute": file("/etc/winnow-was-here"),
    "above": file("../outside"),
    "above, in the middle": file("run/../../outside"),
    "here": file("./inside"),
    "two slashes": file("run//inside"),
    "backslash": file("run\\..\\outside"),
    "drive": file("C:outside"),
    "line end": file("run/a\nb"),
    "no name": file(""),
    "symbolic link": kind("run/link", tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": kind("run/link", tarfile.LNKTYPE, "/etc/passwd"),
    "device": kind("run/device", tarfile.CHRTYPE),
    "pipe": kind("run/pipe", tarfile.FIFOTYPE),
    "directory": kind("run", tarfile.DIRTYPE),
}


def refused(path: Path, home: Path) -> str:
    """What is said of an archive that is refused, of which nothing stays."""
    with pytest.raises(UserError) as caught:
        unpack_archive(path, home)
    assert caught.value.code == Exit.INPUT and caught.value.hint
    assert not list(home.rglob("*"))
    return caught.value.message


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_but_plain_files_with_plain_names_is_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "demo.tar.zst", file("fine.txt"), HOSTILE[name])
    home = tmp_path / "home"
    home.mkdir()
    assert "no plain file" in refused(path, home)
    assert not (tmp_path / "outside").exists()


def test_what_is_larger_than_a_demo_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    many = archive(tmp_path / "many.tar.zst", *(file(f"file-{number}") for number in range(4)))
    for limit in ("LARGEST", "MOST_FILES", "MOST_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(demo, limit, 3)
            assert "too large" in refused(many, home)
    assert len(list(unpack_archive(many, home).iterdir())) == 4


def _not_packed(path: Path) -> Path:
    path.write_bytes(b"no archive")
    return path


def _cut(path: Path) -> Path:
    return archive(path, file("fine.txt", b"x" * 2000), cut=1500)


def _torn(path: Path) -> Path:
    archive(path, file("fine.txt", bytes(range(256)) * 500))
    path.write_bytes(path.read_bytes()[:-40])
    return path


DAMAGED: dict[str, Callable[[Path], Path]] = {"not packed": _not_packed, "cut": _cut, "torn": _torn, "empty": archive}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    refused(DAMAGED[name](tmp_path / "demo.tar.zst"), home)


def test_a_missing_archive_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        unpack_archive(tmp_path / "none.tar.zst", tmp_path / "home")
    assert caught.value.code == Exit.INPUT and "demo.build" in caught.value.hint


def test_the_second_time_changes_nothing(tmp_path: Path) -> None:
    path = archive(tmp_path / "demo.tar.zst", file("run/a.txt"), file("people/votes", b"none"))
    root = unpack_archive(path, tmp_path / "home")
    (root / "people" / "votes").write_text("one")
    assert unpack_archive(path, tmp_path / "home") == root
    assert (root / "people" / "votes").read_text() == "one"
    assert sorted(one.name for one in (tmp_path / "home").iterdir()) == [root.name]
    other = archive(tmp_path / "other.tar.zst", file("run/a.txt", b"other"))
    assert unpack_archive(other, tmp_path / "home") != root


def test_a_process_that_is_faster_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "demo.tar.zst", file("run/a.txt"))
    read = demo._files

    def while_another(archive: Path):  # type: ignore[no-untyped-def]
        with monkeypatch.context() as patch:
            patch.setattr(demo, "_files", read)
            patch.setattr(demo, "beside", lambda place: place.with_name("other"))
            (unpack_archive(archive, tmp_path / "home") / "mine").touch()
        yield from read(archive)

    monkeypatch.setattr(demo, "_files", while_another)
    root = unpack_archive(path, tmp_path / "home")
    assert (root / "mine").is_file() and (root / "run" / "a.txt").is_file()
    assert [one.name for one in (tmp_path / "home").iterdir()] == [root.name]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(UserError) as caught:
        unpack_archive(archive(tmp_path / "demo.tar.zst", file("a")), tmp_path / "home")
    assert caught.value.code == Exit.OUTPUT


def test_by_default_it_lies_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(demo, "ARCHIVE", archive(tmp_path / "demo.tar.zst", file("a")))
    assert unpack().parent == tmp_path / "winnow" / "demo"
