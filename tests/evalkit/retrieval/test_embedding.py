"""Passages by the dot product of a tiny Llama's vectors: what a vector is, and that it is computed once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import doc_id, document, small_run

from curate.ask.finished import FinishedRun
from evalkit.likelihood.encode import Coder
from evalkit.models.mock import Mock
from evalkit.retrieval import vectors
from evalkit.retrieval.embed import CACHE, Embedder
from evalkit.retrieval.vectors import Embedded
from evalkit.run.make import Evaluation, evaluate
from evalkit.run.rows import read_summary
from evalkit.run.settings import EvalSettings
from train.open import open_model
from workbench.errors import UserError

LONG = " ".join(f"word{number}" for number in range(300))
TEXTS = ["the cat sat on the mat", "", LONG, "the cat sat on the mat", "ein anderer Satz"]


def quiet(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def embedder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(str(tiny), tmp_path_factory.mktemp("workspace"))


def test_a_vector_is_the_mean_of_the_last_hidden_states(embedder: Embedder, tiny: Path) -> None:
    found = embedder.embed(TEXTS, quiet)
    opened = open_model(str(tiny), tiny)
    coder = Coder(opened.tokenizer)
    (ids,) = coder.encode([TEXTS[0]])
    with torch.inference_mode():
        states = opened.model(torch.tensor([ids]))[0][len(coder.before) :]
    mean = states.double().mean(0)
    np.testing.assert_allclose(found[0], mean / mean.norm(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found[[0, 2, 4]], axis=1), 1, atol=1e-6)
    assert not found[1].any() and (found[0] == found[3]).all() and not np.allclose(found[0], found[4])
    assert len(coder.encode([LONG])[0]) > opened.config.max_positions  # read in windows


def test_a_vector_hangs_on_its_text_alone_and_is_computed_once(
    embedder: Embedder, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = embedder.embed(TEXTS, quiet)
    other = Embedder(str(tiny), tmp_path)
    assert (other.embed(TEXTS[::-1], quiet)[::-1] == together).all()
    other.close()
    again = Embedder(str(tiny), tmp_path)
    monkeypatch.setattr(again, "_one", lambda text: pytest.fail("computed twice"))
    assert (again.embed(TEXTS, quiet) == together).all() and (tmp_path / CACHE).is_file()
    again.close()


def test_what_was_stored_before_an_interruption_stays(
    embedder: Embedder, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"text {number}" for number in range(130)]
    broken = Embedder(str(tiny), tmp_path)
    plain, asked = broken._one, list[str]()

    def breaks(text: str) -> np.ndarray:
        asked.append(text)
        if len(asked) == 100:
            raise KeyboardInterrupt
        return plain(text)

    monkeypatch.setattr(broken, "_one", breaks)
    with pytest.raises(KeyboardInterrupt):
        broken.embed(texts, quiet)
    asked.clear()
    monkeypatch.setattr(broken, "_one", lambda text: asked.append(text) or plain(text))
    found = broken.embed(texts, quiet)
    broken.close()
    assert asked == texts[64:] and (found == embedder.embed(texts, quiet)).all()


DOCUMENTS = [document("cat", "the cat sat on the mat"), document("twin", "the cat sat on the mat")]
DOCUMENTS += [document("empty", ""), document("long", LONG), document("other", "ein anderer Satz")]


def test_the_nearest_passage_of_each_document(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run(tmp_path / "corpus", DOCUMENTS, [(document("spam", "buy now"), "gopher.words_min")])
    opened = Embedded(FinishedRun.open(str(run), tmp_path / "workspace"), str(tiny), 200, tmp_path / "workspace")
    queries = ["the cat sat on the mat", LONG[:150].strip(), "the cat sat on the mat"]
    found = opened.find(queries, 3, quiet)
    assert [one.id for one in found[0]][:2] == [doc_id("cat"), doc_id("twin")] and found[0] == found[2]
    assert found[0][0].score == pytest.approx(1, abs=1e-6) and len({one.id for one in found[1]}) == 3
    assert found[1][0].id == doc_id("long") and len(found[1][0].text) <= 200
    monkeypatch.setattr(vectors, "_ROWS", 2)
    assert opened.find(queries, 3, quiet) == found
    assert opened.searched == 5 and len(opened.find(queries, 100, quiet)[0]) == 4
    opened.close()


def test_every_character_stands_in_one_passage() -> None:
    text = "ab cd\n" * 40 + "x" * 250
    spans = list(vectors._cut(text, 100))
    assert "".join(text[begin:end] for begin, end in spans) == text and max(end - begin for begin, end in spans) <= 100
    assert text[spans[0][1] - 1].isspace() and list(vectors._cut("   ", 100)) == []


def test_a_run_by_embeddings(tiny: Path, tmp_path: Path) -> None:
    run, root = small_run(tmp_path / "corpus", DOCUMENTS), tmp_path / "workspace"

    def settings(**retrieve: object) -> EvalSettings:
        given = {"corpus": str(run), "by": "embedding", "k": 2, **retrieve}
        return EvalSettings.model_validate(
            {"model": "mock:0", "tasks": ["winnow-grammar"], "limit": 5, "retrieve": given}
        )

    digests = []
    for out in ("a", "b"):
        asked = Evaluation.of(settings(model=str(tiny)), Mock(0), root, tmp_path)
        made = evaluate(asked, root, out=tmp_path / out)
        digests.append(hashlib.sha256((made.path / "items" / "part-00000.parquet").read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    assert read_summary(made.path)["tasks"][1]["preset"] == "default+embedding"
    assert read_summary(made.path)["tasks"][1]["retrieval"]["documents"] == 10
    with pytest.raises(UserError):
        Evaluation.of(settings(model="no-such-model"), Mock(0), root, tmp_path)
