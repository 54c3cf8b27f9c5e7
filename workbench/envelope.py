"""The JSON document that every command writes with --json, on success and on failure."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any

from workbench.errors import UserError


def jsonable(value: Any) -> Any:
    """`value` in the types of JSON; NaN and the infinities, which JSON lacks, become null.

    Takes what commands return: dataclasses, pydantic models, paths, enums, dates, NumPy scalars and arrays, and
    containers of these; sets are sorted by their text so that the document does not depend on hashing.
    """
    if value is None or (isinstance(value, bool | str | int) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Enum):
        return jsonable(value.value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return jsonable(value.model_dump())
    if isinstance(value, Mapping):
        return {str(jsonable(key)): jsonable(item) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return [jsonable(item) for item in sorted(value, key=str)]
    if hasattr(value, "_asdict"):
        return jsonable(value._asdict())
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy, whose import this module does without
        return jsonable(value.tolist())
    raise TypeError(f"no JSON form for {type(value).__name__}")


def error_entry(error: UserError) -> dict[str, Any]:
    """One element of the envelope's `errors`."""
    return {
        "code": error.code.name.lower(),
        "message": error.message,
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "hint": error.hint,
    }


def envelope(
    schema: str,
    code: int,
    *,
    run: str | None = None,
    data: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    errors: Sequence[UserError] = (),
    elapsed_s: float = 0.0,
) -> str:
    """The whole document as text that ends in a newline; ASCII only, so hostile data cannot steer a terminal."""
    document = {
        "schema": schema,
        "ok": code == 0,
        "exit_code": int(code),
        "run": run,
        "data": jsonable(data or {}),
        "warnings": list(warnings),
        "errors": [error_entry(error) for error in errors],
        "elapsed_s": round(elapsed_s, 3),
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"
