"""What the rules of a run read, checked against what the run will measure, before anything starts."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from curate.measures.tables import Kind
from curate.rules import Profile, require
from workbench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from curate.classify.opened import Opened
    from curate.recipe import Recipe


def measures(profile: Profile, recipe: Recipe, models: Opened | None) -> None:
    """Refuses a rule, or an order of copies, that reads what nobody measures, or compares it with another kind of
    value."""
    from curate.duplicates.order import require_order
    from curate.measures import plugins, tables
    from curate.rules.catalogue import has_versions, kinds

    own = {measure.name for plugin in plugins.installed().values() for measure in plugin.measures}
    lexicons = {f"lexicon.{name}{suffix}" for name in recipe.measures.lexicons for suffix in ("", "_share")}
    made = _made(recipe, models)
    for twice in sorted(own & made.keys()):
        hint = "give the model another name under classify"
        raise UserError(f"an installed package has a measure '{twice}' too", hint=hint)
    taken = {*kinds(), *own, *lexicons, *made}
    given = {**made, **tables.kinds(recipe.measures.tables)}
    known = {*taken, *tables.names(recipe.measures.tables, taken)}
    _require_models(profile, known)
    versioned = {name for name in kinds() if has_versions(name)} | own | lexicons
    for rule in profile.rules:
        # Models, tables and the rest tell one value of a document, whatever text the profile's own measures read.
        if profile.column(rule) != rule.measure and rule.measure in known - versioned:
            message = f"rule '{rule.id}': '{rule.measure}' is the same for every text version"
            raise UserError(message, hint="leave 'text' out")
    require(profile, [*known, *(f"{name}@{text}" for name in versioned for text in ("extracted", "edited"))])
    numbers = {name for name, kind in {**kinds(), **given}.items() if kind != "text"} | own | lexicons
    require_order(recipe.duplicates.survivor, numbers)
    for rule in profile.rules:
        values = rule.threshold if isinstance(rule.threshold, tuple) else (rule.threshold,)
        if rule.measure in given and any(isinstance(one, str) != (given[rule.measure] == "text") for one in values):
            hint = "correct the threshold, or the column's type"
            raise UserError(f"rule '{rule.id}': '{rule.measure}' holds {given[rule.measure]}s", hint=hint)


def _made(recipe: Recipe, models: Opened | None) -> dict[str, Kind]:
    """The measures that models and the tokenizer give, and what kind of threshold each takes."""
    from curate.tokens import COLUMN

    made: dict[str, Kind] = {f"edits.harm_{name}": "number" for name in recipe.edits.harm.name}
    if recipe.tokenizer is not None:
        made[COLUMN] = "number"
    if models is not None:
        for measure in models.classifier.declared:
            made[measure.name] = "text" if measure.dtype == "string" else "number"
        if models.tagger is not None:
            made |= dict.fromkeys([f"edits.pii_{kind}" for kind in models.tagger.kinds], "number")
    return made


def _require_models(profile: Profile, known: Collection[str]) -> None:
    """A rule that reads a model's measure asks for a model that the recipe names."""
    for rule in profile.rules:
        family, _, name = rule.measure.partition(".")
        if rule.measure not in known and family in ("quality", "domain", "harm"):
            own = [one for one in known if one.startswith(f"{family}.")]
            name = name.removesuffix("_score" if family == "domain" else "_sentences")
            hint = f"name the run of its model: --set classify.{family}.{name}=RUN"
            if own:
                hint = f"{did_you_mean(rule.measure, own)}; or {hint}"
            raise UserError(f"rule '{rule.id}' reads '{rule.measure}', for which no model is named", hint=hint)
