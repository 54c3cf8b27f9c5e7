"""A page as its site would serve it: the rendered body inside the template of the site's design."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib import resources
from string import Template

from curate.sample import draw
from curate.sample.body import main
from curate.sample.page import Block, Page, plain
from curate.sample.site import Site

_COOKIE_BAR = (
    '<div id="cookie-banner" class="cookie-consent" role="dialog"><p>{}</p><button type="button">OK</button></div>'
)


@cache
def _template(design: str) -> Template:
    return Template((resources.files("curate.sample") / "designs" / f"{design}.html").read_text("utf-8"))


def document(page: Page, body: list[Block], site: Site, *, url: str, charset_meta: str) -> str:
    """The whole HTML document. `charset_meta` is the markup that declares its charset, possibly empty or wrong."""
    formulas = any(block.kind == "formula" for block in body)
    refrain = refrain_of(page, site)
    opening = next((plain(block.text) for block in body if block.kind == "text"), page.title)
    return _template(page.design or site.design).substitute(
        lang=page.lang or site.lang,
        title=escape(page.title),
        title_json=json.dumps(page.title, ensure_ascii=False)[1:-1].replace("<", "\\u003c"),
        site=escape(site.name),
        tagline=escape(site.tagline),
        summary=escape(opening[:155]),
        url=escape(url),
        slug=page.slug,
        number=draw.number(9000, 0, "post", page.slug) + 100,
        by=escape(page.by),
        date=page.date,
        charset_meta=charset_meta,
        math_head=_math_head(page.math) if formulas else "",
        main=main(page, body, site) + (f"\n<p>{escape(refrain)}</p>" if refrain else ""),
        nav=_links(site.nav, "nav"),
        share=_links(site.share, "share"),
        aside_title=escape(site.aside_title),
        aside=_links(site.aside, "more"),
        cookie_bar=_COOKIE_BAR.format(escape(site.cookie)) if site.cookie else "",
        newsletter=escape(site.newsletter),
        comments=escape(site.comments),
        footer=_links(site.footer, "info"),
    )


def refrain_of(page: Page, site: Site) -> str:
    """The paragraph at the end of the page's text that all dated pages of the site share; lists and stubs have none."""
    return site.refrain if page.date and page.kind != "text" else ""


def _links(names: list[str], folder: str) -> str:
    return "".join(f'<li><a href="/{folder}/{at}">{escape(name)}</a></li>' for at, name in enumerate(names, 1))


def _math_head(kind: str) -> str:
    if kind == "mathjax":
        return (
            "<script>MathJax = {tex: {inlineMath: [['\\\\(', '\\\\)']]}};</script>"
            '<script id="MathJax-script" async src="/js/mathjax@3/es5/tex-mml-chtml.js"></script>'
        )
    return '<link rel="stylesheet" href="/css/katex.min.css">' if kind == "katex" else ""
