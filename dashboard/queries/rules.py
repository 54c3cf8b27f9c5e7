"""What the page of rules asks of a curated run: its rules, and what each of them dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dashboard.source import Source
from workbench.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from curate.rules import Profile, Rule


MOST_TEXT = 2000
"""Characters that a threshold may have in the address."""


class Told(NamedTuple):
    """What a run was told. counter: the tokenizer that counted its tokens, by path; None where they are an estimate."""

    profile: Profile
    counter: str | None


def told(source: Source) -> Told:
    """The rules with the thresholds of the run. Raises UserError (exit 4) where its settings are missing or damaged."""
    from curate.ask.finished import FinishedRun

    run = FinishedRun.open(str(source.run.path), source.run.path.parent)
    return Told(run.profile, run.tokenizer)


def fails(source: Source) -> pl.DataFrame:
    """Documents and tokens by what became of them: state, rule (the first), fails (all, in order), documents, tokens.

    Copies of a record are left out: they were never judged.
    """
    return source.query(
        "SELECT state, rule, fails, count(*) AS documents, sum(tokens)::BIGINT AS tokens FROM {decisions} "
        "WHERE rule IS DISTINCT FROM 'read.same_record' GROUP BY ALL ORDER BY documents DESC, rule, fails"
    )


def listed(profile: Profile, sets: pl.DataFrame) -> pl.DataFrame:
    """The declared rules, in order, with the documents and tokens that each dropped (`first`), failed (`any`), and the
    documents that it failed alone (`alone`); `sets` as `fails` returns them."""
    import polars as pl

    each = sets.select("rule", pl.col("fails").alias("all"), "documents", "tokens")
    first = each.group_by("rule").agg(first=pl.sum("documents"), first_tokens=pl.sum("tokens"))
    failed = each.explode("all").group_by(rule="all").agg(any=pl.sum("documents"), any_tokens=pl.sum("tokens"))
    alone = each.filter(pl.col("all").list.len() == 1).group_by("rule").agg(alone=pl.sum("documents"))
    rules = pl.DataFrame(
        [(rule.id, limit(rule), profile.column(rule), languages(rule), rule.why) for rule in profile.declared],
        schema=dict.fromkeys(("rule", "drops", "measure", "languages", "why"), pl.String),
        orient="row",
    )
    for counts in (failed, first, alone):
        rules = rules.join(counts, on="rule", how="left", maintain_order="left")
    numbers = ("any", "first", "alone", "first_tokens", "any_tokens")
    return rules.select(
        "rule", "drops", *(pl.col(name).fill_null(0).cast(pl.Int64) for name in numbers), "measure", "languages", "why"
    )


def limit(rule: Rule) -> str:
    """When the rule drops a document, in words: `< 30`, `off`."""
    return rule.limit if rule.active else "off"


def languages(rule: Rule) -> str:
    """The languages that a rule looks at, in words."""
    if rule.when is None:
        return "all"
    return ", ".join(rule.when.langs) if rule.when.langs else f"all but {', '.join(rule.when.not_langs)}"


def together(profile: Profile, sets: pl.DataFrame) -> pl.DataFrame:
    """For each pair of rules that failed a document: rule, other, documents, tokens, and share of the rule's documents.

    A rule beside itself counts the documents that it alone failed: nobody else would have caught them.
    """
    import polars as pl

    active = [rule.id for rule in profile.rules]
    rows = sets.select(
        pl.col("fails").list.filter(pl.element().is_in(active)).alias("rule"), "documents", "tokens"
    ).with_columns(other="rule")
    count = pl.col("other").list.len()
    pairs = pl.concat(
        [
            rows.filter(count > 1).explode("rule").explode("other").filter(pl.col("rule") != pl.col("other")),
            rows.filter(count == 1).explode("rule").explode("other"),
        ]
    )
    found = pairs.group_by("rule", "other").agg(pl.sum("documents"), pl.sum("tokens"))
    totals = rows.explode("rule").group_by("rule").agg(total=pl.sum("documents"))
    return (
        found.join(totals, on="rule")
        .with_columns(share=pl.col("documents") / pl.col("total"))
        .sort("rule", "documents", "other", descending=[False, True, False])
    )


def proposed(profile: Profile, rule: Rule, text: str, *, numeric: bool) -> Rule:
    """The rule with the threshold that `text` names, as `--set RULE=text` reads it; numeric: its measure is a number.

    Raises UserError as that does, and for a threshold that the measure cannot be compared with.
    """
    from curate.rules import OFF, override
    from workbench.recipes import parse_set

    if len(text) > MOST_TEXT:
        raise UserError("a threshold is not that long", hint="a number, a list of words, or off")
    _, value = parse_set(f"{rule.id}={text}")
    new = override(profile, {rule.id: value}, {rule.id: f"{rule.id}={text}"}).rule(rule.id)
    each = new.threshold if isinstance(new.threshold, tuple) else (new.threshold,)
    if new.threshold != OFF and any(isinstance(one, str) == numeric for one in each):
        raise UserError(
            f"'{rule.measure}' is a {'number' if numeric else 'word'}", hint=f"the run's own is {as_text(rule)}"
        )
    return new


def as_text(rule: Rule) -> str:
    """The rule's threshold as `--set` and the address of the page take it: `0.25`, `[de, en]`, `off`."""
    if isinstance(rule.threshold, tuple):
        return f"[{', '.join(_scalar(value) for value in rule.threshold)}]"
    return _scalar(rule.threshold)


def quoted(value: str | float, *, listed: bool = False) -> str:
    """A value as `--set` reads it; `listed`: as a list of one."""
    text = _scalar(value)
    return f"[{text}]" if listed else text


def _scalar(value: str | float) -> str:
    from workbench.recipes import parse_set

    if not isinstance(value, str):
        return repr(value)
    plain = value.replace("-", "").replace("_", "").isalnum() and parse_set(f"a={value}")[1] == value
    return value if plain else "'" + value.replace("'", "''") + "'"
