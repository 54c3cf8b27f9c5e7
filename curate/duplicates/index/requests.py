"""Lists of documents to be deleted, as people send them: one id or URL a line."""

from __future__ import annotations

from pathlib import Path

from curate.duplicates.index.tombstones import ID, URL
from workbench.errors import Exit, UserError


def read_requests(path: Path) -> tuple[list[str], list[str]]:
    """Ids and URLs of a file; blank lines and lines that begin with # are passed over.

    Raises UserError: exit 4 when the file cannot be read, exit 2 with the line that is neither.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}", hint="give a UTF-8 text file", code=Exit.INPUT) from None
    ids: list[str] = []
    urls: list[str] = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if ID.fullmatch(line):
            ids.append(line)
        elif URL.fullmatch(line):
            urls.append(line)
        elif line and not line.startswith("#"):
            raise UserError(
                f"'{line[:80]}' is neither an id nor a URL",
                hint="an id has 32 hexadecimal digits, a URL begins with http:// or https://",
                file=path,
                line=number,
                column=1,
            )
    return ids, urls
