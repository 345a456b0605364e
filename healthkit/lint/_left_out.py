"""What was thought of as a rule, and is left to other linters, because they do it well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One such rule."""

    #: The id that it would have had. No rule gets it.
    id: str
    what: str
    #: Which check of which linter does it.
    elsewhere: str


LEFT_OUT: Final[tuple[LeftOut, ...]] = ()
