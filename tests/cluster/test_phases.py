"""A pod's life from its start to its end: what each endpoint answers, and who gets traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster import promises
from tests.cluster.cluster import never, until
from tests.cluster.objects import DRAIN_DELAY

if TYPE_CHECKING:
    from tests.cluster.conftest import Install
    from tests.cluster.facts import Pod
    from tests.cluster.release import Release

pytestmark = pytest.mark.cluster

#: Seconds for which a pod is seen to get no traffic: two periods of the readiness probe, and more.
A_WHILE = 6.0
#: Seconds from the answer that says draining to the last one, less what the first one took to come.
HELD = DRAIN_DELAY - 1.0


def test_endpoints_and_traffic_from_start_to_end(install: Install) -> None:
    """Every phase answers as the README's table says, and only a warm pod gets traffic."""
    release = install("phases", {"E2E_WAITS": "start,warm"}, bootSeconds=110)
    pod = release.running()
    _starts(release, pod)
    _warms_up(release, pod)
    _fails_and_pauses(release, pod)
    _drains(release, pod)


def _starts(release: Release, pod: Pod) -> None:
    release.promised("starting", pod)
    assert release.admitted() == frozenset()
    assert not release.again(pod).started
    release.do(pod, "raise", "start")


def _warms_up(release: Release, pod: Pod) -> None:
    """Warming up, the pod has started for the kubelet, and is in no Service."""
    release.promised("warming", pod)
    until("the startup probe's success", lambda: release.again(pod).started, 30)
    never("in the Service while warming", release.admitted, A_WHILE)
    assert not release.again(pod).ready
    release.do(pod, "raise", "warm")
    release.promised("serving", pod)
    release.ready()


def _fails_and_pauses(release: Release, pod: Pod) -> None:
    """A failing check and a pause take it out of the Service, and kill nothing."""
    release.do(pod, "raise", "broken")
    release.promised("failing", pod)
    release.out_of_service(pod)
    release.do(pod, "lower", "broken")
    release.in_service(pod)
    release.do(pod, "pause", "by-hand")
    release.promised("paused", pod)
    release.out_of_service(pod)
    release.do(pod, "resume", "by-hand")
    release.in_service(pod)
    assert release.again(pod).restarts == 0


def _drains(release: Release, pod: Pod) -> None:
    """Deleted, it says so, serves on for the delay, and tells clients to close."""
    release.hand.watch("end", release.url(pod, "/readyz"))
    release.cluster.delete("pod", pod.name)
    release.promised("draining", pod, within=DRAIN_DELAY)
    answer = release.hand.ask(release.url(pod))
    assert (answer.status, answer.headers.get("connection")) == (200, "close")
    release.gone(pod)
    spans = release.hand.seen("end")
    assert promises.ordered(spans, ["ok", "draining"]) == []
    assert promises.held(spans, HELD) == []


@pytest.mark.parametrize("pre_stop", ["sleep", "none"])
def test_it_serves_on_after_its_deletion(install: Install, pre_stop: str) -> None:
    """Without an exec hook, the kubelet's sleep or the app's own delay do the same."""
    release = install(f"end-{pre_stop}", preStop=pre_stop)
    (pod,) = release.ready()
    release.hand.watch(release.name, release.url(pod, "/readyz"))
    release.cluster.delete("pod", pod.name)
    release.gone(pod)
    spans = release.hand.seen(release.name)
    answered = [span for span in spans if span.status]
    assert promises.ordered(spans, ["ok", "draining"]) == []
    assert answered[-1].last - answered[0].first >= DRAIN_DELAY, promises.told(spans)
