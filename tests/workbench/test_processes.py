import os
import subprocess
import sys
import time

from workbench.processes import cores, is_alive, start_ticks

PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import sys, time
from workbench.processes import die_with_parent
die_with_parent(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
''', str(os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


def gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_alive(pid, None):
            return True
        time.sleep(0.02)
    return False


def test_this_process_is_alive() -> None:
    ticks = start_ticks(os.getpid())
    assert is_alive(os.getpid(), ticks)
    assert cores() >= 1


def test_another_start_is_another_process() -> None:
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    assert not is_alive(os.getpid(), ticks + 1)


def test_ended_process_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    time.sleep(0.2)
    assert gone(child.pid)  # a zombie, as nobody has waited for it
    child.wait()
    assert not is_alive(child.pid, None)


def test_child_dies_with_a_killed_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child, None)
    parent.kill()
    parent.wait()
    assert gone(child)
