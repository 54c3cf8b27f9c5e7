"""Small files that are read whole, packed or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from workbench.errors import Exit, UserError


def unpacked(path: Path, data: bytes) -> bytes:
    """What the bytes of a file hold, which its name says are packed (.gz, .zst) or not.

    Raises UserError (exit 4) where they are damaged.
    """
    try:
        if path.name.endswith(".gz"):
            return gzip.decompress(data)
        if path.name.endswith(".zst"):
            import zstandard

            try:
                return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
            except zstandard.ZstdError as error:
                raise ValueError(str(error)) from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"cannot unpack {path}: {error}", hint="is it complete?", code=Exit.INPUT) from None
    return data
