from pathlib import Path

import pytest

from curate.rules import Profile, columns, load_profile, override, profile_names
from workbench.errors import Exit, UserError

RULE = '{measure: text.words, drop_if: "<", threshold: 50}'


def write(folder: Path, text: str, name: str = "mine.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def refused(folder: Path, text: str) -> UserError:
    path = write(folder, text)
    with pytest.raises(UserError) as error:
        load_profile(path)
    assert error.value.file == path
    assert error.value.code == Exit.USAGE
    return error.value


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, f"source: me\ntext: edited\nengine: resiliparse\nrules:\n  my.words: {RULE}\n")
    found = load_profile(path)
    assert (found.name, found.source, found.text, found.engine) == ("mine", "me", "edited", "resiliparse")
    (rule,) = found.rules
    assert (rule.id, rule.measure, rule.limit, rule.family) == ("my.words", "text.words", "< 50", "my")
    assert rule.origin == f"{path}:5"


def test_what_is_not_named_is_not_edited(tmp_path: Path) -> None:
    found = load_profile(write(tmp_path, "source: me\nedits: {lines: {javascript: c4@tfds}, pii: {email: flag}}\n"))
    assert found.edits.lines.javascript == "c4@tfds"
    assert (found.edits.lines.policy, found.edits.citations, found.edits.pii.phone) == ("off", "off", "off")
    assert found.layer()["edits"]["pii"]["email"] == "flag"
    assert "extract" not in found.layer()


def test_the_layer_names_the_engine(tmp_path: Path) -> None:
    found = load_profile(write(tmp_path, "source: me\nengine: resiliparse\n"))
    assert found.layer()["extract"] == {"engine": "resiliparse"}


def test_include_keeps_order_and_changes_thresholds(tmp_path: Path) -> None:
    text = (
        "source: me\n"
        "include: [fineweb@paper, c4@tfds]\n"
        "rules:\n"
        "  fineweb.short_lines: 0.8\n"
        '  fineweb.punct_lines: {drop_if: "<"}\n'
        "  c4.curly_bracket: off\n"
        f"  my.words: {RULE}\n"
    )
    path = write(tmp_path, text)
    found = load_profile(path)
    assert [f"{rule.id} {rule.limit}" for rule in found.rules] == [
        "fineweb.empty == 0",
        "fineweb.punct_lines < 0.12",
        "fineweb.dup_line_chars >= 0.1",
        "fineweb.short_lines >= 0.8",
        "c4.lorem_ipsum > 0",
        "c4.sentences < 3",
        "my.words < 50",
    ]
    assert found.rule("fineweb.short_lines").origin == f"{path}:4"
    assert found.rule("fineweb.punct_lines").origin == "profile fineweb@paper:6"
    assert found.edits.citations == "c4@tfds"


def test_included_rules_keep_reading_their_text_version(tmp_path: Path) -> None:
    write(tmp_path, f"source: me\ntext: edited\nrules:\n  my.words: {RULE}\n", "below.yaml")
    text = f"source: me\ntext: extracted\ninclude: [below.yaml]\nrules:\n  my.words: 20\n  other.words: {RULE}\n"
    assert columns(load_profile(write(tmp_path, text))) == ["text.words@edited", "text.words"]


def test_included_measures_of_the_page_or_the_user_have_no_text_version(tmp_path: Path) -> None:
    rules = (
        '{my.a: {measure: url.length, drop_if: ">", threshold: 9}, my.b: {measure: mine.b, drop_if: ">", threshold: 9}}'
    )
    write(tmp_path, f"source: me\ntext: edited\nrules: {rules}\n", "below.yaml")
    found = load_profile(write(tmp_path, "source: me\ntext: extracted\ninclude: [below.yaml]\n"))
    assert columns(found) == ["url.length", "mine.b"]


def test_the_text_version_comes_from_what_is_included(tmp_path: Path) -> None:
    write(tmp_path, f"source: me\ntext: edited\nrules:\n  my.words: {RULE}\n", "below.yaml")
    found = load_profile(write(tmp_path, "source: me\ninclude: [below.yaml]\n"))
    assert found.text == "edited"
    assert columns(found) == ["text.words"]


def test_survives_json() -> None:
    for name in profile_names():
        found = load_profile(name)
        again = Profile.model_validate_json(found.model_dump_json())
        assert again.model_dump() == found.model_dump()
        assert again.rules == tuple(rule.model_copy(update={"origin": ""}) for rule in found.rules)


def test_an_unknown_profile() -> None:
    with pytest.raises(UserError) as error:
        load_profile("gofer@datatrove")
    assert error.value.message == "no profile is named 'gofer@datatrove'"
    assert error.value.hint == "did you mean 'gopher@datatrove'?"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        load_profile(str(tmp_path / "none.yaml"))
    assert error.value.message == f"no profile at {tmp_path / 'none.yaml'}"
    assert error.value.code == Exit.INPUT


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("source: me\nsources: me\n", 2, 1, "unknown name 'sources'", "did you mean 'source'?"),
        (
            'source: me\nrules:\n  my.words: {measure: gopher.dup_lin_frac, drop_if: ">", threshold: 1}\n',
            3,
            23,
            "no measure is named 'gopher.dup_lin_frac'",
            "did you mean 'gopher.dup_line_frac'?",
        ),
        (
            'source: me\nrules:\n  my.words: {measure: text.words, drop_if: "<", threshold: 1, whey: x}\n',
            3,
            63,
            "unknown name 'rules.my.words.whey'",
            "did you mean 'why'?",
        ),
        (
            'source: me\nrules:\n  my.words: {measure: text.words, drop_if: "=<", threshold: 1}\n',
            3,
            44,
            "'rules.my.words.drop_if': input should be '>', '>=', '<', '<=', '==', '!=', 'in' or 'not in', got '=<'",
            "did you mean '<'?",
        ),
        (
            'source: me\nrules:\n  my.words: {measure: text.words, drop_if: "<", threshold: many}\n',
            3,
            60,
            "'text.words' is compared with numbers, got 'many'",
            "'off' switches the rule off",
        ),
        (
            'source: me\nrules:\n  my.lang: {measure: language.lang, drop_if: "<", threshold: en}\n',
            3,
            46,
            "'language.lang' is a word: '<' says nothing",
            "use in or not in",
        ),
        (
            'source: me\nrules:\n  my.url: {measure: url.length, drop_if: ">", threshold: 9, text: edited}\n',
            3,
            67,
            "'url.length' is the same for every text version",
            "leave 'text' out",
        ),
        ("source: me\ninclude: [c5@tfds]\n", 2, 11, "no profile is named 'c5@tfds'", "did you mean 'c4@tfds'?"),
        ("source: me\ninclude: [mine.yaml]\n", 2, 11, "'mine.yaml' includes itself", "leave one of the two out"),
        (
            "source: me\ninclude: [c4@tfds]\nrules:\n  c4.curly_brackets: off\n",
            4,
            3,
            "no included profile has a rule 'c4.curly_brackets' whose threshold could be changed",
            "did you mean 'c4.curly_bracket'?",
        ),
        (
            "source: me\nedits: {lines: {javascrpt: winnow}}\n",
            2,
            17,
            "unknown name 'edits.lines.javascrpt'",
            "did you mean 'javascript'?",
        ),
    ],
)
def test_what_is_wrong_is_reported_where_it_stands(
    tmp_path: Path, text: str, line: int, column: int, message: str, hint: str
) -> None:
    error = refused(tmp_path, text)
    assert (error.message, error.hint, error.line, error.column) == (message, hint, line, column)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('{measure: a.b, drop_if: "<", threshold: [1]}', "'<' needs a single value as its threshold"),
        ("{measure: a.b, drop_if: in, threshold: []}", "the list is empty; write 'off' to switch the rule off"),
        (
            '{measure: a.b, drop_if: "<", threshold: .nan}',
            "a threshold is a finite number; write 'off' to switch the rule off",
        ),
        ('{measure: a.b, drop_if: "<", threshold: 1, when: {}}', "give either langs or not_langs"),
        ('{measure: a.b, drop_if: "<", threshold: 1, when: {langs: [English]}}', "string should match pattern"),
    ],
)
def test_thresholds_that_make_no_sense(tmp_path: Path, rule: str, message: str) -> None:
    error = refused(tmp_path, f"source: me\nrules:\n  my.words: {rule}\n")
    assert message in error.message
    assert error.line == 3


def test_a_bad_rule_id(tmp_path: Path) -> None:
    error = refused(tmp_path, f"source: me\nrules:\n  words: {RULE}\n")
    assert error.line == 3
    assert "words" in error.message


def test_profiles_that_include_each_other(tmp_path: Path) -> None:
    write(tmp_path, "source: me\ninclude: [mine.yaml]\n", "other.yaml")
    with pytest.raises(UserError, match=r"other.yaml:2:11: 'mine.yaml' includes itself"):
        load_profile(write(tmp_path, "source: me\ninclude: [other.yaml]\n"))


def test_a_measure_of_a_users_own_family_is_left_to_the_run(tmp_path: Path) -> None:
    path = write(tmp_path, 'source: me\nrules:\n  my.x: {measure: mine.score, drop_if: "<", threshold: 1}\n')
    assert columns(load_profile(path)) == ["mine.score"]


def set_(profile: Profile, name: str, value: object) -> Profile:
    return override(profile, {name: value}, {name: f"--set {name}={value}"})


def test_set_changes_a_threshold() -> None:
    found = set_(load_profile("gopher@datatrove"), "gopher.dup_line_frac", 0.25)
    rule = found.rule("gopher.dup_line_frac")
    assert (rule.limit, rule.origin) == ("> 0.25", "--set gopher.dup_line_frac=0.25")
    assert [rule.id for rule in found.rules] == [rule.id for rule in load_profile("gopher@datatrove").rules]
    assert found.rule("gopher.words_min").origin == "profile gopher@datatrove:22"


def test_set_switches_off_and_on() -> None:
    found = set_(load_profile("c4@datatrove"), "c4.curly_bracket", "off")
    assert [rule.id for rule in found.rules] == ["c4.lorem_ipsum", "c4.sentences"]
    assert set_(found, "c4.curly_bracket", 0).rules == tuple(
        rule.model_copy(update={"origin": "--set c4.curly_bracket=0"}) if rule.id == "c4.curly_bracket" else rule
        for rule in load_profile("c4@datatrove").rules
    )


def test_set_of_languages() -> None:
    found = set_(load_profile("language@datatrove"), "language.lang", ["de", "fr"])
    assert found.rule("language.lang").limit == "not in [de, fr]"
    assert set_(found, "language.lang", "de").rule("language.lang").limit == "not in [de]"


@pytest.mark.parametrize(
    ("name", "value", "message", "hint"),
    [
        (
            "gopher.dup_lin_frac",
            0.2,
            "--set gopher.dup_lin_frac=0.2: the profile gopher@datatrove has no rule 'gopher.dup_lin_frac'",
            "did you mean 'gopher.dup_line_frac'?",
        ),
        (
            "gopher.words_min",
            "many",
            "--set gopher.words_min=many: 'gopher_datatrove.words' is compared with numbers, got 'many'",
            "it drops a document where gopher_datatrove.words < the threshold; 'off' switches it off",
        ),
        (
            "gopher.words_min",
            [1, 2],
            "--set gopher.words_min=[1, 2]: '<' needs a single value as its threshold: [1, 2]",
            "it drops a document where gopher_datatrove.words < the threshold; 'off' switches it off",
        ),
        (
            "gopher.words_min",
            None,
            "--set gopher.words_min=None: no threshold: None",
            "it drops a document where gopher_datatrove.words < the threshold; 'off' switches it off",
        ),
    ],
)
def test_set_refuses(name: str, value: object, message: str, hint: str) -> None:
    with pytest.raises(UserError) as error:
        set_(load_profile("gopher@datatrove"), name, value)
    assert (error.value.message, error.value.hint) == (message, hint)
