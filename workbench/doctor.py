"""Is this machine fit for work: versions, optional parts, room, and a file written and read back."""

import os
import platform
import shutil
from pathlib import Path
from typing import Any

from workbench import __version__, parts
from workbench.console import Result, Screen
from workbench.errors import Exit, UserError, output_error
from workbench.files import beside, remove, sync
from workbench.processes import cores
from workbench.render import Facts, Table, size

_LOW_DISK = 2 << 30


def examine(root: Path, screen: Screen) -> Result:
    """Everything `workbench doctor` tells; exit 7 when the workspace cannot be written, 6 when a library is missing."""
    libraries = {name: parts.version(name) for name in parts.LIBRARIES}
    extras = [(part, parts.version(part.distribution)) for part in parts.PARTS]
    here = _existing(root)
    usage = shutil.disk_usage(here)
    problems = []
    missing = [name for name, found in libraries.items() if found is None]
    if missing:
        hint = f"pip install '{parts.DISTRIBUTION}'"
        problems.append(UserError(f"not installed: {', '.join(missing)}", hint=hint, code=Exit.MISSING))
    failed = _write_test(here)
    if failed is not None:
        problems.append(failed)
    if usage.free < _LOW_DISK:
        screen.warn(f"only {size(usage.free)} free at {here}")
    memory = _memory()
    data: dict[str, Any] = {
        "winnow": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": cores(),
        "memory_bytes": memory,
        "root": root,
        "disk_free_bytes": usage.free,
        "writable": failed is None,
        "libraries": libraries,
        "optional": [part._asdict() | {"version": found, "install": part.install} for part, found in extras],
    }
    facts = Facts(
        [
            ("winnow", __version__),
            ("python", data["python"]),
            ("platform", data["platform"]),
            ("cores", cores()),
            ("memory", "-" if memory is None else size(memory)),
            ("workspace", root),
            ("disk free", size(usage.free)),
            ("write test", "passed" if failed is None else "failed"),
        ]
    )
    versions = Table(("library", "version"), [(name, found or "missing") for name, found in libraries.items()])
    optional = Table(
        ("optional part", "needed for", "version", "install"),
        [(part.distribution, part.purpose, found, "" if found else part.install) for part, found in extras],
    )
    code = problems[0].code if problems else Exit.OK
    return Result(data, [facts, versions, optional], code=code, errors=problems)


def _existing(path: Path) -> Path:
    """The nearest directory above `path` that is there: the workspace itself may be still to come."""
    path = path.resolve()
    while not path.is_dir():
        path = path.parent
    return path


def _write_test(directory: Path) -> UserError | None:
    probe = beside(directory / "write-test")
    try:
        probe.write_bytes(b"winnow" * 1000)
        sync(probe)
        assert probe.read_bytes() == b"winnow" * 1000
    except OSError as error:
        return output_error(error) or UserError(f"cannot write to {directory}: {error}", code=Exit.OUTPUT)
    finally:
        remove(probe)
    return None


def _memory() -> int | None:
    """Bytes of memory of this machine, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
