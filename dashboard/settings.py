"""What the dashboard was started with; the pages of every visitor read the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_ROOT = Path("workspace")


@dataclass(frozen=True, slots=True)
class Settings:
    """root: the workspace. run: the id of the run that is shown first. demo: its data came with the package.

    login: visitors have to log in (OIDC) before they see anything. allow: who of those that log in may: addresses, or
    `@example.org` for all of a domain (empty: everybody whom the provider knows). shared: others than the user of this
    machine reach it, so the playground asks nobody but `endpoints` for them.
    """

    root: Path = DEFAULT_ROOT
    run: str | None = None
    demo: bool = False
    login: bool = False
    allow: tuple[str, ...] = ()
    shared: bool = False
    endpoints: tuple[str, ...] = ()


_current = [Settings()]


def use(settings: Settings) -> None:
    """What `current` returns from now on, in the whole process."""
    _current[0] = settings


def current() -> Settings:
    """The settings of this process."""
    return _current[0]
