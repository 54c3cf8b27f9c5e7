import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import Exit, UserError
from workbench.locks import Holder, Lock, holder, is_locked

HOLD = """
import sys, time
from pathlib import Path
from workbench.locks import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
lock.release()
"""
RACE = """
import sys, time
from pathlib import Path
from workbench.errors import UserError
from workbench.locks import Lock
path, tally, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
done = 0
while done < rounds:
    try:
        lock = Lock(path)
    except UserError:
        continue
    number = int(tally.read_text())
    time.sleep(0.0005)
    tally.write_text(str(number + 1))
    lock.release()
    done += 1
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def wait_held(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


def test_lock_says_who_and_goes_on_release(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    lock = Lock(path)
    found = holder(path)
    assert found is not None
    assert (found.pid, found.host) == (os.getpid(), socket.gethostname())
    assert is_locked(path)
    assert lock.replaced is None
    lock.release()
    assert not path.exists()


def test_live_process_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    other = start(HOLD, path)
    wait_held(other)
    found = holder(path)
    assert found is not None
    with pytest.raises(UserError) as caught:
        Lock(path)
    assert caught.value.code == Exit.LOCKED
    assert caught.value.message == (
        f"{tmp_path} is being written by process {other.pid} on {socket.gethostname()}, started {found.started}"
    )
    other.communicate()
    Lock(path).release()


def test_lock_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    other = start(HOLD, path)
    wait_held(other)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert path.exists()
    assert not is_locked(path)
    lock = Lock(path)
    assert lock.replaced is not None
    assert lock.replaced.pid == other.pid
    lock.release()


def test_same_process_cannot_lock_twice(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock.json")
    with pytest.raises(UserError, match=f"process {os.getpid()} "):
        Lock(tmp_path / "lock.json")
    lock.release()


@pytest.mark.parametrize("torn", [b"", b'{"pid": 12', b"[]"])
def test_torn_lock_is_replaced(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "lock.json"
    path.write_bytes(torn)
    lock = Lock(path)
    assert lock.replaced is None
    assert is_locked(path)
    lock.release()


def write(path: Path, **changes: object) -> None:
    me = Holder.me()
    fields = {name: getattr(me, name) for name in ("pid", "host", "started", "ticks", "boot")}
    path.write_text(json.dumps(fields | changes))


def test_reused_pid_is_no_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    write(path, ticks=1)
    Lock(path).release()


def test_pid_of_an_earlier_boot_is_no_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    write(path, boot="another")
    Lock(path).release()


def test_other_machine_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    write(path, host="elsewhere", pid=1)
    with pytest.raises(UserError, match="process 1 on elsewhere") as caught:
        Lock(path)
    assert caught.value.hint == f"if that process is gone, delete {path}"


def test_only_one_of_racing_processes_holds_it(tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    tally.write_text("0")
    racers = [start(RACE, tmp_path / "lock.json", tally, 60) for _ in range(3)]
    assert [racer.wait(60) for racer in racers] == [0, 0, 0]
    assert tally.read_text() == "180"
    assert not (tmp_path / "lock.json").exists()
