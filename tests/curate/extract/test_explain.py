"""The blocks of a page as they are shown, and the commands of the extractor."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate.cli.commands import app
from curate.extract import Extractor
from curate.extract.engines.settings import FAVORS, EngineSettings
from curate.extract.explain import blocks_of
from curate.extract.learn import fit, train
from curate.extract.learn.boost import Options
from curate.extract.winnow.trees import load
from workbench.errors import UserError

WORDS = "the bridge over the river was opened by the mayor of the town and it is said that people came from afar to see"


def page(number: int) -> tuple[str, str]:
    """A page of news and its text."""
    lines = [f"Part {k} of story {number}: {WORDS}, which took {number + k} years." for k in range(5)]
    body = "".join(f"<p>{line}</p>" for line in lines)
    html = (
        f'<html><head><title>Story {number}</title><meta name="date" content="2021-03-04"></head><body>'
        '<nav class="menu"><ul><li><a href="/">Home</a><li><a href="/news">All the news</a></ul></nav>'
        f'<div class="article"><h1>Story {number}</h1>{body}</div>'
        '<div class="sidebar related"><h3>Read more</h3><ul>'
        + "".join(f'<li><a href="/{k}">Another headline of {k} words to click</a>' for k in range(8))
        + '</ul></div><footer class="footer"><p>Subscribe to our newsletter. Copyright 2021, all rights reserved.</p>'
        "</footer></body></html>"
    )
    return html, "\n".join(lines)


def test_blocks_come_in_order_with_scores() -> None:
    found = blocks_of(page(1)[0])
    assert (found.title, found.date, found.author) == ("Story 1", "2021-03-04", None)
    kept = [block.text for block in found.blocks if block.kept]
    assert sum(text.startswith("Part") for text in kept) == 5 and not any("Subscribe" in text for text in kept)
    assert all(block.kept == (block.score >= found.least) for block in found.blocks)


def test_the_dial_moves_the_limit() -> None:
    limits = [blocks_of(page(1)[0], favor).least for favor in ("recall", "balanced", "precision")]
    assert limits[0] < limits[1] < limits[2]


def test_more_is_kept_where_recall_is_favoured() -> None:
    sizes = []
    for favor in FAVORS:
        with Extractor("winnow", settings=EngineSettings(favor)) as extractor:
            (found,) = extractor.extract([(page(2)[0], None)])
        assert found.error is None and found.date == "2021-03-04"
        sizes.append(len(found.text))
    assert sizes == sorted(sizes)


def test_show(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page(3)[0], "utf-8")
    shown = CliRunner().invoke(app, ["extract", "show", str(tmp_path / "page.html"), "--json"])
    data = json.loads(shown.stdout)["data"]
    assert data["title"] == "Story 3" and sum(block["kept"] for block in data["blocks"]) >= 5
    wrong = CliRunner().invoke(app, ["extract", "show", str(tmp_path / "page.html"), "--favor", "precison"])
    assert wrong.exit_code == 2


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled pages of twenty-four sites."""
    folder = tmp_path_factory.mktemp("articles")
    (folder / "html").mkdir()
    truth = {}
    for number in range(24):
        html, text = page(number)
        (folder / "html" / f"{number}.html.gz").write_bytes(gzip.compress(html.encode(), mtime=0))
        truth[str(number)] = {"articleBody": text, "url": f"http://site{number}.org/"}
    (folder / "ground-truth.json").write_text(json.dumps(truth), "utf-8")
    return folder


def test_train_and_eval(articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pages as plain as these are told apart by a few trees.
    monkeypatch.setattr(fit, "FIRST", Options(trees=30, rate=0.3))
    monkeypatch.setattr(fit, "SECOND", Options(trees=15, rate=0.3))
    monkeypatch.setattr(train, "THREADS", 1)
    out = tmp_path / "model"
    arguments = ["extract", "train", "--articles", str(articles), "--out", str(out), "--json"]
    data = json.loads(CliRunner().invoke(app, arguments).stdout)["data"]
    assert data["pages"]["articles"] == 24 and data["scores"]["balanced"]["articles"]["f1"] > 0.9
    assert load(out / "extractor.model").facts["pages"] == data["pages"]
    assert data["digest"] in (out / "card.md").read_text("utf-8")
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    judged = ["extract", "eval", "--articles", str(articles), "--model", str(out / "extractor.model"), "--json"]
    scores = json.loads(CliRunner().invoke(app, [*judged, "--engine", "winnow"]).stdout)["data"]["scores"]
    assert scores["winnow"]["articles"]["f1"] > 0.9


def test_too_few_hosts_are_refused(articles: Path, tmp_path: Path) -> None:
    truth = json.loads((articles / "ground-truth.json").read_text("utf-8"))
    few = tmp_path / "few"
    few.mkdir()
    (few / "html").symlink_to(articles / "html")
    same = {key: {**item, "url": "http://one.org/"} for key, item in truth.items()}
    (few / "ground-truth.json").write_text(json.dumps(same), "utf-8")
    refused = CliRunner().invoke(app, ["extract", "train", "--articles", str(few), "--out", str(tmp_path / "out")])
    assert refused.exit_code == 2 and not (tmp_path / "out").exists()


def test_a_model_that_is_none_is_named_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no extraction model"):
        blocks_of("<p>x", model=tmp_path / "none")
