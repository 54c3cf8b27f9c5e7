"""A child that hangs, crashes, eats memory, talks too much or leaks costs one request; its parent takes it along."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from workbench.processes import is_alive
from workbench.sandbox import Child, Limits, Request, SandboxError

TARGET = """
import ctypes, os, signal, socket, sys, time

served = 0
hoard = []

def make(setup):
    if setup.get("broken"):
        raise RuntimeError("no such model")
    hoard.append(b"x" * (setup.get("holds_mb", 0) << 20))
    return handle

def handle(header, payload):
    global served
    served += 1
    do = header.get("do", "echo")
    if do == "sleep":
        time.sleep(header["s"])
    elif do == "spin":
        while True:
            pass
    elif do == "spin_once":  # finishes within a longer limit
        end = time.process_time() + header["s"]
        while time.process_time() < end:
            pass
    elif do == "segfault":
        ctypes.string_at(0)
    elif do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif do == "exit":
        sys.stderr.write("gave up on purpose\\n")
        os._exit(3)
    elif do == "first_time":
        if served > 1:
            os.abort()
    elif do == "raise":
        raise ValueError("odd page")
    elif do == "memory":
        bytearray(4 << 30)
    elif do == "hoard":
        hoard.append(b"x" * (header["mb"] << 20))
    elif do == "big":
        return {}, b"x" * header["bytes"]
    elif do == "print":
        print("noise on stdout", flush=True)
        os.write(1, b"noise" * 100000)
        sys.stdin.read()
    elif do == "socket":
        socket.create_connection(("127.0.0.1", header["port"]), timeout=5)
    elif do == "socket_hook":
        from workbench.sandbox.confine import refuse_sockets
        refuse_sockets()
        socket.socket()
    elif do == "write":
        with open(header["path"], "w") as file:
            file.write("text")
    elif do == "environment":
        return dict(os.environ), b""
    return {"pid": os.getpid(), "served": served}, payload[::-1]
"""


@pytest.fixture(autouse=True)
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sandbox_target.py").write_text(TARGET)
    monkeypatch.syspath_prepend(tmp_path)


def child(recycle_requests: int = 5000, setup: dict[str, object] | None = None, **limits: float) -> Child:
    chosen = Limits(**{"wall_s": 20.0, "cpu_s": 10.0, "memory_mb": 512, **limits})  # type: ignore[arg-type]
    return Child("sandbox_target:make", chosen, setup=setup, recycle_requests=recycle_requests)


def do(what: str, **more: object) -> Request:
    return Request({"do": what, **more}, b"abc")


def test_answers_come_in_order_from_one_process() -> None:
    with child() as box:
        replies = box.run(Request({}, str(i).encode()) for i in range(1000))
        assert [reply.payload for reply in replies] == [str(i).encode()[::-1] for i in range(1000)]
        assert len({reply.header["pid"] for reply in replies}) == box.starts == 1
        assert box.run([]) == []


def test_no_process_before_the_first_request() -> None:
    box = child()
    assert box.run([]) == [] and box.starts == 0
    box.close()


def test_payloads_larger_than_a_pipe() -> None:
    payload = os.urandom(9_000_000)
    with child() as box:
        assert [reply.payload for reply in box.run([Request({}, payload)] * 3)] == [payload[::-1]] * 3


def test_a_hang_ends_at_ten_times_the_limit_and_costs_one_request() -> None:
    with child(wall_s=0.15) as box:
        replies = box.run([do("echo"), do("sleep", s=60), do("echo")])
    assert [reply.error for reply in replies] == [None, "timeout after 1.5 s", None]
    assert 1.4 < replies[1].elapsed_s < 60


def test_a_slow_request_passes_at_the_second_attempt() -> None:
    with child(wall_s=0.2) as box:
        replies = box.run([do("sleep", s=0.6), do("echo")])
        assert [reply.error for reply in replies] == [None, None]
        assert box.starts == 2


def test_cpu_time_is_limited_apart_from_the_clock() -> None:
    with child(cpu_s=0.05) as box:
        replies = box.run([do("spin"), do("sleep", s=0.7), do("spin_once", s=0.2)])
    assert [reply.error for reply in replies] == ["timeout after 0.5 s of CPU time", None, None]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("segfault", "child crashed (signal 11)"),
        ("kill", "child killed (signal 9), perhaps for memory"),
        ("exit", "child ended (exit code 3): gave up on purpose"),
        ("memory", "memory limit"),
        ("raise", "ValueError: odd page"),
    ],
)
def test_a_death_names_its_cause_and_the_rest_goes_on(what: str, reason: str) -> None:
    with child() as box:
        replies = box.run([*[do("echo")] * 20, do(what), *[do("echo")] * 20])
    assert [reply.error for reply in replies] == [None] * 20 + [reason] + [None] * 20
    assert (replies[20].header, replies[20].payload) == ({}, b"")


def test_what_earlier_requests_left_behind_does_not_decide() -> None:
    with child() as box:
        replies = box.run([do("echo"), do("first_time"), do("echo")])
    assert [reply.error for reply in replies] == [None, None, None]


def test_a_reply_over_the_cap() -> None:
    with child(output_bytes=1000) as box:
        replies = box.run([do("big", bytes=1000), do("big", bytes=1001)])
    assert [(reply.error, len(reply.payload)) for reply in replies] == [(None, 1000), ("output over 1000 bytes", 0)]


def test_noise_of_the_handler_tears_nothing() -> None:
    with child() as box:
        assert [reply.payload for reply in box.run([do("print"), do("echo")])] == [b"cba", b"cba"]


def test_the_child_is_replaced_after_so_many_requests() -> None:
    with child(recycle_requests=7) as box:
        replies = box.run([do("echo")] * 21)
        assert [reply.header["served"] for reply in replies] == [*range(1, 8)] * 3
        assert box.starts == 3


def test_the_child_is_replaced_when_it_hoards_memory() -> None:
    with child() as box:
        replies = box.run([do("hoard", mb=60)] * 10)
        assert [reply.error for reply in replies] == [None] * 10
        assert 2 <= box.starts <= 4


def test_what_a_child_holds_from_its_start_is_no_hoard() -> None:
    with child(setup={"holds_mb": 300}) as box:
        replies = box.run([do("echo")] * 5)
        assert [reply.header.get("served") for reply in replies] == [1, 2, 3, 4, 5]


def test_a_child_that_cannot_start_is_no_request_s_fault() -> None:
    with pytest.raises(SandboxError, match="no such model"), child(setup={"broken": True}) as box:
        box.run([do("echo")])


def test_the_environment_is_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/where/compiled/code/is")
    with child() as box:
        seen = box.run([do("environment")])[0].header
    threads = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
    assert seen.keys() == {"PATH", "PYTHONPATH", "PYTHONHASHSEED", "LC_ALL", "NUMBA_CACHE_DIR", *threads}
    assert seen["NUMBA_CACHE_DIR"] == "/where/compiled/code/is"


def test_no_network_and_no_files(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server, child() as box:
        replies = box.run([do("socket", port=server.getsockname()[1]), do("socket_hook"), do("echo")])
        written = box.run([do("write", path=str(tmp_path / "file"))])[0]
    assert replies[0].error is not None and ("Error" in replies[0].error)
    assert replies[1].error == "PermissionError: no network in the sandbox (socket.__new__)"
    assert box.network in ("namespace", "audit hook")
    assert written.error is not None and "File too large" in written.error


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    parent = tmp_path / "parent.py"
    parent.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            sys.path[:0] = [{str(tmp_path)!r}, {str(Path(__file__).parents[2])!r}]
            from workbench.sandbox import Child, Request
            box = Child("sandbox_target:make")
            print(box.run([Request({{}})])[0].header["pid"], flush=True)
            box.run([Request({{"do": "spin"}})])
            """
        )
    )
    process = subprocess.Popen([sys.executable, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    pid = int(process.stdout.readline())
    assert is_alive(pid, None)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 10
    while is_alive(pid, None) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(pid, None)
