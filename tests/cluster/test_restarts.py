"""Kills by the kubelet: liveness, with its drain, and a start that never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from healthkit import timing
from tests.cluster import promises
from tests.cluster.cluster import until
from tests.cluster.objects import DRAIN_DELAY
from tests.cluster.release import HEARD

if TYPE_CHECKING:
    from tests.cluster.conftest import Install

pytestmark = pytest.mark.cluster

#: Seconds for a restart beside what the probes and the drain take: the exit, and a new start.
SLACK = 40.0
#: Seconds: events and starts are told in whole seconds, and a busy kubelet is late.
CUT = 2.0
LATE = 5.0
#: Seconds that a start may take, for the pod that never starts.
BOOT = 10
#: Seconds from the answer that says draining to the last one, less what the first one took to come.
HELD = DRAIN_DELAY - 1.0
#: What ended by SIGKILL exits with.
KILLED = 137

#: The chart's liveness probe, and its startup probe for such a start.
LIVENESS = timing.Timing(0, 10, 3, 1, 3)
STARTUP = timing.startup_for(BOOT, 2, 2)


def test_a_failed_liveness_restarts_after_a_drain(install: Install) -> None:
    """The pod is out of its Service first, then drains, and the new container knows nothing of it.

    The state directory is an emptyDir, which survives the restart: the drain must not.
    """
    release = install("broken")
    (pod,) = release.ready()
    release.hand.watch("broken", release.url(pod, "/readyz"))
    release.do(pod, "fail-liveness", "by-hand")
    release.promised("liveness failed", pod)
    release.out_of_service(pod)
    assert release.again(pod).restarts == 0, "it must be out of the Service before it is killed"
    takes = timing.failed(LIVENESS).latest + DRAIN_DELAY
    again = release.restarted(pod, takes + SLACK)
    (served,) = release.ready()
    spans = release.hand.seen("broken")
    assert (served.uid, again.restarts) == (pod.uid, 1)
    assert promises.ordered(spans, ["ok", "liveness failed", "draining", "ok"]) == []
    assert promises.held(spans, HELD) == []
    assert again.last_code != KILLED
    assert release.failed_hooks() == []
    release.promised("serving", served)


def test_a_start_that_never_ends_is_killed_in_time(install: Install) -> None:
    """Not before the guaranteed boot is over, and by the latest kill; then it is tried again."""
    release = install("stuck", {"E2E_WAITS": "start"}, bootSeconds=BOOT)
    pod = release.running()
    latest = timing.latest_kill(STARTUP)
    again = release.restarted(pod, latest + DRAIN_DELAY + SLACK)
    kills = until("its event", lambda: release.cluster.events(pod.name, "Killing"), HEARD)
    assert "startup probe" in kills[0][1], kills
    assert again.last_began is not None
    ran = kills[0][0] - again.last_began
    assert timing.guaranteed_boot(STARTUP) - CUT <= ran <= latest + LATE, (ran, latest)
    assert release.admitted() == frozenset()
    release.promised("starting", again)
