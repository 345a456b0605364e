"""The arithmetic of probes and of a pod's end."""

from __future__ import annotations

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


def test_the_documented_boot_is_a_period_more_than_the_guaranteed_one() -> None:
    """Without a delay: the first probe may come at once."""
    times = timing.Timing(period=10, failure_threshold=30)
    assert (timing.documented_boot(times), timing.guaranteed_boot(times)) == (300, 290)
    assert timing.documented_boot(timing.Timing(5, 10, 1, 1, 3)) == 35


def test_a_rollout_needs_a_start_and_a_readiness_period() -> None:
    """Without a readiness probe a container that has started is ready."""
    readiness = timing.Timing(period=10)
    assert timing.progress_needed(301, readiness, 30, pull=60) == 301 + 10 + 0.1 + 30 + 60
    assert timing.progress_needed(301, None) == 301.1
