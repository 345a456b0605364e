"""When the kubelet renews a pod's status."""

from __future__ import annotations

import pytest

from healthkit.testing._clock import Schedule
from healthkit.testing._rules import Pace
from healthkit.testing._syncs import Syncs


def made(pace: Pace) -> tuple[Schedule, list[float], Syncs]:
    """Return syncs, and the moments at which they come."""
    clock = Schedule()
    seen: list[float] = []
    return clock, seen, Syncs(clock, pace, lambda: seen.append(clock.now()))


def test_the_first_one_comes_at_once_the_next_after_a_relist() -> None:
    """And at once again, when the kubelet has looked meanwhile."""
    clock, seen, syncs = made(Pace(admitted=0.25))
    clock.run_until(0.5)
    syncs.request()
    clock.run_until(0.75)
    syncs.request()
    syncs.request()
    clock.run_until(2.5)
    syncs.request()
    assert seen == [0.5, pytest.approx(1.15), 2.5]


def test_one_that_is_due_is_enough() -> None:
    """Whether it waits for a relist by itself or not."""
    clock, seen, syncs = made(Pace())
    clock.run_until(0.5)
    syncs.after_relist()
    syncs.after_relist()
    syncs.request()
    clock.run_until(5)
    assert seen == [0.9]


def test_none_comes_after_the_end() -> None:
    """Nor does what was due."""
    clock, seen, syncs = made(Pace())
    syncs.after_relist()
    syncs.stop()
    syncs.stop()
    syncs.request()
    syncs.after_relist()
    clock.run_until(5)
    assert seen == []


def test_given_ones_replace_the_rule() -> None:
    """Nothing is asked for that a recording does not have."""
    clock, seen, syncs = made(Pace(syncs=()))
    syncs.request()
    syncs.after_relist()
    clock.run_until(5)
    assert seen == []


def test_its_repr_says_what_is_due() -> None:
    """And when the last one was."""
    clock, _, syncs = made(Pace())
    clock.run_until(1.5)
    syncs.request()
    assert repr(syncs) == "<Syncs last 1.5>"
    syncs.after_relist()
    assert repr(syncs) == "<Syncs last 1.5, one due>"
