"""How every command ends: a table or the JSON envelope on stdout, errors and hints on stderr, one exit code.

A command is a function that takes a `Screen` first, then its own options, and returns a `Result`:

    app = console.app("curate", "From crawls to datasets.")

    @app.command()
    @console.command("curate.status/1")
    def status(screen: Screen, run: RunName, root: Root = DEFAULT_ROOT) -> Result: ...
"""

import contextlib
import functools
import inspect
import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from workbench import __version__
from workbench.envelope import envelope
from workbench.errors import Exit, UserError, output_error
from workbench.parts import absent
from workbench.progress import Progress
from workbench.render import Block, Facts, show
from workbench.visible import one_line

_Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="More detail on stderr.")]
_NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress on stderr.")]
_FLAGS = {"json_output": _Json, "quiet": _Quiet, "verbose": _Verbose, "no_progress": _NoProgress}


class Terminated(BaseException):
    """SIGTERM arrived; raised where the main thread stands, so that `finally` blocks run."""


@dataclass(slots=True)
class Result:
    """What a command found out.

    data: the `data` of the envelope. blocks: what stdout shows (default: the data as names and values). run: the
    run's path. code: OK, or GATE or PARTIAL with the `errors` that explain it.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    blocks: Sequence[Block] | None = None
    run: str | Path | None = None
    code: Exit = Exit.OK
    errors: Sequence[UserError] = ()


class Screen:
    """What a running command may say before it ends; everything but `stdout` goes to stderr."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, progress: bool = True) -> None:
        self.stdout: TextIO = sys.stdout
        self.verbose = verbose
        self.quiet = quiet
        self.run: Path | None = None
        self.resume = ""
        self.warnings: list[str] = []
        self.progress = Progress(sys.stderr, shown=progress and not quiet, warn=not quiet)

    def attach(self, run: Path, resume: str = "") -> None:
        """Name the run being written: its log takes the traceback of a bug, and `resume` (default: the same command
        line) is the command printed after an interruption."""
        self.run = run
        self.resume = resume or shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])

    def warn(self, message: str) -> None:
        """A warning: on stderr now, and in the envelope's `warnings`."""
        self.warnings.append(message)
        if not self.quiet:
            self.progress.print(f"warning: {message}")

    def say(self, message: str) -> None:
        """A line for the person at the screen; not with -q."""
        if not self.quiet:
            self.progress.print(message)

    def detail(self, message: str) -> None:
        """A line shown only with -v."""
        if self.verbose:
            self.progress.print(message)


def command(schema: str) -> Callable[[Callable[..., Result]], Callable[..., None]]:
    """Make a function a command whose envelope carries `schema` ("curate.run/1"); to be placed under Typer's own."""

    def decorate(function: Callable[..., Result]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]
        flags = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
            for name, annotation in _FLAGS.items()
        ]
        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + flags

        @functools.wraps(function)
        def call(json_output: bool, quiet: bool, verbose: bool, no_progress: bool, **options: Any) -> None:
            screen = Screen(quiet=quiet, verbose=verbose, progress=not no_progress)
            raise typer.Exit(_run(schema, functools.partial(function, screen, **options), screen, json_output))

        call.__signature__ = signature.replace(parameters=parameters, return_annotation=None)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        call.schema = schema  # type: ignore[attr-defined]
        return call

    return decorate


def _run(schema: str, work: Callable[[], Result], screen: Screen, as_json: bool) -> int:
    began = time.monotonic()
    try:
        # Only the result may reach stdout, whatever a library prints.
        with _sigterm_raises(), contextlib.redirect_stdout(sys.stderr):
            result = work()
    except BaseException as error:
        result = _failure(error, screen)
    screen.progress.clear()
    run = result.run if result.run is not None else screen.run
    try:
        if as_json:
            document = envelope(
                schema,
                result.code,
                run=None if run is None else str(run),
                data=result.data,
                warnings=screen.warnings,
                errors=result.errors,
                elapsed_s=time.monotonic() - began,
            )
            screen.stdout.write(document)
        else:
            blocks = result.blocks
            show([Facts(list(result.data.items()))] if blocks is None and result.data else blocks or (), screen.stdout)
        screen.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough; the interpreter must not complain about it while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), screen.stdout.fileno())
    except OSError as error:
        failed = output_error(error)
        if failed is None:
            raise
        print_error(failed)
        return failed.code
    for problem in result.errors:
        print_error(problem)
    return result.code


def _failure(error: BaseException, screen: Screen) -> Result:
    """The result that stands for an exception."""
    problem = error if isinstance(error, UserError) else output_error(error) or absent(error)
    if problem is None and isinstance(error, KeyboardInterrupt | Terminated):
        terminated = isinstance(error, Terminated)
        problem = UserError(
            "terminated" if terminated else "interrupted",
            hint=f"to go on from here: {screen.resume}" if screen.resume else "",
            code=Exit.TERMINATED if terminated else Exit.INTERRUPTED,
        )
    if problem is None:
        if not isinstance(error, Exception):
            raise error  # SystemExit and the like are somebody's decision
        problem = _bug(error, screen)
    return Result(code=problem.code, errors=[problem])


def _bug(error: Exception, screen: Screen) -> UserError:
    trace = "".join(traceback.format_exception(error))
    what = "out of memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
    log = bug_log(screen.run)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} winnow {__version__}\n{trace}\n")
        hint = f"this is a bug in winnow; the traceback is in {log}"
    except OSError:
        sys.stderr.write(trace)
        hint = "this is a bug in winnow; the traceback stands above, as no log can be written"
    else:
        if screen.verbose:
            sys.stderr.write(trace)
    return UserError(f"unexpected {one_line(what)[:300]}", hint=hint, code=Exit.BUG)


def bug_log(run: Path | None) -> Path:
    """Where the traceback of a bug goes: into the run that was being written, else the user's cache."""
    if run is not None and run.is_dir() and os.access(run, os.W_OK):
        return run / "error.log"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "winnow" / "bug.log"


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever runs us there minds the signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_error(error: UserError) -> None:
    """One `error:` line and, where there is something to do about it, one `hint:` line on stderr."""
    sys.stderr.write(f"error: {one_line(str(error))}\n")
    if error.hint:
        sys.stderr.write(f"hint: {one_line(error.hint)}\n")
    sys.stderr.flush()


class _Group(TyperGroup):
    """Typer's group, with usage errors in the house's own form."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        arguments = sys.argv[1:] if args is None else list(args)
        for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character gets an escape, not a crash
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(arguments, prog_name, complete_var, False, windows_expand_args, **extra)
        except typer.TyperException as error:
            code = _usage_error(error, self.name or "", as_json="--json" in arguments)
        if standalone_mode:
            sys.exit(code)
        return code


def _usage_error(error: typer.TyperException, program: str, *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    message, _, guess = error.format_message().partition(" Did you mean ")
    message = message.split(" (Possible options:")[0].rstrip(".")
    options = sorted(getattr(error, "possibilities", None) or [])
    guess = guess.rstrip("?") or " or ".join(f"'{option}'" for option in options)
    see = f"'{context.command_path if context else program} --help' lists what there is"
    problem = UserError(
        message[:1].lower() + message[1:], hint=f"did you mean {guess}? {see}" if guess else see, code=Exit.USAGE
    )
    print_error(problem)
    if as_json:
        callback = context.command.callback if context else None
        schema = getattr(callback, "schema", f"{program}/1")
        sys.stdout.write(envelope(schema, problem.code, errors=[problem]))
    return problem.code


def group(name: str, help: str) -> typer.Typer:
    """Commands under one name within a command line (`curate index add`); without a command, their help."""

    def base(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    line = typer.Typer(name=name, help=help, rich_markup_mode=None)
    line.callback(invoke_without_command=True)(base)
    return line


def _version(name: str) -> Callable[[bool], None]:
    def told(asked: bool) -> None:
        if asked:
            typer.echo(f"{name} {__version__}")
            raise typer.Exit

    return told


def app(name: str, help: str, alone: Callable[..., None] | None = None) -> typer.Typer:
    """A command line called `name`: plain help (rich is never imported for it), `--version`, our form of errors.

    alone: what it does without a command, made by `command` (default: it prints its help).
    """
    asked = typer.Option("--version", callback=_version(name), is_eager=True, help="Show the version and exit.")

    def base(context: typer.Context, version: Annotated[bool, asked] = False) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    line = typer.Typer(
        name=name,
        cls=_Group,
        help=help,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    line.callback(invoke_without_command=True)(base if alone is None else _with_version(alone, asked))
    return line


def _with_version(alone: Callable[..., None], asked: Any) -> Callable[..., None]:
    @functools.wraps(alone)
    def base(version: bool, **options: Any) -> None:
        alone(**options)

    parameter = inspect.Parameter(
        "version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, asked]
    )
    signature = inspect.signature(alone)
    parameters = [*signature.parameters.values(), parameter]
    base.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    base.__annotations__ = {each.name: each.annotation for each in parameters}
    return base
