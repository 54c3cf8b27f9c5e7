"""Character classes as tables indexed by code point, expanded from run-length package data in a few milliseconds.

What Python's string methods answer is taken from CPython 3.11 (Unicode 14.0) whatever interpreter runs, so that a
document gets the same measures everywhere.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZE = 0x110000
PATH = Path(__file__).parent / "data" / "classes.npz"

# Bits of `Classes.flags`.
ALPHA = 1  # str.isalpha
SPACE = 2  # str.isspace, which is also what str.split and str.strip take for white space
UPPER = 4  # str.isupper
LOWER = 8  # str.islower
DIGIT = 16  # str.isdigit
DECIMAL = 32  # str.isdecimal
ALNUM = 64  # str.isalnum
PICTOGRAPH = 128  # Extended_Pictographic
IDEOGRAPH = 256  # Ideographic
SENTENCE_TERMINAL = 512  # Sentence_Terminal
ALPHABETIC = 1024  # Alphabetic: letters, and signs and symbols that stand for letters

# fmt: off
CATEGORIES = (
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
    "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co",
)
WORD_BREAKS = (
    "Other", "CR", "LF", "Newline", "Extend", "ZWJ", "Format", "Katakana", "Hebrew_Letter", "ALetter", "Single_Quote",
    "Double_Quote", "MidNumLet", "MidLetter", "MidNum", "Numeric", "ExtendNumLet", "Regional_Indicator", "WSegSpace",
)
SCRIPTS = (
    "Unknown", "Common", "Inherited", "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Syriac", "Thaana",
    "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala",
    "Thai", "Lao", "Tibetan", "Myanmar", "Georgian", "Hangul", "Ethiopic", "Cherokee", "Canadian_Aboriginal", "Ogham",
    "Runic", "Khmer", "Mongolian", "Hiragana", "Katakana", "Bopomofo", "Han", "Yi", "Old_Italic", "Gothic", "Deseret",
    "Tagalog", "Hanunoo", "Buhid", "Tagbanwa", "Limbu", "Tai_Le", "Linear_B", "Ugaritic", "Shavian", "Osmanya",
    "Cypriot", "Braille", "Buginese", "Coptic", "New_Tai_Lue", "Glagolitic", "Tifinagh", "Syloti_Nagri", "Old_Persian",
    "Kharoshthi", "Balinese", "Cuneiform", "Phoenician", "Phags_Pa", "Nko", "Sundanese", "Lepcha", "Ol_Chiki", "Vai",
    "Saurashtra", "Kayah_Li", "Rejang", "Lycian", "Carian", "Lydian", "Cham", "Tai_Tham", "Tai_Viet", "Avestan",
    "Egyptian_Hieroglyphs", "Samaritan", "Lisu", "Bamum", "Javanese", "Meetei_Mayek", "Imperial_Aramaic",
    "Old_South_Arabian", "Inscriptional_Parthian", "Inscriptional_Pahlavi", "Old_Turkic", "Kaithi", "Batak", "Brahmi",
    "Mandaic", "Chakma", "Meroitic_Cursive", "Meroitic_Hieroglyphs", "Miao", "Sharada", "Sora_Sompeng", "Takri",
    "Caucasian_Albanian", "Bassa_Vah", "Duployan", "Elbasan", "Grantha", "Pahawh_Hmong", "Khojki", "Linear_A",
    "Mahajani", "Manichaean", "Mende_Kikakui", "Modi", "Mro", "Old_North_Arabian", "Nabataean", "Palmyrene",
    "Pau_Cin_Hau", "Old_Permic", "Psalter_Pahlavi", "Siddham", "Khudawadi", "Tirhuta", "Warang_Citi", "Ahom",
    "Anatolian_Hieroglyphs", "Hatran", "Multani", "Old_Hungarian", "SignWriting", "Adlam", "Bhaiksuki", "Marchen",
    "Newa", "Osage", "Tangut", "Masaram_Gondi", "Nushu", "Soyombo", "Zanabazar_Square", "Dogra", "Gunjala_Gondi",
    "Makasar", "Medefaidrin", "Hanifi_Rohingya", "Sogdian", "Old_Sogdian", "Elymaic", "Nandinagari",
    "Nyiakeng_Puachue_Hmong", "Wancho", "Chorasmian", "Dives_Akuru", "Khitan_Small_Script", "Yezidi", "Cypro_Minoan",
    "Old_Uyghur", "Tangsa", "Toto", "Vithkuqi", "Kawi", "Nag_Mundari",
)
# fmt: on


class Classes(NamedTuple):
    """Tables indexed by code point, each of SIZE entries."""

    category: NDArray[np.uint8]  # number into CATEGORIES
    flags: NDArray[np.uint16]  # bits ALPHA ... ALPHABETIC
    lower: NDArray[np.uint32]  # lower case where it is one code point, else the code point itself
    script: NDArray[np.uint8]  # number into SCRIPTS
    word_break: NDArray[np.uint8]  # number into WORD_BREAKS, the Word_Break property of UAX #29


@cache
def classes() -> Classes:
    """The character tables; loaded once per process."""
    with np.load(PATH) as packed:
        tables = {
            name: np.repeat(packed[name + "_values"], np.diff(packed[name + "_starts"], append=SIZE))
            for name in ("category", "flags", "lower_shift", "script", "word_break")
        }
    lower = (np.arange(SIZE, dtype=np.int32) + tables["lower_shift"]).astype(np.uint32)
    return Classes(tables["category"], tables["flags"], lower, tables["script"], tables["word_break"])
