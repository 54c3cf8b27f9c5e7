"""Tasks: YAML files with a schema, the items they read, the requests they render and the scores of answers."""

from evalkit.tasks.catalog import expand, load_task, presets_of, suites, task_names
from evalkit.tasks.data import Sources
from evalkit.tasks.items import Item, read_items
from evalkit.tasks.metrics import METRICS, metric_of
from evalkit.tasks.render import Asked, Rendered, render_items
from evalkit.tasks.schema import Task
from evalkit.tasks.score import Scored, score
from evalkit.tasks.tools import Tools

__all__ = [
    "METRICS",
    "Asked",
    "Item",
    "Rendered",
    "Scored",
    "Sources",
    "Task",
    "Tools",
    "expand",
    "load_task",
    "metric_of",
    "presets_of",
    "read_items",
    "render_items",
    "score",
    "suites",
    "task_names",
]
