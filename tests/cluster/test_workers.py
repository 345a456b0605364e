"""Several workers of one pod: one truth, whichever worker answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cluster import promises
from tests.cluster.cluster import until
from tests.cluster.objects import DRAIN_DELAY
from tests.cluster.release import HEARD

if TYPE_CHECKING:
    from tests.cluster.conftest import Install
    from tests.cluster.facts import Pod
    from tests.cluster.release import Release

pytestmark = pytest.mark.cluster

WORKERS = 2
#: Seconds from the answer that says draining to the last one, less what the first one took to come.
HELD = DRAIN_DELAY - 1.0


def test_whichever_worker_answers_it_is_the_pod(install: Install) -> None:
    """A pause by one worker is a pause of the pod, and so is the drain."""
    release = install("workers", {"E2E_WAITS": "warm"}, workers=WORKERS)
    pod = release.running()
    release.promised("warming", pod)
    release.do(pod, "raise", "warm")
    release.ready()
    until("answers of two workers", lambda: len(_workers(release, pod)) == WORKERS, 60)
    release.do(pod, "pause", "by-hand")
    release.promised("paused", pod)
    _all_say(release, pod, "paused")
    release.do(pod, "resume", "by-hand")
    release.promised("serving", pod)
    _all_say(release, pod, "ok")


def test_all_workers_drain_as_one(install: Install) -> None:
    """No request is lost, and no worker says ready while another one drains."""
    release = install("fleet", workers=WORKERS, replicaCount=2)
    first, _ = release.ready(2)
    release.load()
    release.hand.watch("fleet", release.url(first, "/readyz"))
    release.cluster.delete("pod", first.name)
    release.gone(first)
    release.ready(2)
    assert promises.lost(release.unload(), ["1"]) == []
    spans = release.hand.seen("fleet")
    assert promises.held(spans, HELD) == []
    assert release.failed_hooks() == []


def test_a_worker_that_is_broken_restarts_the_pod(install: Install) -> None:
    """It hides behind no sibling: every worker's `/livez` says so."""
    release = install("sibling", workers=WORKERS)
    (pod,) = release.ready()
    release.do(pod, "fail-liveness", "by-hand")
    release.promised("liveness failed", pod)

    def all_fail() -> bool:
        return {seen.status for seen in release.often(pod, "/livez")} == {503}

    until("every worker's failed liveness", all_fail, HEARD)
    release.out_of_service(pod, within=HEARD)


def _workers(release: Release, pod: Pod) -> set[int]:
    """Return the process ids of those that answer."""
    return {json.loads(seen.text)["pid"] for seen in release.often(pod) if seen.status}


def _all_say(release: Release, pod: Pod, word: str) -> None:
    """Wait until readiness says one thing, asked often: a worker hears of it a moment later."""

    def as_one() -> bool:
        return {seen.text for seen in release.often(pod, "/readyz")} == {word}

    until(f"{word!r} of all workers", as_one, HEARD)
