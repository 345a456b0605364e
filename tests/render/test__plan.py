"""The numbers of a manifest that fits an app."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import timing
from healthkit.render import PreStop, Wanted, plan
from healthkit.timing import Timing

BOOTS = st.floats(0.001, 3600)
SECONDS = st.floats(0, 3600)
#: What adding up floats may cost.
ROUNDING = 1e-6
PRE_STOPS = st.sampled_from(["exec", "none"])


@pytest.mark.parametrize(
    ("boot", "period", "timeout", "failures"),
    [
        (0.5, 2, 2, 2),
        (30, 2, 2, 16),
        (120, 2, 2, 61),
        (121, 5, 3, 26),
        (600, 5, 3, 121),
        (601, 10, 3, 62),
        (3600, 10, 3, 361),
    ],
)
def test_a_long_start_is_asked_less_often(
    boot: float, period: int, timeout: int, failures: int
) -> None:
    """The end of a short one is found sooner."""
    assert plan(Wanted(boot=boot)).startup == Timing(0, period, timeout, 1, failures)


def test_the_startup_probe_has_time_for_warm_ups() -> None:
    """What is said of the start, and held against the probe, is without them."""
    found = plan(Wanted(boot=20, startup=10, warm_up=100))
    assert (found.boot, found.start) == (30, 120)
    assert timing.guaranteed_boot(found.startup) == 120


@given(BOOTS, SECONDS, SECONDS)
def test_a_start_that_was_asked_for_is_guaranteed(
    boot: float, startup: float, warm_up: float
) -> None:
    """Whatever the ticker's phase, and with less than a period to spare."""
    found = plan(Wanted(boot=boot, startup=startup, warm_up=warm_up))
    guaranteed = timing.guaranteed_boot(found.startup)
    assert boot + max(startup, warm_up) <= guaranteed
    assert guaranteed < boot + max(startup, warm_up) + found.startup.period


@given(SECONDS, SECONDS, PRE_STOPS)
def test_an_end_has_time_for_the_longest_request(
    delay: float, longest: float, pre_stop: PreStop
) -> None:
    """Behind the drain delay, and then 5 s for the exit."""
    found = plan(Wanted(drain_delay=delay, longest_request=longest, pre_stop=pre_stop))
    end = timing.end(found.grace, delay + longest if pre_stop == "exec" else 0)
    assert not end.hook_is_cut
    assert end.sigkill - delay - longest >= timing.EXIT_RESERVE - ROUNDING
    assert found.grace >= timing.DEFAULT_GRACE
    assert (found.app_delay, found.sleep) == (delay, None)


@given(st.floats(0.001, 3600), SECONDS)
def test_a_sleep_is_whole_and_the_app_waits_a_second_more(delay: float, longest: float) -> None:
    """For kept connections; all of it fits the grace period."""
    found = plan(Wanted(drain_delay=delay, longest_request=longest, pre_stop="sleep"))
    assert found.sleep is not None
    assert delay <= found.sleep < delay + 1
    assert (found.app_delay, found.drain_delay) == (1, found.sleep + 1)
    left = timing.end(found.grace, found.sleep).left
    assert left >= 1 + longest + timing.EXIT_RESERVE - ROUNDING


@given(SECONDS)
def test_readiness_is_out_before_liveness_kills(delay: float) -> None:
    """Whatever the drain."""
    found = plan(Wanted(drain_delay=delay))
    hung = timing.withdrawn(found.readiness).latest
    assert hung < timing.failed(found.liveness).earliest


def test_one_failure_takes_no_pod_out() -> None:
    """A pause that all of them have at once would be an outage."""
    assert plan(Wanted(drain_delay=2)).readiness == Timing(0, 2, 2, 1, 2)


@given(BOOTS)
def test_a_rollout_may_stand_still_for_a_whole_start(boot: float) -> None:
    """By Kubernetes' default, where that is enough."""
    found = plan(Wanted(boot=boot))
    deadline = found.progress_deadline or timing.DEFAULT_PROGRESS
    latest = timing.latest_kill(found.startup)
    assert deadline > timing.progress_needed(latest, found.readiness, found.min_ready)
    assert found.progress_deadline is None or found.progress_deadline > timing.DEFAULT_PROGRESS


def test_a_short_start_needs_no_deadline() -> None:
    """Up to 460 s or so."""
    assert plan(Wanted(boot=300)).progress_deadline is None
    assert plan(Wanted(boot=900)).progress_deadline == 900 + 13 + 120 + 2 + 10 + 1
