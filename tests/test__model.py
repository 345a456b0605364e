"""The words are strings, and a report is a value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from healthkit._model import Outcome, Phase, Probe, Report


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (Phase, ["starting", "warming", "serving", "draining", "stopped"]),
        (Probe, ["live", "ready", "startup", "health"]),
        (Outcome, ["success", "failure"]),
    ],
)
def test_words_equal_their_strings(
    words: type[Phase | Probe | Outcome], expected: list[str]
) -> None:
    """``health.phase == "serving"`` holds, and a log line needs no conversion."""
    assert list(words) == expected
    assert [f"{word}" for word in words] == expected


@pytest.mark.parametrize("phase", list(Phase))
def test_a_report_knows_of_nothing_but_its_phase(phase: Phase) -> None:
    """What is not said is not the case: nothing completed, no condition, no obstacle."""
    report = Report(phase)
    others = [getattr(report, name) for name in Report.__slots__ if name != "phase"]
    assert report.phase is phase
    assert not any(others)


def test_a_report_cannot_be_changed() -> None:
    """Two threads may look at one."""
    report = Report(Phase.SERVING)
    with pytest.raises(FrozenInstanceError):
        report.paused = True  # type: ignore[misc]  # that it is refused is the point
