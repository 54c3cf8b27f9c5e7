"""The dataset card of Hugging Face: YAML front matter and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from curate.card.activities import Activity
from curate.card.answers import BLANKS, Answers, Blank, open_blanks
from curate.card.facts import RULES, Facts
from curate.card.gaps import gaps, pii_actions
from curate.card.tables import UNKNOWN, Share
from curate.export.configs import configs, front_matter
from curate.tokens import label
from workbench.render import percent
from workbench.visible import one_line

# Identifiers that the Hub knows; any other licence is `other`, with its name.
_LICENCES = {"apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "odc-by"}
_LICENCES |= {"pddl", "odbl", "cdla-permissive-1.0", "cdla-permissive-2.0", "cc-by-3.0", "cc-by-sa-3.0", "unknown"}
_SIZES: tuple[str, ...] = (
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
    "1B<n<10B",
)
_SIZES += ("10B<n<100B", "100B<n<1T", "n>1T")  # by the number of digits
_LANGUAGES = 30
_DOMAINS = 30
_INPUTS = 20
# An underscore inside of a word marks nothing.
_SPECIAL = re.compile(r"([\\`*{}\[\]<>#|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def readme(facts: Facts, answers: Answers) -> str:
    """The whole text."""
    parts = [_front(facts, answers), f"# {_text(answers.name or facts.handed_on.name)}\n"]
    parts += [_said(answers, "description"), _size(facts)]
    for title, body in _sections(facts, answers):
        parts.append(f"## {title}\n\n{body}")
    return "\n".join(parts)


def _front(facts: Facts, answers: Answers) -> str:
    values: dict[str, Any] = {"pretty_name": answers.name or facts.handed_on.name}
    values["language"] = [one.name for one in facts.languages if one.name not in (UNKNOWN, "und")]
    if answers.licence is not None:
        known = answers.licence.lower() in _LICENCES
        values["license"] = answers.licence.lower() if known else "other"
        if not known:
            values["license_name"] = re.sub(r"[^a-z0-9.]+", "-", answers.licence.lower()).strip("-")
        if answers.licence_url is not None:
            values["license_link"] = answers.licence_url
    rows = facts.handed_on.counts.get("rows", facts.totals.copies)
    values["size_categories"] = [_SIZES[min(max(len(str(rows)) - 3, 0), len(_SIZES) - 1)]]
    values["task_categories"] = ["text-generation"]
    values["tags"] = ["croissant", "winnow", *answers.keywords]
    values["configs"] = configs(file.path for file in facts.handed_on.files)
    return front_matter(values)


def _sections(facts: Facts, answers: Answers) -> Iterable[tuple[str, str]]:
    if facts.handed_on.splits:
        yield "Splits", _splits(facts)
    yield "Uses", _said(answers, "purpose") + _said(answers, "out_of_scope", "Not for: ")
    yield "Languages", _shares("language", facts.languages[:_LANGUAGES], facts, len(facts.languages))
    yield "Hosts", _shares("host", facts.hosts, facts, facts.totals.hosts)
    for name, found in facts.domains.items():
        yield f"By {_text(name)}", _shares(name, found[:_DOMAINS], facts, len(found))
    yield "How it was made", _steps(facts)
    yield "Personal data", _personal(facts) + "\n" + _said(answers, "personal_data")
    yield "Licences and rights", _licences(facts, answers) + "\n" + _said(answers, "rights")
    limits = "".join(f"- {_text(one)}\n" for one in [*gaps(facts), *answers.limitations])
    yield "Known gaps", "\n".join(part for part in (limits, _said(answers, "biases")) if part)
    yield "Columns", _columns(facts)
    yield "People", _people(answers)
    missing = [blank for blank in open_blanks(answers) if not blank.required]
    if missing:
        yield "Not answered", "".join(f"- {blank.question} (`{blank.name}`)\n" for blank in missing)


def _said(answers: Answers, name: str, lead: str = "") -> str:
    """A paragraph with the answer; a required one that is open is named, an optional one left out."""
    blank = next(blank for blank in BLANKS if blank.name == name)
    if blank in open_blanks(answers):
        return _open(blank) if blank.required else ""
    return f"{lead}{getattr(answers, name).strip()}\n"


def _open(blank: Blank) -> str:
    return f"> **Blank for people to fill in** (`{blank.name}`): {blank.question}\n"


def _text(value: Any) -> str:
    """Text of a crawl or a file name on one line, as nothing but text."""
    return _SPECIAL.sub(r"\\\1", one_line(str(value)))


def _code(value: str) -> str:
    """A name in the type of code, in which nothing is escaped."""
    shown = one_line(value).replace("`", "'")
    return f"`{shown}`"


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]], words: int = 1) -> str:
    """A Markdown table; the first `words` columns are names, as code (which links nowhere), the others numbers."""
    rule = "|".join("---" if place < words else "--:" for place in range(len(heads)))
    lines = [f"| {' | '.join(heads)} |", f"|{rule}|"]
    for row in rows:
        cells = [_cell(value) if place < words else _number(value) for place, value in enumerate(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    return _code(str(value)).replace("|", "\\|")


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _size(facts: Facts) -> str:
    totals = facts.totals
    tokens = facts.handed_on.counts.get("tokens", totals.tokens)
    rows: list[tuple[str, Any]] = [("documents", totals.documents)]
    if facts.is_mix:
        rows.append(("rows (documents with their copies)", facts.handed_on.counts.get("rows", totals.copies)))
    rows += [(_text(label(facts.handed_on.tokenizer)), tokens), ("characters", totals.chars), ("hosts", totals.hosts)]
    if totals.first_date is not None:
        rows.append(("pages fetched", f"{totals.first_date} to {totals.last_date}"))
    rows.append(("files", len(facts.handed_on.files)))
    return "".join(f"- {name}: {_number(value)}\n" for name, value in rows)


def _splits(facts: Facts) -> str:
    heads = ["split", "documents", "rows", "tokens"]
    if facts.is_mix:
        heads.insert(0, "phase")
    rows = [[split[name] for name in heads] for split in facts.handed_on.splits]
    said = "Documents that share a text, an address or a near-duplicate stand in the same split.\n"
    if not facts.settings.duplicates.documents:
        said = "Each document was put into a split by a hash of its id; nobody looked for duplicates.\n"
    return f"{_table(heads, rows, len(heads) - 3)}\n{said}"


def _shares(name: str, shares: Sequence[Share], facts: Facts, number: int) -> str:
    total = facts.totals.tokens
    rows = [[one.name, one.documents, one.tokens, percent(one.tokens / total if total else None)] for one in shares]
    text = _table([name, "documents", _text(label(facts.settings.tokenizer)), "share"], rows)
    return text if number <= len(shares) else f"{text}\nThe {len(shares)} with most tokens of {number:,}.\n"


def _steps(facts: Facts) -> str:
    parts = []
    names = [_code(one.path) for one in facts.inputs[:_INPUTS]]
    if names:
        more = f" and {len(facts.inputs) - _INPUTS:,} more" if len(facts.inputs) > _INPUTS else ""
        files = "file" if len(facts.inputs) == 1 else "files"
        parts.append(f"From {len(facts.inputs):,} {files} ({', '.join(names)}{more}).\n")
    if facts.funnel is not None:
        rows = [
            [
                level.step,
                level.documents_in,
                level.dropped,
                level.failed,
                level.documents_out,
                percent((level.dropped + level.failed) / level.documents_in if level.documents_in else None),
            ]
            for level in facts.funnel.levels
        ]
        parts.append(_table(["step", "in", "dropped", "failed", "out", "removed"], rows))
        parts.append(
            f"{facts.funnel.total:,} records = {facts.funnel.kept:,} kept + {facts.funnel.dropped:,} dropped + "
            f"{facts.funnel.failed:,} failed.\n"
        )
    if facts.rules:
        shown = facts.rules[:RULES]
        parts.append(_table(["rule", "documents dropped"], shown))
        if len(facts.rules) > len(shown):
            parts.append(f"The {len(shown)} that dropped most, of {len(facts.rules)} rules that dropped any.\n")
    lines = [f"{place}. {_code(one.name)}: {_step(one)}" for place, one in enumerate(facts.activities, 1)]
    parts.append("\n".join(lines) + "\n")
    scores = [_code(name) for name in facts.measures if name.startswith(("quality.", "harm.", "domain."))]
    if scores:
        parts.append(f"Classifiers gave each document {', '.join(scores)}.\n")
    parts.append(f"Made with Winnow {_text(facts.version)}.\n")
    return "\n".join(parts)


def _step(activity: Activity) -> str:
    """The sentence; with the counts, where they do not stand in the table of steps."""
    if "documents_in" in activity.counts:
        return _text(activity.description)
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in activity.counts.items())
    return f"{_text(activity.description)} ({_text(counts)})"


def _personal(facts: Facts) -> str:
    found = {one.kind: one for one in facts.edits}
    rows = []
    for kind, action in pii_actions(facts).items():
        edits = found.get(f"pii:{kind}")
        rows.append([kind, action, edits.documents if edits else 0, edits.edits if edits else 0])
    said = "`replace` puts a token such as `<EMAIL>`, `surrogate` a look-alike, `flag` and `off` leave the text.\n"
    return f"{_table(['kind', 'what is done', 'documents', 'finds'], rows, 2)}\n{said}"


def _licences(facts: Facts, answers: Answers) -> str:
    blank = next(blank for blank in BLANKS if blank.name == "licence")
    if blank in open_blanks(answers):
        whole = _open(blank)
    else:
        link = f" ({answers.licence_url})" if answers.licence_url else ""
        whole = f"The collection: {_text(answers.licence)}{link}. The texts stay under the licences of their sources.\n"
    if not facts.licences:
        return whole
    names = {one.source: f"{one.licence} {one.url or ''}".strip() for one in answers.licences}
    rows = [[one.name, names.get(one.name, UNKNOWN), one.documents, one.tokens] for one in facts.licences]
    counted = _text(label(facts.settings.tokenizer))
    return f"{whole}\n{_table(['source', 'licence', 'documents', counted], rows, 2)}"


def _columns(facts: Facts) -> str:
    rows = [[field.name, str(field.type).removeprefix("large_")] for field in facts.columns]
    return _table(["column", "type"], rows, 2)


def _people(answers: Answers) -> str:
    parts = []
    for name, lead in (("creators", "Made by "), ("contact", "Contact: ")):
        blank = next(blank for blank in BLANKS if blank.name == name)
        value = getattr(answers, name)
        shown = ", ".join(value) if isinstance(value, list) else value
        parts.append(_open(blank) if blank in open_blanks(answers) else f"{lead}{_text(shown)}\n")
    parts.append(_said(answers, "maintenance"))
    if answers.citation is not None:
        parts.append(f"```bibtex\n{answers.citation.strip().replace('```', '')}\n```\n")
    return "\n".join(part for part in parts if part)
