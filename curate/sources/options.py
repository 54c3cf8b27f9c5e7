"""What a user may set about reading; everything else about a source is found in the source."""

from dataclasses import dataclass

MB = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Limits and field names. A field name left at None is found by itself (see `curate.sources.fields`)."""

    max_body_bytes: int = 20 * MB  # a web page's decoded body; more is cut off ("cap"), a decompression bomb fails
    max_text_bytes: int = 64 * MB  # one JSONL line or one table cell; more fails
    text_field: str | None = None  # JSONL and tables: the field that holds plain text
    html_field: str | None = None  # JSONL and tables: the field that holds HTML
    id_field: str | None = None
    url_field: str | None = None
    date_field: str | None = None
