"""Names, types and one-line definitions of every measure that a rule may read.

A measure is one number (or word) per document and text version. Its name is `family.measure`; a rule adds a
comparison and a threshold. No measure is ever null or NaN: a ratio whose denominator is 0 is 0.0, a mean over nothing
is 0.0, the main script of no letters is "". One family differs, because its program does: `gopher_olmo3.dup_line_*` and
`dup_para_*` of a text without lines are 1.0.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

DType = Literal["int64", "float64", "string"]


class Measure(NamedTuple):
    """One column of the measures table: `family.measure`, its type and its definition."""

    name: str
    dtype: DType
    doc: str


def _family(family: str, dtype: DType, rows: dict[str, str]) -> list[Measure]:
    return [Measure(f"{family}.{name}", dtype, doc) for name, doc in rows.items()]


_TEXT_COUNTS = {
    "chars": "code points of the text, white space included",
    "bytes": "bytes of the text in UTF-8",
    "lines": "parts of the text between line feeds; 0 for the empty text",
    "paragraphs": "parts between runs of two or more line feeds that hold more than white space",
    "words": "UAX-29 words (dictionary or per-ideograph segmentation where the script writes no spaces)",
    "sentences": "sentences of the multilingual splitter",
    "tokens": "estimate of BPE tokens: UAX-29 segments but white space, a word once per 8 UTF-8 bytes begun",
    "control_chars": "control characters other than tab, line feed and carriage return",
    "replacement_chars": "U+FFFD characters, the trace of a wrong charset",
    "url_count": "http://, https:// and www. addresses in the text",
    "longest_line": "code points of the longest line",
    "longest_word": "code points of the longest run without white space",
}
_TEXT_RATIOS = {
    "mean_word_length": "mean code points of the UAX-29 words",
    "char_entropy": "Shannon entropy of the characters, in bits per character",
    "digit_share": "decimal digits / characters",
    "upper_share": "upper-case letters / letters that have case",
    "alpha_share": "letters / characters",
    "space_share": "white space / characters",
    "punctuation_share": "punctuation and symbols / characters",
    "markup_share": "characters inside <tags>, &entities; and {braces} / characters",
    "code_share": "lines that look like program code / lines that are not blank",
    "url_share": "characters inside web addresses / characters",
    "newlines_per_word": "line feeds / UAX-29 words",
    "mean_line_length": "mean code points of the lines that are not blank",
    "unique_words": "different UAX-29 words / UAX-29 words",
}
_SCRIPTS = {
    "latin": "Latin",
    "cyrillic": "Cyrillic",
    "greek": "Greek",
    "arabic": "Arabic",
    "hebrew": "Hebrew",
    "devanagari": "Devanagari",
    "han": "Han",
    "kana": "Hiragana or Katakana",
    "hangul": "Hangul",
    "thai": "Thai",
    "other": "none of the named scripts",
}
_REPETITION = {
    "dup_para_frac": "paragraphs that repeat / paragraphs",
    "dup_para_char_frac": "characters of paragraphs that repeat / all",
    "dup_line_frac": "lines that repeat / lines",
    "dup_line_char_frac": "characters of lines that repeat / all",
    **{f"top_{n}_gram": f"characters of the most frequent {n}-gram of words / all" for n in (2, 3, 4)},
    **{f"dup_{n}_gram": f"characters inside repeated {n}-grams of words / all" for n in (5, 6, 7, 8, 9, 10)},
}
_GOPHER_DATATROVE = {
    "mean_word_length": "mean code points of the tokens that are not all punctuation",
    "hash_ratio": "'#' characters / tokens",
    "ellipsis_ratio": "'...' and '…' / tokens",
    "bullet_lines": "splitlines() lines that begin with '•' or '-' after white space / lines",
    "ellipsis_lines": "splitlines() lines that end in '...' or '…' before white space / lines",
    "alpha_words": "tokens with a letter / tokens",
} | _REPETITION
_GOPHER_OTHER = {
    "mean_word_length": "mean length of the white-space words",
    "symbol_ratio": "'#', '...', '. . .' and '…' / white-space words",
    "bullet_lines": "non-empty lines that begin with a bullet / non-empty lines",
    "ellipsis_lines": "non-empty lines that end in an ellipsis / non-empty lines",
    "non_alpha_words": "white-space words without a letter / white-space words",
} | _REPETITION
_GOPHER_OWN = {
    "mean_word_length": "mean code points of the UAX-29 words",
    "hash_ratio": "'#' characters / words",
    "ellipsis_ratio": "'...', '. . .' and '…' / words",
    "bullet_lines": "non-blank lines that begin with a Unicode bullet, '-', '*' or '+' and a space / non-blank lines",
    "ellipsis_lines": "non-blank lines that end in an ellipsis / non-blank lines",
    "alpha_words": "words with a letter or an ideograph / words",
    "stop_word_share": "words that are stop words of the document's language / words",
} | _REPETITION
_C4_LINES = {
    "kept_lines": "lines that survive the line rules",
    "removed_lines": "lines that the line rules remove",
    "short_lines": "lines removed for too few words",
    "javascript_lines": "lines removed for 'javascript'",
    "policy_lines": "lines removed for policy and cookie phrases",
    "sentences": "sentences of the kept lines",
    "lorem_first": "1 if 'lorem ipsum' is reached before any '{', else 0",
    "lorem_ipsum": "lines with 'lorem ipsum' where the line rules reach that test",
    "curly_bracket": "lines with '{' where the line rules reach that test",
}
_C4_DATATROVE = {
    "lines": "splitlines() lines",
    "long_word_lines": "lines removed for a word of more than 1,000 characters",
    **{name: f"{doc} (terminal-punctuation rule off)" for name, doc in _C4_LINES.items()},
    "terminal_no_punct_lines": "lines removed because they end in no terminal mark or in an ellipsis",
    **{f"terminal_{name}": f"{doc} (terminal-punctuation rule on)" for name, doc in _C4_LINES.items()},
}
_C4_TFDS = {
    "lines": "splitlines() lines",
    "long_word_lines": "lines removed for a word of more than 1,000 characters",
    "no_punct_lines": "lines removed because they end in no terminal mark or in an ellipsis",
    **_C4_LINES,
}
_REFINEDWEB = {
    "upper_line_frac": "lines whose characters are more than half upper case / lines",
    "digit_line_frac": "lines of digits only / lines",
    "counter_line_frac": "lines such as '3 likes' / lines",
    "one_word_line_frac": "lines of fewer than two words / lines",
    "cut_line_frac": "lines with 'items in cart', a trailing 'read more...' or a leading 'sign-in' / lines",
    "removed_line_frac": "lines that the corrections remove / lines",
    "removed_word_frac": "words that the corrections remove / words",
}
_MADLAD = {
    "list_case_frac": "sentences of at least 12 words, more than half of them capitalised / sentences",
    "length_frac": "sentences shorter than 20 or longer than 500 characters / sentences",
    "technical_frac": "sentences with more than 20 % of [0-9{}+/()>] / sentences",
    "cursed_frac": "sentences with a phrase of the paper's list / sentences",
    "inconsistent_frac": "sentences in another language (approximated by script) than the document / sentences",
    "list_or_cursed_frac": "sentences hit by rule 2 or 5 as OLMo 3 runs them (it drops at >= 0.2) / sentences",
    "questionable_frac": "sentences hit by any of the five rules / sentences",
}
_LEXICONS = ("bad_words", "gambling", "spam", "toxic")
_URL = {
    "length": "characters of the URL",
    "host_length": "characters of the host name",
    "subdomains": "labels of the host before its registered domain",
    "path_depth": "parts of the path that are not empty",
    "parameters": "parameters of the query",
    "hyphens": "'-' in the host name",
    "is_ip": "1 if the host is an IP address, else 0",
    "blocked_domain": "1 if the host or a parent domain is in a domain list, else 0",
    "blocked_url": "1 if the URL, or the URL up to a '/', is in a URL list, else 0",
    "banned_words": "different banned words among the words of the URL (lower-cased)",
    "soft_words": "different soft words among the words of the URL (lower-cased)",
    "banned_subwords": "places with a banned substring in the URL's letters and digits (lower-cased)",
}
_CODE = {
    "brace_share": "characters of {}[]()<>;=/\\| / characters",
    "indented_share": "lines that begin with a tab or two spaces / lines that are not blank",
    "keyword_share": "words that are keywords of common programming languages / words",
    "comment_share": "lines that begin with a comment mark / lines that are not blank",
}

BUILTIN: tuple[Measure, ...] = (
    *_family("text", "int64", _TEXT_COUNTS),
    *_family("text", "float64", _TEXT_RATIOS),
    Measure("script.main", "string", "the script of most letters: one of the shares below"),
    Measure("script.main_share", "float64", "letters of the main script / letters"),
    Measure("script.mixed", "int64", "words that mix Latin, Cyrillic and Greek letters"),
    *_family("script", "float64", {name: f"letters of {script} / letters" for name, script in _SCRIPTS.items()}),
    Measure("gopher_datatrove.chars", "int64", "code points of the text (0 is the peer's 'empty')"),
    Measure("gopher_datatrove.words", "int64", "spaCy tokens that are not all punctuation"),
    Measure("gopher_datatrove.stop_words", "int64", "different stop words among the tokens, case-sensitive"),
    *_family("gopher_datatrove", "float64", _GOPHER_DATATROVE),
    Measure("gopher_dclm.words", "int64", "fastText tokens that begin with a letter or a digit"),
    Measure("gopher_dclm.stop_words", "int64", "occurrences of stop words, lower-cased"),
    *_family("gopher_dclm", "float64", _GOPHER_OTHER),
    Measure("gopher_olmo3.words", "int64", "runs of letters and digits in ASCII text, else UAX-29 words"),
    Measure("gopher_olmo3.stop_words", "int64", "occurrences of stop words, lower-cased"),
    *_family("gopher_olmo3", "float64", _GOPHER_OTHER),
    Measure("gopher.words", "int64", "UAX-29 words"),
    Measure(
        "gopher.stop_words",
        "int64",
        "different stop words of the document's language; 0 without a list",
    ),
    *_family("gopher", "float64", _GOPHER_OWN),
    *_family("c4_datatrove", "int64", _C4_DATATROVE),
    *_family("c4_tfds", "int64", _C4_TFDS),
    Measure("c4_paragraphs.lines", "int64", "parts of the text between line feeds, the empty text being one"),
    Measure("c4_paragraphs.third_longest_line", "int64", "code points of the third-longest line; 0 with fewer than 3"),
    Measure("fineweb.lines", "int64", "lines that are not blank (0 is the peer's 'empty')"),
    Measure("fineweb.punct_lines", "float64", "lines that end in a terminal mark / lines"),
    Measure("fineweb.short_lines", "float64", "lines of at most 30 characters / lines"),
    Measure("fineweb.dup_line_chars", "float64", "characters of excess copies of lines / characters but line feeds"),
    Measure("fineweb.list_ratio", "float64", "line feeds / spaCy tokens"),
    Measure("refinedweb.lines", "int64", "lines before the corrections"),
    *_family("refinedweb", "float64", _REFINEDWEB),
    Measure("refinedweb_olmo3.lines", "int64", "lines before the corrections"),
    *_family("refinedweb_olmo3", "float64", _REFINEDWEB),
    Measure("madlad.sentences", "int64", "sentences as the rules split them"),
    *_family("madlad", "float64", _MADLAD),
    *_family("lexicon", "int64", {name: f"places with an entry of the {name} list" for name in _LEXICONS}),
    *_family(
        "lexicon",
        "float64",
        {f"{name}_share": f"places of the {name} list / words" for name in _LEXICONS},
    ),
    *_family("url", "int64", _URL),
    Measure("url.digit_share", "float64", "digits / characters of the host name"),
    *_family("code", "float64", _CODE),
    Measure("corpus.cross_entropy", "float64", "bits per word under the unigram distribution of the whole run"),
    Measure(
        "corpus.length_rank", "float64", "mid-rank of the length among the run's documents of the same language, 0 to 1"
    ),
)

REGISTRY: dict[str, Measure] = {measure.name: measure for measure in BUILTIN}
