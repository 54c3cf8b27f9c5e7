"""Which copy stays: the declared order of the documents, from the best to the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import polars as pl

from workbench.errors import UserError, did_you_mean

# What a criterion reads, and whether the largest value is the best.
_FIXED = {
    "source": ("file", False),
    "newest": ("date", True),
    "oldest": ("date", False),
    "longest": ("chars", True),
    "shortest": ("chars", False),
}
_DAY_US, _HOUR_US, _MINUTE_US, _SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000

# The basic forms of ISO 8601 (20240518, 20240518T010203Z) and the 14 digits of archive indexes, as the extended form.
_DIGITS_14 = r"^([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{6})$"
_DIGITS_8 = r"^([0-9]{4})([0-9]{2})([0-9]{2})($|[Tt ])"
_DATE = (
    r"^(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?)?"
    r" ?(?:[Zz]|(?P<sign>[+\u{2212}-])(?P<ahead_h>[0-9]{2})(?::?(?P<ahead_m>[0-9]{2}))?)?)?)?)?$"
)


def columns_needed(survivor: Sequence[str]) -> list[str]:
    """The measures that an order reads, each once, beside `id`, `file`, `date` and `chars`."""
    return list(dict.fromkeys(column for column, _ in map(_criterion, survivor) if "." in column))


def require_order(survivor: Sequence[str], available: Iterable[str]) -> None:
    """Raises UserError where an order reads a measure that is not among the `available` ones."""
    names = set(available)
    for column in columns_needed(survivor):
        if column not in names:
            message = f"duplicates.survivor reads '{column}', which is not among the measures that are numbers"
            raise UserError(message, hint=did_you_mean(column, names))


def ranks(frame: pl.DataFrame, survivor: Sequence[str], sources: Sequence[str]) -> pl.Series:
    """int64[rows]: the place of each document in the declared order; 0 is the copy that stays before all others.

    `frame` has `id` (distinct), `file`, `date`, `chars` and the measures of `columns_needed`. A date, length or measure
    that is null (or no number) comes after all others, whichever way the criterion runs; ids break the ties. Raises
    UserError for a measure that is text.
    """
    assert frame["id"].n_unique() == frame.height, "documents to be ordered have distinct ids"
    keys, descending = [], []
    for number, (column, largest) in enumerate(map(_criterion, survivor)):
        keys.append(_values(frame, column, sources).alias(f"key{number}"))
        descending.append(largest)
    order = frame.select("id").with_columns(keys).with_row_index("row")
    by = [*(key.name for key in keys), "id"]
    rows = order.sort(by, descending=[*descending, False], nulls_last=True)["row"].to_numpy()
    places = np.empty(frame.height, np.int64)
    places[rows] = np.arange(frame.height)
    return pl.Series("rank", places)


def deciding(frame: pl.DataFrame, survivor: Sequence[str], sources: Sequence[str]) -> str | None:
    """The criterion by which the first of two documents comes before the second or after it; None where only their ids
    do. `frame`: the two rows, with the columns that `ranks` reads."""
    for criterion in survivor:
        first, second = _values(frame, _criterion(criterion)[0], sources)
        if first != second:
            return criterion
    return None


def source_names(files: pl.Series, sources: Sequence[str]) -> pl.Series:
    """The source of each file: the first pattern of `sources` that it matches, else the file itself."""
    place = _place_of(files, sources)
    names = {name: name if at is None else sources[at] for name, at in place.items()}
    return _mapped(files, names, pl.String).rename("source")


def instants(dates: pl.Series) -> pl.Series:
    """int64 microseconds since 1970 of calendar dates in ISO 8601, of any precision and offset; null for what is none.

    A time without an offset is taken as UTC; a year, a month or a day stands for its beginning.
    """
    text = (
        pl.col("date")
        .str.strip_chars()
        .str.replace(_DIGITS_14, "${1}-${2}-${3}T${4}")
        .str.replace(_DIGITS_8, "${1}-${2}-${3}${4}")
    )
    parts = dates.rename("date").to_frame().select(text.str.extract_groups(_DATE).alias("parts")).unnest("parts")
    month, day = pl.col("month").fill_null("01"), pl.col("day").fill_null("01")
    midnight = pl.format("{}-{}-{}", "year", month, day).str.to_date("%Y-%m-%d", strict=False)
    hour, minute, second, ahead_h, ahead_m = (
        pl.col(name).cast(pl.Int64).fill_null(0) for name in ("hour", "minute", "second", "ahead_h", "ahead_m")
    )
    fraction = pl.col("fraction").fill_null("").str.head(6).str.pad_end(6, "0").cast(pl.Int64)
    behind = pl.when(pl.col("sign").fill_null("+") == "+").then(-1).otherwise(1)
    instant = (
        midnight.cast(pl.Int64) * _DAY_US
        + (hour + behind * ahead_h) * _HOUR_US
        + (minute + behind * ahead_m) * _MINUTE_US
        + second * _SECOND_US
        + fraction
    )
    # 24:00 is the end of the day, and a leap second is the 61st of its minute.
    exists = (hour * 60 + minute <= 24 * 60) & (minute < 60) & (second <= 60) & (ahead_h < 24) & (ahead_m < 60)
    return parts.select(pl.when(exists).then(instant).alias("instant")).to_series()


def _criterion(name: str) -> tuple[str, bool]:
    """The column that a criterion reads, and whether its largest value is the best."""
    if name in _FIXED:
        return _FIXED[name]
    way, _, measure = name.partition(" ")
    return measure, way == "highest"


def _values(frame: pl.DataFrame, column: str, sources: Sequence[str]) -> pl.Series:
    """What a criterion compares, null where a document has nothing to compare."""
    if column == "file":
        return _mapped(frame["file"], _place_of(frame["file"], sources), pl.Int64)
    if column == "date":
        return instants(frame["date"])
    values = frame[column]
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null)):
        raise UserError(
            f"no copy is the highest or lowest by '{column}': it is no number",
            hint="name a measure that is a number in duplicates.survivor",
        )
    return values.fill_nan(None) if values.dtype.is_float() else values


def _place_of(files: pl.Series, sources: Sequence[str]) -> dict[str, int | None]:
    """Place of the first pattern that each file matches, None for none; `*` also matches across folders."""
    return {
        name: next((place for place, pattern in enumerate(sources) if fnmatchcase(name, pattern)), None)
        for name in files.drop_nulls().unique(maintain_order=True)
    }


def _mapped(files: pl.Series, values: Mapping[str, object], dtype: type[pl.DataType]) -> pl.Series:
    table = pl.DataFrame({"file": list(values), "value": list(values.values())}, {"file": pl.String, "value": dtype})
    return files.rename("file").to_frame().join(table, on="file", how="left", maintain_order="left")["value"]
