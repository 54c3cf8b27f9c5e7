"""Tiny documents through measures, edits and rules: what each profile says of them, and why."""

from __future__ import annotations

import polars as pl
import pytest

from curate.measures import Batch, measure
from curate.rules import evaluate, load_profile
from curate.segment import Segments

PROSE = (
    "The village lies at the end of a narrow valley, and the road to it is closed with snow from December to March. "
    "People who have lived there for a long time keep their bread in the cellar. That is where the old stove stands. "
    "In spring the first bus brings letters, flour and a teacher to the school. "
    "Children wait for it at the bridge, where one of them always sees it first. "
    "Nobody knows when the bridge was built, but it has the date of a repair on it."
)
CODE = "\n".join(
    [
        "Use a list to keep things in order, and a set to ask whether something is in it.",
        "names = ['ada', 'grace']",
        "names.append('alan')",
        "That is all there is to it: the list grows by one, and the new name stands at the end of the list.",
        "for name in names:",
        "    print(name, len(name))",
        "The loop prints every name with its length, in the order in which the names have been added to the list.",
    ]
)
SPAM = "Spielen Sie jetzt! " + "Der beste Online-Casino Bonus mit Freispiele und Willkommensbonus wartet auf Sie. " * 2
CHINESE = (
    "这本书介绍了一种新的编程语言，它的设计目标是安全和高效。我们将在第一章中安装编译器，然后写一个简单的程序。" * 2
)


def judge(profile: str, text: str, lang: str = "en", score: float = 0.99, url: str | None = None) -> list[str]:
    """All rules of a profile that a text fails; both text versions are the text itself."""
    batch = Batch(Segments([text]), [text], [url], [None], [lang])
    found = measure(batch)
    language = pl.DataFrame({"language.lang": [lang], "language.score": [score]})
    frames = [found, language, *(found.rename(lambda name, v=v: f"{name}@{v}") for v in ("edited", "extracted"))]
    return evaluate(load_profile(profile), pl.concat(frames, how="horizontal")).fails.to_list()[0]


@pytest.mark.parametrize(
    "profile",
    ["gopher@datatrove", "gopher@dclm", "gopher@olmo3", "c4@datatrove", "c4@datatrove-terminal", "c4@tfds",
     "fineweb@datatrove", "fineweb@paper", "fineweb-pipeline@datatrove", "dclm", "olmo3", "winnow"],
)  # fmt: skip
def test_every_profile_keeps_prose(profile: str) -> None:
    assert judge(profile, PROSE.replace(". ", ".\n")) == []


@pytest.mark.parametrize(
    ("profile", "text", "rules"),
    [
        ("gopher@datatrove", "", "gopher.empty gopher.words_min gopher.mean_word_length_min gopher.alpha_words"),
        ("gopher@datatrove", f"{PROSE} {'# ' * 12}", "gopher.hash_ratio"),
        ("gopher@datatrove", f"{PROSE} {'… ' * 12}", "gopher.ellipsis_ratio"),
        ("gopher@datatrove", f"{PROSE}\nSee more...\nRead on…", "gopher.ellipsis_lines"),
        ("gopher@datatrove", "\n".join(f"- {part}" for part in PROSE.split(". ")), "gopher.bullet_lines"),
        ("gopher@datatrove", f"{PROSE}\n\n{PROSE}", "gopher.dup_para_frac"),
        ("c4@datatrove", f"{PROSE}\nHere the text lorem ipsum follows.", "c4.lorem_ipsum"),
        ("c4@datatrove", f"{PROSE}\nfunction go {{ return 1; }}", "c4.curly_bracket"),
        ("c4@datatrove", "One sentence is not enough for C4.", "c4.sentences"),
        ("c4@datatrove-terminal", PROSE.replace(".", ";"), "c4.sentences"),
        ("c4@tfds", "Two sentences are here. They are not enough for it.", "c4.sentences"),
        ("fineweb@datatrove", " \n ", "fineweb.empty"),
        ("fineweb@datatrove", "A line without an end\n" * 2, "fineweb.punct_lines"),
        ("fineweb@datatrove", f"{PROSE}\nMenu\nHome\nHelp\nMore", "fineweb.short_lines"),
        ("fineweb@paper", f"{PROSE}\n" * 2, "fineweb.dup_line_chars"),
        ("winnow", "Page not found.", "gopher.words_min"),
        ("winnow", "lorem ipsum dolor sit amet est\n" * 5 + PROSE, "c4.lorem_lines"),
        ("winnow", " ".join(f"{n}.5 {n * 7}" for n in range(100, 140)), "gopher.stop_words"),
    ],
)  # fmt: skip
def test_a_document_that_fails(profile: str, text: str, rules: str) -> None:
    assert judge(profile, text)[: len(rules.split())] == rules.split()


def test_a_short_list_of_exclusions_is_exact() -> None:
    assert judge("language@datatrove", PROSE, lang="de") == ["language.lang"]
    assert judge("language@datatrove", PROSE, score=0.65) == ["language.score"]
    assert judge("language@datatrove", PROSE, score=0.66) == []


@pytest.mark.parametrize(("text", "lang"), [(CODE, "en"), (CHINESE, "zh")])
def test_winnow_keeps_code_and_other_scripts(text: str, lang: str) -> None:
    assert judge("winnow", text, lang) == []


@pytest.mark.parametrize(
    ("text", "lang", "rule"),
    [
        (SPAM, "de", "lexicon.gambling"),
        ("Pellentesque lorem ipsum habitant morbi tristique " * 8, "la", "c4.lorem_ipsum"),
        ("\n".join(["Home", "Shop", "Cart", "Help"] * 12), "xx", "fineweb.short_lines"),
        ("Buy the best shoes in town today. " * 30, "en", "gopher.dup_10_gram"),
        (PROSE + "\ufffd" * 60, "en", "text.replacement_chars"),
        (f"{PROSE} {'QUJDREVG' * 200}", "en", "text.longest_word"),
    ],
)
def test_winnow_drops(text: str, lang: str, rule: str) -> None:
    assert rule in judge("winnow", text, lang)
