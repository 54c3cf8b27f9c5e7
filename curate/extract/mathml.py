"""Formulas in HTML as TeX between \\( \\) or \\[ \\]: engines drop or garble what is not plain text.

MathJax and KaTeX leave the author's TeX in the page (an annotation, `alttext`, `data-latex`, a script of type math/tex,
the `alt` of a picture); MathML without it is written out as TeX. All by a linear scan of the source text, so that
pages without formulas cost a few substring searches.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from typing import NamedTuple

_OPEN = re.compile(r"<((?:\w{1,20}:)?math)\b")
_TAG_END = re.compile(r"""(?:[^>"']|"[^"]*"|'[^']*')*>""")
_LONGEST_TAG = 20_000
_ANNOTATION = re.compile(r"<(?:\w+:)?annotation[^>]*application/x-tex[^>]*>(.*?)</", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\b(alttext|data-latex)=("[^"]*"|'[^']*'|[^\s>]+)""")
_DISPLAY = re.compile(r"""\bdisplay=["']?block|\bmode=["']?display""")
_SCRIPT = re.compile(r"<script\b[^<>]*\bmath/tex([^<>]*)>")
_PICTURE = re.compile(r"""<img\b(?=[^<>]*\bclass="(?:latex|tex)\b)[^<>]*\balt=("[^"<>]*"|'[^'<>]*')[^<>]*>""")
# Wikipedia hides its MathML by a style and shows a picture instead.
_HIDDEN = re.compile(r'(<span class="mwe-math-mathml[^"]*")[^>]*>')
_TOKEN = re.compile(r"<!--.*?-->|<(/?)(?:\w+:)?(\w+)([^<>]*?)(/?)>|([^<]+)|<", re.DOTALL)
_FENCE = re.compile(r"""\b(open|close)=["']([^"']*)["']""")
_DEPTH = 100


def formulas_to_tex(html: str) -> str:
    """The page with every formula replaced by its TeX, as text of the page."""
    if "math" not in html and 'class="latex' not in html:
        return html
    if "mwe-math-mathml" in html:
        html = _HIDDEN.sub(r"\1>", html)
    if "math/tex" in html:
        html = _replace_scripts(html)
    if 'class="latex' in html or 'class="tex' in html:
        html = _PICTURE.sub(lambda found: _delimited(found[1][1:-1], False), html)
    if "<math" in html or ":math" in html:
        html = _replace_math(html)
    return html


def _replace_scripts(html: str) -> str:
    parts: list[str] = []
    position = 0
    while found := _SCRIPT.search(html, position):
        close = html.find("</script", found.end())
        end = html.find(">", close) + 1
        if close < 0 or not end:
            break
        tex = _delimited(html[found.end() : close], bool(_DISPLAY.search(found[1])))
        parts += [html[position : found.start()], tex]
        position = end
    parts.append(html[position:])
    return "".join(parts)


def _replace_math(html: str) -> str:
    parts: list[str] = []
    position = 0
    while found := _OPEN.search(html, position):
        tag = _TAG_END.match(html, found.end(), found.end() + _LONGEST_TAG)
        close = html.find(f"</{found[1]}", tag.end()) if tag else -1
        end = html.find(">", close) + 1
        if tag is None or close < 0 or not end:
            break
        inner = html[tag.end() : close]
        annotation = _ANNOTATION.search(inner)
        attribute = _ATTRIBUTE.search(tag[0])
        if annotation:
            tex = annotation[1]
        elif attribute:
            tex = attribute[2].strip("\"'")
        else:
            tex = _write(_parse(inner))
        parts += [html[position : found.start()], _delimited(tex, bool(_DISPLAY.search(tag[0])))]
        position = end
    parts.append(html[position:])
    return "".join(parts)


def _delimited(tex: str, display: bool) -> str:
    """TeX as HTML text; nothing for an empty formula."""
    tex = escape(" ".join(unescape(tex).split()), quote=False)
    if not tex:
        return ""
    return f"\\[{tex}\\]" if display else f"\\({tex}\\)"


class _Node(NamedTuple):
    tag: str
    attributes: str
    children: list[_Node]
    text: str


def _parse(mathml: str) -> _Node:
    """A tree of a MathML fragment that forgives unclosed and stray tags."""
    root = _Node("mrow", "", [], "")
    stack = [root]
    for found in _TOKEN.finditer(mathml):
        closing, tag, attributes, alone, text = found.groups()
        if text is not None:
            if text.strip():
                stack[-1].children.append(_Node("", "", [], " ".join(unescape(text).split())))
        elif tag is None:
            continue
        elif closing:
            if any(node.tag == tag for node in stack[1:]):
                while stack.pop().tag != tag:
                    pass
        else:
            node = _Node(tag, attributes, [], "")
            stack[-1].children.append(node)
            if not alone and len(stack) < _DEPTH:
                stack.append(node)
    return root


def _write(node: _Node) -> str:
    """TeX of a tree. Presentation MathML only; unknown elements are written as their content."""
    if not node.tag:
        return node.text
    if node.tag == "mspace":
        return " "
    if node.tag.startswith("annotation"):
        return ""
    if node.tag == "semantics":
        return _write(node.children[0]) if node.children else ""
    parts = [_write(child) for child in node.children]
    if node.tag in _FORMS and len(parts) == _FORMS[node.tag][0]:
        return _FORMS[node.tag][1](parts)
    if node.tag == "mfenced":
        fence = dict(_FENCE.findall(node.attributes))
        return fence.get("open", "(") + ", ".join(parts) + fence.get("close", ")")
    if node.tag == "msqrt":
        return "\\sqrt{" + _joined(parts) + "}"
    if node.tag == "mtable":
        return "\\begin{matrix} " + " \\\\ ".join(parts) + " \\end{matrix}"
    if node.tag in ("mtr", "mlabeledtr"):
        return " & ".join(parts)
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    """Neighbours set apart only where they would run into one word, as in `sin x`."""
    line = ""
    for part in parts:
        if line[-1:].isalnum() and part[:1].isalnum() and (line[-2:-1].isalnum() or len(part) > 1):
            line += " "
        line += part
    return line


def _group(part: str) -> str:
    return part if len(part) == 1 else "{" + part + "}"


def _script(sign: str) -> Callable[[list[str]], str]:
    return lambda parts: _group(parts[0]) + sign + _group(parts[1])


def _scripts(parts: list[str]) -> str:
    return f"{_group(parts[0])}_{_group(parts[1])}^{_group(parts[2])}"


_FORMS: dict[str, tuple[int, Callable[[list[str]], str]]] = {
    "mfrac": (2, lambda parts: "\\frac{" + parts[0] + "}{" + parts[1] + "}"),
    "mroot": (2, lambda parts: "\\sqrt[" + parts[1] + "]{" + parts[0] + "}"),
    "msup": (2, _script("^")),
    "mover": (2, _script("^")),
    "msub": (2, _script("_")),
    "munder": (2, _script("_")),
    "msubsup": (3, _scripts),
    "munderover": (3, _scripts),
}
