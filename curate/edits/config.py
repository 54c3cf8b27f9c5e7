"""What the edits of a profile may say: which line rules run in whose variant, and what is done with each kind of find.

Every option is a name, never code. A line rule is `off` or the name of the implementation it follows (`c4@datatrove`,
`refinedweb@dclm`, `winnow`); a kind of personal data is `off`, `flag`, `replace` or `surrogate`. How many finds drop a
document is a rule of the profile over the measure `edits.pii_<kind>`, not an option here. What trained models find
(harmful sentences, names) is edited where the recipe names a model for it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Action = Literal["off", "flag", "replace", "surrogate"]


class Strict(BaseModel):
    """Frozen, and an unknown key is an error: a misspelt rule must not run silently as its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _off_of_yaml(cls, data: Any) -> Any:
        """YAML 1.1 reads a bare `off` as false; the options that are names take it back as the name."""
        if not isinstance(data, dict):
            return data
        switches = {name for name, field in cls.model_fields.items() if field.annotation is bool}
        return {name: "off" if value is False and name not in switches else value for name, value in data.items()}


class LineRules(Strict):
    """Rules that remove a line (or its tail), in the order in which they are asked; the first to fire names the edit.

    `winnow` variants never touch code blocks (fenced, indented) or display mathematics; the variants of other systems
    do what those systems do.
    """

    long_word: Literal["off", "c4@datatrove", "c4@tfds"] = "off"
    """A word of more than 1,000 characters."""
    no_terminal_punctuation: Literal["off", "c4@datatrove", "c4@tfds"] = "off"
    """The line does not end in . ? ! or " (datatrove: or '), or it ends in an ellipsis."""
    few_words: Literal["off", "c4@datatrove", "c4@tfds"] = "off"
    """datatrove: fewer than 3 words (as the paper says); tfds: fewer than 5 (as its code says). Blank lines go too."""
    javascript: Literal["off", "c4@datatrove", "c4@tfds", "winnow"] = "winnow"
    """C4: the line mentions JavaScript; winnow: it is a notice that JavaScript is off or needed, in many languages."""
    policy: Literal["off", "c4@datatrove", "c4@tfds", "winnow"] = "winnow"
    """C4: terms of use, privacy policy, cookies as substrings; winnow: consent notices and lines of legal links."""
    uppercase: Literal["off", "refinedweb@dclm", "winnow"] = "off"
    """More than half of the characters (winnow: of the letters, in a line of four words or more) are upper case."""
    digits: Literal["off", "refinedweb@dclm", "winnow"] = "winnow"
    """The line is nothing but digits (winnow: white space at its ends aside)."""
    counter: Literal["off", "refinedweb@dclm", "winnow"] = "winnow"
    """Counters of social pages: "3K likes" (winnow: in many languages, several on one line)."""
    one_word: Literal["off", "refinedweb@dclm"] = "off"
    """Fewer than two words."""
    navigation: Literal["off", "refinedweb@dclm", "winnow"] = "winnow"
    """dclm: cuts "items in cart", a leading "Sign-in" and a trailing "Read more..." in lines of at most ten words;
    winnow: breadcrumbs, skip links, pagers, share and account links, and cuts trailing "Read more"."""
    whitespace: Literal["off", "c4@datatrove", "c4@tfds", "refinedweb@dclm"] = "off"
    """C4: every line stripped and ended by a plain newline; dclm: only the two ends of the document stripped."""


class PiiActions(Strict):
    """What is done with each kind of personal or secret data.

    `flag` records the find and leaves the text; `replace` puts a typed token such as `<EMAIL>`; `surrogate` puts a
    look-alike of the same format that is derived from the value and the run's key.
    """

    email: Action = "replace"
    phone: Action = "replace"
    ipv4: Action = "replace"
    ipv6: Action = "replace"
    credit_card: Action = "replace"
    iban: Action = "replace"
    us_ssn: Action = "replace"
    national_id: Action = "replace"
    api_key: Action = "replace"
    private_key: Action = "replace"
    url_credentials: Action = "replace"
    public_ips_only: bool = True
    """Only addresses that are routable on the Internet; private and reserved ranges name no one."""
    skip_reserved: bool = True
    """Leave values set aside for documentation and tests (example.com, 192.0.2.0/24, 555-0100, test cards)."""


class HarmCut(Strict):
    """Which harmful sentences go; the recipe names a model for each kind under `classify.harm`."""

    name: tuple[str, ...] = ()
    """The kinds of harm: one name, or a list."""
    cut: Literal["sentences"] = "sentences"
    min_score: float = Field(default=0.4, gt=0, le=1)
    """A sentence that scores so much by any of the kinds goes; 0.4 as in Dolma (Soldaini et al. 2024)."""

    @field_validator("name", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Tagged(Strict):
    """What is done with the names and addresses that the tagger of `classify.pii` finds."""

    action: Literal["flag", "replace"] = "replace"
    min_score: float = Field(default=0.5, gt=0, lt=1)
    """The least probability of the surest word of a find."""


class EditsConfig(Strict):
    """The `edits` section of a profile."""

    lines: LineRules = Field(default_factory=LineRules)
    citations: Literal["off", "c4@datatrove", "c4@tfds", "winnow"] = "winnow"
    """Marks such as [12], [edit], [citation needed]; winnow knows them in many languages and spares code."""
    pii: PiiActions = Field(default_factory=PiiActions)
    harm: HarmCut = Field(default_factory=HarmCut)
    tagged: Tagged = Field(default_factory=Tagged)

    @classmethod
    def off(cls) -> EditsConfig:
        """Nothing is edited: the starting point of the profiles that only judge."""
        return cls.model_validate(
            {
                "lines": dict.fromkeys(LineRules.model_fields, "off"),
                "citations": "off",
                "pii": {name: "off" for name, field in PiiActions.model_fields.items() if field.annotation is not bool},
            }
        )
