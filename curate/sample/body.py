"""The blocks of a page as HTML, in the manner of its site's design."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from curate.sample import draw
from curate.sample.mathml import math
from curate.sample.page import Block, Page
from curate.sample.site import Site

LABELS = {
    "en": ("by", "Posts", "Joined", "Quote"),
    "ru": ("автор", "Сообщений", "Зарегистрирован", "Цитировать"),
}
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<em>.+?)\*|\[(?P<label>[^\]]+)\]\((?P<href>[^)]+)\)"
)
_FORMULA = re.compile(r"(\$[^$]+\$)")
_CITATION = re.compile(r"\[(\d+)\]")
_KEYWORDS = re.compile(
    r"\b(def|return|while|if|else|for|in|import|from|yield|print|"
    r"SELECT|FROM|WHERE|ORDER BY|PARTITION BY|OVER|AS|DESC|BETWEEN)\b"
)


def main(page: Page, body: list[Block], site: Site) -> str:
    """The body: posts in the frame that the design gives them, everything else in the order of the source."""
    groups: list[tuple[Block | None, list[Block]]] = [(None, [])]
    for block in body:
        if block.kind == "post":
            groups.append((block, []))
        else:
            groups[-1][1].append(block)
    parts = []
    for place, (post, inside) in enumerate(groups):
        html = "\n".join(_block(block, page, site) for block in inside)
        if post is None:
            parts.append(f'<div class="content">\n{html}\n</div>' if html and site.design in ("forum", "qa") else html)
        else:
            parts.append(_POSTS[site.design](post, html, place, page, site))
    return "\n".join(part for part in parts if part)


def _forum_post(post: Block, html: str, place: int, page: Page, site: Site) -> str:
    by, posts, joined, quote = LABELS[site.lang]
    user = escape(post.text)
    count = draw.number(4000, 0, "posts", post.text) + 3
    return (
        f'<div id="p{place}" class="post bg{place % 2 + 1}"><div class="inner"><div class="postbody">'
        f'<ul class="profile-icons"><li><a href="#reply">{quote}</a></li></ul>'
        f'<h3><a href="#p{place}">Re: {escape(page.title)}</a></h3>'
        f'<p class="author">{by} <strong><a href="/u/{place}">{user}</a></strong> &raquo; {post.info}</p>\n'
        f'<div class="content">{html}</div>\n</div>'
        f'<dl class="postprofile"><dt><a href="/u/{place}">{user}</a></dt><dd><strong>{posts}:</strong> {count}</dd>'
        f"<dd><strong>{joined}:</strong> 2019</dd></dl></div></div><hr class='divider' />"
    )


def _qa_post(post: Block, html: str, place: int, page: Page, site: Site) -> str:
    kind = "question" if place == 1 else "answer"
    votes = draw.number(40, 0, "votes", page.slug, place)
    score = draw.number(9000, 0, "score", post.text)
    return (
        f'<div class="{kind}" id="{kind}-{place}"><div class="post-layout">'
        f'<div class="votecell"><span class="vote-count">{votes}</span></div>'
        f'<div class="postcell"><div class="prose markup" itemprop="text">\n{html}\n</div>'
        f'<div class="user-info"><time>{post.info}</time> <a href="/users/{place}">{escape(post.text)}</a> '
        f'<span class="reputation-score">{score:,}</span></div></div></div></div>'
    )


_POSTS: dict[str, Callable[[Block, str, int, Page, Site], str]] = {"forum": _forum_post, "qa": _qa_post}


def _block(block: Block, page: Page, site: Site) -> str:
    old = site.design == "table"
    if block.kind == "heading":
        return _heading(block.text, page, site)
    if block.kind in ("text", "planted"):
        text = _inline(block.text, page, site)
        return f'<P><FONT FACE="Times New Roman" SIZE=3>{text}</FONT>' if old else f"<p>{text}</p>"
    if block.kind == "quote":
        return f"<blockquote><p>{_inline(block.text, page, site)}</p></blockquote>"
    if block.kind in ("bullets", "numbers"):
        tag = "ul" if block.kind == "bullets" else "ol"
        close = "" if old else "</li>"
        return (
            f"<{tag}>\n" + "\n".join(f"<li>{_inline(item, page, site)}{close}" for item in block.items) + f"\n</{tag}>"
        )
    if block.kind == "table":
        return _table(block.rows, page, site)
    if block.kind == "code":
        return _code(block, site)
    if block.kind == "formula":
        return f'<div class="equation">{_formula(block.text, page, display=True)}</div>'
    price, name, note = (*block.items, "")[:3]
    return (
        f'<div class="product-card"><h3><a href="/p/{draw.number(90000, 0, name)}">{escape(name)}</a></h3>'
        f'<div class="price">{escape(price)}</div><div class="note">{escape(note)}</div></div>'
    )


def _heading(text: str, page: Page, site: Site) -> str:
    inside = _inline(text, page, site)
    name = re.sub(r"\W+", "-", text.lower()).strip("-")
    if site.design == "wiki":
        return (
            f'<h2><span class="mw-headline" id="{name}">{inside}</span>'
            '<span class="mw-editsection">[<a href="?action=edit">edit</a>]</span></h2>'
        )
    if site.design == "docs":
        return f'<h2>{inside}<a class="headerlink" href="#{name}" title="Link to this heading">¶</a></h2>'
    return f"<h2>{inside}</h2>"


def _table(rows: tuple[tuple[str, ...], ...], page: Page, site: Site) -> str:
    head = "".join(f"<th>{_inline(cell, page, site)}</th>" for cell in rows[0])
    body = "\n".join(
        "<tr>" + "".join(f"<td>{_inline(cell, page, site)}</td>" for cell in row) + "</tr>" for row in rows[1:]
    )
    kind = "wikitable" if site.design == "wiki" else "docutils"
    return f'<table class="{kind}">\n<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def _code(block: Block, site: Site) -> str:
    text = escape(block.text, quote=False)
    language = block.info or "text"
    if site.design == "docs":
        marked = _KEYWORDS.sub(r'<span class="k">\1</span>', text)
        return (
            f'<div class="highlight-{language}"><div class="highlight"><pre><span></span>{marked}\n</pre></div></div>'
        )
    return f'<pre class="s-code-block"><code class="language-{language}">{text}\n</code></pre>'


def _formula(tex: str, page: Page, *, display: bool) -> str:
    if page.math == "mathjax":
        return f"\\[{escape(tex, quote=False)}\\]" if display else f"\\({escape(tex, quote=False)}\\)"
    if page.math == "mathml":
        return math(tex, display=display, annotated=False)
    # KaTeX writes every formula twice, once for readers' ears and once as positioned glyphs for their eyes.
    glyphs = "".join(f'<span class="mord">{escape(sign)}</span>' for sign in re.sub(r"\\[a-z]+|[{}\s]", "", tex))
    kind = "katex-display" if display else "katex"
    return (
        f'<span class="{kind}"><span class="katex-mathml">{math(tex, display=display, annotated=True)}</span>'
        f'<span class="katex-html" aria-hidden="true"><span class="base">{glyphs}</span></span></span>'
    )


def _inline(text: str, page: Page, site: Site) -> str:
    parts = _FORMULA.split(text) if page.kind == "math" else [text]
    return "".join(
        _formula(part[1:-1], page, display=False) if part.startswith("$") else _marked(part, site) for part in parts
    )


def _marked(text: str, site: Site) -> str:
    out, at = [], 0
    for found in _INLINE.finditer(text):
        out.append(_words(text[at : found.start()], site))
        tag = str(found.lastgroup)
        if tag == "href":
            out.append(f'<a href="{escape(found["href"])}">{escape(found["label"])}</a>')
        else:
            out.append(f"<{tag}>{_words(found[tag], site)}</{tag}>")
        at = found.end()
    return "".join(out) + _words(text[at:], site)


def _words(text: str, site: Site) -> str:
    text = escape(text, quote=False)
    if site.design != "wiki":
        return text
    text = _CITATION.sub(r'<sup class="reference"><a href="#cite_note-\1">[\1]</a></sup>', text)
    return text.replace(
        "[citation needed]", '<sup class="noprint">[<i><a href="/wiki/Help:Sources">citation needed</a></i>]</sup>'
    )
