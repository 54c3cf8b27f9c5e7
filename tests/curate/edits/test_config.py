import pytest
from pydantic import ValidationError

from curate.edits import EditsConfig


def test_off_edits_nothing() -> None:
    off = EditsConfig.off()
    assert set(off.lines.model_dump().values()) == {"off"}
    assert off.citations == "off"
    assert {value for name, value in off.pii.model_dump().items() if isinstance(value, str)} == {"off"}


def test_yaml_false_is_off() -> None:
    config = EditsConfig.model_validate({"citations": False, "lines": {"policy": False}, "pii": {"email": False}})
    assert (config.citations, config.lines.policy, config.pii.email) == ("off", "off", "off")


def test_a_switch_that_is_false_stays_false() -> None:
    assert EditsConfig.model_validate({"pii": {"skip_reserved": False}}).pii.skip_reserved is False


@pytest.mark.parametrize("section", [{"lines": {"polcy": "winnow"}}, {"pii": {"email": "hide"}}, {"line": {}}])
def test_unknown_names_are_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EditsConfig.model_validate(section)


def test_defaults_are_our_own_rules() -> None:
    lines = EditsConfig().lines
    assert (lines.javascript, lines.one_word, lines.no_terminal_punctuation) == ("winnow", "off", "off")
