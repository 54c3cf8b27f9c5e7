"""Training a byte-level BPE tokenizer: one stated way to cut text, and the special tokens of all stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import xxhash
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as _Library

from train.data.texts import Documents
from train.tokenizer.tokenizer import TEMPLATE_KEY, Tokenizer
from workbench.errors import UserError

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
# Those of every ready chat template, so that any of them can be chosen when it comes to fine-tuning.
CHAT = (
    *("<|im_start|>", "<|im_end|>"),
    *("<|prompter|>", "<|assistant|>", "<|system|>", "<|user|>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
)
RESERVED = tuple(f"<|reserved_{number}|>" for number in range(16))
SPECIALS = (BOS, EOS, PAD, *CHAT, *RESERVED)
SMALLEST = len(SPECIALS) + 256
SAMPLE_BYTES = 256 << 20  # of text that is learnt from: what training keeps grows with the different words in it

# The alternatives in order. It follows the pattern of GPT-4 (cl100k_base in github.com/openai/tiktoken), but
# - marks belong to words (vowels of Hindi, Thai, Arabic), as in o200k_base;
# - a run of blanks stays whole, so that the indentation of code is one piece and words at the start of a line have no
#   blank before them; a single blank goes with the word behind it;
# - of a word in quotes ('dead') nothing is taken for a contraction.
_PATTERN = (
    r"['’](?i:[sdmt]|ll|ve|re)(?![\p{{L}}\p{{M}}])"  # contractions
    r"|[^\r\n\t\p{{L}}\p{{M}}\p{{N}}]?[\p{{L}}\p{{M}}]+"  # a word, with one sign or blank before it
    r"|\p{{N}}{digits}"
    r"| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*"  # signs, with the line ends behind them
    r"|\s*[\r\n]+"  # line ends, with the blanks before them
    r"|\s+"
)


def pattern(digits: bool = True) -> str:
    """The regular expression that cuts text into pieces, which tokens never cross. digits: each stands alone, else up
    to three go together."""
    return _PATTERN.format(digits="" if digits else "{1,3}")


def train(
    texts: Iterable[str],
    vocab_size: int,
    *,
    digits: bool = True,
    specials: Iterable[str] = (),
    template: str | None = None,
    jinja: str | None = None,
) -> Tokenizer:
    """A tokenizer with `vocab_size` tokens: SPECIALS and `specials`, then the 256 bytes, then merges; fewer where the
    texts give no more.

    The same texts in the same order give the same file. Memory grows with the different words of the texts: hand in a
    `sample`. template, jinja: the name and the text of a chat template. Raises UserError for a size below SMALLEST and
    for texts that hold nothing.
    """
    named = list(dict.fromkeys([*SPECIALS, *specials]))
    if vocab_size < len(named) + 256:
        least = len(named) + 256
        hint = f"{len(named)} special tokens and 256 bytes are always there: ask for {least} or more"
        raise UserError(f"a vocabulary of {vocab_size} tokens is too small", hint=hint)
    library = _Library(models.BPE())
    cut = pre_tokenizers.Split(Regex(pattern(digits)), "isolated")
    library.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    library.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in named],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(_some(texts), trainer)
    roles = {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD}
    config = {**roles, "add_prefix_space": False, "model_max_length": 10**30}
    if template is not None:
        config[TEMPLATE_KEY] = template
    return Tokenizer(library.to_str(pretty=True), config, jinja)


def _some(texts: Iterable[str]) -> Iterator[str]:
    """The texts; UserError when not one of them holds anything."""
    empty = True
    for text in texts:
        if text:
            empty = False
            yield text
    if empty:
        raise UserError("there is no text to train a tokenizer on", hint="name a dataset that has some")


def sample(documents: Documents, limit: int, seed: int, what: str = "tokenizer") -> Iterator[str]:
    """The texts of about `limit` bytes of a dataset: documents whose keyed hash lies below the share that this is.

    The dataset is read twice, once for its size. Everything, and once, where it holds no more.
    """
    total = sum(len(one.text.encode()) for one in documents if one.text)
    bound = 2**64 if total <= limit else int(2.0**64 * limit / total)
    for one in documents:
        if one.text and xxhash.xxh3_64_intdigest(f"{what}:{one.id}".encode(), seed=seed) < bound:
            yield one.text
