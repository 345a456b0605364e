"""The words of the report: tables of plain text, goals and verdicts, at most 100 columns."""

from __future__ import annotations

import os
import platform
import re
import textwrap
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 100
_FIRST: Final = 38
_OTHER: Final = 14

_REQUIREMENTS: Final = Path(__file__).parent / "requirements.txt"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to be at most."""

    what: str
    limit: float
    figure: float | None
    unit: str = "x"
    digits: int = 2
    #: By how much of the limit it may be missed without failing, where that is known to be so.
    tolerated: float = 0.0

    @property
    def verdict(self) -> str:
        """Say goal, figure, and whether it is reached."""
        goal = f"{self.what}: goal <= {self.limit:g}{self.unit}"
        if self.figure is None:
            return f"{goal}: not measured"
        figure = f"{goal}: {self._said(self.figure)}"
        over = self.figure - self.limit
        return f"{figure}, reached" if over <= 0 else f"{figure}, missed by {self._said(over)}"

    def exceeded(self, slack: float) -> bool:
        """Whether the figure is not there, or above the goal by more than this part of it."""
        return self.figure is None or self.figure > self.limit * (1 + max(slack, self.tolerated))

    def _said(self, figure: float) -> str:
        return f"{figure:.{self.digits}f}{self.unit}"


@dataclass(slots=True)
class Table:
    """One table of a row of the design: what was measured, line by line."""

    columns: Sequence[str]
    lines: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Begin with the names of the columns."""
        self.add("", *self.columns)

    def add(self, label: str, *cells: str) -> None:
        """Add a line."""
        aligned = "".join(f"{cell:>{_OTHER}}" for cell in cells)
        self.lines.append(f"  {label:<{_FIRST}}{aligned}".rstrip())

    def add_error(self, label: str, error: str) -> None:
        """Add a line for what could not be measured: why."""
        line = f"  {label:<{_FIRST}}  not measured: {' '.join(error.split())}"
        self.lines.append(line[:WIDTH])


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the design's table of numbers."""

    title: str
    tables: Sequence[Table]
    goals: Sequence[Goal]
    note: str = ""

    def __str__(self) -> str:
        lines = [self.title]
        for table in self.tables:
            lines += table.lines
        lines += textwrap.wrap(self.note, WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines += [f"  {goal.verdict}" for goal in self.goals]
        return "\n".join(lines)


def heading(valgrind: str) -> str:
    """Say when, on what and with what was measured."""
    now = datetime.now(UTC)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    cpus = f"{os.cpu_count()} CPUs of {_cpu()}"
    lines = [
        f"What healthkit costs, beside its peers, {now:%Y-%m-%d %H:%M} UTC",
        f"{python}; {platform.system()} {platform.release()}; {cpus}; {valgrind}",
    ]
    wrapped = [textwrap.fill(line, WIDTH) for line in [*lines, ", ".join(_versions())]]
    return "\n".join(wrapped)


def _cpu() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _versions() -> list[str]:
    """Return the version of each package that takes part."""
    pinned = re.findall(r"^([a-z][\w-]*)==", _REQUIREMENTS.read_text(), re.MULTILINE)
    return [f"{name} {_version(name)}" for name in ["healthkit-asgi", *pinned]]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
