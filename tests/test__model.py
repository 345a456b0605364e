"""The words are strings, and a report is a value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from math import inf
from typing import TYPE_CHECKING

import pytest

from healthkit._model import CheckState, Kind, Outcome, Phase, Probe, Report, WorkState

if TYPE_CHECKING:
    from enum import StrEnum


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (Phase, ["starting", "warming", "serving", "draining", "stopped"]),
        (Probe, ["live", "ready", "startup", "health"]),
        (Outcome, ["success", "failure", "unknown"]),
        (CheckState, ["pending", "passing", "failing", "stale"]),
        (WorkState, ["pending", "done", "failed"]),
        (Kind, ["startup", "warmup", "check"]),
    ],
)
def test_words_equal_their_strings(words: type[StrEnum], expected: list[str]) -> None:
    """``health.phase == "serving"`` holds, and a log line needs no conversion."""
    assert list(words) == expected
    assert [f"{word}" for word in words] == expected


@pytest.mark.parametrize("phase", list(Phase))
def test_a_report_knows_of_nothing_but_its_phase(phase: Phase) -> None:
    """What is not said is not the case: nothing completed, no condition, no obstacle."""
    report = Report(phase)
    known = ("phase", "fresh_until")
    others = [getattr(report, name) for name in Report.__slots__ if name not in known]
    assert (report.phase, report.fresh_until) == (phase, inf)
    assert not any(others)


def test_a_report_cannot_be_changed() -> None:
    """Two threads may look at one."""
    report = Report(Phase.SERVING)
    with pytest.raises(FrozenInstanceError):
        report.paused = True  # type: ignore[misc]  # that it is refused is the point
