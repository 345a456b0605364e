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


@pytest.mark.parametrize(
    ("hook", "delay", "serves"), [(0, 5.0, 5.0), (5.0, 0, 5.0), (5.0, 1.0, 6.0)]
)
def test_a_hook_and_a_delay_come_one_after_the_other(
    hook: float, delay: float, serves: float
) -> None:
    """SIGTERM, which begins the delay, waits for the hook; and is sent when that is over."""
    assert timing.serving_on(hook, delay) == serves
    assert timing.end(30, hook).sigterm + delay == serves
