"""Rows become items; what cannot be asked says why."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalkit.tasks import Sources, load_task, read_items
from evalkit.tasks.data import Data, Row, digest, read_rows
from workbench.errors import Exit, UserError

ROW = {"question": "Which is red?", "choices": ["sky", "blood"], "gold": 1}


def rows(*fields: dict) -> list[Row]:
    return [Row("mine.jsonl", number, each) for number, each in enumerate(fields, 1)]


def test_an_item_has_the_fields_of_the_form_that_its_row_has() -> None:
    task = load_task("arc-easy")
    original = {
        "question": "Which is red?",
        "choices": {"text": ["sky", "blood"], "label": ["1", "2"]},
        "answerKey": "2",
    }
    foundry = {"query": "Question: Which is red?", "choices": ["sky", "blood"], "gold": 1}
    first, second = read_items(task, rows(original, foundry))
    assert first.fields == second.fields == ROW
    assert (first.choices, first.gold) == (("sky", "blood"), (1,))
    assert second.row == 1 and second.where == "mine.jsonl:2"


@pytest.mark.parametrize(
    "url",
    ["https://me:secret@host/d.jsonl", "https://host/d.jsonl?token=secret", "s3://b/d.jsonl#secret", "http://[secret"],
)
def test_a_url_with_a_secret_in_it_is_refused_without_saying_it(url: str) -> None:
    with pytest.raises(UserError) as caught:
        Sources({"piqa": url}).locate("piqa", load_task("piqa").data)
    assert "secret" not in str(caught.value) + caught.value.hint
    assert Sources({"piqa": "https://host/d.jsonl"}).locate("piqa", load_task("piqa").data) == ["https://host/d.jsonl"]


def test_the_identity_of_an_item_is_its_content() -> None:
    row = {"query": "Which is red?", "choices": ["sky", "blood"], "gold": 1}
    other = {**row, "gold": 0}
    a, b, again = read_items(load_task("arc-easy"), rows(row, other, row))
    (alone,) = read_items(load_task("arc-easy@letter"), rows(row))
    assert a.id == alone.id and alone.choices == ("A", "B")
    assert len({a.id, b.id, again.id}) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gold": 2}, "the right answer 2 is out of range: there are 2 choices"),
        ({"gold": -1}, "the right answer -1 is out of range: there are 2 choices"),
        ({"gold": "B"}, "the right answer 'B' is no index of a choice"),
        ({"choices": ["sky", " "]}, "choice 1 is empty"),
        ({"choices": []}, "choices: no texts"),
        ({"choices": ["sky"], "gold": 0}, "fewer than two choices"),
        ({"choices": ["sky", None]}, "choices: not all are texts"),
    ],
)
def test_what_cannot_be_asked_says_why(change: dict, reason: str) -> None:
    (item,) = read_items(load_task("arc-easy"), rows({"query": "Which?", "choices": ["a", "b"], "gold": 0, **change}))
    assert item.problem == reason


@pytest.mark.parametrize("preset", ["letter", "generate"])
def test_what_is_wrong_with_a_row_is_wrong_under_every_preset(preset: str) -> None:
    task = load_task(f"arc-easy@{preset}")
    empty = {"query": "Which?", "choices": ["sky", " "], "gold": 0}
    outside = {"query": "Which?", "choices": ["sky", "blood"], "gold": -1}
    problems = [item.problem for item in read_items(task, rows(empty, outside))]
    assert problems == ["choice 1 is empty", "the right answer -1 is out of range: there are 2 choices"]


def test_fields_that_metrics_read_have_their_shape() -> None:
    (item,) = read_items(load_task("instructions"), rows({"prompt": "p", "rules": "lower", "level": "1"}))
    assert item.problem == "rules: not a list of objects"
    (item,) = read_items(load_task("drop"), rows({"passage": "p", "question": "q", "answers": ["7"]}))
    assert item.problem == "spans: not a list of lists of texts"


def test_a_passage_groups_items_by_its_hash() -> None:
    row = {"passage": "long " * 100, "question": "is it", "answer": True}
    first, second = read_items(load_task("boolq"), rows(row, {**row, "question": "was it"}))
    assert first.cluster == second.cluster and len(first.cluster or "") == 32


def test_a_missing_field_is_named_by_the_nearest_form() -> None:
    item, deep = read_items(
        load_task("arc-easy"),
        rows({"query": "Which?", "choices": ["a", "b"]}, {"question": "Which?", "choices": [], "answerKey": "A"}),
    )
    assert item.problem == "no field gold"
    assert deep.problem is not None and "text" in deep.problem


def test_a_line_that_is_no_json_is_an_item_with_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "arc_easy_test.jsonl.gz"
    good = json.dumps({"query": "Which?", "choices": ["a", "b"], "gold": 0})
    path.write_bytes(gzip.compress(f"{good}\n\n{{no\n[1]\n".encode(), mtime=0))
    items = read_items(load_task("arc-easy"), read_rows([str(path)]))
    assert [item.line for item in items] == [1, 3, 4]
    assert items[0].problem is None
    assert items[1].problem is not None and items[1].problem.startswith("not JSON")
    assert items[2].problem == "not an object"


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "arc_easy_test.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"query": 1}\n' * 1000, mtime=0)[:40])
    with pytest.raises(UserError) as error:
        list(read_rows([str(path)]))
    assert error.value.code == Exit.INPUT and error.value.file == str(path)


@pytest.mark.parametrize("damage", ["gz", "zst", "parquet", "deep"])
def test_damage_of_any_kind_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / {"gz": "a.jsonl.gz", "zst": "a.jsonl.zst", "parquet": "a.parquet", "deep": "a.json"}[damage]
    packed = bytearray(gzip.compress(b"".join(b'{"query": %d}\n' % number for number in range(2000)), mtime=0))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = bytes(40)
    path.write_bytes({"gz": bytes(packed), "deep": b"[" * 100_000}.get(damage, b"no such format"))
    with pytest.raises(UserError) as error:
        list(read_rows([str(path)]))
    assert error.value.code == Exit.INPUT


def test_data_are_found_by_name_by_folder_and_where_the_user_says(tmp_path: Path) -> None:
    data = Data(files=("arc_easy_test",), dataset="allenai/ai2_arc", config="ARC-Easy", split="test")
    row = json.dumps({"query": "Which?", "choices": ["a", "b"], "gold": 0}) + "\n"
    hub = tmp_path / "hub" / "allenai___ai2_arc" / "ARC-Easy"
    hub.mkdir(parents=True)
    (hub / "test-00000.jsonl").write_text(row)
    (hub / "train-00000.jsonl").write_text(row)
    (tmp_path / "arc_easy_test.jsonl").write_text(row)
    (tmp_path / "mine.jsonl").write_text(row)
    assert Sources(roots=[tmp_path]).locate("arc-easy", data) == [str(tmp_path / "arc_easy_test.jsonl")]
    assert Sources(roots=[tmp_path / "hub"]).locate("arc-easy", data) == [str(hub / "test-00000.jsonl")]
    given = Sources({"arc-easy": str(tmp_path / "mine.jsonl")}, [tmp_path])
    assert given.locate("arc-easy", data) == [str(tmp_path / "mine.jsonl")]
    assert Sources({"arc-easy": str(hub.parent)}).locate("arc-easy", data) == [str(hub / "test-00000.jsonl")]
    with pytest.raises(
        UserError, match=r"no data for arc-easy .* \(looked for arc_easy_test, allenai/ai2_arc\)"
    ) as error:
        Sources(roots=[tmp_path / "none"]).locate("arc-easy", data)
    assert error.value.code == Exit.INPUT
    assert digest([str(tmp_path / "mine.jsonl")]) == digest([str(hub / "test-00000.jsonl")])


def test_data_sets_that_were_saved_to_the_disk_are_read(tmp_path: Path) -> None:
    import pyarrow as pa

    folder = tmp_path / "openbookqa" / "test"
    folder.mkdir(parents=True)
    table = pa.table({"query": ["The sun is"], "choices": [["hot", "cold"]], "gold": [0]})
    with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as stream:
        stream.write_table(table)
    task = load_task("openbookqa")
    (item,) = read_items(task, read_rows(Sources(roots=[tmp_path]).locate(task.name, task.data)))
    assert (item.choices, item.gold) == (("hot", "cold"), (0,))


def test_csv_parquet_and_json_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a.csv").write_text("query,gold\nWhich?,1\nshort\n")
    (tmp_path / "a.json").write_text('[{"query": "Which?"}]')
    pq.write_table(pa.table({"query": ["Which?"], "choices": [["a", "b"]]}), tmp_path / "a.parquet")
    csv, short = read_rows([str(tmp_path / "a.csv")])
    assert csv.fields == {"query": "Which?", "gold": "1"} and short.problem is not None
    assert next(read_rows([str(tmp_path / "a.json")])).fields == {"query": "Which?"}
    assert next(read_rows([str(tmp_path / "a.parquet")])).fields == {"query": "Which?", "choices": ["a", "b"]}


@pytest.mark.parametrize("depth", [60, 900])
def test_lists_in_lists_without_end_are_a_problem_of_their_row(depth: int) -> None:
    deep = json.loads("[" * depth + "]" * depth)
    good = {"goal": "To open a door", "sol1": "push", "sol2": "sing", "label": 0}
    items = read_items(load_task("piqa"), rows({**good, "goal": deep}, good, {"other": deep}))
    assert items[0].problem == "a value of more than 50 lists in each other"
    assert items[1].problem is None
    assert "no field" in (items[2].problem or "")
    assert len({item.id for item in items}) == 3


def test_an_item_without_a_passage_belongs_with_no_other() -> None:
    task = load_task("arc-easy", ["cluster=passage", "forms=[{question: q, choices: c, gold: g, passage: p}]"])
    row = {"q": "Which?", "c": ["a", "b"], "g": 0}
    items = read_items(task, rows({**row, "p": None}, {**row, "p": "Once."}, {**row, "p": None}))
    assert [item.cluster for item in items] == [None, "Once.", None]


@pytest.mark.parametrize("label", ["", "B", None, [1], 1.5, "1.5", "nan"])
def test_a_label_that_is_no_number_is_not_the_first_choice(label: object) -> None:
    (item,) = read_items(load_task("piqa"), rows({"goal": "g", "sol1": "a", "sol2": "b", "label": label}))
    assert item.gold == () and "number" in (item.problem or "")


@pytest.mark.parametrize("label", [1, "1", " 1 ", 1.0, True])
def test_a_label_may_be_a_number_in_any_way(label: object) -> None:
    (item,) = read_items(load_task("piqa"), rows({"goal": "g", "sol1": "a", "sol2": "b", "label": label}))
    assert item.gold == (1,) and item.problem is None
