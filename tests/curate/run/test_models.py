"""Runs with trained models and a tokenizer: scores, domains, cuts, masks and counts; and what is refused."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import model_runs
import polars as pl
import pytest
from whole_run import command, curate, outputs, table

from curate.ask.finished import FinishedRun
from curate.ask.lineage import lineage
from curate.ask.whatif import whatif
from curate.edits import Edit, apply
from curate.mix import recipe as mixing
from curate.mix.groups import read_documents
from curate.mix.plan import make
from curate.pipeline.child import changed_settings, decide_again
from curate.pipeline.run import execute
from curate.recipe import load
from workbench.errors import UserError

pytest.importorskip("tokenizers")

PROFILE = """
source: a test
text: edited
edits: {pii: {email: replace}}
rules:
  text.words: {measure: text.words, drop_if: "<", threshold: 1}
  quality.low: {measure: quality.edu, drop_if: "<", threshold: 0.0}
  domain.unwanted: {measure: domain.topic, drop_if: in, threshold: [nothing]}
  harm.toxic: {measure: harm.toxic_sentences, drop_if: ">", threshold: 0.9}
"""
RECIPE = """
input: [pages.jsonl]
profile: profile.yaml
read: {unit_mb: 0.004}
classify:
  quality: {edu: quality}
  domain: {topic: topics}
  harm: {toxic: harms, hateful: harms}
  pii: names
edits: {harm: {name: [toxic, hateful], cut: sentences, min_score: 0.5}}
tokenizer: tokenizer.json
"""


class Made(NamedTuple):
    """A folder with models, recipe and pages; the pages; the run of one worker."""

    folder: Path
    pages: list[dict[str, str]]
    run: FinishedRun

    def load(self, *sets: str, recipe: str = "recipe.yaml") -> Any:
        return load(Path(recipe), {}, sets, Path("workspace"))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def made(here: Path) -> Made:
    for make_one in (model_runs.quality, model_runs.topics, model_runs.harms, model_runs.names):
        make_one(here / make_one.__name__)
    model_runs.tokenizer(here / "tokenizer.json")
    pages = model_runs.corpus(here / "pages.jsonl")
    (here / "profile.yaml").write_text(PROFILE)
    (here / "recipe.yaml").write_text(RECIPE)
    plan = load(Path("recipe.yaml"), {}, [], Path("workspace"))
    outcome = execute(plan, out=Path("one"), root=Path("workspace"), jobs=1)
    assert not outcome.failed
    return Made(here, pages, FinishedRun.open("one", Path("workspace")))


def whole(made: Made) -> pl.DataFrame:
    """Every page that was measured: its row, what was stored of it, and its measures."""
    texts = pl.concat([table(made.run.path, "documents"), table(made.run.path, "dropped")])
    decisions = table(made.run.path, "decisions").select("id", "state", "rule")
    return texts.join(table(made.run.path, "measures"), on="id").join(decisions, on="id").sort("row")


def test_scores_and_domains_stand_in_measures_and_documents(made: Made) -> None:
    rows = whole(made)
    sells = pl.col("url").str.split("/").list.last().cast(pl.Int64) % 2 == 1
    judged = rows.filter(pl.col("domain.topic") != "")
    assert judged.select((pl.col("domain.topic") == "shop") == sells).to_series().all()
    assert judged.select((pl.col("quality.edu") < 0.5) == sells).to_series().all()
    assert rows.select(pl.col("quality") == pl.col("quality.edu")).to_series().all()
    assert judged.select(pl.col("domain") == pl.col("domain.topic")).to_series().all()
    assert {"harm.toxic", "harm.toxic_sentences", "harm.hateful", "domain.topic_score"} <= set(rows.columns)


def test_a_text_without_a_word_has_no_domain_and_no_score(made: Made) -> None:
    row = whole(made).filter(pl.col("text") == "?! ...").row(0, named=True)
    assert (row["quality.edu"], row["domain.topic"], row["domain"], row["harm.toxic"]) == (0.0, "", None, 0.0)
    assert (row["rule"], row["tokens"]) == ("text.words", 2)


def test_harmful_sentences_and_names_go_as_edits(made: Made) -> None:
    rows, edits = whole(made), table(made.run.path, "edits")
    by_url = {page["url"]: page["text"] for page in made.pages}
    kept = {row["id"]: (by_url[row["url"]], row["text"]) for row in rows.to_dicts()}
    own: dict[str, list[Edit]] = {}
    for row in edits.select("id", "step", "kind", "start", "end", "removed", "digest", "replacement").rows():
        own.setdefault(row[0], []).append(Edit(0, *row[1:]))
    for key, (before, after) in kept.items():
        assert apply(before, own.get(key, [])) == after
    assert not any(word in after.lower() for _, after in kept.values() for word in ("moron", "loser"))
    counted = dict(edits.group_by("kind").len().iter_rows())
    assert counted["harm:toxic"] == rows["edits.harm_toxic"].sum() == 40
    removed = edits.filter(pl.col("step") == "harm")["removed"]
    assert all(any(word in text.lower() for word in model_runs.RUDE) for text in removed)
    assert counted["pii:name"] == counted["pii:email"] == rows["edits.pii_name"].sum() == 24
    masked = edits.filter(pl.col("kind") == "pii:name")
    assert masked["removed"].null_count() == masked.height
    assert masked["digest"].str.len_chars().unique().to_list() == [32]
    assert masked["digest"].n_unique() < masked.height, "equal names have equal digests"
    assert all("Dear <NAME>, write to <EMAIL> about" in text for text in rows["text"] if "Dear" in text)


def test_tokens_are_counted_in_what_is_stored(made: Made) -> None:
    rows = whole(made)
    assert rows["tokens"].to_list() == [len(text.split()) for text in rows["text"]]
    assert rows["tokens"].to_list() == rows["tokens.counted"].to_list()
    manifest = json.loads((made.run.path / "manifest.json").read_text())
    assert manifest["counts"]["tokens_kept"] == rows.filter(pl.col("state") == "kept")["tokens"].sum()
    assert [parent["path"] for parent in manifest["parents"]] == ["../quality", "../topics", "../harms", "../names"]
    assert made.run.settings.digests.keys() >= {"quality.edu", "tokenizer", "pii"}
    assert [run.run.id for run in lineage(made.run, Path("workspace"))] == ["one"], "models are no source of texts"


def test_two_workers_killed_and_resumed_write_the_same_bytes(made: Made) -> None:
    arguments = ["run", "recipe.yaml", "--out", "two", "-j", "2"]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(Path("two").glob("units/measure/*/done.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ended = curate(*arguments)
    assert ended.code == 0, ended.stderr
    assert outputs(Path("two")) == outputs(made.run.path)


def test_another_threshold_on_quality_needs_no_run(made: Made) -> None:
    columns = made.run.scan("measures").collect_schema().names()
    settings, changed = changed_settings(made.run.settings, columns, None, ["quality.low=0.5"])
    answer = whatif(made.run, settings, changed, 2)
    kept = whole(made).filter((pl.col("quality.edu") >= 0.5) & (pl.col("state") == "kept"))
    assert answer["kept"]["after"] == kept.height < answer["kept"]["before"]
    assert answer["kept"]["tokens_after"] == kept["tokens"].sum()
    child = decide_again(
        made.run,
        None,
        ["quality.low=0.5"],
        out=Path("child"),
        root=Path("workspace"),
        force=False,
        listener=lambda event: None,
        attach=lambda path: None,
    )
    assert (child.funnel.kept, child.funnel.tokens_kept) == (kept.height, kept["tokens"].sum())
    assert set(table(child.run.path, "documents")["domain"]) == {"school"}


def test_a_mix_by_topic_and_quality(made: Made) -> None:
    Path("mix.yaml").write_text("by: [domain, {measure: quality.edu, edges: [0.5]}]\nmethod: natural\n")
    groups = make(read_documents(made.run, mixing.load(Path("mix.yaml"), [], None))).phases[0].groups
    kept = whole(made).filter(pl.col("state") == "kept")
    assert set(groups["group"]) == {"school|>=0.5", "shop|<0.5"}
    assert groups["tokens_available"].sum() == kept["tokens"].sum()


BAD = [
    ("classify.quality.edu=nowhere", 4, "classify.quality.edu: no run 'nowhere'"),
    ("classify.quality.edu=topics", 4, "topics is a curate.domains run, not curate.quality"),
    ("classify.quality.edu=one", 4, "one is a curate.run run, not curate.quality"),
    ("classify.domain={topics: topics}", 2, "unknown name 'classify.domain.topics'"),
    ("edits.harm.name=toxc", 2, "sentences that are 'toxc' are to be cut, but no model for that is named"),
    ("classify.harm.rude=harms", 2, "knows no harm called 'rude'"),
    ("quality.low=often", 2, "rule 'quality.low': 'quality.edu' holds numbers"),
    ("tokenizer=none.json", 4, "no tokenizer at none.json"),
]


@pytest.mark.parametrize(("change", "code", "told"), BAD)
def test_what_does_not_fit_is_said_before_anything_starts(made: Made, change: str, code: int, told: str) -> None:
    with pytest.raises(UserError) as error:
        made.load(change)
    assert told in error.value.message
    assert error.value.code == code
    assert error.value.hint


def test_a_model_that_was_changed_or_deleted(made: Made) -> None:
    copy = Path("quality2")
    shutil.copytree("quality", copy)
    with (copy / "model" / "linear.npz").open("ab") as file:
        file.write(b"x")
    for told in ("model/linear.npz was changed since it was trained", "has lost its model"):
        with pytest.raises(UserError, match=told) as error:
            made.load(f"classify.quality.edu={copy}")
        assert error.value.code == 4
        shutil.rmtree(copy / "model", ignore_errors=True)


def test_a_mistake_is_shown_where_it_stands(made: Made) -> None:
    Path("wrong.yaml").write_text(RECIPE.replace("quality: {edu: quality}", "quality: {edu: qualty}"))
    with pytest.raises(UserError) as error:
        made.load(recipe="wrong.yaml")
    assert (error.value.file, error.value.line) == ("wrong.yaml", 6)
    Path("wrong.yaml").write_text(RECIPE.replace("quality: {edu: quality}", "quality: {ed: quality}"))
    with pytest.raises(UserError, match=r"'quality\.edu', for which no model is named") as error:
        made.load(recipe="wrong.yaml")
    assert "did you mean 'quality.ed'?" in error.value.hint
