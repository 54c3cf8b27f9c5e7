import json
from pathlib import Path

import pytest

from workbench.units import DONE, fingerprint, is_done, publish, read_done, unit_dir


def make(directory: Path, name: str = "u1") -> Path:
    with publish(directory, name, {"records": 2}) as out:
        (out / "part.txt").write_text("hello")
        (out / "sub").mkdir()
        (out / "sub" / "b").write_bytes(b"\x00\x01")
    return unit_dir(directory, name)


def test_unit_appears_whole_with_its_checksums(tmp_path: Path) -> None:
    where = make(tmp_path)
    document = json.loads((where / DONE).read_text())
    assert document["fingerprint"] == "u1"
    assert [(file["path"], file["bytes"]) for file in document["files"]] == [("part.txt", 5), ("sub/b", 2)]
    assert document["files"][0]["sha256"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert read_done(tmp_path, "u1") == {"records": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["u1"]


def test_failed_unit_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), publish(tmp_path, "u1", {}) as out:
        (out / "half").write_text("x")
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []
    assert not is_done(tmp_path, "u1")


def test_changed_byte_is_noticed_by_its_hash(tmp_path: Path) -> None:
    (make(tmp_path) / "part.txt").write_text("jello")
    assert is_done(tmp_path, "u1", verify=False)
    assert not is_done(tmp_path, "u1")


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"files": []}'])
def test_torn_marker_is_not_done(tmp_path: Path, content: str | None) -> None:
    marker = make(tmp_path) / DONE
    if content is None:
        marker.unlink()
    else:
        marker.write_text(content)
    assert not is_done(tmp_path, "u1")


def test_missing_or_shorter_file_is_not_done(tmp_path: Path) -> None:
    (make(tmp_path, "u1") / "part.txt").unlink()
    (make(tmp_path, "u2") / "part.txt").write_text("hell")
    assert not is_done(tmp_path, "u1")
    assert not is_done(tmp_path, "u2")


def test_fingerprint_depends_on_values_not_on_order() -> None:
    assert fingerprint(a=1, b=[2]) == fingerprint(b=[2], a=1)
    assert fingerprint(a=1) != fingerprint(a=2)
    assert len(fingerprint(a=1)) == 32
