"""The registry names exactly what is measured."""

import re

from curate.measures import REGISTRY, Measurer, measure

TYPES = {"int64": "Int64", "float64": "Float64", "string": "String"}


def test_every_name_is_family_dot_measure_with_a_definition() -> None:
    for name, known in REGISTRY.items():
        assert name == known.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z0-9_]+", name)
        assert len(known.doc) > 5


def test_a_batch_gives_every_measure_but_those_of_the_corpus(batch) -> None:
    frame = measure(batch(["One text.", "Another text."]))
    expected = {name: TYPES[known.dtype] for name, known in REGISTRY.items() if not name.startswith("corpus.")}
    assert {name: str(kind) for name, kind in frame.schema.items()} == expected
    assert frame.height == 2


def test_no_documents_give_an_empty_table_of_the_same_columns(batch) -> None:
    measurer = Measurer(installed={})
    assert measurer.measure(batch([])).schema == measurer.measure(batch(["a"])).schema


def test_rows_do_not_depend_on_their_neighbours(measured) -> None:
    texts = ["The first text. It is short.", "", "Второй текст, по-русски.", "三番目のテキスト。", "a\n\nb\n\na\n"]
    together = measured(texts, langs=["en", "en", "ru", "ja", "de"])
    alone = [
        measured([text], langs=[lang])[0] for text, lang in zip(texts, ["en", "en", "ru", "ja", "de"], strict=True)
    ]
    assert together == alone
