"""The arithmetic of probes and of a pod's end."""

from __future__ import annotations

import math

import pytest

from healthkit import timing


@pytest.mark.parametrize(
    ("now", "over"), [(9.9, False), (9.9995, True), (10.0, True), (10.9, True)]
)
def test_a_delay_is_counted_in_whole_seconds(now: float, over: bool) -> None:
    """Of the time since the start that is shown; half a millisecond is none."""
    assert timing.delay_is_over(5.0, now, 5) is over
    assert timing.delay_is_over(5.0, now, 0)


@pytest.mark.parametrize(
    ("grace", "took", "left"),
    [(30, 0, 30), (30, 5.0, 25), (30, 5.9, 25), (30, 4.9999, 25), (6, 5, 2), (6, 60, 2), (0, 0, 2)],
)
def test_the_hook_counts_against_the_grace_period(grace: int, took: float, left: int) -> None:
    """In whole seconds, and two are left whatever happens."""
    assert timing.left_for_sigterm(grace, took) == left


@pytest.mark.parametrize(
    ("delay", "failures"), [(0, 2), (3.1, 2), (3.2, 1), (5, 1), (5.19, 1), (5.2, 2), (60, 2)]
)
def test_readiness_fails_within_the_drain_delay(delay: float, failures: int) -> None:
    """With as many failures as there is time for; with those wanted if there is for none."""
    found = timing.readiness_for(delay, 2, 2, 2)
    assert found == timing.Timing(0, 2, 2, 1, failures)


def test_an_app_is_ready_when_its_longest_work_is_done() -> None:
    """Start-up work and warm-ups begin when the port is open."""
    assert timing.start_needed(30) == 30
    assert timing.start_needed(30, 20, 120) == 150
    assert timing.start_needed(30, 20, 10) == 50


@pytest.mark.parametrize(("delay", "grace"), [(5, 30), (10, 30), (10.1, 31), (11, 31)])
def test_a_grace_period_is_whole_and_not_below_the_default(delay: float, grace: int) -> None:
    """Delay, 15 s in flight, 5 s for the exit."""
    assert timing.grace_for(delay, 15) == grace
    assert timing.grace_for(delay, 15, least=1) == min(grace, math.ceil(delay) + 20)
    assert timing.grace_for(delay, 15, 65) == math.ceil(delay) + 80


def test_a_progress_deadline_is_more_than_what_is_needed() -> None:
    """By up to a second."""
    readiness = timing.Timing(0, 2, 2, 1, 2)
    needed = timing.progress_needed(500, readiness, 10, 120)
    assert needed == pytest.approx(632.1)
    assert timing.progress_for(500, readiness, 10, 120) == 633
    assert timing.progress_for(500 - timing.SLICE_LAG, readiness, 10, 120) == 633


@pytest.mark.parametrize(
    ("limit", "counted", "reserve"), [(0, 0, 5), (3, 0, 5), (5, 0, 7), (30, 20, 12), (30, 30, 5)]
)
def test_a_server_with_a_limit_needs_two_seconds_more(
    limit: float, counted: float, reserve: float
) -> None:
    """And five at least; what the drain has used up counts."""
    assert timing.exit_needed(limit, counted) == reserve
