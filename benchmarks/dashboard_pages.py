"""How long the dashboard's pages take in a browser, on runs of full size:

    python benchmarks/dashboard_pages.py [--workspace DIR]

The workspace (default: made by dashboard_data.py in a temporary folder) holds a run of a million documents, evaluations
of 200,000 items and an arena. Each figure is the median of several visits in headless Chromium. In a new window, which
has nothing of the client in its cache, the page itself notes when it changes: `first content` is when its title stands
and something below its first line that can be read, `whole page` when the last of its parts, charts and tables stand
and the server has nothing to add. `switch` is a click in the navigation until the other page is whole. All of these
are of a server that has been up for a while; apart from them stands the very first visit of each page. The budgets are
those of docs/dashboard.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent)]

import dashboard_app as app  # noqa: E402

PAGES = ("overview", "rules", "documents", "overlap", "training", "evals", "arena", "lineage", "playground")
SESSIONS = 3
QUIET_MS = 400
"""A page that has not changed for so long is whole; the time itself is not counted."""

# Runs in the page before anything else. Times are of the window's own clock, in ms since it began to load.
WATCH = """
(() => {
  const seen = window.seen = {};
  const painted = element => element.querySelector('canvas, svg') !== null;
  const look = () => {
    const now = performance.now();
    const main = document.querySelector('[data-testid=stMainBlockContainer]');
    const title = main?.querySelector('h1')?.innerText;
    const parts = [...main?.querySelectorAll('[data-testid=stElementContainer]') ?? []];
    const read = parts.filter(part => part.innerText.trim() && !part.querySelector('[data-testid=stSkeleton]'));
    if (title && read.length > 2) seen.content ??= now;
    const drawn = [...document.querySelectorAll('[data-testid=stVegaLiteChart], [data-testid=stDataFrame]')];
    const whole = title && drawn.every(painted)
      && document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
      && !document.querySelector('[data-stale=true], [data-testid=stSkeleton]');
    if (!whole) delete seen.whole;
    else if (seen.whole === undefined || seen.title !== title) Object.assign(seen, {whole: now, title});
  };
  new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
})()
"""


@contextmanager
def window(opened: Any) -> Iterator[tuple[Any, list[int]]]:
    """A new window, and the bytes that came over its sockets."""
    context = opened.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.add_init_script(WATCH)
    received: list[int] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
    )
    yield page, received
    context.close()


def whole(page: Any, title: str) -> tuple[float, float]:
    """Wait until the page of this title stands, and stays so; since when its first content and the whole of it do, in
    seconds of the window's clock."""
    page.wait_for_function(
        "([title, quiet]) => window.seen.title === title && performance.now() - window.seen.whole > quiet",
        arg=[title, QUIET_MS],
        timeout=120_000,
    )
    found = page.evaluate("window.seen")
    return found["content"] / 1000, found["whole"] / 1000


def visit(opened: Any, address: str, name: str) -> tuple[float, float, int]:
    """In a new window: seconds until the first content of a page and until it is whole; bytes over its socket."""
    with window(opened) as (page, received):
        page.goto(f"{address}/{'' if name == 'overview' else name}", wait_until="commit")
        return *whole(page, name.capitalize()), sum(received)


def switches(opened: Any, address: str, rounds: int) -> dict[str, float]:
    """Seconds from a click in the navigation until the other page stands; each page entered from the one before."""
    took: dict[str, list[float]] = {name: [] for name in PAGES}
    with window(opened) as (page, _):
        page.goto(address)
        whole(page, "Overview")
        for _ in range(rounds + 1):
            for name in (*PAGES[1:], PAGES[0]):
                began = float(page.evaluate("performance.now()")) / 1000
                page.get_by_role("link", name=name.capitalize()).first.click()
                took[name].append(whole(page, name.capitalize())[1] - began)
    return {name: statistics.median(times[1:]) for name, times in took.items()}


def changed(page: Any, selector: str, act: Callable[[], None]) -> float:
    """Seconds from an act until the text of an element is another one."""
    before = page.inner_text(selector)
    began = time.perf_counter()
    act()
    page.wait_for_function(
        "([selector, before]) => (document.querySelector(selector)?.innerText ?? before) !== before",
        arg=[selector, before],
        timeout=60_000,
    )
    return time.perf_counter() - began


def preview(opened: Any, address: str, rounds: int) -> float:
    """Seconds from a key on the threshold's slider until the counts of the preview have changed."""
    with window(opened) as (page, _):
        page.goto(f"{address}/rules")
        whole(page, "Rules")
        slider = page.locator(".st-key-rthr-slide input[type=range]").first
        times = []
        for number in range(rounds + 1):
            slider.focus()
            key = "ArrowRight" if number % 2 == 0 else "ArrowLeft"
            times.append(changed(page, ".st-key-rules-preview", lambda key=key: page.keyboard.press(key)))
            whole(page, "Rules")
        return statistics.median(times[1:])


def vote(opened: Any, address: str, rounds: int) -> float:
    """Seconds from the key of a vote until the next pair stands."""
    with window(opened) as (page, _):
        page.goto(f"{address}/arena")
        whole(page, "Arena")
        name = page.get_by_label("Your name, for votes and labels")
        name.fill(f"bench {time.time_ns()}")
        name.press("Enter")
        page.wait_for_selector(".st-key-arena-progress")
        whole(page, "Arena")
        page.locator("h1").click()
        times = []
        for number in range(2 * rounds):  # fewer than the first pair that comes again
            key = "ArrowLeft" if number % 2 else "ArrowRight"
            times.append(changed(page, ".st-key-arena-progress", lambda key=key: page.keyboard.press(key)))
            whole(page, "Arena")
        return statistics.median(times[1:])


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError


def memory(opened: Any, address: str, pid: int) -> float:
    """The server's resident megabytes while three visitors have been to every page."""
    with ExitStack() as stack:
        pages = [stack.enter_context(window(opened))[0] for _ in range(SESSIONS)]
        for name in PAGES:
            for page in pages:
                page.goto(f"{address}/{'' if name == 'overview' else name}")
                whole(page, name.capitalize())
        return resident_mb(pid)


def measure(workspace: Path, rounds: int) -> dict[str, Any]:
    with app.served("--root", str(workspace)) as (address, pid), app.browser() as opened:
        first = {name: visit(opened, address, name)[1] for name in PAGES}
        print("first visits", {name: round(seconds, 2) for name, seconds in first.items()}, flush=True)
        visits = {name: [visit(opened, address, name) for _ in range(rounds)] for name in PAGES}
        return {
            "first_visit_s": first,
            "first_content_s": {name: statistics.median(content for content, _, _ in visits[name]) for name in PAGES},
            "whole_page_s": {name: statistics.median(seconds for _, seconds, _ in visits[name]) for name in PAGES},
            "socket_kb": {name: max(size for _, _, size in visits[name]) / 1024 for name in PAGES},
            "switch_s": switches(opened, address, rounds),
            "preview_s": preview(opened, address, rounds),
            "vote_s": vote(opened, address, rounds),
            "resident_mb": memory(opened, address, pid),
        }


def table(found: dict[str, Any]) -> str:
    lines = [
        "# The dashboard's pages in a browser",
        "",
        "Written by `python benchmarks/dashboard_pages.py`: a run of a million documents, two evaluations of 200,000",
        "items, 100,000 steps of training, an arena of 2,000 pairs; Chromium and the server on the same two cores.",
        "",
        "In a new window, of a server that is up: `first content` is the title and something below it to be read,",
        "`whole page` everything, charts and tables drawn.",
        "",
        "| page | very first visit, s | first content, s | whole page, s | switch, s | over the socket, kB |",
        "|---|---|---|---|---|---|",
    ]
    for name in PAGES:
        row = [found[key][name] for key in ("first_visit_s", "first_content_s", "whole_page_s", "switch_s")]
        lines.append(
            f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + f" | {found['socket_kb'][name]:.0f} |"
        )
    lines += [
        "| budget | | 1.50 | 1.50 | 0.70 | 1,024 |",
        "",
        f"- threshold moved until the exact counts stand: {found['preview_s']:.2f} s (budget 0.8 s)",
        f"- key of a vote until the next pair stands: {found['vote_s']:.2f} s (budget 0.25 s)",
        f"- resident memory of the server with three visitors: {found['resident_mb']:.0f} MB (budget 600 MB)",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--workspace", type=Path)
    options.add_argument("--rounds", type=int, default=5, help="visits of each page")
    options.add_argument("--out", type=Path, default=HERE / "results", help="where dashboard.json and .md are written")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = asked.workspace
        if workspace is None:
            workspace = Path(scratch) / "workspace"
            subprocess.run([sys.executable, str(HERE / "dashboard_data.py"), "--out", str(workspace)], check=True)
        found = measure(workspace, asked.rounds)
    (asked.out / "dashboard.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (asked.out / "dashboard.md").write_text(table(found), "utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
