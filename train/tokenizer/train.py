"""Training a byte-level BPE tokenizer: one stated way to cut text, and the special tokens of all stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import xxhash
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as _Library

from train.data.blocks import Document
from train.data.chat import DEFAULT, load_template, special_tokens, template_names
from train.data.texts import Documents
from train.tokenizer.tokenizer import TEMPLATE_KEY, Tokenizer
from workbench.errors import UserError

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
RESERVED = tuple(f"<|reserved_{number}|>" for number in range(16))
DEFAULT_SIZE = 16_384
SAMPLE_BYTES = 128 << 20  # of text that is learnt from: what training keeps grows with the different words in it

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
    template: str = DEFAULT,
) -> Tokenizer:
    """A tokenizer of `vocab_size` tokens: special ones, the 256 bytes, then merges; fewer where the texts give no more.

    The special tokens are those for the begin and end of a document and padding, those of every ready chat template, so
    that any can be chosen when it comes to fine-tuning, those of `template` (one of the ready ones, or the path of a
    YAML), `specials`, and 16 in reserve. The same texts in the same order give the same file. Memory grows with the
    different words of the texts: hand in a `sample`. Raises UserError for a size that leaves no room for the bytes and
    for texts that hold nothing.
    """
    chat = load_template(template)
    named = list(dict.fromkeys([BOS, EOS, PAD, *special_tokens(), *chat.specials(), *specials, *RESERVED]))
    if vocab_size < len(named) + 256:
        least = len(named) + 256
        hint = f"{len(named)} special tokens and 256 bytes are always there: ask for {least} or more"
        raise UserError(f"a vocabulary of {vocab_size} tokens is too small", hint=hint)
    library = _Library(models.BPE())
    cut = pre_tokenizers.Split(Regex(pattern(digits)), "isolated")
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in named],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(_some(texts), trainer)
    roles = {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD}
    config = {**roles, "add_prefix_space": False, "model_max_length": 10**30}
    if template in template_names():
        config[TEMPLATE_KEY] = template
    return Tokenizer(library.to_str(pretty=True), config, chat.jinja())


def _some(texts: Iterable[str]) -> Iterator[str]:
    """The texts; UserError when not one of them holds anything."""
    empty = True
    for text in texts:
        if text:
            empty = False
            yield text
    if empty:
        raise UserError("there is no text to train a tokenizer on", hint="name a dataset that has some")


def sample(documents: Documents, size: int, limit: int, seed: int, what: str) -> Iterator[Document]:
    """About `limit` bytes of a dataset of `size` bytes: the documents whose keyed hash lies below that share.

    Which ones depends on the seed and the purpose `what` alone. Everything where the dataset holds no more.
    """
    bound = 2**64 if size <= limit else int(2.0**64 * limit / size)
    for one in documents:
        if one.text and xxhash.xxh3_64_intdigest(f"{what}:{one.id}".encode(), seed=seed) < bound:
            yield one
