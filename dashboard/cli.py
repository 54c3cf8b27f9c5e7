"""The command line of `dashboard`: checks who could reach it, then serves until it is stopped."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from dashboard.settings import DEFAULT_ROOT
from workbench import console
from workbench.console import Result, Screen
from workbench.options import Root

_HELP = "The runs of a workspace in a browser: where tokens went, rules, documents, duplicates, curves, scores, votes."


@console.command("dashboard.serve/1")
def serve(
    screen: Screen,
    root: Root = DEFAULT_ROOT,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="The run that is shown first.")] = None,
    host: Annotated[str, typer.Option("--host", metavar="H", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="P", min=1, max=65535, help="Port to listen on.")] = 8501,
    demo: Annotated[bool, typer.Option("--demo", help="Show runs that came with the package.")] = False,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--endpoint",
            metavar="URL",
            help="A model server that the playground offers; the only ones where others reach the dashboard. "
            "May be repeated.",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="MAIL",
            help="With a login: an address that may come in, or @DOMAIN (default: whoever can log in).",
        ),
    ] = None,
    unsafe: Annotated[
        bool,
        typer.Option("--unsafe-allow-unauthenticated", help="Let everybody in who reaches --host, without a login."),
    ] = False,
) -> Result:
    """Serve the dashboard until Ctrl-C."""
    from dashboard import server
    from dashboard.asking import address
    from dashboard.security import check_exposure, is_loopback
    from dashboard.settings import Settings
    from workbench import registry
    from workbench.errors import Exit, UserError

    login = server.has_login(Path.cwd())
    check_exposure(host, login=login, unsafe=unsafe)
    if demo:
        from dashboard.demo import unpack

        root = unpack()
    elif root.exists() and not root.is_dir():
        raise UserError(f"--root {root} is no directory", hint="name the folder that holds the runs", code=Exit.INPUT)
    if run is not None:
        directory = registry.find(run, root)
        if not any(path.resolve() == directory.resolve() for _, path in registry.known(root)):
            raise UserError(
                f"the run {directory} is not of the workspace {root}", hint=f"--root {directory.resolve().parent}"
            )
        run = next(name for name, path in registry.known(root) if path.resolve() == directory.resolve())
    settings = Settings(
        root=root.resolve(),
        run=run,
        demo=demo,
        login=login,
        allow=tuple(allow or ()),
        shared=login or not is_loopback(host),
        endpoints=tuple(dict.fromkeys(map(address, endpoint or ()))),
    )
    with contextlib.suppress(KeyboardInterrupt, console.Terminated):  # how a server is meant to end
        server.serve(settings, host, port, lambda url: screen.say(f"The dashboard is at {url} (Ctrl-C stops it)."))
    return Result()


app = console.app("dashboard", _HELP, serve)


def main() -> None:
    """The console script."""
    app(prog_name="dashboard")
