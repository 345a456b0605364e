"""What a rule has found, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A number that a rule has computed, or a word it has read.
Number = int | float | str


class Severity(StrEnum):
    """How bad it is."""

    #: The API server refuses it, or it is certainly broken.
    ERROR = "error"
    #: A known way to an outage.
    WARNING = "warning"
    #: Advice.
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with one object."""

    #: The rule's id, such as ``HK202``.
    rule: str
    severity: Severity
    #: The object's kind and name: ``Deployment/shop``.
    object: str
    namespace: str
    #: The container's name; None if it is about none of them.
    container: str | None
    #: Where in the object: ``spec.template.spec.containers[0].livenessProbe``.
    path: str
    file: str
    #: Both are counted from 1.
    line: int
    column: int
    #: What is wrong, with its numbers, in a sentence without a full stop.
    what: str
    #: Why that matters, in one sentence.
    why: str
    #: What to do.
    fix: str
    #: The numbers that were computed, by their names.
    numbers: Mapping[str, Number] = field(default_factory=dict[str, Number])
    #: Why somebody ignores it, by an annotation; None if nobody does.
    ignored: str | None = None
