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
    ("times", "usual", "guaranteed"),
    [
        (timing.Timing(failure_threshold=30), 300, 290),
        (timing.Timing(initial_delay=5, period=2, failure_threshold=4), 13, 10),
    ],
)
def test_the_usual_formula_promises_a_period_too_much(
    times: timing.Timing, usual: float, guaranteed: float
) -> None:
    """And with a delay one second more than that."""
    assert timing.nominal_boot(times) == usual
    assert timing.guaranteed_boot(times) == guaranteed


def test_a_pod_without_a_readiness_probe_is_available_sooner() -> None:
    """It is ready when it has started."""
    lag = timing.SLICE_LAG
    assert timing.progress_needed(290, timing.Timing(period=5), 3, 20) == 318 + lag
    assert timing.progress_needed(290, None, 3, 20) == 313 + lag
