"""The invented sites: a host, a design, and the words that every page of the site repeats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml


@dataclass(frozen=True, slots=True)
class Site:
    """An invented site: its design, and the words around every page of it."""

    host: str
    design: str
    lang: str
    name: str
    tagline: str
    nav: list[str]
    share: list[str]
    aside_title: str
    aside: list[str]
    cookie: str
    newsletter: str
    comments: str
    footer: list[str]
    refrain: str = ""

    def boilerplate(self) -> list[str]:
        """The lines that no extractor should take for text of a page."""
        single = [self.cookie, self.newsletter, self.comments, self.refrain]
        return [*self.nav, *self.share, *self.aside, *self.footer, *(line for line in single if line)]


@cache
def sites() -> dict[str, Site]:
    """All sites by the name that pages use."""
    text = (resources.files("curate.sample") / "sites.yaml").read_text("utf-8")
    return {name: Site(**data) for name, data in yaml.safe_load(text).items()}
