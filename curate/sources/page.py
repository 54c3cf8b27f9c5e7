"""From stored bytes to a `Record`: where a page came from, and the checks that every page goes through."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

from curate.sources.charset import decode, header_charset
from curate.sources.http import parse_response
from curate.sources.mime import classify, media_type
from curate.sources.options import ReadOptions
from curate.sources.record import Record, record_id
from curate.sources.urls import host_of


@dataclass(slots=True)
class Origin:
    """Where one record lies and what its container says about it. `key` is a stable id of the source, if it has one."""

    file: str
    row: int
    url: str | None = None
    date: str | None = None
    key: str | None = None
    digest: str | None = None  # of the payload, as the container gives it
    truncated: str | None = None

    def identity(self, payload: bytes | str | None) -> str:
        """The id: hash of `key`; else of URL, date and payload digest; else of file and row."""
        if self.key:
            return record_id(self.key)
        if self.url and (self.digest or payload is not None):
            return record_id(self.url, self.date or "", self.digest or digest_of(payload or b""))
        return record_id(self.file, str(self.row))

    def kept(self, body: str, kind: str, mime: str | None, charset: str | None, payload: bytes | str) -> Record:
        """A readable page."""
        return Record(
            self.identity(payload), self.url, host_of(self.url), self.date, self.file, self.row, kind, mime, charset,
            self.truncated, body=body,
        )  # fmt: skip

    def dropped(self, rule: str, value: str, mime: str | None = None, payload: bytes | str | None = None) -> Record:
        """A page that reading drops, with the rule and the value that met it."""
        return Record(
            self.identity(payload), self.url, host_of(self.url), self.date, self.file, self.row, "html", mime, None,
            self.truncated, drop=(rule, value),
        )  # fmt: skip

    def failed(self, error: str) -> Record:
        """A page that cannot be read."""
        return Record(
            self.identity(None), self.url, host_of(self.url), self.date, self.file, self.row, "html", None, None,
            self.truncated, error=error,
        )  # fmt: skip


def digest_of(payload: bytes | str) -> str:
    """xxh3_128 of a payload, for records whose container gives no digest."""
    return xxhash.xxh3_128_hexdigest(
        payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogatepass")
    )


def response_page(origin: Origin, block: bytes, options: ReadOptions, content_type: str | None = None) -> Record:
    """A record that holds an HTTP response (or, without a status line, a payload of type `content_type`)."""
    response = parse_response(block, options.max_body_bytes)
    if response.status is not None and not 200 <= response.status < 300:
        return origin.dropped("read.status", str(response.status), payload=response.body)
    if response.error is not None:
        return origin.failed(response.error)
    origin.truncated = origin.truncated or response.truncated
    declared = response.headers.get("content-type") if response.status is not None else content_type
    if media_type(declared) == "application/http":  # a response that was stored without its head
        declared = None
    return payload_page(origin, response.body, declared)


def payload_page(origin: Origin, body: bytes, content_type: str | None) -> Record:
    """A page from its decoded bytes and its Content-Type."""
    if not body.strip():
        return origin.dropped("read.empty_body", str(len(body)), media_type(content_type) or None, body)
    verdict = classify(media_type(content_type), body)
    if verdict.kind is None:
        return origin.dropped("read.mime", verdict.mime, verdict.mime, body)
    text, charset = decode(body, header_charset(content_type))
    return origin.kept(text, verdict.kind, verdict.mime, charset, body)


def text_page(origin: Origin, text: str, kind: str, mime: str) -> Record:
    """A page whose source holds text already."""
    if not text or text.isspace():
        return origin.dropped("read.empty_body", str(len(text)), mime, text)
    return origin.kept(text, kind, mime, "utf-8", text)
