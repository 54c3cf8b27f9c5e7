"""Language identification: the built-in model against its origin, and fastText models by path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.language import Language, identifier, model_digest
from curate.language.answer import prefix
from curate.language.codes import short_code
from workbench.errors import Exit, UserError

BUILTIN = identifier()

SENTENCES = {
    "en": "The committee will meet again next week to discuss the new library building.",
    "de": "Der Ausschuss wird nächste Woche erneut über das neue Bibliotheksgebäude beraten.",
    "fr": "La commission se réunira de nouveau la semaine prochaine pour parler de la bibliothèque.",
    "es": "El comité volverá a reunirse la próxima semana para hablar de la nueva biblioteca.",
    "ru": "Комитет снова соберётся на следующей неделе, чтобы обсудить новое здание библиотеки.",
    "zh": "委员会下周将再次开会，讨论新的图书馆大楼。",
    "ja": "委員会は来週もう一度集まり、新しい図書館の建物について話し合います。",
    "ko": "위원회는 다음 주에 다시 모여 새 도서관 건물에 대해 논의할 것입니다.",
}


@pytest.mark.parametrize(("lang", "text"), SENTENCES.items())
def test_plain_sentences(lang: str, text: str) -> None:
    found = BUILTIN.identify([text])[0]
    assert found.lang == lang
    assert 0.0 <= found.runner_up_score <= found.score <= 1.0
    assert found.runner_up != lang


@pytest.mark.parametrize("text", ["", " \n", "1234 -- 5678", "!!! ???", "😀😀"])
def test_a_text_without_letters_has_no_language(text: str) -> None:
    assert BUILTIN.identify([text]) == [Language("und", 0.0, "und", 0.0)]


def test_the_answer_for_a_text_does_not_depend_on_its_neighbours() -> None:
    texts = list(SENTENCES.values())
    assert BUILTIN.identify(texts) == [BUILTIN.identify([text])[0] for text in texts]


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=400))
def test_equal_to_py3langid(text: str) -> None:
    from py3langid.langid import LanguageIdentifier

    if not hasattr(test_equal_to_py3langid, "peer"):
        peer = LanguageIdentifier.from_model_file("data/model.npz.xz", norm_probs=True)
        test_equal_to_py3langid.peer = peer  # type: ignore[attr-defined]
    if not any(char.isalpha() for char in text):
        return
    ranked = test_equal_to_py3langid.peer.rank(text)  # type: ignore[attr-defined]
    found = BUILTIN.identify([text])[0]
    assert found.score == pytest.approx(ranked[0][1], abs=1e-3)
    assert dict(ranked)[found.lang] == pytest.approx(ranked[0][1], abs=1e-3)


def test_a_prefix_ends_with_a_word() -> None:
    assert prefix("one two three", 9) == "one two"
    assert prefix("short", 9) == "short"
    assert prefix("委员会下周将再次开会", 4) == "委员会下"


def test_codes() -> None:
    labels = ["en", "eng_Latn", "cmn_Hani", "zh-Hans", "ceb", "arb_Arab", "und"]
    assert [short_code(label) for label in labels] == ["en", "en", "zh", "zh", "ceb", "ar", "und"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fastText model of two languages, trained in a child process.

    fastText leaves part of its matrix as it finds the memory; MALLOC_PERTURB_=255 makes that zeros in every run.
    """
    folder = tmp_path_factory.mktemp("model")
    lines = [f"__label__{label} {SENTENCES[lang]}" for label, lang in (("eng_Latn", "en"), ("deu_Latn", "de"))] * 50
    (folder / "train.txt").write_text("\n".join(lines), "utf-8")
    code = (
        "import fasttext, sys\n"
        "model = fasttext.train_supervised(sys.argv[1], epoch=20, dim=8, thread=1, verbose=0)\n"
        "model.save_model(sys.argv[2])"
    )
    arguments = [sys.executable, "-c", code, str(folder / "train.txt"), str(folder / "two.bin")]
    subprocess.run(arguments, check=True, env={**os.environ, "MALLOC_PERTURB_": "255"})
    return folder / "two.bin"


def test_a_fasttext_model_by_path(model: Path) -> None:
    found = identifier(str(model)).identify([SENTENCES["de"].replace(" ", "\n", 3), SENTENCES["en"], "12"])
    assert [answer.lang for answer in found] == ["de", "en", "und"]
    assert found[0].runner_up == "en"


def test_what_a_model_can_answer(model: Path) -> None:
    assert identifier(str(model)).languages == {"en", "de"}
    assert BUILTIN.languages >= SENTENCES.keys() and len(BUILTIN.languages) > 130


def test_fasttext_is_not_installed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(UserError) as error:
        identifier(str(model))
    assert error.value.code == Exit.MISSING
    assert error.value.hint == "pip install fasttext-numpy2"


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError) as loading:
        identifier(str(tmp_path / "none.bin"))
    assert loading.value.code == Exit.INPUT
    with pytest.raises(UserError) as error:
        model_digest(str(tmp_path / "none.bin"))
    assert error.value.code == Exit.INPUT


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "no.bin").write_bytes(b"not a model")
    with pytest.raises(UserError) as error:
        identifier(str(tmp_path / "no.bin"))
    assert error.value.code == Exit.INPUT


def test_a_model_is_named_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"one")
    (tmp_path / "b.bin").write_bytes(b"two")
    assert model_digest("builtin") == "builtin"
    assert model_digest(str(tmp_path / "a.bin")) != model_digest(str(tmp_path / "b.bin"))
