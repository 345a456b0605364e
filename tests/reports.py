"""Reports for tests, said in names: ``a_report(Phase.SERVING, failing=("db",))``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from healthkit._model import CheckState, Component, Kind, Phase, Report, WorkState

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a list of names is about, in the order of a report's components.
STANDS_FOR: Final[Mapping[str, tuple[Kind, WorkState | CheckState]]] = {
    "failed": (Kind.STARTUP, WorkState.FAILED),
    "starting": (Kind.STARTUP, WorkState.PENDING),
    "warming": (Kind.WARMUP, WorkState.PENDING),
    "warm": (Kind.WARMUP, WorkState.DONE),
    "failing": (Kind.CHECK, CheckState.FAILING),
    "stale": (Kind.CHECK, CheckState.STALE),
    "pending": (Kind.CHECK, CheckState.PENDING),
    "passing": (Kind.CHECK, CheckState.PASSING),
}


def a_report(phase: Phase, **changes: object) -> Report:
    """Make a report; see `but`."""
    return but(Report(phase), **changes)


def but(report: Report, **changes: object) -> Report:
    """Return `report` with other values, and with other components by the names of `STANDS_FOR`.

    What follows a name in its text is the component's note: ``warming=("catalogue 41 %",)``.
    """
    named = {key: changes.pop(key) for key in STANDS_FOR if key in changes}
    components = [
        one
        for key, (kind, state) in STANDS_FOR.items()
        for one in (
            _made(kind, state, named[key])
            if key in named
            else [one for one in report.components if (one.kind, one.state) == (kind, state)]
        )
    ]
    return replace(report, components=tuple(components), **changes)  # type: ignore[arg-type]  # as the caller says


def _made(kind: Kind, state: WorkState | CheckState, texts: object) -> list[Component]:
    assert isinstance(texts, tuple)
    parted = [str(text).partition(" ") for text in cast("tuple[object, ...]", texts)]
    return [Component(name, kind, state, note=note) for name, _, note in parted]
