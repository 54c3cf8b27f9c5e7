"""Word lists and block lists that a user names: read once, with the digest of every file for the run's manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from curate.measures.characters import DATA
from curate.measures.trie import MOST_LISTS
from workbench.errors import Exit, UserError

ANY = "*"  # a list for documents of every language
NAMED = ("bad_words", "gambling", "spam", "toxic")  # the lexicons that have measures even without a file


@dataclass(frozen=True)
class Lists:
    """All lists of a run. `lexicons`: name, language (or ANY), words; the rest belongs to the family `url`."""

    lexicons: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    domains: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    banned_words: frozenset[str] = frozenset()
    soft_words: frozenset[str] = frozenset()
    banned_subwords: frozenset[str] = frozenset()
    digests: Mapping[str, str] = field(default_factory=dict)  # path as given -> sha256

    def inactive(self) -> dict[str, str]:
        """Measures that are 0 for every document because their list is not there, with the reason."""
        reason = "no list is configured under measures."
        found = {
            f"lexicon.{name}{suffix}": f"{reason}lexicons.{name}"
            for name in NAMED
            if not self.lexicons.get(name)
            for suffix in ("", "_share")
        }
        for measure, option in (
            ("blocked_domain", "domains"),
            ("blocked_url", "urls"),
            ("banned_words", "banned_words"),
            ("soft_words", "soft_words"),
            ("banned_subwords", "banned_subwords"),
        ):
            if not getattr(self, option):
                found[f"url.{measure}"] = reason + option
        return found


def builtin() -> dict[str, dict[str, tuple[str, ...]]]:
    """Our own small lexicons (`data/lexicons.yaml`), by name and language."""
    raw = yaml.safe_load((DATA / "lexicons.yaml").read_text("utf-8"))
    return {name: {lang: tuple(words) for lang, words in langs.items()} for name, langs in raw.items()}


def load_lists(
    *,
    lexicons: Mapping[str, str | Mapping[str, str]] | None = None,
    domains: Sequence[str] = (),
    urls: Sequence[str] = (),
    banned_words: Sequence[str] = (),
    soft_words: Sequence[str] = (),
    banned_subwords: Sequence[str] = (),
) -> Lists:
    """Read the lists of a recipe; every other argument is a sequence of files, one entry a line, '#' opens a comment.

    A lexicon is a file for all languages, a directory of `<language>.txt`, or a mapping from language to file; it takes
    the place of a built-in lexicon of its name. Domains and URLs are in the UT1 format (host; host/path).
    Raises UserError for a file that cannot be read or that holds no entry, and for more than 32 lexicons.
    """
    digests: dict[str, str] = {}
    words: dict[str, dict[str, tuple[str, ...]]] = builtin()
    for name, source in (lexicons or {}).items():
        words[name] = {lang: tuple(_read(path, digests)) for lang, path in _files(source).items()}
    if len(words) > MOST_LISTS:
        raise UserError(f"{len(words)} lexicons, above {MOST_LISTS}", hint="join some of the lists into one")
    return Lists(
        lexicons=words,
        domains=frozenset(entry.lower().strip(".") for path in domains for entry in _read(path, digests)),
        urls=frozenset(bare_url(entry) for path in urls for entry in _read(path, digests)),
        banned_words=frozenset(alphanumeric(entry) for path in banned_words for entry in _read(path, digests)) - {""},
        soft_words=frozenset(alphanumeric(entry) for path in soft_words for entry in _read(path, digests)) - {""},
        banned_subwords=frozenset(alphanumeric(e) for path in banned_subwords for e in _read(path, digests)) - {""},
        digests=digests,
    )


def alphanumeric(text: str) -> str:
    """The ASCII letters and digits of a text in lower case."""
    return "".join(c for c in text.lower() if c.isascii() and c.isalnum())


def bare_url(url: str) -> str:
    """A URL as block lists write it: host/path?query without scheme, `www.`, fragment and closing slashes."""
    rest = url.strip().partition("://")[2] or url.strip()
    host, slash, path = rest.partition("#")[0].partition("/")
    return (host.lower().removeprefix("www.") + slash + path).rstrip("/")


def _files(source: str | Mapping[str, str]) -> dict[str, str]:
    """Language to file."""
    if not isinstance(source, str):
        return dict(source)
    if Path(source).is_dir():
        return {path.stem: str(path) for path in sorted(Path(source).glob("*.txt"))}
    return {ANY: source}


def _read(path: str, digests: dict[str, str]) -> list[str]:
    """The entries of a list file."""
    try:
        raw = Path(path).read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise UserError(f"cannot read the list {path}: {error.strerror}", code=Exit.INPUT, file=path) from error
    except UnicodeDecodeError as error:
        raise UserError(f"the list {path} is not UTF-8", code=Exit.INPUT, file=path) from error
    entries = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not entries:
        raise UserError(f"the list {path} holds no entry", hint="one entry a line", code=Exit.INPUT, file=path)
    digests[path] = hashlib.sha256(raw).hexdigest()
    return entries
