"""The web server: Streamlit's own, with our headers, our settings, and no traceback on any page."""

from __future__ import annotations

import errno
import importlib
import pkgutil
import socket
import sys
import threading
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path

from dashboard import security, settings
from workbench.errors import Exit, UserError


def has_login(directory: Path) -> bool:
    """Whether `.streamlit/secrets.toml` (here or in the home) sets up OIDC; UserError where it cannot be read."""
    for place in (directory, Path.home()):
        path = place / ".streamlit" / "secrets.toml"
        if not path.is_file():
            continue
        try:
            if "auth" in tomllib.loads(path.read_text("utf-8")):
                return True
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UserError(f"{path} cannot be read: {error}", hint="it is TOML", code=Exit.USAGE) from None
    return False


def serve(current: settings.Settings, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. UserError where the address is taken (exit 5) or is not ours (exit 2), or
    Streamlit is missing (exit 6, by its import)."""
    import streamlit as st

    from dashboard.routes import routes

    _check_free(host, port)
    settings.use(current)
    threading.Thread(target=_warm, daemon=True).start()
    app = st.App(
        Path(__file__).with_name("app.py"),
        routes=[] if current.login else routes(current.root),
        middleware=security.middleware(host, port),
        on_script_error=_shown,
    )
    ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    app.run(config=security.server_config(host, port))


def _warm() -> None:
    """Import what the pages need, so that the first visitor need not wait for it."""
    from dashboard import queries

    ours = (f"{queries.__name__}.{module.name}" for module in pkgutil.iter_modules(queries.__path__))
    for name in ("pandas", "polars", "pyarrow", "duckdb", "curate.ask.finished", "curate.ask.wording", *ours):
        importlib.import_module(name)


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken, hint = f"port {port} of {host} is taken", f"--port {port + 1}, or stop what listens there"
            if error.errno == errno.EADDRINUSE:
                raise UserError(taken, hint=hint, code=Exit.LOCKED) from None
            why = f"cannot listen on {host}:{port}: {error.strerror or error}"
            raise UserError(why, hint="--host 127.0.0.1, and a --port above 1023") from None


def _shown(error: Exception) -> bool:
    """Puts a card where a traceback would stand; the traceback goes to the server's stderr."""
    from dashboard import cards

    sys.stderr.write("".join(traceback.format_exception(error)))
    cards.failed(error)
    return True
