"""A run of perplexity: every text in one state, the same files however often it broke off."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from killing import environment

from evalkit.cli.perplexity import perplexity as command
from evalkit.models.mock import Mock
from evalkit.models.types import Listener, Rolled, Windows
from evalkit.perplexity import score, summary
from evalkit.perplexity.make import Measuring, forecast, measure, read_summary
from evalkit.perplexity.show import blocks
from evalkit.perplexity.texts import open_texts
from workbench import console
from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.runs import Run

WORDS = ["river", "city", "old", "king", "green", "light", "data", "model", "train", "test", "answer", "question"]


def texts(path: Path, count: int = 60) -> str:
    rows = [
        {
            "id": f"doc{n}",
            "text": " ".join(WORDS[(n * 7 + k * k) % 12] for k in range(3 + n % 17)),
            "domain": ("news", "law", None)[n % 3],
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


class Broken(Mock):
    """Fails on texts that say so, and ends the process's work after `answers` texts."""

    def __init__(self, seed: int = 0, answers: int = 10**9) -> None:
        super().__init__(seed)
        self.answers = answers

    def rolling(
        self, asked: Sequence[str], windows: Windows, *, moments: bool = False, listener: Listener | None = None
    ) -> Iterator[tuple[int, Rolled]]:
        for number, rolled in super().rolling(asked, windows, moments=moments):
            if self.answers == 0:
                raise KeyboardInterrupt
            self.answers -= 1
            if "fail" in asked[number]:
                yield number, Rolled(np.zeros(0), np.zeros(0, np.int64), error="the server said 500")
            elif "infinite" in asked[number]:
                yield number, rolled._replace(logprobs=rolled.logprobs - math.inf)
            else:
                yield number, rolled


def run_of(data: str, tmp_path: Path, *models: Mock, out: str = "run", windows: Windows | None = None) -> Run:
    root = tmp_path / "workspace"
    asked = Measuring.of(models or [Mock(0)], open_texts(data, root), windows or Windows())
    return measure(asked, root, out=tmp_path / out)


def rows_of(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.path / "items")


def test_every_text_has_a_row_in_its_order(tmp_path: Path) -> None:
    run = run_of(texts(tmp_path / "t.jsonl"), tmp_path)
    rows = rows_of(run)
    assert rows["id"].to_list() == [f"doc{n}" for n in range(60)]
    assert rows["state"].unique().to_list() == ["scored"]
    first = rows.row(0, named=True)
    assert first["place"] == "t.jsonl:0" and first["group"] == "news"
    assert first["words"] == 3 and first["bytes"] == first["chars"]
    assert run.manifest is not None and run.manifest.counts["scored"] == 60
    assert run.manifest.inputs[0].path == "t.jsonl"


def test_the_sums_are_those_of_the_model(tmp_path: Path) -> None:
    data = texts(tmp_path / "t.jsonl")
    said = [text.text or "" for text in open_texts(data, tmp_path)]
    total = -sum(rolled.total for _, rolled in Mock(0).rolling(said, Windows()))
    whole = read_summary(run_of(data, tmp_path).path)["measured"][0]
    assert whole["loss"] == pytest.approx(total, rel=1e-12)
    assert whole["token_perplexity"]["value"] == pytest.approx(math.exp(total / whole["tokens"]), rel=1e-12)
    assert whole["bits_per_byte"]["value"] == pytest.approx(total / whole["bytes"] / math.log(2), rel=1e-12)
    assert whole["like_texts"] == pytest.approx(
        sum(len(text) for text in said) ** 2 / sum(len(text) ** 2 for text in said)
    )


def test_groups_add_up(tmp_path: Path) -> None:
    measured = read_summary(run_of(texts(tmp_path / "t.jsonl"), tmp_path).path)["measured"]
    assert [one["group"] for one in measured] == [None, "law", "news"]
    assert [one["texts"] for one in measured] == [60, 20, 20]  # twenty have no domain
    assert all(one["bits_per_byte"]["low"] < one["bits_per_byte"]["value"] for one in measured)


def test_groups_beyond_the_most_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MOST_GROUPS", 1)
    told = read_summary(run_of(texts(tmp_path / "t.jsonl", 6), tmp_path).path)
    assert [one["group"] for one in told["measured"]] == [None, "law"]
    assert told["groups_left_out"] == 1
    assert "1 more groups stand in items/" in blocks(told)[0].note  # type: ignore[union-attr]


def test_what_cannot_be_scored_is_counted_apart(tmp_path: Path) -> None:
    said = ["good text here", "this will fail", "", "  \n", "an infinite one", "more good text"]
    data = tmp_path / "t.jsonl"
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in said))
    run = run_of(str(data), tmp_path, Broken())
    rows = rows_of(run)
    assert rows["state"].to_list() == ["scored", "failed", "unscored", "unscored", "failed", "scored"]
    assert rows["reason"].to_list()[1:5] == [
        "the server said 500",
        "there is no text",
        "there is no text",
        "its log-probability is -inf",
    ]
    whole = read_summary(run.path)["measured"][0]
    assert (whole["scored"], whole["failed"], whole["unscored"]) == (2, 2, 2)
    assert whole["bytes"] == len("good text here") + len("more good text")


def test_half_a_surrogate_pair_is_a_text_like_others(tmp_path: Path, tiny: Path) -> None:
    from evalkit.models.open import open_model

    data = tmp_path / "t.jsonl"
    said = [{"id": "\ud800", "text": "good \ud800 text", "domain": "\udfff"}, {"id": "b", "text": "more good text"}]
    data.write_text("".join(json.dumps(row) + "\n" for row in said))
    for number, model in enumerate((Mock(0), open_model(str(tiny), root=tmp_path))):
        root = tmp_path / "workspace"
        asked = Measuring.of([model], open_texts(str(data), root), Windows())
        rows = rows_of(measure(asked, root, out=tmp_path / f"run-{number}"))
        assert rows["state"].to_list() == ["scored", "scored"]
        assert rows["id"].to_list() == ["\ufffd", "b"] and rows["group"].to_list() == ["\ufffd", None]
        assert rows["bytes"].to_list() == [13, 14]


def test_a_token_before_which_there_is_none_is_not_scored(tmp_path: Path) -> None:
    data = tmp_path / "t.jsonl"
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("one", "one two three")))
    rows = rows_of(run_of(str(data), tmp_path, windows=Windows(bos="none")))
    assert rows["state"].to_list() == ["unscored", "scored"]


def test_nothing_but_failures_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("all of this will fail")
    with pytest.raises(UserError, match="no text could be scored: the server said 500") as caught:
        run_of(str(tmp_path / "t.txt"), tmp_path, Broken())
    assert caught.value.code == Exit.PARTIAL


@pytest.mark.parametrize("answers", [0, 5, 31, 59])
def test_a_run_that_broke_off_goes_on_to_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    monkeypatch.setattr(score, "UNIT_TEXTS", 8)
    data = texts(tmp_path / "t.jsonl")
    with pytest.raises(KeyboardInterrupt):
        run_of(data, tmp_path, Broken(0, answers))
    model = Broken(0)
    again = run_of(data, tmp_path, model)
    whole = run_of(data, tmp_path, Broken(0), out="whole")
    for name in ("items/part-00000.parquet", "summary.json", "recipe.yaml"):
        assert sha256(again.path / name) == sha256(whole.path / name)
    assert 10**9 - model.answers == 60 - answers // 8 * 8  # only what was not done
    assert not (again.path / "units").exists()


def test_a_run_killed_at_any_place_comes_to_the_same_files(tmp_path: Path) -> None:
    texts(tmp_path / "t.jsonl", 7)  # so few need no bootstrap
    script = Path(__file__).parent / "killed_perplexity.py"
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8
    for name in ("items/part-00000.parquet", "summary.json", "recipe.yaml"):
        assert sha256(tmp_path / "killed" / name) == sha256(tmp_path / "whole" / name)
    assert not any(".tmp" in path.name or path.name == "units" for path in (tmp_path / "killed").iterdir())


def test_units_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = texts(tmp_path / "t.jsonl")
    one = run_of(data, tmp_path)
    monkeypatch.setattr(score, "UNIT_CHARS", 100)
    many = run_of(data, tmp_path, out="many")
    assert rows_of(one).equals(rows_of(many))


def test_other_texts_or_weights_are_another_run(tmp_path: Path) -> None:
    data = texts(tmp_path / "t.jsonl")
    run_of(data, tmp_path)
    for models, changed in (([Mock(1)], data), ([Mock(0)], texts(tmp_path / "t.jsonl", 59))):
        with pytest.raises(UserError, match="another recipe"):
            run_of(changed, tmp_path, *models)


def test_models_are_compared_on_the_texts_that_both_could_score(tmp_path: Path) -> None:
    data = tmp_path / "t.jsonl"
    said = [f"{' '.join(WORDS[: 3 + n % 9])} {n}" for n in range(40)] + ["this will fail"]
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in said))
    (pair,) = read_summary(run_of(str(data), tmp_path, Mock(0), Broken(1)).path)["compared"]
    both = said[:-1]
    bits = [
        -sum(rolled.total for _, rolled in model.rolling(both, Windows())) / sum(map(len, both)) / math.log(2)
        for model in (Mock(0), Mock(1))
    ]
    assert pair["bits_per_byte"] == pytest.approx(bits)
    assert pair["difference"]["value"] == pytest.approx(bits[1] - bits[0])
    assert pair["difference"]["n"] == 40
    assert pair["verdict"]["kind"] in ("a", "b", "none")


def test_the_hardest_places_are_in_their_texts(tmp_path: Path) -> None:
    data = texts(tmp_path / "t.jsonl")
    said = {text.id: text.text or "" for text in open_texts(data, tmp_path)}
    hardest = read_summary(run_of(data, tmp_path).path)["hardest"]
    assert len(hardest) == 20
    for one in hardest:
        assert said[one["id"]][one["hardest_start"] : one["hardest_end"]] == one["hardest"]
    assert [one["beyond"] for one in hardest] == sorted((one["beyond"] for one in hardest), reverse=True)


def test_a_forecast_is_what_it_takes(tmp_path: Path, tiny: Path) -> None:
    from evalkit.models.open import open_model

    data = texts(tmp_path / "t.jsonl", 20)
    model = open_model(str(tiny), root=tmp_path)
    asked = Measuring.of([model], open_texts(data, tmp_path), Windows())
    (expected,) = forecast(asked)
    run = measure(asked, tmp_path)
    assert run.manifest is not None and run.manifest.counts["tokens_computed"] == expected.tokens


@pytest.mark.parametrize(
    ("models", "data", "message"),
    [
        ([Mock(0), Mock(0)], "some text", "named twice"),
        ([Mock(0)], "", "holds no texts"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, models: list[Mock], data: str, message: str) -> None:
    (tmp_path / "t.txt").write_text(data)
    with pytest.raises(UserError, match=message):
        run_of(str(tmp_path / "t.txt"), tmp_path, *models)


def test_a_model_without_log_probabilities_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("some text")
    chat = Mock(0)
    chat.can = frozenset({"generate", "chat"})
    with pytest.raises(UserError, match="gives no log-probabilities of texts"):
        run_of(str(tmp_path / "t.txt"), tmp_path, chat)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    app = console.app("evalkit", "")
    app.command("perplexity")(command)
    app.command("other")(lambda: None)
    with pytest.raises(SystemExit) as ended:
        app(["perplexity", *arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


def test_the_command_shows_numbers_with_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = texts(tmp_path / "t.jsonl")
    place = ["--root", str(tmp_path / "root"), "--no-progress"]
    code, out, _ = call(capsys, "-m", "mock:0", "-m", "mock:1", "--data", data, *place)
    assert code == 0
    assert "Perplexity of mock:0 (95 % intervals)" in out and "Against each other" in out
    code, out, _ = call(capsys, "-m", "mock:0", "-m", "mock:1", "--data", data, "--json", *place)
    told: dict[str, Any] = json.loads(out)
    assert code == 0 and told["schema"] == "evalkit.perplexity/1" and len(told["data"]["measured"]) == 6
    code, out, _ = call(capsys, "-m", "mock:0", "--data", data, "--dry-run", *place)
    assert code == 0 and "Forecast" in out


def test_what_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"text": "One."}\n')
    code, _, said = call(capsys, "-m", "mock:0", "--root", str(tmp_path), "--data", "nothere")
    assert code == 4 and "there is no file or folder nothere, and no run of that name" in said
    code, _, said = call(capsys, "-m", "mock:0", "--root", str(tmp_path), "--data", str(data), "--by", "lang")
    assert code == 2 and "has a 'lang' to group by" in said


def test_hostile_text_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [f"\x1b[31mred {n} \u202e<script>alert(1)</script>\x1b]0;title\x07 {'a b ' * n}" for n in range(8)]
    data = tmp_path / "t.jsonl"
    data.write_text("".join(json.dumps({"text": text, "domain": "\x1b[2Jx"}) + "\n" for text in said))
    _, out, _ = call(capsys, "-m", "mock:0", "--data", str(data), "--root", str(tmp_path), "--no-progress")
    assert "\x1b" not in out and "\u202e" not in out and "\x07" not in out


def test_one_text_has_no_interval_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.txt").write_text("One text.\n\nOf two paragraphs.\n")
    place = ["--root", str(tmp_path / "root"), "--no-progress"]
    code, out, _ = call(capsys, "-m", "mock:0", "--data", str(tmp_path / "t.txt"), *place)
    assert code == 0 and "--split paragraphs" in out and " to " not in out.split("\n")[3]
    code, out, _ = call(
        capsys, "-m", "mock:0", "--data", str(tmp_path / "t.txt"), "--split", "paragraphs", "--json", *place
    )
    whole = json.loads(out)["data"]["measured"][0]
    assert whole["texts"] == 2 and whole["bits_per_byte"]["low"] is not None


def test_failed_texts_make_a_partial_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import evalkit.models.open as opening

    monkeypatch.setattr(opening, "open_model", lambda *_, **__: Broken())
    (tmp_path / "t.txt").write_text("fine\nthis will fail\n")
    with pytest.raises(SystemExit) as ended:
        app = console.app("evalkit", "")
        app.command("perplexity")(command)
        app.command("other")(lambda: None)
        app(["perplexity", "-m", "x", "--data", str(tmp_path / "t.txt"), "--split", "lines", "--root", str(tmp_path)])
    assert ended.value.code == Exit.PARTIAL
