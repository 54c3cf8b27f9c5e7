"""Main text of a site's pages by selectors: labels for pages that nobody has labelled one by one.

The rules are a YAML list; each has `prefix` (of the URL), `kind`, `lang` (or null), `take` and `drop` (CSS selectors).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from curate.extract.learn.labels import texts_of
from curate.extract.markup import prepare
from curate.extract.winnow.analyse import analyse
from workbench.errors import Exit, UserError

LEAST_WORDS_CHARS = 200  # pages with less text than this by their rule teach nothing


class Rule(BaseModel):
    """Where a site keeps its text: what matches the first selector of `take` that matches, without `drop`."""

    model_config = ConfigDict(extra="forbid")

    prefix: str
    kind: str
    lang: str | None = None
    take: list[str]
    drop: list[str] = []


class SitePage(NamedTuple):
    """A page of the crawl with the text that its site's rule takes for its main text."""

    id: str
    url: str
    host: str
    kind: str
    lang: str | None
    html: str
    truth: str


def load_rules(path: Path) -> list[Rule]:
    """Reads rules. Raises UserError for a file that is not such a list."""
    import yaml

    try:
        return TypeAdapter(list[Rule]).validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise UserError(f"{path} is not a list of rules by site: {error}", code=Exit.INPUT) from error


def rule_of(url: str, rules: Iterable[Rule]) -> Rule | None:
    """The first rule whose prefix the address has."""
    return next((rule for rule in rules if url.startswith(rule.prefix)), None)


def main_text(html: str, rule: Rule) -> str:
    """The text that the rule takes; "" where the page has none of its elements."""
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(prepare(html))
    if tree.body is None:
        return ""
    for selector in rule.drop:
        for node in tree.body.query_selector_all(selector):
            node.decompose()
    for selector in rule.take:
        found = tree.body.query_selector_all(selector) if selector != "body" else [tree.body]
        if len(found):
            blocks = [text for node in found for text in texts_of(analyse(node.html))]
            return "\n".join(text for text in blocks if not text.replace(" ", "").isdigit())  # line numbers
    return ""


def site_pages(crawl: Path, rules: list[Rule], most: int, skip: frozenset[str] = frozenset()) -> Iterator[SitePage]:
    """Up to `most` pages of every rule, those with the lowest hash of their id: the same for any order of files."""
    import xxhash

    from curate.sources import plan_units, read_unit

    found: dict[str, list[tuple[int, SitePage]]] = {}
    for unit in plan_units([str(path) for path in sorted(crawl.glob("*.warc.gz"))]):
        for record in read_unit(unit):
            rule = rule_of(record.url or "", rules) if record.kind == "html" and record.body else None
            if rule is None or record.id in skip:
                continue
            key = xxhash.xxh3_64_intdigest(record.id.encode())
            held = found.setdefault(rule.prefix, [])
            page = SitePage(record.id, record.url or "", record.host or "", rule.kind, rule.lang, record.body or "", "")
            if len(held) < most or key < held[-1][0]:
                text = main_text(page.html, rule)
                if len(text) < LEAST_WORDS_CHARS:
                    continue
                held.append((key, page._replace(truth=text)))
                held.sort(key=lambda row: row[0])
                del held[most:]
    for prefix in sorted(found):
        for _, page in found[prefix]:
            yield page
