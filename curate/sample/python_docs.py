"""The virtual input `python-docs`: the documentation of this machine's own Python standard library, as web pages.

Some two hundred pages that every machine has, in plain technical English and with much repetition between them. What
they hold depends on the interpreter and its platform, so nothing should be counted exactly on them.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator

from curate.sources.options import ReadOptions
from curate.sources.page import Origin, text_page
from curate.sources.record import Record, UnitCounts, UnitSpec, record_id
from workbench.sandbox import Child, Limits, Request

NAME = "python-docs"
MODULES_PER_UNIT = 25
LIMITS = Limits(wall_s=20.0, cpu_s=10.0, memory_mb=2048, output_bytes=16 << 20)
# They act when they are imported (print a poem, open a browser or a window), or are no documentation.
ACTIVE = frozenset({"antigravity", "idlelib", "this", "tkinter", "turtle", "turtledemo", "lib2to3", "pydoc_data"})
# The parts of packages that people look up; what an interpreter lacks is left out.
INSIDE = (
    "asyncio.queues", "asyncio.tasks", "collections.abc", "concurrent.futures", "email.message", "email.policy",
    "html.parser", "http.client", "http.cookies", "http.server", "importlib.metadata", "importlib.resources",
    "json.decoder", "json.encoder", "logging.config", "logging.handlers", "multiprocessing.pool",
    "multiprocessing.shared_memory", "os.path", "unittest.mock", "urllib.parse", "urllib.request", "urllib.robotparser",
    "wsgiref.simple_server", "xml.dom.minidom", "xml.etree.ElementTree", "xml.sax.handler", "xmlrpc.client",
)  # fmt: skip


def modules() -> list[str]:
    """The modules with a page, in order of their names. None of them is imported to find out."""
    top = {
        name
        for name in sys.stdlib_module_names
        if not name.startswith("_") and name not in ACTIVE and importlib.util.find_spec(name) is not None
    }
    return sorted(top.union(name for name in INSIDE if name.partition(".")[0] in top))


def plan() -> list[UnitSpec]:
    """Units of some 25 modules each; they are others when the interpreter is another."""
    names = modules()
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    units: list[UnitSpec] = []
    for begin in range(0, len(names), MODULES_PER_UNIT):
        part = names[begin : begin + MODULES_PER_UNIT]
        digest = record_id(sys.version, *part)
        units.append(
            UnitSpec(len(units), NAME, "", f"{NAME}-{version}", begin, begin + len(part), digest=digest, files=part)
        )
    return units


def read(spec: UnitSpec, _: ReadOptions, counts: UnitCounts) -> Iterator[Record]:
    """The pages of a unit. A module that this platform lacks is counted as skipped, one that hangs or crashes fails."""
    with Child("curate.sample.pydoc_page:make", LIMITS) as child:
        replies = child.run(Request({"module": name}) for name in spec.files)
    version = spec.file.removeprefix(f"{NAME}-")
    for row, (name, reply) in enumerate(zip(spec.files, replies, strict=True), spec.begin):
        origin = Origin(spec.file, row, f"https://docs.python.invalid/{version}/{name}.html", key=f"{spec.file}/{name}")
        counts.bytes_in += len(reply.payload)
        if reply.error is not None:
            yield origin.failed(reply.error)
        elif "missing" in reply.header:
            counts.skipped["module not on this platform"] += 1
        else:
            yield text_page(origin, reply.payload.decode("utf-8", "replace"), "html", "text/html")
