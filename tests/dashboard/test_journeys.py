"""The dashboard in a real browser: what visitors do from link to result, hostile data, a job beside it, pictures.

The pictures of the docs: WINNOW_PICTURES=docs/images python -m pytest tests/dashboard/test_journeys.py -k pictures
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dashboard_app as app
import hostile_runs
import httpx
import pytest
from whole_run import curate

from dashboard import security
from workbench.people import People

pytest.importorskip("streamlit")
PAGES = ("overview", "rules", "documents", "overlap", "training", "evals", "arena", "lineage", "playground")
# The page has its background, and nothing fades in any more: the colours are those that stay.
_COLOURED = """hex => {
    const wanted = `rgb(${[1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16)).join(', ')})`
    return getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === wanted
        && document.getAnimations().every(
            each => each.playState !== 'running' || each.effect.getTiming().iterations > 1)
}"""


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with app.browser() as found:
        yield found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dashboard.demo import unpack

    # Paths are seen in the pictures of the docs.
    pictures = "WINNOW_PICTURES" in os.environ
    copy = Path(tempfile.gettempdir(), "demo") if pictures else tmp_path_factory.mktemp("demo") / "workspace"
    shutil.copytree(unpack(), copy, dirs_exist_ok=True)
    return copy


@pytest.fixture(scope="module")
def address(opened: Any, root: Path) -> Iterator[str]:
    with app.served("--root", str(root)) as (found, _):
        yield found


def _path(name: str) -> str:
    return "" if name == "overview" else name


@pytest.fixture(scope="module")
def window(opened: Any, address: str) -> Iterator[app.Seen]:
    """One window for many pages: what they have in common is loaded once."""
    with app.window(opened, address) as found:
        yield found


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_and_asks_nobody_else(window: app.Seen, name: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = window.page
    window.go(_path(name))
    assert page.inner_text("h1").lower() == name
    assert page.get_by_text("This part of the page failed").count() == 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(_COLOURED, arg=security.THEME[f"theme.{scheme}.backgroundColor"], timeout=60_000)
        found = axe.Axe().run(page).response["violations"]
        grave = [each for each in found if each["impact"] != "minor"]
        assert [(scheme, each["id"], each["nodes"][0]["html"][:200]) for each in grave] == []
    window.clean()


def test_a_link_opens_exactly_that_view(opened: Any, address: str) -> None:
    with app.visit(opened, address, "documents?run=crawl&state=dropped&step=duplicates") as seen:
        shown = seen.page.get_by_text(re.compile(r"of \d+ documents")).first.inner_text()
        seen.page.reload()
        seen.settled()
        assert seen.page.get_by_text(re.compile(r"of \d+ documents")).first.inner_text() == shown
        assert "state=dropped" in seen.page.url and "step=duplicates" in seen.page.url
        seen.page.get_by_role("link", name="Rules").first.click()
        seen.page.wait_for_function("document.querySelector('h1').innerText === 'Rules'")
        seen.settled()
        assert "run=crawl" in seen.page.url  # the choice stays from page to page
        seen.page.go_back()  # once: that the page added its run to the address was no step of its own
        seen.page.wait_for_function("document.querySelector('h1').innerText === 'Documents'")
        seen.settled()
        assert "state=dropped" in seen.page.url and "step=duplicates" in seen.page.url
        assert seen.page.get_by_text(re.compile(r"of \d+ documents")).first.inner_text() == shown
        seen.clean()


def test_one_press_of_back_undoes_one_click(opened: Any, address: str) -> None:
    with app.visit(opened, address) as seen:
        for name in ("Documents", "Lineage"):
            link = seen.page.get_by_role("link", name=name).first
            if name == "Documents":
                link.click()
            else:
                link.evaluate("each => each.click()")  # as assistive technology does: no pointer, no key
            seen.page.wait_for_function("name => document.querySelector('h1').innerText === name", arg=name)
            seen.settled()
        for name in ("Documents", "Overview"):
            seen.page.go_back()
            seen.page.wait_for_function("name => document.querySelector('h1').innerText === name", arg=name)
            seen.settled()
        seen.clean()


def test_a_vote_by_keyboard_is_on_the_disk(opened: Any, address: str, root: Path) -> None:
    with app.visit(opened, address, "arena?arena=arena") as seen:
        seen.enter("keys")
        progress = seen.page.locator(".st-key-arena-progress")
        assert re.search(r"\b0 of \d+", progress.inner_text())
        for number, key in enumerate(("ArrowRight", "ArrowLeft", "ArrowDown", "0"), 1):
            seen.settled()  # a press in the first moment of a pair is refused: it was meant for the one before
            seen.page.keyboard.press(key)
            progress.get_by_text(re.compile(rf"\b{number} of \d+")).wait_for()
            with People(root) as people:
                assert len(people.votes("arena", "keys")) == number
        seen.page.keyboard.press("u")
        progress.get_by_text(re.compile(r"\b3 of \d+")).wait_for()
        with People(root) as people:
            kept = people.votes("arena", "keys")
        first, second, third = ((vote.choice, vote.left) for vote in kept)
        assert first in (("b", "a"), ("a", "b"))  # the answer on the right, whichever it is
        assert second in (("a", "a"), ("b", "b"))
        assert third[0] == "tie"
        seen.clean()


def test_a_moved_threshold_shows_what_would_flip(opened: Any, address: str) -> None:
    with app.visit(opened, address, "rules?run=crawl&rule=gopher.words_min") as seen:
        preview = seen.page.locator(".st-key-rules-preview")
        before = preview.inner_text()
        slider = seen.page.locator(".st-key-rthr-slide input[type=range]").first
        slider.focus()
        for _ in range(3):
            seen.page.keyboard.press("ArrowRight")
        seen.page.wait_for_function(
            "before => document.querySelector('.st-key-rules-preview').innerText !== before", arg=before
        )
        seen.settled()
        seen.page.wait_for_url(re.compile("thr="))
        assert "gopher.words_min:" in seen.page.inner_text("[data-testid=stAppViewContainer]")  # the YAML to copy
        seen.clean()


def _elsewhere(seen: app.Seen, key: str) -> None:
    """Press a key that leads to another address, and wait until the page of that address stands."""
    before = seen.page.url
    seen.page.keyboard.press(key)
    seen.page.wait_for_function("before => location.href !== before", arg=before)
    seen.settled()


def test_a_document_is_followed_by_keys(opened: Any, address: str) -> None:
    with app.visit(opened, address, "documents?run=crawl&state=dropped") as seen:
        seen.page.get_by_role("button", name="First document").wait_for()
        _elsewhere(seen, "j")
        one = seen.page.locator(".st-key-docs-one")
        one.wait_for()
        first = httpx.URL(seen.page.url).params["id"]
        _elsewhere(seen, "j")
        seen.page.get_by_text("Journey", exact=True).first.click()
        seen.settled()
        assert one.count() == 1 and "read" in one.inner_text().lower()
        _elsewhere(seen, "k")
        told = httpx.URL(seen.page.url).params
        assert (told["id"], told["view"], told["state"]) == (first, "Journey", "dropped")
        seen.clean()


@pytest.fixture(scope="module")
def hostile(opened: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Seen]:
    root = tmp_path_factory.mktemp("hostile") / "workspace"
    hostile_runs.build(root)
    with app.served("--root", str(root)) as (found, _), app.window(opened, found) as seen:
        yield seen


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_runs_loads_and_restyles_nothing(hostile: app.Seen, name: str) -> None:
    page = hostile.page
    hostile.go(_path(name))
    if name == "documents":
        page.get_by_role("button", name="First document").wait_for()
        page.keyboard.press("j")
        page.locator(".st-key-docs-one").wait_for()
    if name == "arena":
        hostile.enter("<b>rater</b>")
    hostile.settled()
    page.mouse.move(400, 500)  # what waits for a pointer to pass
    assert page.evaluate("window.owned") is None
    assert hostile_runs.MARKER not in page.title()
    assert page.evaluate("getComputedStyle(document.body).outlineStyle") == "none"
    assert page.evaluate("getComputedStyle(document.body).display") != "none"
    inside = "[...document.querySelectorAll('iframe, form, [onerror], [onload], [onmouseover]')]"
    assert page.evaluate(f"{inside}.filter(each => each.outerHTML.includes('evil') || each.onerror).length") == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    assert page.locator("img[src*=evil], img[src=x]").count() == 0
    assert page.get_by_text("This part of the page failed").count() == 0
    hostile.clean()


@pytest.fixture(scope="module")
def empty(opened: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Seen]:
    root = str(tmp_path_factory.mktemp("empty"))
    with app.served("--root", root) as (found, _), app.window(opened, found) as seen:
        yield seen


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_workspace_says_what_to_do(empty: app.Seen, name: str) -> None:
    empty.go(_path(name))
    assert empty.page.get_by_text("This part of the page failed").count() == 0
    helps = re.compile(r"(curate|train|evalkit) \w+ |Serve a checkpoint")
    empty.page.get_by_text(helps).first.wait_for()
    empty.clean()


def test_a_run_that_lost_a_table_is_a_card(opened: Any, root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "workspace"
    copy.mkdir()
    shutil.copytree(root / "crawl", copy / "crawl")
    for table in ("measures", "duplicates", "documents", "edits"):
        shutil.rmtree(copy / "crawl" / table)
    part = next((copy / "crawl" / "rollups").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    with app.served("--root", str(copy)) as (found, _), app.window(opened, found) as seen:
        for name in PAGES:
            seen.go(_path(name))
            text = seen.page.inner_text("[data-testid=stAppViewContainer]")
            assert "Traceback" not in text and "This part of the page failed" not in text, (name, text[:2000])
            seen.clean()


def test_a_job_beside_it_appears_and_is_finished(opened: Any, address: str, root: Path) -> None:
    with app.visit(opened, address) as seen:
        made = curate("run", "--input", "sample", "--limit", "60", "--root", root, "--out", root / "beside")
        assert made.code == 0, made.stderr
        seen.go("documents?run=beside")
        assert seen.page.get_by_text(re.compile(r"of 60 documents")).count() == 1
        seen.clean()


def test_another_name_of_this_machine_is_refused(address: str) -> None:
    """A page of the web whose name resolves to this machine would otherwise be let in."""
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code in (400, 403, 421)
    assert httpx.get(address).status_code == 200


@pytest.mark.skipif("WINNOW_PICTURES" not in os.environ, reason="takes the pictures of the docs")
@pytest.mark.parametrize("name", PAGES)
def test_pictures(opened: Any, address: str, name: str) -> None:
    views = {
        "overview": "?run=crawl&vs=strict",
        "rules": "rules?run=crawl&rule=gopher.words_min",
        "documents": "documents?run=crawl&state=dropped&rule=gopher.words_min",
        "training": "training?runs=base-1&runs=base-2&runs=base-3",
        "arena": "arena?arena=arena",
        "lineage": "lineage?run=small-chat-grpo",
    }
    with app.visit(opened, address, views.get(name, _path(name)), height=1500) as seen:
        if name == "documents":
            seen.page.get_by_role("button", name="First document").wait_for()
            seen.page.keyboard.press("j")
            seen.page.locator(".st-key-docs-one").get_by_text("Journey").click()
        if name == "evals":
            seen.page.get_by_role("tab", name="Compare").click()
        if name == "arena":
            seen.enter("ann")
            seen.page.get_by_role("tab", name="Board").click()
        seen.settled()
        seen.page.wait_for_timeout(1500)
        seen.page.screenshot(path=Path(os.environ["WINNOW_PICTURES"]) / f"dashboard-{name}.png")
