"""A tokenizer as every stage uses it: text to ids without surprises, and files that transformers opens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as _Library

from workbench import registry
from workbench.errors import Exit, UserError, did_you_mean
from workbench.files import write_text

FILE = "tokenizer.json"
CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
JINJA = "chat_template.jinja"
TEMPLATE_KEY = "winnow_template"  # ours in tokenizer_config.json; transformers keeps what it does not know

# What a tokenizer.json without a tokenizer_config.json may mean by its names, the first that is there.
_ROLES = {
    "bos": ("<|bos|>", "<s>", "<|begin_of_text|>", "<bos>"),
    "eos": ("<|eos|>", "</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>"),
    "pad": ("<|pad|>", "<pad>", "<|padding|>"),
}
_NOT_IDENTITY = ("truncation", "padding")  # settings of a caller that a tokenizer.json may carry


class Tokenizer:
    """Made by `open` or `train.tokenizer.train.train`.

    size: ids are below it. bos, eos, pad: ids, None where the tokenizer has no such token. template: of conversations,
    the name of one of ours or the values of another, None where the files say neither. jinja: the text of the chat
    template, None where there is none.
    """

    def __init__(self, text: str, config: dict[str, Any] | None = None, jinja: str | None = None) -> None:
        """From the text of a tokenizer.json and the values of a tokenizer_config.json; ValueError when it is none."""
        try:
            library = _Library.from_str(text)
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(str(error)) from None
        library.no_truncation()
        library.no_padding()
        library.encode_special_tokens = True  # text that spells a special token stays text
        self._library = library
        self._text = text
        self._config = dict(config or {})
        self.jinja = jinja
        # Ids may have gaps, and some files count tokens that stand twice: the largest id decides.
        self.size = 1 + max(library.get_vocab(with_added_tokens=True).values(), default=-1)
        self.bos, self.eos, self.pad = (self._role(role) for role in _ROLES)

    @classmethod
    def open(cls, path: str | Path) -> Tokenizer:
        """A tokenizer.json, or a directory that holds one (a checkpoint, a `train tokenizer` run).

        Raises UserError (exit 4) where there is none or it is broken.
        """
        path = Path(path)
        file = path / FILE if path.is_dir() else path
        hint = f"name a {FILE} as Hugging Face writes it, or the directory that holds one"
        text = _read(file, hint)
        if text is None:
            raise UserError(f"no tokenizer at {path}", hint=hint, code=Exit.INPUT)
        beside = file.parent
        hint = "write it again, or take the file away"
        config = _json(beside / CONFIG, hint)
        for name, value in _json(beside / SPECIAL, hint).items():
            config.setdefault(name, value)
        jinja = _read(beside / JINJA, hint)
        if jinja is None and isinstance(config.get("chat_template"), str):
            jinja = config["chat_template"]
        try:
            return cls(text, config, jinja)
        except ValueError as error:
            hint = f"name a {FILE} as Hugging Face writes it"
            raise UserError(f"{file} is no tokenizer: {error}", hint=hint, code=Exit.INPUT) from None

    @classmethod
    def find(cls, name: str | Path, root: Path) -> Tokenizer:
        """As `open`, and a run may be named by its id under `root`."""
        return cls.open(locate(name, root))

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without any special token: one that the text spells is encoded as the text it is."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text. Half of a surrogate pair, which is no Unicode text, is encoded as U+FFFD."""
        texts = list(texts)
        try:
            found = self._library.encode_batch_fast(texts, add_special_tokens=False)
        except TypeError:  # what the library says of lone surrogates
            found = self._library.encode_batch_fast([_whole(text) for text in texts], add_special_tokens=False)
        return [one.ids for one in found]

    def encode_starts(self, text: str) -> tuple[list[int], list[int]]:
        """Ids of a text, and the character at which each of them begins; ids that share a character share its place."""
        found = self._library.encode(_whole(text), add_special_tokens=False)
        return found.ids, [start for start, _ in found.offsets]

    @cached_property
    def frame(self) -> tuple[list[int], list[int]]:
        """The ids that the tokenizer's own files put before and after a text, which transformers adds unasked."""
        inner = self._library.encode("a", add_special_tokens=False).ids
        framed = self._library.encode("a", add_special_tokens=True).ids
        before = next(at for at in range(len(framed)) if framed[at : at + len(inner)] == inner)
        return framed[:before], framed[before + len(inner) :]

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of ids; bytes that are no UTF-8 (a piece of a character) become U+FFFD."""
        return str(self._library.decode(list(ids), skip_special_tokens=skip_special))

    def special(self, text: str) -> int:
        """The id of a special token by its text. Raises UserError (exit 4) when there is none."""
        found = self.specials.get(text)
        if found is None:
            hint = did_you_mean(text, self.specials) or "it has no special tokens at all"
            raise UserError(f"the tokenizer has no special token '{text}'", hint=hint, code=Exit.INPUT)
        return found

    @cached_property
    def specials(self) -> dict[str, int]:
        """Ids of the special tokens by text."""
        added = self._library.get_added_tokens_decoder()
        return {token.content: number for number, token in sorted(added.items()) if token.special}

    def token(self, number: int) -> str | None:
        """An id's token as the tokenizer writes it (byte-level: one character a byte); None where an id has none."""
        found: str | None = self._library.id_to_token(number)
        return found

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the tokenizer.json with its keys sorted, without its layout, truncation and padding."""
        values = {key: value for key, value in json.loads(self._text).items() if key not in _NOT_IDENTITY}
        return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def template(self) -> str | dict[str, Any] | None:
        """The name of one of our chat templates or the values of another, None where the files say neither."""
        said = self._config.get(TEMPLATE_KEY)
        return said if isinstance(said, str | dict) else None

    def with_template(self, template: str | dict[str, Any] | None, jinja: str) -> Tokenizer:
        """The same tokenizer whose files say that conversations are written in another way; the jinja is for others."""
        config = {name: value for name, value in self._config.items() if name != TEMPLATE_KEY}
        return Tokenizer(self._text, config | ({} if template is None else {TEMPLATE_KEY: template}), jinja)

    def save(self, directory: Path) -> None:
        """Write the files of a Hugging Face tokenizer; `AutoTokenizer` opens them and encodes the same ids."""
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / FILE, self._text)
        config = {**self._config, "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
        config.pop("chat_template", None)  # it stands in a file of its own
        special = {}
        for role in _ROLES:
            number = getattr(self, role)
            if number is not None:
                config[f"{role}_token"] = special[f"{role}_token"] = self.token(number)
        write_text(directory / CONFIG, _dump(config))
        write_text(directory / SPECIAL, _dump(special))
        if self.jinja is not None:
            write_text(directory / JINJA, self.jinja)

    def _role(self, role: str) -> int | None:
        """The id of the token in a role: the one that the config names, else one of the usual names."""
        if f"{role}_token" in self._config:
            named = self._config[f"{role}_token"]
            name = named.get("content") if isinstance(named, dict) else named
            found = None if name is None else self._library.token_to_id(str(name))
            return None if found is None else int(found)
        return next((self.specials[name] for name in _ROLES[role] if name in self.specials), None)


def _whole(text: str) -> str:
    """The text with U+FFFD for every half of a surrogate pair that stands alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def locate(name: str | Path, root: Path) -> Path:
    """Where a tokenizer lies: a file or directory as it is, else the run of that id. UserError (exit 4) for none."""
    if Path(name).exists():
        return Path(name)
    return registry.find(str(name), root)


def _dump(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _read(file: Path, hint: str) -> str | None:
    """A text file, None where there is none; UserError (exit 4) when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(f"cannot read {file}: {what}", hint=hint, code=Exit.INPUT) from None


def _json(file: Path, hint: str) -> dict[str, Any]:
    text = _read(file, hint)
    try:
        values = {} if text is None else json.loads(text)
    except ValueError as error:
        raise UserError(f"{file} is no JSON: {error}", hint=hint, code=Exit.INPUT) from None
    if not isinstance(values, dict):
        raise UserError(f"{file} is no JSON object", hint=hint, code=Exit.INPUT)
    return values
