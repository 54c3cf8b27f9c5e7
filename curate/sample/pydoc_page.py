"""One page of Python's own documentation as `pydoc` writes it, without what belongs to this machine.

Runs inside the sandbox: importing a module of the standard library runs its code.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pydoc
import re
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Modules whose constants are the machine's: search paths, environment, flags, clocks, directories.
MACHINE = frozenset({"os", "posix", "site", "sys", "sysconfig", "time", "zoneinfo", "tempfile", "ssl", "locale"})
_ADDRESS = re.compile(r"\b(0x|handle )[0-9a-fA-F]{6,16}\b")
_ENVIRONMENT = re.compile(r"environ\(\{.*?\}\)", re.DOTALL)  # the default of some parameters
_FILE_LINK = re.compile(r'<a href="file:[^"]*">.*?</a>', re.DOTALL)
_DATA = re.compile(r'<table class="section">\s*<tr class="decor data-decor.*?</table>', re.DOTALL)


def make(_: dict[str, Any]) -> Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]:
    """The handler of the sandbox: {"module": name} -> the page, or {"missing": reason} for what this machine lacks."""
    os.environ["PYTHONDOCS"] = f"https://docs.python.invalid/{sys.version_info[0]}.{sys.version_info[1]}"
    private = _private_strings()

    def handler(header: dict[str, Any], _: bytes) -> tuple[dict[str, Any], bytes]:
        name = header["module"]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                module = importlib.import_module(name)
        except (ImportError, AttributeError, OSError) as error:
            return {"missing": type(error).__name__}, b""
        if not _of_the_library(module):
            return {"missing": "shadowed"}, b""
        html = pydoc.html.page(pydoc.describe(module), pydoc.html.document(module, name))
        if name in MACHINE:
            html = _DATA.sub("", html)
        return {}, _public(html, private).encode("utf-8", "replace")

    return handler


def _public(html: str, private: dict[str, str]) -> str:
    html = _ENVIRONMENT.sub("environ", _FILE_LINK.sub("", html))
    for value, word in private.items():
        html = html.replace(value, word)
    return _ADDRESS.sub(r"\g<1>0", html)


def _private_strings() -> dict[str, str]:
    """Paths of this installation -> what stands for them, the longest first; common roots are part of the texts."""
    folders = {sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, *_library()} - {"/", "/usr", "/usr/local"}
    return dict.fromkeys(sorted(folders, key=lambda folder: (-len(folder), folder)), "/python")


def _library() -> list[str]:
    return [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]


def _of_the_library(module: Any) -> bool:
    """Whether the module is Python's own, and no file of the same name that stands before it in the search path."""
    file = getattr(module, "__file__", None)
    inside = file is None or any(Path(file).is_relative_to(folder) for folder in _library())
    return inside and "site-packages" not in (file or "")
