"""How text is cut before merging, and that training depends on nothing but the texts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_tokenizers import TEXTS, small_tokenizer
from tokenizers import Regex, pre_tokenizers

from train.data.blocks import Fields
from train.data.chat import load_template, special_tokens, template_names
from train.data.texts import read_documents
from train.tokenizer.train import pattern, sample, train
from workbench.errors import Exit, UserError


def pieces(text: str, digits: bool = True) -> list[str]:
    cut = pre_tokenizers.Split(Regex(pattern(digits)), "isolated")
    return [piece for piece, _ in cut.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello world", ["Hello", " world"]),
        ("in 2024, 7", ["in", " ", "2", "0", "2", "4", ",", " ", "7"]),
        ("def f():\n    return  x\n", ["def", " f", "():\n", "    ", "return", "  ", "x", "\n"]),
        ("\t\tif a:\r\n\t\tb", ["\t\t", "if", " a", ":\r\n", "\t\t", "b"]),
        ("don't say 'dead' we’ll", ["don", "'t", " say", " '", "dead", "'", " we", "’ll"]),
        ("(foo.bar) == 'x'", ["(foo", ".bar", ")", " ==", " '", "x", "'"]),
        ("你好，世界", ["你好", "，世界"]),
        ("हिन्दी भाषा", ["हिन्दी", " भाषा"]),
        ("ที่นี่", ["ที่นี่"]),
        ("a\n\n\nb   \n", ["a", "\n\n\n", "b", "   \n"]),
    ],
)
def test_where_text_is_cut(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_without_single_digits_up_to_three_go_together() -> None:
    assert pieces("in 2024", digits=False) == ["in", " ", "202", "4"]
    many = ["12345 12345 12345"] * 50
    assert "123" in {small_tokenizer(400, tuple(many), digits=False).token(number) for number in range(400)}
    assert "123" not in {small_tokenizer(400, tuple(many)).token(number) for number in range(400)}


def test_indentation_is_one_token() -> None:
    code = "".join(f"def f{number}():\n        return {number}\n" for number in range(50))
    tokenizer = train([code], 400)
    ids = tokenizer.encode("        return")
    assert tokenizer.token(ids[0]) == "Ġ" * 8 and len(ids) == 2


def test_the_tokens_of_every_template_are_there() -> None:
    tokenizer = small_tokenizer()
    expected = {"<|bos|>", "<|eos|>", "<|pad|>", *special_tokens(), *(f"<|reserved_{number}|>" for number in range(16))}
    assert set(tokenizer.specials) == expected
    assert tokenizer.size == 400
    assert {"<|im_start|>", "<|im_end|>", "<|prompter|>", "<|assistant|>"} <= expected


@pytest.mark.parametrize("name", template_names())
def test_the_template_goes_with_the_tokenizer(name: str) -> None:
    tokenizer = train(TEXTS, 320, template=name)
    assert tokenizer.template == name and tokenizer.jinja == load_template(name).jinja()


def test_a_template_of_the_users_brings_its_tokens_and_its_jinja(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text('roles: {user: {prefix: "<|me|>"}}\nassistant: {prefix: "<|you|>", end: "{eos}"}\n')
    tokenizer = train(TEXTS, 320, template=str(path))
    assert {"<|me|>", "<|you|>"} <= set(tokenizer.specials)
    assert tokenizer.template is None and "<|me|>" in (tokenizer.jinja or "")


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        train(TEXTS, 280)
    assert caught.value.code == Exit.USAGE and "or more" in caught.value.hint


def test_no_text_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        train(["", ""], 400)
    assert caught.value.code == Exit.USAGE


def test_the_same_texts_give_the_same_file_in_every_process() -> None:
    code = (
        "from small_tokenizers import TEXTS\nfrom train.tokenizer.train import train\nprint(train(TEXTS, 400).digest)\n"
    )
    found = set()
    for threads, seed in (("1", "1"), ("2", "2"), ("4", "3")):
        path = os.pathsep.join(map(str, (Path(__file__).parents[2], Path(__file__).parents[3])))
        environment = {**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    assert found == {small_tokenizer().digest}


def test_a_sample_is_the_documents_of_low_hash(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f'{{"id": "{number}", "text": "0123456789"}}\n' for number in range(1_000)))
    documents = read_documents(str(path), tmp_path, fields=Fields())
    tenth = [one.id for one in sample(documents, 10_000, 1_000, 0, "a")]
    half = [one.id for one in sample(documents, 10_000, 5_000, 0, "a")]
    assert 70 < len(tenth) < 130 and set(tenth) < set(half)
    assert set(tenth) != {one.id for one in sample(documents, 10_000, 1_000, 1, "a")}
    assert len(list(sample(documents, 10_000, 10_000, 0, "a"))) == 1_000
