"""What the tests of the edits share: one-document editing with only some steps on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from curate.edits import Edit, EditsConfig
from curate.edits.edit import edit

KEY = b"0123456789abcdef"
OFF = EditsConfig.off().model_dump()


def settings(**sections: Any) -> EditsConfig:
    """All off but what is named: `settings(lines={"policy": "winnow"}, pii={"email": "flag"})`."""
    return EditsConfig.model_validate(
        {name: {**value, **sections.get(name, {})} if isinstance(value, dict) else sections.get(name, value)
         for name, value in OFF.items()}
    )  # fmt: skip


@pytest.fixture
def configured() -> Callable[..., EditsConfig]:
    """The settings with only the named steps on."""
    return settings


@pytest.fixture
def edited() -> Callable[..., str]:
    """The text after the named steps."""

    def run(text: str, lang: str | None = "en", host: str | None = None, **sections: Any) -> str:
        return edit([text], [lang], settings(**sections), KEY, [host]).texts[0]

    return run


@pytest.fixture
def edits_of() -> Callable[..., list[Edit]]:
    """The edits of the named steps."""

    def run(text: str, lang: str | None = "en", host: str | None = None, **sections: Any) -> list[Edit]:
        return edit([text], [lang], settings(**sections), KEY, [host]).edits

    return run


@pytest.fixture
def finds() -> Callable[..., list[str]]:
    """What of a text is found to be of a kind."""

    def run(kind: str, text: str, lang: str | None = "en", host: str | None = None, **options: bool) -> list[str]:
        config = settings(pii={kind: "flag", **options})
        return [text[e.start : e.end] for e in edit([text], [lang], config, KEY, [host]).edits]

    return run
