"""The kubelet's arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.testing import _rules
from healthkit.testing._rules import Backoff, Pace

if TYPE_CHECKING:
    from healthkit.manifests._spec import RestartPolicy


@given(
    phase=st.integers(-50, 50),
    period=st.integers(1, 20),
    after=st.floats(-100, 1000, allow_nan=False),
)
def test_the_next_tick_is_a_whole_number_of_periods_away(
    phase: int, period: int, after: float
) -> None:
    """It is later than now, by a period at most; within a millisecond is now."""
    tick = phase + _rules.turn_after(phase, period, after) * period
    assert tick > after
    assert tick - after <= period + _rules.ONE_MOMENT


def test_a_tick_that_is_due_within_a_millisecond_is_this_one() -> None:
    """Moments are calculated in two ways, and may differ by their last digit."""
    assert _rules.turn_after(0, 1, 0.9995) == 2
    assert _rules.turn_after(0, 1, 0.9985) == 1


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 3, True),
        ("Never", 0, False),
        ("Never", 3, False),
    ],
)
def test_the_restart_policy_decides_about_a_container_that_has_ended(
    policy: RestartPolicy, code: int, again: bool
) -> None:
    """By its exit code."""
    assert _rules.restarts(policy, code) is again


def test_a_backoff_doubles_up_to_five_minutes() -> None:
    """10, 20, 40, 80, 160, 300, 300; each holds until so long after the end of a container."""
    backoff = Backoff()
    now = 0.0
    lengths: list[float] = []
    for _ in range(7):
        backoff = backoff.after_start(now, now)
        lengths.append(backoff.duration)
        assert backoff.holds(now, now + backoff.duration - 1)
        assert not backoff.holds(now, now + backoff.duration)
        now += backoff.duration
    assert lengths == [10, 20, 40, 80, 160, 300, 300]


def test_without_an_end_there_is_no_backoff() -> None:
    """The first container that a probe kills has none before it."""
    backoff = Backoff(10, 0)
    assert not backoff.holds(None, 1)
    assert backoff.after_start(None, 1) is backoff
    assert not Backoff().holds(1, 1)


@pytest.mark.parametrize(("now", "holds"), [(599, True), (600, True), (600.1, False)])
def test_a_backoff_is_forgotten_ten_minutes_after_it_last_grew(now: float, holds: bool) -> None:
    """Then the next restart is as a first one."""
    backoff = Backoff(160, 0)
    assert backoff.holds(now - 1, now) is holds
    assert backoff.after_start(now - 1, now) == Backoff(300 if holds else 10, now)


def test_the_kubelet_looks_again_up_to_half_the_backoff_later() -> None:
    """Between once and one and a half times."""
    backoff = Backoff(40, 0)
    assert 140 <= backoff.looks_again(100) <= 160


def test_the_usual_pace() -> None:
    """Tickers begin at admission, containers start as soon as they can, starts are cut."""
    pace = Pace(admitted=3.25)
    assert pace.phase("liveness") == 3.25
    assert pace.start(2, 7.5) == 7.5
    assert pace.shown_start(1, 7.9) == 7
    assert pace.relist(3.25) == pytest.approx(4.15)
    assert pace.relist(4.3) == pytest.approx(5.15)
    assert pace.relisted_since(3.3, 4.16)
    assert not pace.relisted_since(3.3, 4.14)


def test_a_pace_that_is_given() -> None:
    """A kind without a phase ticks since the admission; no container beyond those named."""
    pace = Pace(admitted=0.2, phases={"startup": 0.5}, starts=(1.5,), started_at=(0.9,))
    assert (pace.phase("startup"), pace.phase("readiness")) == (0.5, 0.2)
    assert pace.start(1, 9) == 1.5
    assert pace.start(2, 9) == math.inf
    assert pace.shown_start(1, 1.5) == 0.9
