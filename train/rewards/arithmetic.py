"""Exact values of small expressions, from a syntax tree with limits: nothing is ever executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

import regex

_LONGEST = 500  # characters of an expression
_BITS = 4096  # of a numerator or denominator
_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})
_LEADING_ZEROS = regex.compile(r"(?<![\d.])0+(?=\d)")
_THOUSANDS = regex.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LIKE_ONE = regex.compile(r"[-+(.\d][-+*/().,\d\s]*[\d)]")
_NUMBER = regex.compile(r"(?<![\w.)])-?\d[\d,]*(?:\.\d+)?(?:/\d+)?|(?<!\w)\d[\d,]*(?:\.\d+)?(?:/\d+)?")


def evaluate(text: str) -> Fraction:
    """The exact value of + - * / and parentheses over numbers.

    Raises ValueError for anything else, a division by zero, or an expression or value that is too long.
    """
    plain = _LEADING_ZEROS.sub("", _THOUSANDS.sub("", text.translate(_SIGNS))).strip()
    if len(plain) > _LONGEST:
        raise ValueError(f"an expression of {len(plain):,} characters")
    try:
        return _value(ast.parse(plain, mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"not an expression: {plain[:60]!r}") from None
    except ZeroDivisionError:
        raise ValueError(f"a division by zero: {plain[:60]!r}") from None


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        try:
            found = Fraction(str(node.value))  # the decimal as it is written, not its nearest binary
        except ValueError:
            raise ValueError("a number without a value") from None
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        found = _value(node.operand)
        found = -found if isinstance(node.op, ast.USub) else found
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        found = _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    else:
        raise ValueError("more than + - * / and parentheses")
    if max(found.numerator.bit_length(), found.denominator.bit_length()) > _BITS:
        raise ValueError("a value of too many digits")
    return found


def expression(text: str) -> str | None:
    """The longest stretch of a text that looks like an expression with an operation in it; None where there is none."""
    found = [match.strip(" \t\n,.") for match in _LIKE_ONE.findall(text.translate(_SIGNS))]
    found = [one for one in found if regex.search(r"[\d).]\s*[-+*/]", one)]
    return max(found, key=len, default=None)


def number(text: str, which: str) -> Fraction | None:
    """The `last` or `first` number of a text, or the text as a `whole`; None where there is none.

    A number may have a sign (but `7-4` ends in 4), thousands' commas, decimals, or be a fraction 3/4.
    """
    plain = text.translate(_SIGNS).strip()
    if which == "whole":
        match = _NUMBER.fullmatch(plain)
        found = [] if match is None else [match[0]]
    else:
        found = _NUMBER.findall(plain)
    if not found:
        return None
    written = found[-1] if which == "last" else found[0]
    try:
        over, _, under = written.replace(",", "").partition("/")
        return Fraction(over) / Fraction(under or 1) if len(written) <= _LONGEST else None
    except (ValueError, ZeroDivisionError):
        return None
