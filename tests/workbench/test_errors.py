import errno

import pytest

from workbench.errors import Exit, UserError, closest, did_you_mean, disk_full, output_error


def test_message_names_the_place() -> None:
    error = UserError("wrong", file="r.yaml", line=3, column=7)
    assert str(error) == "r.yaml:3:7: wrong"
    assert error.code is Exit.USAGE


def test_place_may_be_known_in_part() -> None:
    assert UserError("wrong", file="r.yaml").where == "r.yaml"
    assert str(UserError("wrong")) == "wrong"


def test_code_from_a_number_is_an_exit() -> None:
    assert UserError("x", code=4).code is Exit.INPUT  # type: ignore[arg-type]


def test_did_you_mean() -> None:
    assert closest("sede", ["seed", "jobs"]) == "seed"
    assert did_you_mean("sede", ["seed", "jobs"]) == "did you mean 'seed'?"
    assert did_you_mean("zzz", ["seed", "jobs"]) == "known names: jobs, seed"
    assert did_you_mean("zzz", []) == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_exit_7(number: int) -> None:
    found = output_error(OSError(number, "full", "/out/a"))
    assert found is not None
    assert (found.code, found.message) == (Exit.OUTPUT, "cannot write to /out/a: the disk is full")


def test_full_disk_is_known_by_its_text() -> None:
    assert disk_full(RuntimeError("IO Error: No space left on device"))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_forbidden_write_is_exit_7(number: int) -> None:
    found = output_error(OSError(number, "Not allowed", "/out"))
    assert found is not None
    what = "cannot write to" if number == errno.EROFS else "cannot open"
    assert (found.code, found.message) == (Exit.OUTPUT, f"{what} /out: not allowed")


def test_other_errors_are_not_about_output() -> None:
    assert output_error(FileNotFoundError(errno.ENOENT, "x")) is None
    assert output_error(ValueError("x")) is None
