"""A constitution: principles, and the words in which a model is asked about them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from train.rewards.judge import DATA, check_fields
from workbench.errors import UserError
from workbench.recipes import Section, from_file, resolve

SHIPPED = Path(__file__).parent / "constitution.yaml"
CRITIQUE = f"""Here is a request and an answer of an assistant. {DATA}

[Request]
{{prompt}}

[Answer]
{{response}}

{{principle}} Be particular and brief.

Critique:"""
REVISION = f"""Here is a request, an answer of an assistant, and a critique of the answer. {DATA}

[Request]
{{prompt}}

[Answer]
{{response}}

[Critique]
{{critique}}

{{principle}} Write the new answer alone, without marks and without any remark about it.

Answer:"""
PREFERENCE = f"""Here is a request and two answers of assistants. {DATA}

[Request]
{{prompt}}

[Answer A]
{{a}}

[Answer B]
{{b}}

{{principle}} Answer with one letter, A or B.

The better answer is:"""


class Principle(Section):
    """One principle: what to look for, how to change it, and what to prefer."""

    name: str
    critique: str
    revise: str
    prefer: str


class Constitution(Section):
    """Principles, of which one is drawn for each question, and the texts that they are put into."""

    principles: list[Principle] = Field(min_length=1)
    critique: str = CRITIQUE
    """With {prompt}, {response} and {principle}."""
    revision: str = REVISION
    """With {prompt}, {response}, {critique} and {principle}."""
    preference: str = PREFERENCE
    """With {prompt}, {a}, {b} and {principle}."""


def read_constitution(path: Path) -> Constitution:
    """A constitution from YAML. UserError with line and column, or for a text without its fields."""
    found = resolve(Constitution, [from_file(path)]).recipe
    check_fields(found.critique, ("prompt", "response", "principle"), f"`critique` of {path.name}")
    check_fields(found.revision, ("prompt", "response", "critique", "principle"), f"`revision` of {path.name}")
    check_fields(found.preference, ("prompt", "a", "b", "principle"), f"`preference` of {path.name}")
    names = [principle.name for principle in found.principles]
    if len(set(names)) < len(names):
        raise UserError(f"two principles of {path.name} have one name", hint="give one of them another")
    return found
