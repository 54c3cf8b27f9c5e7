"""Pages in, texts out, through the sandbox."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple

from curate.extract.engines import ENGINES
from curate.extract.engines.settings import EngineSettings
from curate.extract.text import utf8
from workbench import sandbox
from workbench.errors import UserError, did_you_mean

# The engine winnow compiles its loops where no cache holds them: most of a minute of a processor, which other such
# children may share.
COMPILING_S = 1800.0


class Limits(NamedTuple):
    """What one page may take: seconds by the clock, CPU seconds, megabytes of memory, characters of text.

    The two times are those of the first attempt; the second one, alone, has ten times as much.
    """

    wall_s: float = 10.0
    cpu_s: float = 2.0
    memory_mb: int = 1024
    output_chars: int = 10_000_000


class Extracted(NamedTuple):
    """The main text of a page ("" where there is none), its title; or the reason of a failure and no text.

    Day (YYYY-MM-DD) and author are those that the page states of itself; only the engine winnow looks for them.
    """

    text: str
    title: str | None
    error: str | None
    elapsed_s: float
    date: str | None = None
    author: str | None = None


class Extractor:
    """An extraction engine in a child process, started at the first page; use as a context manager or `close()` it.

    Raises UserError for an unknown engine.
    """

    def __init__(
        self, engine: str = "winnow", limits: Limits | None = None, settings: EngineSettings | None = None
    ) -> None:
        if engine not in ENGINES:
            raise UserError(f"no extraction engine '{engine}'", hint=did_you_mean(engine, ENGINES))
        limits, settings = limits or Limits(), settings or EngineSettings()
        self._child = sandbox.Child(
            "curate.extract.child:make",
            # A character is at most four bytes of UTF-8; the child counts characters.
            sandbox.Limits(limits.wall_s, limits.cpu_s, limits.memory_mb, 4 * limits.output_chars),
            setup={
                "engine": engine,
                **settings._asdict(),
                "output_chars": limits.output_chars,
                "memory_mb": limits.memory_mb,
            },
            start_s=COMPILING_S if engine == "winnow" else sandbox.START_S,
        )

    def extract(self, pages: Iterable[tuple[str, str | None]]) -> list[Extracted]:
        """Main text of (HTML, URL) pairs, in order. What a page becomes depends on that page alone."""
        replies = self._child.run(sandbox.Request({}, utf8(html)) for html, _ in pages)
        return [
            Extracted(
                reply.payload.decode(),
                reply.header.get("title"),
                reply.error,
                reply.elapsed_s,
                reply.header.get("date"),
                reply.header.get("author"),
            )
            for reply in replies
        ]

    def close(self) -> None:
        """Ends the child process."""
        self._child.close()

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
