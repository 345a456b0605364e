"""Deletion in each cascade mode, and eviction: what each leaves, and that no request is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster import promises
from tests.cluster.cluster import never, until
from tests.cluster.objects import DRAIN_DELAY, GROUP, group_service
from tests.cluster.release import GONE, HEARD, loaded

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.conftest import Install
    from tests.cluster.facts import Pod
    from tests.cluster.hand import Hand
    from tests.cluster.promises import Tally
    from tests.cluster.release import Release

pytestmark = pytest.mark.cluster

#: Seconds for which what is orphaned is seen to serve on.
A_WHILE = 6.0
#: Seconds from the answer that says draining to the last one, less what the first one took to come.
HELD = DRAIN_DELAY - 1.0


class Pair:
    """Two releases behind one Service: one is deleted, the other serves on."""

    def __init__(self, install: Install, cluster: Cluster, hand: Hand, name: str) -> None:
        self.cluster = cluster
        self.hand = hand
        self.name = name
        labels = {GROUP: name}
        cluster.apply(group_service(name))
        self.stays: Release = install(f"{name}-stays", podLabels=labels)
        self.goes: Release = install(f"{name}-goes", podLabels=labels)
        self.pod: Pod = self.goes.ready()[0]
        other = self.stays.ready()[0]
        both = frozenset({self.pod.name, other.name})
        until("both pods in one Service", lambda: cluster.admitted(name) == both, HEARD)
        loaded(hand, name, cluster.address(name))
        hand.watch(name, self.goes.url(self.pod, "/readyz"))

    def delete(self, cascade: str) -> None:
        """Delete the Deployment."""
        self.cluster.delete("deployment", self.goes.name, f"--cascade={cascade}")

    def drained(self) -> None:
        """Wait for the pod's end; its drain must have held."""
        self.goes.gone(self.pod)
        spans = self.hand.seen(self.name)
        assert promises.ordered(spans, ["ok", "draining"]) == []
        assert promises.held(spans, HELD) == []

    def stop(self) -> Tally:
        """End the load."""
        return self.hand.stop(self.name)


@pytest.fixture
def pair(install: Install, cluster: Cluster, hand: Hand, request: pytest.FixtureRequest) -> Pair:
    """Two releases behind a Service that is named after the test."""
    name = str(request.node.name).rpartition("_")[2]
    return Pair(install, cluster, hand, name)


def test_cascade_background(pair: Pair) -> None:
    """The Deployment is gone at once, the pods drain behind it."""
    pair.delete("background")
    until("the Deployment's end", lambda: not _is_there(pair), GONE)
    pair.drained()
    assert promises.lost(pair.stop(), ["1"]) == []


def test_cascade_foreground(pair: Pair) -> None:
    """The Deployment stays, with its finalizer, until the pods have drained."""
    pair.delete("foreground")
    until("the pod's deletion", lambda: pair.goes.again(pair.pod).ending, HEARD)
    found = pair.cluster.rollout(pair.goes.name)
    assert found.ending
    assert "foregroundDeletion" in found.finalizers
    pair.drained()
    until("the Deployment's end", lambda: not _is_there(pair), GONE)
    assert promises.lost(pair.stop(), ["1"]) == []


def test_cascade_orphan(pair: Pair) -> None:
    """The Deployment is gone, its ReplicaSet and pods stay, and serve."""
    pair.delete("orphan")
    until("the Deployment's end", lambda: not _is_there(pair), GONE)

    def touched() -> bool:
        pod = pair.goes.again(pair.pod)
        return pod.ending or not pod.ready or pod.name not in pair.cluster.admitted(pair.name)

    never("an orphan has ended", touched, A_WHILE)
    selector = f"app.kubernetes.io/instance={pair.goes.name}"
    sets = pair.cluster.kubectl("get", "replicasets", "-l", selector, "-o", "name").split()
    assert len(sets) == 1
    pair.cluster.kubectl("delete", *sets, "--wait=false")
    pair.drained()
    assert promises.lost(pair.stop(), ["1"]) == []


def _is_there(pair: Pair) -> bool:
    return pair.cluster.exists("deployment", pair.goes.name)


def test_eviction_keeps_to_the_budget(install: Install) -> None:
    """As a node's drain does it: one pod at a time, the next when there is another one ready."""
    release = install("evicted", replicaCount=2)
    first, second = release.ready(2)
    release.load()
    until("a budget for an eviction", lambda: release.cluster.evict(first.name), GONE)
    assert not release.cluster.evict(second.name), "the second one must wait for another first"
    release.gone(first)
    release.ready(2)
    until("a budget for the next", lambda: release.cluster.evict(second.name), GONE)
    release.gone(second)
    release.ready(2)
    assert promises.lost(release.unload(), ["1"]) == []
