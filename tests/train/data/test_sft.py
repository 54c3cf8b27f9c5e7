"""Fine-tuning data: forms of rows, what is learned, what does not fit, what is wrong."""

from __future__ import annotations

import gzip
import json
import random

import numpy as np
import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tokenizers import small_tokenizer

from train.data import chat
from train.data.batch import IGNORED, PADDING
from train.data.conversations import conversation
from train.data.examples import Example, Report
from train.data.pieces import Rendered
from train.data.records import read_records
from train.data.sft import Conversations, Examples, SftData, SftSet, load, render_all
from train.data.shorten import shorten
from workbench import recipes
from workbench.errors import UserError

PAIR = [{"role": "user", "content": "Fox?"}, {"role": "assistant", "content": "Dog."}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": PAIR},
        {"conversations": [{"from": "human", "value": "Fox?"}, {"from": "gpt", "value": "Dog."}]},
        {"prompt": "Fox?", "response": "Dog."},
        {"prompt": "Fox?", "completion": "Dog."},
        {"prompt": PAIR[:1], "completion": PAIR[1:]},
        {"instruction": "Fox?", "input": "", "output": "Dog."},
        {"instruction": "Fox?", "response": "Dog."},
        {"messages": [{"role": "prompter", "content": "Fox?"}, {"role": "model", "content": "Dog."}]},
    ],
)
def test_each_form_of_a_row_is_the_same_conversation(row):
    assert conversation(row) == PAIR


def test_an_input_follows_its_instruction_and_a_system_text_leads():
    row = {"instruction": "Say", "input": "fox", "output": "Dog."}
    assert conversation(row)[0]["content"] == "Say\n\nfox"
    assert conversation(row, between=chat.load_template("alpaca").input)[0]["content"] == "Say\n\n### Input:\nfox"
    assert conversation({**row, "system": "Be short."})[0] == {"role": "system", "content": "Be short."}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a"}, "no known form; its fields are: text"),
        ({"messages": []}, "the conversation is empty"),
        ({"prompt": " ", "response": ""}, "the conversation is empty"),
        ({"prompt": "Fox?", "response": " "}, "an answer is empty"),
        ({"messages": PAIR[:1]}, "all of its labels are masked"),
        ({"messages": "Fox?"}, "'messages' is no list"),
        ({"messages": [{"role": "user"}]}, "a message has no content"),
        ({"conversations": [{"from": "human"}]}, "a message has no text in 'value'"),
        ({"prompt": 3, "response": "Dog."}, "not of the form 'prompt'"),
    ],
)
def test_rows_without_anything_to_learn_are_refused(row, message):
    with pytest.raises(UserError, match=message):
        conversation(row)


def rows_in(folder, rows, name="rows.jsonl"):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def open_rows(folder, rows, width=64, **more):
    data = SftData(sets=[SftSet(path=rows_in(folder, rows))], **more)
    return load(data, small_tokenizer(), width, base=folder, seed=0)


@pytest.mark.parametrize(
    "bad", [{"prompt": "a", "response": ""}, {"messages": [*PAIR, {"role": "usr", "content": "a"}]}]
)
def test_a_bad_row_is_named_or_counted(tmp_path, bad):
    rows = [{"messages": PAIR}, {"id": "r7", **bad}, bad]
    with pytest.raises(UserError, match=r"^r7: "):
        open_rows(tmp_path, rows)
    report = open_rows(tmp_path, rows, invalid="drop").reports["rows"]
    assert (report.rows, sum(report.dropped.values())) == (1, 2)
    assert list(report.named.values()) == [["r7", "rows.jsonl:3"]]


def test_a_set_without_a_good_row_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"set 'rows' has no row to learn from: an answer is empty \(1\)"):
        open_rows(tmp_path, [{"prompt": "a", "response": ""}], invalid="drop")
    with pytest.raises(UserError, match="set 'rows' has no row to learn from: it is empty"):
        open_rows(tmp_path, [])


def test_labels_are_the_answers_and_their_ends(tmp_path):
    tokenizer = small_tokenizer()
    found = open_rows(tmp_path, [{"messages": PAIR * 2}])
    tokens, labels = found.sets["rows"].piece(0, 0, int(found.sets["rows"].lengths[0]))
    assert labels[-1] == IGNORED
    kept = labels != IGNORED
    assert (labels[:-1][kept[:-1]] == tokens[1:][kept[:-1]]).all()
    assert tokenizer.decode(labels[kept].tolist(), skip_special=False) == "Dog.<|im_end|>Dog.<|im_end|>"
    report = found.reports["rows"]
    assert (report.rows, report.tokens, report.labels) == (1, len(tokens), kept.sum())
    assert found.sets["rows"].labels(np.array([0]), np.array([len(tokens)])).tolist() == [kept.sum()]


LONG = "the quick brown fox jumps over the lazy dog " * 6


def shortened(messages, width, name="chatml"):
    tokenizer, form = small_tokenizer(), chat.load_template(name)
    rendered, how = shorten(messages, lambda some: chat.render(some, tokenizer, form), width)
    if rendered is None:
        return None, how
    assert len(rendered.ids) <= width and any(rendered.mask[1:])
    return tokenizer.decode(rendered.ids, skip_special=False), how


def test_the_oldest_turns_go_first_and_the_system_stays():
    system = {"role": "system", "content": "Be short."}
    text, how = shortened([system, {"role": "user", "content": LONG}, PAIR[1], *PAIR], 60)
    assert how == ["oldest turns left out"]
    assert text == small_tokenizer().decode(
        chat.render([system, *PAIR], small_tokenizer(), chat.load_template("chatml")).ids, skip_special=False
    )


def test_a_long_prompt_loses_its_middle():
    prompt = {"role": "user", "content": f"Summarize: {LONG} In one word."}
    text, how = shortened([prompt, PAIR[1]], 60)
    assert how == ["middle of the prompt cut out"]
    assert text.startswith("<|bos|><|im_start|>user\nSummarize: the quick")
    assert "In one word.<|im_end|>" in text and text.endswith("Dog.<|im_end|>\n")


def test_a_long_answer_loses_its_end_and_is_not_taught_to_stop_there():
    text, how = shortened([PAIR[0], {"role": "assistant", "content": LONG}], 60)
    assert how == ["end of the answer cut off"]
    assert "Fox?<|im_end|>" in text and "<|im_end|>" not in text.split("assistant\n")[1]


def test_where_both_are_long_the_prompt_gets_half():
    text, how = shortened([{"role": "user", "content": LONG}, {"role": "assistant", "content": LONG}], 100)
    assert how == ["middle of the prompt cut out", "end of the answer cut off"]
    assert 45 <= len(small_tokenizer().encode(text.split("<|im_start|>assistant")[1])) <= 55


def test_without_room_for_a_label_nothing_is_kept():
    assert shortened([{"role": "system", "content": LONG}, *PAIR], 40) == (None, [])


said = st.sampled_from(["Fox?", LONG, LONG[:70], "a"])
long_talks = st.lists(
    st.builds(
        lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "user", "assistant"]), said
    ),
    min_size=1,
    max_size=6,
)


@given(long_talks, st.integers(4, 120), st.sampled_from(chat.template_names()))
@settings(max_examples=60)
def test_what_is_shortened_fits_and_has_a_label(messages, width, name):
    shortened([*messages, PAIR[1]], width, name)


def test_policies_for_what_is_too_long(tmp_path):
    rows = [{"messages": PAIR}, {"id": "long", "prompt": LONG, "response": "Dog."}]
    with pytest.raises(UserError, match=r"^long: longer than the context of 50 tokens"):
        open_rows(tmp_path, rows, 50, too_long="error")
    dropped = open_rows(tmp_path, rows, 50, too_long="drop").reports["rows"]
    assert (dropped.rows, dropped.dropped, dropped.named) == (
        1, {"longer than the context": 1}, {"longer than the context": ["long"]}
    )  # fmt: skip
    kept = open_rows(tmp_path, rows, 50).reports["rows"]
    assert (kept.rows, kept.shortened) == (2, {"middle of the prompt cut out": 1})


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=30)
def test_each_answer_token_is_a_label_once_an_epoch_and_nothing_is_cut(words, rows, seed):
    asked = [[{"role": "user", "content": "dog " * n}, {"role": "assistant", "content": f"fox {n}"}] for n in words]
    examples = [Example(f"r{n}", each) for n, each in enumerate(asked)]
    report = Report()
    tokenizer, form = small_tokenizer(), chat.load_template("chatml")
    found = render_all(examples, tokenizer, form, 80, report)
    source = Conversations({"a": found}, rows=1, micro=1, width=80, seed=seed)
    batches = [batch for step in range(source.steps) for batch in source.batches(step, 0, 1)]
    assert sum(batch.weight for batch in batches) == report.labels
    assert sum(int((batch.docs != PADDING).sum()) for batch in batches) == report.tokens
    whole = sorted(chat.render(each, tokenizer, form).ids for each in asked)
    read = [
        batch.tokens[0][batch.docs[0] == doc].tolist() for batch in batches for doc in range(int(batch.docs.max()) + 1)
    ]
    assert sorted(read) == whole
    names = ", ".join(batch.names[0] for batch in batches)
    assert all(f"r{n}" in names for n in range(min(len(words), 4))) or "more" in names


def test_sets_are_read_equally_often_or_by_weight(tmp_path):
    a = rows_in(tmp_path, [{"messages": PAIR}] * 40, "a.jsonl")
    b = rows_in(tmp_path, [{"messages": PAIR}] * 10, "b.jsonl")
    loaded = load(SftData(sets=[SftSet(path=a), SftSet(path=b)]), small_tokenizer(), 25, base=tmp_path, seed=0)
    source = Conversations(loaded.sets, rows=5, micro=5, width=25, seed=0, epochs=2)
    assert {name: part["epochs"] for name, part in source.seen(source.steps).items()} == {"a": 2, "b": 2}
    data = SftData(sets=[SftSet(path=a, weight=1), SftSet(path=b, weight=3)])
    loaded = load(data, small_tokenizer(), 25, base=tmp_path, seed=0)
    source = Conversations(loaded.sets, rows=4, micro=4, width=25, seed=0, steps=10, weights=loaded.weights)
    assert {name: part["rows"] for name, part in source.seen(10).items()} == {"a": 10, "b": 30}
    with pytest.raises(UserError, match="some sets have a weight"):
        load(SftData(sets=[SftSet(path=a, weight=1), SftSet(path=b)]), small_tokenizer(), 25, base=tmp_path, seed=0)
    with pytest.raises(UserError, match="there are two sets 'a'"):
        load(SftData(sets=[SftSet(path=a), SftSet(path=a)]), small_tokenizer(), 25, base=tmp_path, seed=0)


def test_a_cap_takes_rows_by_their_names_and_a_larger_one_only_adds(tmp_path):
    rows = [{"id": f"r{n}", "messages": PAIR} for n in range(50)]
    name = rows_in(tmp_path, rows)

    def names(cap, path=name):
        data = SftData(sets=[SftSet(path=path, cap=cap)])
        found = load(data, small_tokenizer(), 64, base=tmp_path, seed=0).sets["rows"]
        return [found.name(doc) for doc in range(len(found))]

    assert len(names(10)) == 10
    assert set(names(10)) < set(names(20))
    assert names(20) == sorted(names(20), key=lambda each: int(each[1:]))
    assert len(names(500)) == 50
    # Where the file lies is no matter.
    (tmp_path / "moved").mkdir()
    assert names(10, "moved/" + rows_in(tmp_path / "moved", rows)) == names(10) == names(10, str(tmp_path / name))


def test_a_template_beside_the_recipe_is_found(tmp_path):
    (tmp_path / "mine.yaml").write_text("roles: {user: {suffix: ' '}}\nassistant: {end: '{eos}'}\nbos: false\n")
    found = open_rows(tmp_path, [{"messages": PAIR}], template="mine.yaml")
    tokens, _ = found.sets["rows"].piece(0, 0, int(found.sets["rows"].lengths[0]))
    assert small_tokenizer().decode(tokens.tolist(), skip_special=False) == "Fox? Dog.<|eos|>"


def test_digests_name_what_is_learned(tmp_path):
    one = open_rows(tmp_path, [{"messages": PAIR}])
    assert one.digest() == open_rows(tmp_path, [{"messages": PAIR}]).digest()
    assert one.digest() != open_rows(tmp_path, [{"messages": PAIR}], template="oasst").digest()


def test_the_same_rows_in_every_kind_of_file(tmp_path):
    rows = [{"prompt": "Fox?", "response": "Dog."}, {"prompt": "Dog?", "response": "狐狸"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    half = len(lines) // 2
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines))
    packed = zstandard.ZstdCompressor()
    (tmp_path / "c.jsonl.zst").write_bytes(packed.compress(lines[:half]) + packed.compress(lines[half:]))
    (tmp_path / "d.json").write_text(json.dumps(rows))
    pl.DataFrame(rows).write_parquet(tmp_path / "e.parquet")
    (tmp_path / "README.md").write_text("no rows")
    for file in sorted(tmp_path.glob("?.*")):
        found = list(read_records(file))
        assert [record.values for record in found] == rows
        assert [record.name for record in found] == [f"{file.name}:1", f"{file.name}:2"]
    assert len(list(read_records(tmp_path))) == 10


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \n', r"a.jsonl:2: cannot be read"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', r"a.jsonl:2: not a JSON object"),
        ("a.jsonl", b'{"a": "\xff"}\n', r"a.jsonl:1: cannot be read"),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0)[:-9], "cannot be read"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.json", b"[1", "cannot be read"),
        ("a.jsonl", b'{"a": 1}\n' + b"[" * 200_000, r"a.jsonl:2: cannot be read: it is nested too deeply"),
        ("a.json", b"[" * 200_000, r"a.json: cannot be read: it is nested too deeply"),
        ("a.csv", b"a", "cannot tell what"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message):
        list(read_records(tmp_path / name))


def test_recipes_name_sets():
    node = recipes.from_values({"sets": [{"path": "a.jsonl", "formt": "auto"}]}, "recipe")
    with pytest.raises(UserError, match=r"unknown name 'sets.0.formt'"):
        recipes.resolve(SftData, [node])


# The set-up of the common oracle of fine-tuning: words as tokens, four rows.


class Words:
    """`<pad> <s> </s> <unk> w0 ... w59`, split at white space."""

    bos, eos, template, jinja = None, 2, None, None
    specials = {"</s>": 2}

    def token(self, number):
        return "</s>" if number == 2 else None

    def encode_batch(self, texts):
        return [[4 + int(word[1:]) for word in text.split()] for text in texts]


def word_rows():
    drawn = random.Random(0)

    def words(count):
        return " ".join(f"w{drawn.randrange(60)}" for _ in range(count))

    rows = []
    for _ in range(4):
        prompt = words(5) + " "
        rows.append(
            {"prompt": prompt, "completion": words(drawn.randrange(3, 8)), "rejected": words(drawn.randrange(3, 8))}
        )
    return rows


def word_examples():
    form = chat.load_template("plain")
    rows = [Example(f"r{n}", conversation(row)) for n, row in enumerate(word_rows())]
    return render_all(rows, Words(), form, 24, Report())


def test_rows_of_words_are_those_of_the_oracle():
    examples = word_examples()
    assert sorted(examples.lengths) == [9, 9, 10, 13]
    tokens, labels = examples.piece(2, 0, 9)
    assert tokens.tolist() == [61, 13, 23, 10, 50, 61, 58, 47, 2]
    assert labels.tolist() == [-100] * 4 + [61, 58, 47, 2, -100]
    assert examples.lengths.max() == 13


def test_packing_lays_documents_of_13_and_10_into_one_row():
    examples = word_examples()
    pair = [doc for doc in range(4) if examples.lengths[doc] in (13, 10)]
    assert sorted(examples.lengths[pair]) == [10, 13]
    chosen = Examples(["a", "b"], [rendered_again(examples, doc) for doc in pair])
    source = Conversations({"a": chosen}, rows=1, micro=1, width=24, seed=0)
    (batch,) = source.batches(0, 0, 1)
    assert source.steps == 1
    assert batch.docs[0].tolist() == [0] * 13 + [1] * 10 + [PADDING]
    assert batch.positions[0].tolist() == [*range(13), *range(10), 0]
    # Prompts of five words, then completion and end.
    assert [(label != IGNORED) for label in batch.labels[0].tolist()] == (
        [False] * 4 + [True] * 8 + [False] + [False] * 4 + [True] * 5 + [False] * 2
    )


def rendered_again(examples, doc):
    tokens, labels = examples.piece(doc, 0, int(examples.lengths[doc]))
    return Rendered(tokens.tolist(), [False, *(labels[:-1] != IGNORED).tolist()])


@pytest.mark.oracle
def test_the_loss_is_that_of_trl():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        initializer_range=0.2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    examples = word_examples()
    for width in (13, 24):  # each in its row, and packed
        source = Conversations({"a": examples}, rows=4 if width == 13 else 2, micro=4, width=width, seed=0)
        total = weight = 0.0
        for step in range(source.steps):
            for batch in source.batches(step, 0, 1):
                same = (batch.docs[:, :, None] == batch.docs[:, None, :]) & torch.ones(width, width).tril().bool()
                mask = torch.zeros(same.shape).masked_fill(~same, torch.finfo(torch.float32).min)[:, None]
                with torch.no_grad():
                    logits = model(
                        batch.tokens, attention_mask=mask, position_ids=batch.positions, use_cache=False
                    ).logits
                lost = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED, reduction="sum"
                )
                total, weight = total + float(lost), weight + batch.weight
        assert total / weight == pytest.approx(4.832390308380127, rel=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("packing", [False, True])
def test_trl_makes_the_same_labels(tmp_path, packing):
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    vocabulary = ["<pad>", "<s>", "</s>", "<unk>", *(f"w{number}" for number in range(60))]
    library = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(vocabulary)}, unk_token="<unk>")
    )
    library.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=library, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    config = transformers.LlamaConfig(vocab_size=64, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                      num_attention_heads=2, num_key_value_heads=2, pad_token_id=0)  # fmt: skip
    settings = trl.SFTConfig(
        output_dir=str(tmp_path), use_cpu=True, bf16=False, per_device_train_batch_size=4, report_to=[],
        packing=packing, max_length=24, padding_free=packing,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        transformers.LlamaForCausalLM(config), args=settings, processing_class=theirs,
        train_dataset=datasets.Dataset.from_list(word_rows()),
    )  # fmt: skip
    read: list[tuple[list[int], list[int]]] = []
    for batch in trainer.get_train_dataloader():
        for row, (ids, labels) in enumerate(zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True)):
            if packing:
                starts = [place for place, at in enumerate(batch["position_ids"][row].tolist()) if at == 0]
            else:
                starts = [0]
                ids = [each for each in ids if each]
            for begin, end in zip(starts, [*starts[1:], len(ids)], strict=True):
                read.append((ids[begin:end], [*labels[begin + 1 : end], IGNORED]))
    examples = word_examples()
    ours = [examples.piece(doc, 0, int(examples.lengths[doc])) for doc in range(4)]
    assert sorted(read) == sorted((tokens.tolist(), labels.tolist()) for tokens, labels in ours)
