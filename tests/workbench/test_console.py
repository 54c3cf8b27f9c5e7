import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from workbench.console import Result, Screen, app, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, Jobs, Root, Sets
from workbench.render import Table


def do(what: str, screen: Screen, run: Path) -> Result:
    match what:
        case "user":
            raise UserError("no \x1b[31m file\nhere", hint="look", code=Exit.INPUT, file="r.yaml", line=3, column=4)
        case "bug":
            raise ZeroDivisionError("a / 0")
        case "memory":
            raise MemoryError
        case "full":
            raise OSError(errno.ENOSPC, "No space left on device", "/out/x")
        case "interrupt":
            screen.attach(run, "curate run --out x")
            raise KeyboardInterrupt
        case "runbug":
            screen.attach(run)
            raise RuntimeError("broke")
        case "gate":
            return Result({"score": math.nan}, code=Exit.GATE, errors=[UserError("worse than before", code=Exit.GATE)])
        case "noise":
            print("a library talks")
            screen.warn("odd")
    return Result({"n": 1200, "x": math.nan}, [Table(("n",), [(1200,)])], run=run)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    line = app("demo", "A demo.")

    @line.command()
    @command("demo.go/1")
    def go(screen: Screen, what: str, root: Root = DEFAULT_ROOT, sets: Sets = None, jobs: Jobs = None) -> Result:
        """Go."""
        return do(what, screen, tmp_path)

    return line


def call(cli: typer.Typer, *arguments: str) -> Any:
    return CliRunner().invoke(cli, arguments)


def test_table_on_stdout(cli: typer.Typer) -> None:
    done = call(cli, "go", "well")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "    n\n-----\n1,200\n", "")


def test_envelope_on_stdout(cli: typer.Typer, tmp_path: Path) -> None:
    done = call(cli, "go", "noise", "--json")
    document = json.loads(done.stdout)
    assert document.pop("elapsed_s") >= 0
    assert document == {
        "schema": "demo.go/1",
        "ok": True,
        "exit_code": 0,
        "run": str(tmp_path),
        "data": {"n": 1200, "x": None},
        "warnings": ["odd"],
        "errors": [],
    }
    assert done.stderr == "a library talks\nwarning: odd\n"


def test_quiet_hides_the_warning_but_not_in_the_envelope(cli: typer.Typer) -> None:
    done = call(cli, "go", "noise", "--json", "-q")
    assert done.stderr == "a library talks\n"
    assert json.loads(done.stdout)["warnings"] == ["odd"]


def test_user_error_is_one_line_and_a_hint(cli: typer.Typer) -> None:
    done = call(cli, "go", "user")
    assert done.exit_code == Exit.INPUT
    assert done.stdout == ""
    assert done.stderr == "error: r.yaml:3:4: no ⟨U+001B⟩[31m file here\nhint: look\n"


def test_user_error_in_the_envelope(cli: typer.Typer) -> None:
    done = call(cli, "go", "user", "--json")
    document = json.loads(done.stdout)
    assert (document["ok"], document["exit_code"]) == (False, 4)
    assert document["errors"] == [
        {"code": "input", "message": "no \x1b[31m file\nhere", "file": "r.yaml", "line": 3, "column": 4, "hint": "look"}
    ]


def test_failed_gate_keeps_its_data(cli: typer.Typer) -> None:
    done = call(cli, "go", "gate", "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["ok"], document["data"]) == (1, False, {"score": None})


def test_full_disk(cli: typer.Typer) -> None:
    done = call(cli, "go", "full")
    assert done.exit_code == Exit.OUTPUT
    assert done.stderr.startswith("error: cannot write to /out/x: the disk is full\nhint: free some space")


def test_interruption_prints_how_to_go_on(cli: typer.Typer) -> None:
    done = call(cli, "go", "interrupt")
    assert done.exit_code == Exit.INTERRUPTED
    assert done.stderr == "error: interrupted\nhint: to go on from here: curate run --out x\n"


@pytest.mark.parametrize(("what", "said"), [("bug", "ZeroDivisionError: a / 0"), ("memory", "out of memory")])
def test_bug_goes_to_the_cache(cli: typer.Typer, tmp_path: Path, what: str, said: str) -> None:
    done = call(cli, "go", what)
    log = tmp_path / "cache" / "winnow" / "bug.log"
    assert done.exit_code == Exit.BUG
    assert done.stderr == f"error: unexpected {said}\nhint: this is a bug in winnow; the traceback is in {log}\n"
    assert "Traceback (most recent call last)" in log.read_text()


def test_bug_in_a_run_goes_to_its_log(cli: typer.Typer, tmp_path: Path) -> None:
    assert call(cli, "go", "runbug", "--json").exit_code == Exit.BUG
    assert "RuntimeError: broke" in (tmp_path / "error.log").read_text()


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["go", "x", "--josb", "2"], "no such option: --josb", "did you mean '--jobs' or '--json'?"),
        (["goo"], "no such command 'goo'", "did you mean 'go'?"),
        (["go"], "missing argument 'what'", "--help'"),
        (["go", "x", "-j", "0"], "invalid value for '--jobs' / '-j'", "--help'"),
    ],
)
def test_usage_errors(cli: typer.Typer, arguments: list[str], message: str, hint: str) -> None:
    done = call(cli, *arguments)
    error, tip = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (2, "")
    assert error.startswith(f"error: {message}")
    assert tip.startswith("hint: ")
    assert hint in tip


def test_usage_error_in_the_envelope(cli: typer.Typer) -> None:
    document = json.loads(call(cli, "go", "x", "--jsno", "--json").stdout)
    assert (document["schema"], document["exit_code"], document["errors"][0]["code"]) == ("demo.go/1", 2, "usage")


def test_version_and_help(cli: typer.Typer) -> None:
    assert call(cli, "--version").stdout.startswith("demo 0.")
    assert "Commands:" in call(cli).stdout
    shown = call(cli, "go", "--help").stdout
    for flag in ("--root", "--set", "--jobs", "--json", "--quiet", "--verbose", "--no-progress", "WORKBENCH_ROOT"):
        assert flag in shown


SLEEPER = """
import sys, time
from pathlib import Path
from workbench.console import Result, Screen, app, command
main = app("demo", "A demo.")
@main.command()
@command("demo.sleep/1")
def sleep(screen: Screen, run: Path) -> Result:
    screen.attach(run)
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        (run / "cleaned").touch()
    return Result()
@main.command()
@command("demo.many/1")
def many(screen: Screen) -> Result:
    return Result({str(n): n for n in range(100000)})
sys.argv[0] = "demo"
main()
"""


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SLEEPER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_signals_clean_up_and_tell_how_to_resume(tmp_path: Path, number: signal.Signals, code: int, word: str) -> None:
    process = start("sleep", str(tmp_path), "--json")
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert json.loads(out)["exit_code"] == code
    assert err == f"error: {word}\nhint: to go on from here: demo sleep {tmp_path} --json\n"
    assert (tmp_path / "cleaned").exists()


def test_closed_pipe_is_no_error() -> None:
    process = start("many")
    assert process.stdout is not None
    assert process.stdout.readline() == "0      0\n"
    process.stdout.close()
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_help_imports_neither_rich_nor_pydantic() -> None:
    code = "import sys; sys.argv=['workbench','--help']\nfrom workbench.cli import main\ntry: main()\n"
    code += "except SystemExit: print('rich' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("False False\n")


def test_an_optional_module_that_is_not_there_is_no_bug(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom workbench.console import Result, Screen, app, command\n"
        "main = app('demo', 'A demo.')\n@main.command()\n@command('demo.go/1')\n"
        "def go(screen: Screen) -> Result:\n    import torch\n    return Result()\nmain(['go'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 6
    assert done.stderr == "error: torch is not installed\nhint: pip install 'winnow-workbench[train]'\n"
