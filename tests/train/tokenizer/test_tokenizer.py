"""A tokenizer gives back every text, makes no special token of a text, and says which file is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tokenizers import small_tokenizer
from tokenizers import Tokenizer as Library
from tokenizers.processors import TemplateProcessing

from train.tokenizer.report import HOSTILE, round_trip
from train.tokenizer.tokenizer import CONFIG, FILE, JINJA, Tokenizer
from workbench.errors import Exit, UserError


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    tokenizer = small_tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_strings_come_back(name: str) -> None:
    tokenizer = small_tokenizer()
    assert tokenizer.decode(tokenizer.encode(HOSTILE[name])) == HOSTILE[name]


def test_round_trip_covers_hostile_strings_and_texts_that_spell_special_tokens() -> None:
    assert round_trip(small_tokenizer()) == []


def test_a_line_of_a_megabyte_comes_back() -> None:
    line = "".join(f"{number:x}ab" for number in range(200_000))
    tokenizer = small_tokenizer()
    assert len(line) > 1_000_000 and tokenizer.decode(tokenizer.encode(line)) == line


def test_a_text_that_spells_a_special_token_is_text() -> None:
    tokenizer = small_tokenizer()
    for name, number in tokenizer.specials.items():
        assert number not in tokenizer.encode(f"a {name}{name} b")
    assert tokenizer.encode("<|eos|>") != [tokenizer.eos]


def test_half_of_a_surrogate_pair_becomes_the_replacement_character() -> None:
    tokenizer = small_tokenizer()
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"
    assert tokenizer.decode(tokenizer.encode("\ud83d\ude00")) == "😀"


def test_every_token_begins_at_a_character_of_the_text() -> None:
    tokenizer = small_tokenizer()
    text = "The quick 🙃 fox"
    ids, starts = tokenizer.encode_starts(text)
    assert ids == tokenizer.encode(text)
    assert [text[begin:end] for begin, end in zip(starts, [*starts[1:], len(text)], strict=True)][:2] == [
        "The",
        " quick",
    ]
    assert starts.count(text.index("🙃")) > 1  # its bytes are several tokens


def test_what_the_files_put_around_a_text() -> None:
    assert small_tokenizer().frame == ([], [])
    library = Library.from_str(small_tokenizer()._text)
    library.post_processor = TemplateProcessing(
        single="<|bos|> $A <|eos|>",
        special_tokens=[(name, library.token_to_id(name)) for name in ("<|bos|>", "<|eos|>")],
    )
    framed = Tokenizer(library.to_str())
    assert framed.frame == ([framed.bos], [framed.eos])
    assert framed.encode("fox") == small_tokenizer().encode("fox")


def test_special_tokens_are_shown_only_when_asked_for() -> None:
    tokenizer = small_tokenizer()
    assert tokenizer.bos is not None and tokenizer.eos is not None
    ids = [tokenizer.bos, *tokenizer.encode("fox"), tokenizer.eos]
    assert tokenizer.decode(ids) == "fox"
    assert tokenizer.decode(ids, skip_special=False) == "<|bos|>fox<|eos|>"
    assert tokenizer.special("<|im_end|>") == tokenizer.specials["<|im_end|>"]


def test_an_unknown_special_token_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        small_tokenizer().special("<|im_ende|>")
    assert caught.value.code == Exit.INPUT and "<|im_end|>" in caught.value.hint


def test_what_is_saved_opens_as_the_same(tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    tokenizer.save(tmp_path / "one")
    again = Tokenizer.open(tmp_path / "one")
    again.save(tmp_path / "two")
    assert again.digest == tokenizer.digest == Tokenizer.open(tmp_path / "two" / FILE).digest
    assert (again.bos, again.eos, again.pad) == (0, 1, 2)
    assert again.template == "chatml" and again.jinja == tokenizer.jinja
    for name in (FILE, CONFIG, JINJA, "special_tokens_map.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_digest_ignores_layout_truncation_and_padding(tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    tokenizer.save(tmp_path)
    values = json.loads((tmp_path / FILE).read_text())
    values["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / FILE).write_text(json.dumps(values))
    changed = Tokenizer.open(tmp_path)
    assert changed.digest == tokenizer.digest
    assert changed.encode("The quick brown fox") == tokenizer.encode("The quick brown fox")


def test_the_config_names_begin_and_end_and_may_name_none(tmp_path: Path) -> None:
    small_tokenizer().save(tmp_path)
    values = {"bos_token": None, "eos_token": {"content": "<|im_end|>"}, "pad_token": "not there"}
    (tmp_path / CONFIG).write_text(json.dumps(values))
    tokenizer = Tokenizer.open(tmp_path)
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad) == (None, tokenizer.special("<|im_end|>"), None)


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"model": 1}', "\x00" * 10])
def test_a_broken_file_is_an_input_error(tmp_path: Path, broken: str) -> None:
    (tmp_path / FILE).write_text(broken)
    with pytest.raises(UserError) as caught:
        Tokenizer.open(tmp_path)
    assert caught.value.code == Exit.INPUT and FILE in str(caught.value) and caught.value.hint


def test_a_cut_off_file_a_missing_one_and_a_broken_config_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Tokenizer.open(tmp_path / "nowhere")
    assert caught.value.code == Exit.INPUT
    small_tokenizer().save(tmp_path)
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text[: len(text) // 2])
    with pytest.raises(UserError) as caught:
        Tokenizer.open(tmp_path)
    assert caught.value.code == Exit.INPUT
    (tmp_path / FILE).write_text(text)
    (tmp_path / CONFIG).write_text("{,")
    with pytest.raises(UserError) as caught:
        Tokenizer.open(tmp_path)
    assert caught.value.code == Exit.INPUT and CONFIG in str(caught.value)
