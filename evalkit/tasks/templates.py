"""Templates and expressions of tasks: Jinja in its sandbox, where an absent field is an error and never an empty text.

Rows are data, never templates. The text of a template is the task file's; it reaches no attribute outside plain
values, and cannot build values without end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import regex

from workbench.parts import require
from workbench.visible import one_line

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LARGEST = 1_000_000  # characters or elements that a multiplication may build
_PATTERN_S = 2.0


class TemplateProblem(ValueError):
    """A template or expression that has no value for these fields; the message says why."""


def render(source: str, fields: Mapping[str, Any]) -> str:
    """The text of a template. Raises TemplateProblem."""
    _environment()
    try:
        return str(_template(source).render(dict(fields)))
    except Exception as error:  # somebody else's program runs here: whatever it raises is its mistake
        raise TemplateProblem(_why(error)) from None


def evaluate(source: str, fields: Mapping[str, Any]) -> Any:
    """The value of an expression, with its type. Raises TemplateProblem."""
    _environment()
    try:
        value = _expression(source)(dict(fields))
        if isinstance(value, require("jinja2").Undefined):
            str(value)  # an undefined value says its own name when it is used
        return value
    except Exception as error:  # as above
        raise TemplateProblem(_why(error)) from None


def names_in(source: str) -> frozenset[str]:
    """The fields that an expression needs."""
    meta = require("jinja2.meta")
    environment = _environment()
    found = meta.find_undeclared_variables(environment.parse("{{ (" + source + ") }}"))
    return frozenset(found - environment.globals.keys())


def check_template(source: str) -> str:
    """The template, if it is one; ValueError says what is wrong with it."""
    _environment()
    try:
        _template(source)
    except Exception as error:  # the compiler fails in ways of its own, too
        raise ValueError(f"no template: {_why(error)}") from None
    return source


def check_expression(source: str) -> str:
    """The expression, if it is one; ValueError says what is wrong with it."""
    _environment()
    try:
        _expression(source)
    except Exception as error:  # as above
        raise ValueError(f"no expression: {_why(error)}") from None
    return source


def lettered(choices: Sequence[str], after: str = ". ", between: str = "\n") -> str:
    """`A. one`, `B. two` ... of the choices, in one text."""
    return between.join(f"{letter}{after}{choice}" for letter, choice in zip(LETTERS, choices, strict=False))


def _sub(text: str, pattern: str, replacement: str = "") -> str:
    return str(regex.sub(pattern, replacement, str(text), timeout=_PATTERN_S))


def _findall(text: str, pattern: str) -> list[str]:
    found = regex.finditer(pattern, str(text), timeout=_PATTERN_S)
    return [next((group for group in match.groups() if group is not None), match[0]) for match in found]


def _int(value: Any) -> int:
    """Jinja's own makes a 0 of what is no number, so that a label that is not there would be the first choice."""
    number = _float(value)
    if number != int(number):
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


def _float(value: Any) -> float:
    if not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is no number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    return number


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


@cache
def _environment() -> Any:
    """Built before anything is tried, so that a missing library is told as what it is."""
    jinja2, sandbox = require("jinja2"), require("jinja2.sandbox")

    class Environment(sandbox.ImmutableSandboxedEnvironment):  # type: ignore[name-defined]
        intercepted_binops = frozenset(["*", "**"])

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**":
                raise ValueError("powers are not for templates")
            size = len(left) * right if hasattr(left, "__len__") and isinstance(right, int) else 0
            size = len(right) * left if hasattr(right, "__len__") and isinstance(left, int) else size
            if size > _LARGEST:
                raise ValueError("a value of too many characters")
            return left * right

    environment = Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.globals = {"range": environment.globals["range"], "lettered": lettered, "zip": _zip, "enumerate": _enum}
    environment.filters["int"] = _int
    environment.filters["float"] = _float
    environment.filters["sub"] = _sub
    environment.filters["findall"] = _findall
    environment.filters["first_lower"] = _first_lower
    return environment


def _zip(*lists: Sequence[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*lists, strict=False))


def _enum(values: Sequence[Any]) -> list[tuple[int, Any]]:
    return list(enumerate(values))


@cache
def _template(source: str) -> Any:
    return _environment().from_string(source)


@cache
def _expression(source: str) -> Callable[..., Any]:
    found: Callable[..., Any] = _environment().compile_expression(source, undefined_to_none=False)
    return found


def _why(error: Exception) -> str:
    return one_line(str(error))[:200] or type(error).__name__
