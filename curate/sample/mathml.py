"""The small part of TeX that the mathematics pages use, as presentation MathML."""

from __future__ import annotations

import re
from html import escape

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:[.,][0-9]+)*|[A-Za-z]|[^\s]")
_SYMBOLS = {
    "\\mid": "∣",
    "\\neg": "¬",
    "\\cdot": "⋅",
    "\\approx": "≈",
    "\\lambda": "λ",
    "\\pi": "π",
    "\\infty": "∞",
    "<": "&lt;",
    ">": "&gt;",
    "-": "−",
}


def presentation(tex: str) -> str:
    """The `mrow` of a formula. Raises KeyError for a command it does not know."""
    row, rest = _row(_TOKEN.findall(tex))
    assert not rest, rest
    return row


def _row(tokens: list[str]) -> tuple[str, list[str]]:
    """Everything up to a closing brace, which is consumed."""
    parts: list[str] = []
    while tokens and tokens[0] != "}":
        part, tokens = _atom(tokens)
        while tokens and tokens[0] in "^_":
            tag = "msup" if tokens[0] == "^" else "msub"
            script, tokens = _atom(tokens[1:])
            part = f"<{tag}>{part}{script}</{tag}>"
        parts.append(part)
    return f"<mrow>{''.join(parts)}</mrow>", tokens[1:]


def _atom(tokens: list[str]) -> tuple[str, list[str]]:
    token, rest = tokens[0], tokens[1:]
    if token == "{":  # noqa: S105 - a token of TeX
        return _row(rest)
    if token == "\\frac":  # noqa: S105
        above, rest = _atom(rest)
        below, rest = _atom(rest)
        return f"<mfrac>{above}{below}</mfrac>", rest
    if token == "\\sqrt":  # noqa: S105
        inside, rest = _atom(rest)
        return f"<msqrt>{inside}</msqrt>", rest
    if token[0].isdigit():
        return f"<mn>{token}</mn>", rest
    if token.isalpha():
        return f"<mi>{token}</mi>", rest
    return f"<mo>{_SYMBOLS[token] if token[0] == chr(92) else _SYMBOLS.get(token, escape(token))}</mo>", rest


def math(tex: str, *, display: bool, annotated: bool) -> str:
    """A `math` element with its TeX in an annotation, as KaTeX writes it, or in `alttext`, as LaTeXML does."""
    block = ' display="block"' if display else ""
    name = 'xmlns="http://www.w3.org/1998/Math/MathML"'
    if annotated:
        source = f'<annotation encoding="application/x-tex">{escape(tex)}</annotation>'
        return f"<math {name}{block}><semantics>{presentation(tex)}{source}</semantics></math>"
    return f'<math {name}{block} alttext="{escape(tex)}">{presentation(tex)}</math>'
