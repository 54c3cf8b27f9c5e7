from curate.edits.config import EditsConfig
from curate.edits.edit import edit
from curate.measures.registry import REGISTRY
from curate.rules.catalogue import has_versions, kinds


def test_every_measure_of_the_edits_is_known() -> None:
    made = edit(["A text without anything to edit."], ["en"], EditsConfig(), b"a key of a test, 16 bytes").measures
    assert {name for name in kinds() if name.startswith("edits.")} == set(made)


def test_every_measure_of_the_registry_is_known() -> None:
    assert set(REGISTRY) <= set(kinds())
    assert kinds()["script.main"] == kinds()["language.lang"] == "text"
    assert kinds()["gopher.words"] == "number"


def test_which_measures_are_taken_of_each_text() -> None:
    assert has_versions("gopher.words")
    assert not has_versions("url.length")
    assert not has_versions("language.score")
    assert not has_versions("mine.score")
