"""The deployment controller, step by step: what holds at every event of a rollout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life
from tests.testing.deployments import (
    BARE,
    CRASHES,
    NEVER_READY,
    Cluster,
    at_once,
    workload,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.testing._clock import Timer
    from healthkit.testing._deployment import Deployment


class Watched(Schedule):
    """A clock that looks after each event."""

    def __init__(self) -> None:
        super().__init__()
        #: What is looked at.
        self.look: Callable[[], object] = int

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Have `callback` called, and look."""

        def then() -> None:
            callback()
            self.look()

        return super().call_at(when, then)


class Bounds:
    """What is never to be: too many pods, or too few that are available."""

    def __init__(self, deployment: Deployment, most: int, least: int) -> None:
        self._deployment = deployment
        self.most = most
        self.least = least
        self.greatest = 0
        self.fewest = 99

    def look(self) -> None:
        """Hold them."""
        active = [pod for pod in self._deployment.pods if not pod.terminating]
        available = sum(pod.ready() for pod in active)
        self.greatest = max(self.greatest, len(active))
        self.fewest = min(self.fewest, available)
        assert len(active) <= self.most
        assert available >= self.least


def boots(least: float = 0.0) -> st.SearchStrategy[Life]:
    """Lives that become ready sooner or later, and end so."""
    return st.builds(
        Life,
        listens_at=st.floats(least, 20.0),
        exits_after_sigterm=st.sampled_from([0.0, 0.1, 7.0, None]),
        closes_after_sigterm=st.sampled_from([0.0, 5.0]),
        handles_sigterm_at=st.just(0.0),
    )


BROKEN = st.sampled_from([CRASHES, NEVER_READY])


@settings(max_examples=60, deadline=None)
@given(
    replicas=st.integers(1, 8),
    surge=st.integers(0, 5),
    unavailable=st.integers(0, 5),
    versions=st.lists(st.one_of(boots(), BROKEN, st.none()), min_size=1, max_size=3),
    pauses=st.lists(st.floats(0.0, 40.0), min_size=3, max_size=3),
)
def test_a_rollout_keeps_its_bounds_at_every_event(
    replicas: int,
    surge: int,
    unavailable: int,
    versions: list[Life | None],
    pauses: list[float],
) -> None:
    """No more pods than the surge allows, and as many available as have to be.

    Whatever the versions are like, and whether one comes while another is under way.
    """
    surge = surge or (not unavailable)
    clock = Watched()
    cluster = Cluster(Described(BARE), workload(replicas, surge, unavailable), clock=clock)
    cluster.rolled_out()
    deployment = cluster.deployment
    bounds = Bounds(deployment, replicas + surge, max(0, replicas - unavailable))
    clock.look = bounds.look
    for number, (life, pause) in enumerate(zip(versions, pauses, strict=False), 2):
        cluster.set_image(None if life is None else Described(life), f"shop:{number}")
        cluster.advance(pause)
    cluster.advance(400)
    good = versions[-1] not in [None, CRASHES, NEVER_READY]
    assert deployment.rolled_out() is good
    if good:
        assert cluster.tags() == [f"shop:{len(versions) + 1}"] * replicas


def test_the_bounds_are_used() -> None:
    """A surge is made use of, and so is what may be unavailable."""
    clock = Watched()
    cluster = Cluster(Described(BARE), workload(4, 2, 1), clock=clock)
    cluster.rolled_out()
    bounds = Bounds(cluster.deployment, 6, 3)
    clock.look = bounds.look
    cluster.set_image(Described(BARE))
    cluster.rolled_out()
    assert (bounds.greatest, bounds.fewest) == (6, 3)


@settings(max_examples=40, deadline=None)
@given(
    recreate=st.booleans(),
    first=st.integers(0, 6),
    steps=st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.floats(0.0, 8.0)), max_size=5),
)
def test_it_comes_to_what_was_wanted_last(
    recreate: bool, first: int, steps: list[tuple[int, bool, float]]
) -> None:
    """Whenever it is scaled or told to begin anew: then so many pods are there, of that version."""
    cluster = Cluster(Described(BARE), workload(first, 1, 1, recreate=recreate))
    deployment = cluster.deployment
    for replicas, restart, pause in steps:
        at_once(deployment.scale(replicas))
        if restart:
            at_once(deployment.rollout_restart())
        cluster.advance(pause)
    cluster.rolled_out(300)
    cluster.advance(60)
    wanted = steps[-1][0] if steps else first
    assert deployment.rolled_out()
    assert len(deployment.pods) == wanted == deployment.available_replicas
    hashes = {pod.spec.labels["pod-template-hash"] for pod in deployment.pods}
    assert len(hashes) == min(1, wanted)


def test_scaling_amid_a_rollout_keeps_the_shares() -> None:
    """A version that isn't there yet doesn't get all of what is added."""
    cluster = Cluster(Described(BARE), workload(4, 2, 0))
    cluster.rolled_out()
    cluster.set_image(Described(NEVER_READY))
    cluster.advance(20)
    assert cluster.tags() == ["shop:1"] * 4 + ["shop:2"] * 2
    at_once(cluster.deployment.scale(10))
    cluster.advance(20)
    assert cluster.tags() == ["shop:1"] * 8 + ["shop:2"] * 4
    at_once(cluster.deployment.scale(1))
    at_once(cluster.deployment.scale(2))
    cluster.advance(0.05)
    assert cluster.tags() == ["shop:1"] * 3 + ["shop:2"]
    cluster.advance(20)
    assert cluster.tags() == ["shop:1"] * 2 + ["shop:2"] * 2


def test_scaling_when_the_new_version_is_complete_ends_the_old_one() -> None:
    """The old pods are no part of what is scaled."""
    cluster = Cluster(Described(BARE), workload(6, 1, 0))
    cluster.rolled_out()
    old = cluster.deployment.pods
    cluster.set_image(Described(BARE))

    def half_new() -> bool:
        new = [pod for pod in cluster.deployment.pods if pod not in old]
        return len(new) == 3 and all(pod.ready() for pod in new)

    at_once(cluster.kubelet.until(half_new, 60))
    at_once(cluster.deployment.scale(3))
    cluster.advance(0.05)
    assert cluster.tags() == ["shop:2"] * 3


def test_scaling_a_recreation_waits_for_it() -> None:
    """There are no shares: all old pods go, then as many come as are wanted now."""
    cluster = Cluster(Described(replace(BARE, exits_after_sigterm=9.0)), workload(recreate=True))
    cluster.rolled_out()
    cluster.set_image(Described(BARE))
    cluster.advance(1)
    at_once(cluster.deployment.scale(5))
    cluster.advance(2)
    assert cluster.tags() == []
    cluster.rolled_out()
    assert cluster.tags() == ["shop:2"] * 5


def test_its_state_is_to_be_read() -> None:
    """For whoever debugs it."""
    cluster = Cluster()
    cluster.rolled_out()
    assert repr(cluster.deployment._controller) == (
        "<Controller of shop: Counts(replicas=3, updated=3, ready=3, available=3)>"
    )


def test_no_event_costs_more_where_there_are_more_pods() -> None:
    """A hundred pods for ten minutes, a rollout among them: so many callbacks per pod, no more."""

    class Counted(Schedule):
        calls = 0

        def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
            type(self).calls += 1
            return super().call_at(when, callback)

    def calls(pods: int) -> float:
        Counted.calls = 0
        cluster = Cluster(Described(BARE), workload(pods, pods // 4, 0), clock=Counted())
        cluster.advance(300)
        cluster.set_image(Described(BARE))
        cluster.advance(300)
        assert cluster.deployment.rolled_out()
        return Counted.calls / pods

    assert calls(100) < 1.1 * calls(20)
