"""Models of any architecture that transformers has: slower than ours, for what ours cannot open."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evalkit.likelihood.encode import Coder
from evalkit.likelihood.engine import Engine
from evalkit.likelihood.readers import Chain
from evalkit.models.computed import Computed, tell
from evalkit.models.types import Decoding, Generated, Listener, Prompt
from train.model.build import weights_digest
from train.sampler import sequence_seed
from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.visible import one_line

_LOGITS = 1 << 26  # numbers; a piece has this many divided by the vocabulary tokens
_DECIDING = {".json", ".jinja", ".model", ".tiktoken", ".txt", ".vocab"}
"""Of files beside the weights that may decide an answer: configs, templates and the many forms of tokenizers."""
_FEW, _MANY = 64, 1024


class Vocabulary:
    """A tokenizer of transformers as `Coder` asks for it. A text that spells a special token is encoded as its text
    where the tokenizer can tell the two apart."""

    template = None

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.bos: int | None = tokenizer.bos_token_id
        self.eos: int | None = tokenizer.eos_token_id
        inner, framed = (tokenizer.encode("a", add_special_tokens=special) for special in (False, True))
        before = next((at for at in range(len(framed)) if framed[at : at + len(inner)] == inner), 0)
        self.frame: tuple[list[int], list[int]] = (framed[:before], framed[before + len(inner) :])

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, without what stands around it."""
        return [self._encode(text)["input_ids"] for text in texts]

    def encode_starts(self, text: str) -> tuple[list[int], list[int]]:
        """Ids, and the character at which each begins (all at 0 where the tokenizer does not know)."""
        found = self._encode(text, return_offsets_mapping=self._tokenizer.is_fast)
        offsets = found.get("offset_mapping") or [(0, 0)] * len(found["input_ids"])
        return found["input_ids"], [start for start, _ in offsets]

    def _encode(self, text: str, **options: Any) -> Any:
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return self._tokenizer(whole, add_special_tokens=False, split_special_tokens=True, verbose=False, **options)


class Padded:
    """Reads sequences as rows of one length, filled up on the right; a row is logits already."""

    branches = False

    def __init__(self, model: Any, vocabulary: int) -> None:
        self.model = model
        self.device: torch.device = model.device
        self.piece = min(max(_LOGITS // vocabulary, _FEW), _MANY)
        self.rows = self.piece

    def path(self, longest: int) -> None:
        """Nothing is remembered."""

    @torch.inference_mode()
    def __call__(self, path: None, tokens: Tensor, positions: Tensor, chains: Sequence[Chain]) -> Tensor:
        """fp32 logits [tokens, vocabulary]."""
        lengths = [chain.end - chain.begin for chain in chains]
        padded = torch.nn.utils.rnn.pad_sequence(list(tokens.split(lengths)), batch_first=True)
        there = torch.arange(padded.shape[1], device=self.device) < torch.tensor(lengths, device=self.device)[:, None]
        mask = None if bool(there.all()) else there.long()
        logits: Tensor = self.model(input_ids=padded, attention_mask=mask, use_cache=False).logits
        return logits[there].float()

    def logits(self, rows: Tensor) -> Tensor:
        """They are logits."""
        return rows


class Transformers(Computed):
    """A directory that `AutoModelForCausalLM` opens. See `evalkit.models.types.Model`.

    Nothing is fetched, and no code of the directory runs; weights must be safetensors. Raises UserError: exit 6 without
    transformers, 4 for what it cannot open.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        precision: str = "fp32",
        device: str = "cpu",
        bos: bool | None = None,
        batch: int | None = None,
    ) -> None:
        model, tokenizer = _opened(directory, precision, device)
        self._model, self._tokenizer = model, tokenizer
        text = model.config.get_text_config()
        coder = Coder(Vocabulary(tokenizer), bos)
        engine = Engine(Padded(model, text.vocab_size), batch=batch)
        super().__init__(coder, engine, _context(text, tokenizer))
        self.name = name
        chats = {"chat"} if tokenizer.chat_template else set()
        self.can = frozenset({"loglikelihood", "rolling", "moments", "generate"} | chats)
        named = {
            "backend": "transformers/1",
            "weights": weights_digest(directory),
            "files": {file.name: sha256(file) for file in sorted(directory.iterdir()) if _decides(file)},
            "precision": precision,
            "device": engine.reads.device.type,
            "frame": [coder.before, coder.after, coder.prefix],
            "context": self.context,
        }
        self.digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]:
        """One sequence after another, each drawn from a seed of its own (seed, prompt, number of the answer). What is
        too long is cut at its beginning: `max_new` tokens have room, or half of the context where that is less."""
        assert self.context is not None
        room = max(self.context - decoding.max_new, self.context // 2)
        for number, prompt in enumerate(prompts):
            ids = self.prompt_ids(prompt)
            if not ids:
                yield number, [Generated("", "", 0, error="the prompt is empty")] * decoding.n
                continue
            cut = max(len(ids) - room, 0)
            answers = [self._answer(ids[cut:], decoding, sequence_seed(seed, ids, at)) for at in range(decoding.n)]
            yield number, [answer._replace(cut=cut) for answer in answers]
            tell(listener, "generating", number + 1, len(prompts))

    @torch.inference_mode()
    def _answer(self, ids: list[int], decoding: Decoding, seed: int) -> Generated:
        drawn: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if decoding.temperature:
            drawn = {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
        if decoding.stop:
            drawn |= {"stop_strings": list(decoding.stop), "tokenizer": self._tokenizer}
        tokens = torch.tensor([ids], device=self._model.device)
        pad = self._tokenizer.pad_token_id
        room = min(decoding.max_new, (self.context or 0) - len(ids))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            found = self._model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=room,
                pad_token_id=self._coder.prefix if pad is None else pad,
                **drawn,
            )[0, len(ids) :]
        text = self._tokenizer.decode(found, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        self._read += len(ids)
        self._written += len(found)
        ends = [at for stop in decoding.stop if (at := text.find(stop)) >= 0]
        if ends:
            return Generated(text[: min(ends)], "stop", len(found))
        return Generated(text, "length" if len(found) >= room else "eos", len(found))

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """The tokens of a text, or of a conversation by the tokenizer's own template."""
        if isinstance(prompt.said, str):
            return self._coder.encode([prompt.said])[0]
        if not self._tokenizer.chat_template:
            hint = "take tasks that go on from plain text"
            raise UserError("this model has no chat template", hint=hint, code=Exit.INPUT)
        messages = [dict(message) for message in prompt.said]
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _decides(file: Path) -> bool:
    return file.suffix in _DECIDING and file.is_file()


def _opened(directory: Path, precision: str, device: str) -> tuple[Any, Any]:
    try:
        library = import_module("transformers")
    except ImportError:
        message = f"{directory} needs transformers, which is not installed"
        raise UserError(message, hint="pip install transformers", code=Exit.MISSING) from None
    own = {"local_files_only": True, "trust_remote_code": False}
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(directory, **own)
        model = library.AutoModelForCausalLM.from_pretrained(directory, dtype=dtype, use_safetensors=True, **own)
    except Exception as error:  # whatever a foreign directory makes of the library is the directory's mistake
        hint = "name a directory with config.json, tokenizer and safetensors"
        message = f"transformers cannot open {directory}: {one_line(str(error))[:300]}"
        raise UserError(message, hint=hint, code=Exit.INPUT) from None
    return model.to(device).eval().requires_grad_(False), tokenizer


def _context(config: Any, tokenizer: Any) -> int:
    """Positions, found where lm-eval finds them (`HFLM.max_length`)."""
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        if isinstance(getattr(config, name, None), int):
            return int(getattr(config, name))
    return min(int(tokenizer.model_max_length), 1 << 20) if tokenizer.model_max_length < 1e30 else 2048
