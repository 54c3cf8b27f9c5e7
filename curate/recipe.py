"""What a curate run may be told, and how the layers of it become one: profile, recipe file, flags, `--set`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from curate.classify.config import Classify
from curate.contamination.settings import Decontaminate
from curate.duplicates.config import Duplicates
from curate.edits.config import EditsConfig
from curate.rules import Profile, load_profile, override
from workbench import recipes
from workbench.errors import UserError, did_you_mean
from workbench.recipes import Section
from workbench.units import fingerprint
from workbench.yamltree import Node, Place

if TYPE_CHECKING:
    from curate.classify.opened import Opened
    from curate.contamination.sought import Sought
    from curate.extract import Limits
    from curate.extract.engines.settings import EngineSettings
    from curate.measures import Lists
    from curate.sources import ReadOptions
    from workbench.runs import Run

# A secret that keys the digests and surrogates of personal data; without it they can be found by trying values.
KEY_VARIABLE = "WINNOW_PII_KEY"


class Read(Section):
    """How pages are read."""

    unit_mb: PositiveFloat = 32.0
    """Size of a unit of work in compressed megabytes of input."""
    max_page_mb: PositiveFloat = 20.0
    """A page's body is cut above this size after decoding (a note says so); a decompression bomb fails."""
    max_text_mb: PositiveFloat = 64.0
    """A JSONL line or a cell of a table above this size fails."""
    text_field: str | None = None
    """Column of JSONL and Parquet input that holds text (default: text, content ... whichever is there)."""
    html_field: str | None = None
    """Column that holds HTML to be extracted."""


class Extract(Section):
    """How the main text is taken out of HTML."""

    engine: Literal["trafilatura", "resiliparse", "winnow"] = "winnow"
    favor: Literal["precision", "balanced", "recall"] = "balanced"
    """What blocks count as that the engine winnow is not sure of; the others have no such dial."""
    model: str = "builtin"
    """What the engine winnow judges blocks by: `builtin`, or the file that `curate extract train` wrote."""
    wall_s: PositiveFloat = 10.0
    """Seconds a page may take; one that takes longer is tried once more, alone, with ten times the limits."""
    cpu_s: PositiveFloat = 2.0
    memory_mb: PositiveInt = 1024
    max_chars: PositiveInt = 10_000_000
    """A text above this many characters fails."""

    def limits(self) -> Limits:
        """The limits in the form the extractor takes."""
        from curate.extract import Limits

        return Limits(self.wall_s, self.cpu_s, self.memory_mb, self.max_chars)

    def engine_settings(self) -> EngineSettings:
        """What the engine is told, in the form the extractor takes."""
        from curate.extract.engines.settings import EngineSettings

        return EngineSettings(self.favor, self.model)

    def identity(self) -> dict[str, str]:
        """What decides the text beside these settings: the content of a trained model. UserError where it is none."""
        if self.engine != "winnow":
            return {}
        from curate.extract.winnow.model import model_digest

        return {"extraction model": model_digest(self.model)}


class LanguageModel(Section):
    """What identifies the language: `builtin`, or the path of a fastText model (lid.176.bin, GlotLID)."""

    model: str = "builtin"


class Measures(Section):
    """Lists that the lexicon and URL measures count, and tables of the user's own measures; all are local files."""

    lexicons: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    """By name (bad_words, gambling, spam, toxic or your own): a file, a folder of `<language>.txt`, or files."""
    domains: list[str] = Field(default_factory=list)
    """Blocked hosts in the UT1 format, one a line."""
    urls: list[str] = Field(default_factory=list)
    """Blocked URLs in the UT1 format, host/path."""
    banned_words: list[str] = Field(default_factory=list)
    soft_words: list[str] = Field(default_factory=list)
    banned_subwords: list[str] = Field(default_factory=list)
    tables: list[str] = Field(default_factory=list)
    """Parquet files with a column `id` and a column for each measure of your own, joined to the run's measures."""

    def lists(self) -> Lists:
        """The word and URL lists, read."""
        from curate.measures import load_lists

        return load_lists(
            lexicons=self.lexicons,
            domains=self.domains,
            urls=self.urls,
            banned_words=self.banned_words,
            soft_words=self.soft_words,
            banned_subwords=self.banned_subwords,
        )


class Output(Section):
    """How much is written, and in what pieces."""

    dropped_gb: PositiveFloat = 5.0
    """Text of dropped documents up to this size is kept whole; above it, a seeded sample."""
    shard_rows: PositiveInt = 100_000
    """Rows of a shard, at least; the last one holds the rest."""
    search: bool = True
    """Whether a full-text index of a sample of the texts is made beside the run."""


class Recipe(Section):
    """Everything that decides what a curate run does; with the input's bytes and the code's version it decides all."""

    input: list[str] = Field(default_factory=list)
    profile: str = "winnow"
    """Name or path of a profile: the rules, their thresholds and the edits."""
    limit: PositiveInt | None = None
    """Only the first so many records, in input order."""
    seed: NonNegativeInt = 0
    read: Read = Field(default_factory=Read)
    extract: Extract = Field(default_factory=Extract)
    language: LanguageModel = Field(default_factory=LanguageModel)
    measures: Measures = Field(default_factory=Measures)
    edits: EditsConfig = Field(default_factory=EditsConfig)
    classify: Classify = Field(default_factory=Classify)
    tokenizer: str | None = None
    """A `tokenizer.json` that counts the tokens; without one they are an estimate."""
    duplicates: Duplicates = Field(default_factory=Duplicates)
    decontaminate: Decontaminate = Field(default_factory=Decontaminate)
    rules: dict[str, Any] = Field(default_factory=dict)
    """Thresholds that replace the profile's, by rule: `gopher.dup_line_frac: 0.25`."""
    output: Output = Field(default_factory=Output)


class Settings(Section):
    """What a worker needs of a resolved recipe; the first map reads all but the rules of the profile."""

    seed: int
    read: Read
    extract: Extract
    language: LanguageModel
    measures: Measures
    edits: EditsConfig
    duplicates: Duplicates
    decontaminate: Decontaminate = Field(default_factory=Decontaminate)
    profile: Profile
    classify: Classify = Field(default_factory=Classify)
    """The runs of the models by their paths."""
    tokenizer: str | None = None
    digests: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the models, by their names in `classify`, and of the tokenizer."""

    def read_options(self) -> ReadOptions:
        """The reader's own form of the `read` section."""
        from curate.sources import ReadOptions

        return ReadOptions(
            max_body_bytes=int(self.read.max_page_mb * 1e6),
            max_text_bytes=int(self.read.max_text_mb * 1e6),
            text_field=self.read.text_field,
            html_field=self.read.html_field,
        )

    def key(self) -> bytes:
        """32 bytes that key digests and surrogates: from the seed and the environment's secret, where it is set."""
        secret = os.environ.get(KEY_VARIABLE, "").encode()
        return hashlib.blake2b(str(self.seed).encode(), key=secret[:64], digest_size=32).digest()

    def text_versions(self) -> tuple[str, str | None]:
        """The text version that measures read, and the other one where a rule of the profile reads that too."""
        main = self.profile.text
        read = {rule.text or main for rule in self.profile.rules}
        others = sorted(read - {main})
        return main, others[0] if others else None

    def reading(self) -> dict[str, Any]:
        """All that decides the extracted texts and their languages, except the input and the code."""
        from curate.language import model_digest

        own = self.model_dump(mode="json", include={"read", "extract", "language"})
        return own | {"language model": model_digest(self.language.model)} | self.extract.identity()

    def measuring(self) -> dict[str, Any]:
        """All that decides what the first map writes, except the input and the code: equal values, equal outputs."""
        from curate.language import model_digest

        own = self.model_dump(mode="json", exclude={"profile", "duplicates", "decontaminate", "classify", "tokenizer"})
        return own | {
            "signing": self.duplicates.signing(),
            "texts": list(self.text_versions()),
            "key": hashlib.sha256(self.key()).hexdigest(),
            "lists": dict(self.measures.lists().digests),
            "language model": model_digest(self.language.model),
            **self.extract.identity(),
        }


class Plan(NamedTuple):
    """A resolved recipe with its profile, the origin of every value, and what files outside of it decide.

    `outside` names the content of lists, tables, models and benchmarks, and the key: with the recipe and the input's
    bytes it decides the result. `sought` are the benchmark items that the recipe names.
    """

    recipe: Recipe
    settings: Settings
    provenance: dict[str, str]
    outside: str
    sought: Sought | None
    models: tuple[Run, ...] = ()
    """The runs that hold the models which the recipe names."""


def resolve(layers: Sequence[Node], sets: Sequence[str], root: Path) -> Plan:
    """Layers from weakest to strongest, then `--set` arguments, which name a rule of the profile or a recipe's value.

    The profile's own edits and engine lie below every layer; runs of models are looked for under `root`. Raises
    UserError at the offending place, also for lists, tables and models that cannot be read: nothing has started yet.
    """
    from curate import required
    from curate.contamination.sought import Sought
    from curate.measures import tables

    own = [*layers]
    parsed = [(recipes.parse_set(argument), argument) for argument in sets]
    own += [recipes.from_set(argument) for (path, _), argument in parsed if path == ("profile",)]
    profile = _profile(own)
    rules = {rule.id for rule in profile.declared}
    for (path, value), argument in parsed:
        name = ".".join(path)
        if name in rules or path[0] not in Recipe.model_fields:
            own.append(recipes.from_values({"rules": {name: value}}, f"--set {argument}"))
        elif path != ("profile",):
            own.append(recipes.from_set(argument))
    below = recipes.from_values(profile.layer(), f"profile {profile.name}")
    recipe, provenance = recipes.resolve(Recipe, [below, *own])
    places = {name: _place(own, "rules", name) for name in recipe.rules}
    for name, place in places.items():
        if name not in rules:
            message = f"the profile {profile.name} has no rule '{name}'"
            hint = did_you_mean(name, rules) or did_you_mean(name.split(".")[0], Recipe.model_fields)
            raise _placed(UserError(message, hint=hint), place)
    profile = override(profile, recipe.rules, {name: str(place) for name, place in places.items()})
    _refuse_logins(recipe.input)
    models = _models(recipe, own, root)
    required.measures(profile, recipe, models)
    _require_one_cut(recipe)
    settings = Settings(
        seed=recipe.seed,
        read=recipe.read,
        extract=recipe.extract,
        language=recipe.language,
        measures=recipe.measures,
        edits=recipe.edits,
        duplicates=recipe.duplicates,
        decontaminate=recipe.decontaminate,
        profile=profile,
        classify=recipe.classify if models is None else models.classify,
        tokenizer=recipe.tokenizer,
        digests=({} if models is None else models.digests) | _tokenizer_digest(recipe, own),
    )
    sought = Sought.read(recipe.decontaminate)
    outside = fingerprint(
        measuring=settings.measuring(),
        tables=tables.digests(recipe.measures.tables),
        index=_index_digest(recipe.duplicates),
        sought=None if sought is None else sought.identity(recipe.decontaminate),
    )
    return Plan(recipe, settings, provenance, outside, sought, () if models is None else tuple(models.runs))


def _require_one_cut(recipe: Recipe) -> None:
    """Refuses two steps that cut kept texts: each would have to know what the other leaves."""
    if recipe.decontaminate.remove == "span" and recipe.duplicates.passages:
        message = "decontaminate.remove: span and duplicates.paragraphs or substrings both cut kept texts"
        hint = "leave one to a later command: curate decontaminate RUN --remove span"
        raise UserError(message, hint=hint)


def _models(recipe: Recipe, layers: Sequence[Node], root: Path) -> Opened | None:
    """The models that the recipe names, opened; None where it names none. Errors stand where the model is named."""
    for name in recipe.edits.harm.name:
        if name not in recipe.classify.harm:
            message = f"sentences that are '{name}' are to be cut, but no model for that is named"
            hint = did_you_mean(name, recipe.classify.harm) or f"name its run: --set classify.harm.{name}=RUN"
            raise _placed(UserError(message, hint=hint), _place(layers, "edits", "harm", "name"))
    names = {one.name for one in recipe.classify.named()}
    if not names:
        return None
    from curate.classify import opened

    try:
        return opened.find(recipe.classify, root)
    except UserError as error:
        name = error.message.split(":")[0].removeprefix("classify.")
        raise (_placed(error, _place(layers, "classify", *name.split("."))) if name in names else error) from None


def _tokenizer_digest(recipe: Recipe, layers: Sequence[Node]) -> dict[str, str]:
    if recipe.tokenizer is None:
        return {}
    from curate.tokens import DIGEST, Counter
    from workbench.files import sha256

    path = Path(recipe.tokenizer)
    try:
        Counter(path)
    except UserError as error:
        raise _placed(error, _place(layers, "tokenizer")) from None
    return {DIGEST: sha256(path)}


def _index_digest(duplicates: Duplicates) -> str | None:
    """What the index that the recipe names holds; raises UserError where it is none, or compares otherwise."""
    if duplicates.index is None:
        return None
    from curate.duplicates.index.settings import require_same
    from curate.duplicates.index.state import NAME, Index
    from workbench.files import sha256

    path = Path(duplicates.index)
    require_same(path, Index.open(path).settings, duplicates, "the recipe")
    return sha256(path / NAME)


def _profile(layers: Sequence[Node]) -> Profile:
    """The profile that the layers name; an unknown one is reported where it is named."""
    name = recipes.resolve(Recipe, layers).recipe.profile
    try:
        return load_profile(name)
    except UserError as error:
        raise (_placed(error, _place(layers, "profile")) if error.file is None else error) from None


def _place(layers: Sequence[Node], *path: str) -> Place | None:
    """Where the value at this path was written last."""
    for layer in reversed(layers):
        found, node = layer.find(path)
        if len(found) == len(path):
            return node.key or node.place
    return None


def _placed(error: UserError, place: Place | None) -> UserError:
    """The error with the place of a file, or with the argument in front."""
    if place is None or place.line is None:
        message = f"{place}: {error.message}" if place is not None else error.message
        return UserError(message, hint=error.hint, code=error.code)
    return UserError(
        error.message, hint=error.hint, code=error.code, file=place.source, line=place.line, column=place.column
    )


def _refuse_logins(inputs: Sequence[str]) -> None:
    """A login in a URL would stand in the recipe, the manifest and every message."""
    for address in inputs:
        if "://" in address and "@" in address.split("://", 1)[1].split("/", 1)[0]:
            where = address.split("://", 1)[0] + "://…@" + address.rsplit("@", 1)[1]
            hint = "give it through the environment or the configuration of fsspec's file system"
            raise UserError(f"the input {where} holds a login", hint=hint)


def load(path: Path | None, values: dict[str, Any], sets: Sequence[str], root: Path) -> Plan:
    """A recipe from a file (or none), values given by flags, and `--set` arguments; `root`: where runs have ids."""
    layers = [] if path is None else [recipes.from_file(path)]
    given = {name: value for name, value in values.items() if value not in (None, [])}
    if given:
        layers.append(recipes.from_values(given, "command line"))
    return resolve(layers, sets, root)
