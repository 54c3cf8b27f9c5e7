"""Every way pages come in: `plan_units` cuts inputs into units of work, `read_unit` streams the pages of one."""

from curate.sources.options import ReadOptions
from curate.sources.plan import UNIT_BYTES, plan_units
from curate.sources.read import UnitReader, read_unit
from curate.sources.record import Record, UnitCounts, UnitSpec, record_id
from curate.sources.registry import register_virtual

__all__ = [
    "UNIT_BYTES",
    "ReadOptions",
    "Record",
    "UnitCounts",
    "UnitReader",
    "UnitSpec",
    "plan_units",
    "read_unit",
    "record_id",
    "register_virtual",
]
