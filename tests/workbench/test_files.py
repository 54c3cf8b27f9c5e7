from pathlib import Path

import pytest

from workbench.files import beside, leftovers, remove, sha256, whole_directory, whole_file, write_text


def test_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with whole_file(target) as temporary:
        temporary.write_text("done")
        assert not target.exists()
    assert target.read_text() == "done"
    assert list(target.parent.iterdir()) == [target]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(ValueError, match="stop"), whole_file(target) as temporary:
        temporary.write_text("half")
        raise ValueError("stop")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_directory_appears_whole_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "out"
    for content in ("one", "two"):
        with whole_directory(target) as temporary:
            (temporary / "sub").mkdir()
            (temporary / "sub" / content).write_text(content)
    assert [path.relative_to(target).as_posix() for path in target.rglob("*")] == ["sub", "sub/two"]
    assert list(tmp_path.iterdir()) == [target]


def test_leftovers_of_killed_writers(tmp_path: Path) -> None:
    (tmp_path / "a.tmp-1").mkdir()
    (tmp_path / "b.tmp-2").write_text("")
    (tmp_path / "a").mkdir()
    assert leftovers(tmp_path) == [tmp_path / "a.tmp-1", tmp_path / "b.tmp-2"]
    assert leftovers(tmp_path, "a") == [tmp_path / "a.tmp-1"]
    for path in leftovers(tmp_path):
        remove(path)
    assert leftovers(tmp_path) == []


def test_removing_a_link_keeps_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    remove(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["real"]


def test_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert beside(path).parent == tmp_path
