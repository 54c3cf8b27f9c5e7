"""The dashboard in a test: a page run without a browser, and the whole application in headless Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
APP = ROOT / "dashboard" / "app.py"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def page(name: str, root: Path, **query: str) -> Any:
    """A page of the dashboard over a workspace, run once (`AppTest`); `query` is what stands in its URL."""
    testing = pytest.importorskip("streamlit.testing.v1")
    from dashboard import settings

    settings.use(settings.Settings(root=root))
    app = testing.AppTest.from_file(str(APP), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"app_pages/{name}.py").run()


def texts(app: Any) -> str:
    """All that the page says as text and markup, in one string to be searched; not its tables, which are drawn."""
    found = [str(getattr(each, "value", "")) for kind in ("title", "caption", "markdown") for each in app.get(kind)]
    found += [str(each.proto.body) for each in app.get("html") if not each.proto.body.startswith("<style")]
    found += [each.proto.label for each in app.get("metric")] + [each.proto.body for each in app.get("metric")]
    found += [str(each.value) for each in app.get("code")]
    return "\n".join(found)


@dataclass(slots=True)
class Seen:
    """A browser's page, with what went wrong in it."""

    page: Any
    address: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def go(self, path: str = "") -> None:
        """Load a page of the dashboard, and wait for it."""
        self.page.goto(f"{self.address}/{path}")
        self.settled()

    def settled(self) -> None:
        """Wait until the server has run the page to its end."""
        self.page.wait_for_selector("[data-testid=stAppViewContainer] h1", timeout=60_000)
        self.page.evaluate("window.settledSince = undefined")
        self.page.wait_for_function(
            """() => {
                const done = document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                    && !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')
                window.settledSince = done ? window.settledSince ?? performance.now() : undefined
                return done && performance.now() - window.settledSince > 300
            }""",
            timeout=60_000,
        )

    def enter(self, rater: str) -> None:
        """In the arena: say who votes, and leave the field, so that keys are votes."""
        name = self.page.get_by_label("Your name, for votes and labels")
        name.fill(rater)
        name.press("Enter")
        self.page.wait_for_selector(".st-key-arena-progress")
        self.settled()
        self.page.locator("h1").click()

    def clean(self) -> None:
        """No error in the console, and nothing asked of anybody else."""
        assert self.errors == []
        assert self.outside == []


@contextmanager
def served(*options: str, port: int = 0, log: Path | None = None) -> Iterator[tuple[str, int]]:
    """The dashboard as its own process; its address and its process id. log: what it says is added there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dashboard", "--port", str(port), *options]
    with contextlib.ExitStack() as stack:
        said = None if log is None else stack.enter_context(log.open("ab"))
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=said, stderr=said
        )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, f"the dashboard ended with {process.returncode}"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def browser() -> Iterator[Any]:
    """Headless Chromium; skips where it or Playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def window(opened: Any, address: str, *, height: int = 1000) -> Iterator[Seen]:
    """A window of its own, with nothing in it; what its pages ask of others and log as errors is kept."""
    context = opened.new_context(color_scheme="light", viewport={"width": 1280, "height": height})
    seen = Seen(context.new_page(), address)
    seen.page.on("console", lambda line: seen.errors.append(line.text) if line.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")
    seen.page.on("request", lambda asked: None if asked.url.startswith(own) else seen.outside.append(asked.url))
    yield seen
    context.close()


@contextmanager
def visit(opened: Any, address: str, path: str = "", *, height: int = 1000) -> Iterator[Seen]:
    """A page in a window of its own."""
    with window(opened, address, height=height) as seen:
        seen.go(path)
        yield seen
