"""Ground floor of Winnow: runs, recipes, units of work, tables, events, console, HTML.

Every other package imports from here; this package imports none of them. Nothing heavy is imported
at this level, so that the command lines start fast.
"""

__version__ = "0.1.0"
