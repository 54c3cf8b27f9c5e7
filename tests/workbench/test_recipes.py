from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from workbench import yamltree
from workbench.errors import Exit, UserError
from workbench.recipes import Section, digest, dump, from_file, from_set, from_values, parse_set, resolve
from workbench.yamltree import parse, parse_value


class Limits(Section):
    wall_s: float = 5.0
    engine: Literal["fast", "good"] = "good"


class Recipe(Section):
    seed: int = 0
    languages: list[str] = []
    limits: Limits = Limits()
    steps: list[Limits] = []
    by_name: dict[str, Limits] = {}
    extra: Limits | None = None


def load(tmp_path: Path, text: str, *sets: str) -> Any:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return resolve(Recipe, [from_file(path), *map(from_set, sets)])


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("seed: 1\nsede: 2\n", "2:1", "unknown name 'sede'", "did you mean 'seed'?"),
        ("limits:\n  wal_s: 3\n", "2:3", "unknown name 'limits.wal_s'", "did you mean 'wall_s'?"),
        ("steps:\n- wall_s: 1\n- {engin: fast}\n", "3:4", "unknown name 'steps.1.engin'", "did you mean 'engine'?"),
        ("by_name: {a: {engin: x}}\n", "1:15", "unknown name 'by_name.a.engin'", "did you mean 'engine'?"),
        ("extra:\n  engin: x\n", "2:3", "unknown name 'extra.engin'", "did you mean 'engine'?"),
        ("limits:\n  wall_s: soon\n", "2:11", "'limits.wall_s': input should be a valid number", "correct"),
        ("limits:\n  engine: god\n", "2:11", "'limits.engine': input should be 'fast' or 'good', got 'god'", "'good'?"),
        ("limits: 3\n", "1:9", "'limits': input should be a valid dictionary", "correct"),
        ("seed: 1\nlimits: {}\nseed: 2\n", "3:1", "'seed' is given twice", "line 1"),
        ("limits:\n  wall_s: 1\n  wall_s: 2\n", "3:3", "'limits.wall_s' is given twice", "line 2"),
        ("languages: [de, en\nseed: 1\n", "2:5", "not valid YAML", "indentation"),
        ("limits:\n  wall_s: 1\n   engine: good\n", "3:10", "not valid YAML", "indentation"),
        ("seed: 1\n\tlanguages: []\n", "2:1", "not valid YAML", "indentation"),
        ("- 1\n", "1:1", "a recipe is a mapping", "name: value"),
        ("seed: !!python/object:os.system x\n", "1:7", "the tag", "leave the tag out"),
        ("seed: !!int many\n", "1:7", "'many' is no int", "tag"),
        ("[1]: 2\n", "1:1", "a name must be a single word", "quote"),
        ("languages: &a [*a]\n", "1:12", "too many or too deeply nested", "alias"),
        ("seed: 1\nlanguages: [\x01]\n", "2:13", "not valid YAML: character U+0001", "remove"),
        ("seed: 1\n---\nseed: 2\n", "2:1", "not valid YAML", "indentation"),
    ],
)
def test_errors_name_the_place(tmp_path: Path, text: str, place: str, message: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    error = caught.value
    assert error.where == f"{tmp_path}/recipe.yaml:{place}"
    assert error.message.startswith(message)
    assert hint in error.hint
    assert error.code == Exit.USAGE


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(UserError, match="nested"):
        parse("a: " + "[" * 1000, "r.yaml")


def test_endless_number_is_refused() -> None:
    with pytest.raises(UserError, match="not a number"):
        parse_value("9" * 5000, "--set seed")


def test_first_of_several_errors_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"yaml:1:7: 'seed'.*got 'x' \(and 1 more\)"):
        load(tmp_path, "seed: x\nlimits: {engine: y}\n")


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"seed: 1\nlanguages: [\xff]\n")
    with pytest.raises(UserError, match=r"r.yaml:2:13: byte 0xff is not UTF-8"):
        from_file(path)


def test_missing_recipe_is_exit_4(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        from_file(tmp_path / "none.yaml")
    assert caught.value.code == Exit.INPUT


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("limits.wall_s=soon", "--set limits.wall_s=soon: 'limits.wall_s': input should be a valid number"),
        ("limit.wall_s=3", "--set limit.wall_s=3: unknown name 'limit'"),
        ("seed", "--set seed: not of the form key.path=value"),
        ("a..b=1", "--set a..b=1: not of the form key.path=value"),
        ("languages=[de", "--set languages=[de: not valid YAML"),
    ],
)
def test_errors_name_the_set_argument(tmp_path: Path, argument: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, "seed: 1\n", argument)
    assert str(caught.value).startswith(message)


def test_missing_value_names_its_section() -> None:
    class Strict(Section):
        inner: "Inner"

    class Inner(Section):
        path: str

    Strict.model_rebuild(_types_namespace={"Inner": Inner})
    with pytest.raises(UserError) as caught:
        resolve(Strict, [parse("inner: {}\n", "r.yaml")])
    assert str(caught.value) == "r.yaml:1:8: 'inner.path' is missing"
    assert caught.value.hint == "add it, or give it with --set inner.path=VALUE"


def test_a_misspelt_name_is_told_before_the_missing_one() -> None:
    class Strict(Section):
        watch: str

    with pytest.raises(UserError) as caught:
        resolve(Strict, [parse("wach: base\n", "r.yaml")])
    assert str(caught.value) == "r.yaml:1:1: unknown name 'wach' (and 1 more)"
    assert caught.value.hint == "did you mean 'watch'?"


def test_a_kind_that_does_not_exist_has_the_nearest_one() -> None:
    class Words(Section):
        kind: Literal["words"]

    class Lines(Section):
        kind: Literal["lines"]

    class Parts(Section):
        parts: dict[str, Annotated[Words | Lines, Field(discriminator="kind")]]

    with pytest.raises(UserError) as caught:
        resolve(Parts, [parse("parts:\n  a: {kind: wrds}\n", "r.yaml")])
    assert str(caught.value) == "r.yaml:2:6: 'parts.a.kind' cannot be 'wrds'"
    assert caught.value.hint == "did you mean 'words'?"


def test_later_layers_win_and_provenance_tells(tmp_path: Path) -> None:
    profile = parse("languages: [en]\nlimits: {engine: fast, wall_s: 1}\n", "profile winnow")
    path = tmp_path / "recipe.yaml"
    path.write_text("limits:\n  wall_s: 2\nlanguages: [no, de]\n")
    found = resolve(Recipe, [profile, from_file(path), from_set("limits.wall_s=3"), from_values({"seed": 7}, "--seed")])
    assert found.recipe == Recipe(seed=7, languages=["no", "de"], limits=Limits(wall_s=3, engine="fast"))
    assert found.provenance == {
        "seed": "--seed",
        "languages": f"{path}:3",
        "limits.wall_s": "--set limits.wall_s=3",
        "limits.engine": "profile winnow:2",
        "steps": "default",
        "by_name": "default",
        "extra": "default",
    }


def test_layers_are_left_as_they_were() -> None:
    profile = parse("limits: {engine: fast}\n", "profile")
    resolve(Recipe, [profile, from_set("limits.wall_s=3")])
    assert profile.plain() == {"limits": {"engine": "fast"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("0.25", 0.25), ("1e-3", 0.001), (".5", 0.5), ("true", True), ("null", None), ("", None),
        ("no", "no"), ("12:30", "12:30"), ("010", 10), ("*.warc.gz", "*.warc.gz"), ("a: b", "a: b"),
        ("[1, no, '2']", [1, "no", "2"]), ("{a: 1}", {"a": 1}), ("'true'", "true"), ("0x1f", 31),
        (".inf", float("inf")),
        ("2026-01-02", "2026-01-02"), ("-3", -3), ("1_000", "1_000"),
    ],
)  # fmt: skip
def test_values_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_value(text, "--set")
    assert (found, type(found)) == (value, type(value))


def test_set_argument_comes_apart() -> None:
    assert parse_set("gopher.dup_line_frac=0.25") == (("gopher", "dup_line_frac"), 0.25)
    assert parse_set("url=http://a/?b=c") == (("url",), "http://a/?b=c")


def test_dump_is_canonical_and_reads_back(tmp_path: Path) -> None:
    one = load(tmp_path, "limits: {engine: fast}\nseed: 3\nlanguages: ['no', '1e-3']\n").recipe
    two = load(tmp_path, "seed: 3\n", "languages=[no, '1e-3']", "limits.engine=fast").recipe
    assert dump(one) == dump(two)
    assert digest(one) == digest(two) != digest(Recipe())
    assert resolve(Recipe, [parse(dump(one), "again")]).recipe == one
    assert dump(one).startswith("seed: 3\nlanguages:\n- 'no'\n- '1e-3'\nlimits:\n  wall_s: 5.0\n  engine: fast\n")


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_any_values_survive_dump_and_parse(tree: dict[str, Any]) -> None:
    assert parse(yamltree.dump(tree), "x").plain() == tree


def test_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe().seed = 1
