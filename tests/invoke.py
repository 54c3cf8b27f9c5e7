"""Giving a command of any tool in this process, which has loaded what it needs."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch


@dataclass
class Ended:
    """A command that has ended: its exit code, the envelope on stdout, and stderr."""

    code: int
    envelope: dict[str, Any]
    stderr: str

    @property
    def data(self) -> dict[str, Any]:
        return self.envelope["data"]


def invoke(tool: str, *arguments: str | Path, cwd: Path | None = None) -> Ended:
    app = importlib.import_module(f"{tool}.cli.commands").app
    out, err = io.StringIO(), io.StringIO()
    given = [*map(str, arguments), "--json"]
    # What a command says of how to go on repeats the command line.
    with (
        patch.object(sys, "argv", [tool, *given]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(cwd or Path.cwd()),
    ):
        try:
            code = app(given, prog_name=tool, standalone_mode=False)
        except SystemExit as ended:
            code = ended.code
    envelope = json.loads(out.getvalue()) if out.getvalue().strip() else {}
    return Ended(int(code or 0), envelope, err.getvalue())
