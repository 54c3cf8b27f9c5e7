"""Leaving a world waits for threads that are still letting go of tensors."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from unittest import mock

import pytest

from train import distributed


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell of threads")
def test_leaving_a_world_waits_for_a_thread_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """gloo's thread may need the interpreter's lock after the last answer; the interpreter must not end before."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    begun, ended = threading.Event(), threading.Event()

    def late() -> None:
        begun.set()
        for _ in range(20):
            hashlib.sha256(bytes(10_000_000)).digest()  # without the lock, as a thread of C++
        ended.set()

    with mock.patch.object(distributed, "dist"), distributed.open_world("cpu"):
        threading.Thread(target=late).start()
        begun.wait()
    assert ended.is_set()
