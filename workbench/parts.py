"""The libraries Winnow stands on, and its optional parts with the line that installs each."""

import importlib
from importlib import metadata
from types import ModuleType
from typing import NamedTuple

from workbench.errors import Exit, UserError

DISTRIBUTION = "winnow-workbench"
LIBRARIES = (
    "apscheduler",
    "brotli",
    "datasketch",
    "duckdb",
    "fasttext-numpy2",
    "fsspec",
    "httpx",
    "isal",
    "lxml_html_clean",
    "lz4",
    "numba",
    "numpy",
    "orjson",
    "phonenumbers",
    "polars",
    "py3langid",
    "pyarrow",
    "pydantic",
    "python-stdnum",
    "pyyaml",
    "regex",
    "resiliparse",
    "rich",
    "scikit-learn",
    "scipy",
    "trafilatura",
    "typer",
    "tzdata",
    "xxhash",
    "zstandard",
)


class Part(NamedTuple):
    """An optional part: the extra that installs it, the distribution and module it needs, and what it is for."""

    extra: str
    distribution: str
    module: str
    purpose: str

    @property
    def install(self) -> str:
        """The command that installs this part."""
        return f"pip install '{DISTRIBUTION}[{self.extra}]'"


PARTS = (
    Part("train", "torch", "torch", "training and running models"),
    Part("train", "tokenizers", "tokenizers", "counting and training tokens"),
    Part("train", "safetensors", "safetensors", "weights on the disk"),
    Part("train", "jinja2", "jinja2", "chat templates"),
    Part("dashboard", "streamlit", "streamlit", "the web dashboard"),
)


def version(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def require(module: str) -> ModuleType:
    """Import an optional module; UserError (exit 6) with the install line where it is absent."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
    raise _missing(module)


def absent(error: BaseException) -> UserError | None:
    """What a failed import of an optional module means to the user (exit 6); None for any other error."""
    if not isinstance(error, ModuleNotFoundError) or error.name not in {part.module for part in PARTS}:
        return None
    return _missing(error.name)


def _missing(module: str) -> UserError:
    install = next((part.install for part in PARTS if part.module == module.partition(".")[0]), f"pip install {module}")
    return UserError(f"{module} is not installed", hint=install, code=Exit.MISSING)
