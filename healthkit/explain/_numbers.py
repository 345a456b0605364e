"""How numbers are written, in words and in pictures alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthkit.timing import Span


def number(value: float) -> str:
    """Return a number with a decimal if it needs one: ``290``, ``31.2``."""
    tenths = round(value, 1)
    return f"{int(tenths) if tenths == int(tenths) else tenths}"


def seconds(value: float) -> str:
    """Return seconds as they are read: ``290 s``."""
    return f"{number(value)} s"


def span(found: Span) -> str:
    """Return a stretch of time: ``21 to 31 s``."""
    return f"{number(found.earliest)} to {seconds(found.latest)}"
