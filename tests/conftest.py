"""Shared fixtures: the real data sets, where a machine has them."""

from __future__ import annotations

import gc
import importlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

# Who starts the tests in the background has SIGINT ignored, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples everywhere, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=explore draws anew.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_finish() -> None:
    """What is loaded by now stays for good: the collector of cycles need not look through it again and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets (crawl, gold standards, peers' verdicts); tests on it skip where it is absent."""
    root = Path(os.environ.get("WINNOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / "DATA.md").is_file():
        pytest.skip(f"no real data at {root} (set WINNOW_SHARED_DATA)")
    return root


@pytest.fixture(scope="session", autouse=True)
def own_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs that tests make are registered in a workspace of the tests, not in the one of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_ROOT", str(tmp_path_factory.mktemp("workspace")))
        yield


@pytest.fixture(scope="session")
def benchmark_module() -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of the folder benchmarks/ by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        yield importlib.import_module
