"""Rollouts under load: no request is lost, and a bad version changes nothing for anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster import promises
from tests.cluster.cluster import never, until

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.conftest import Install
    from tests.cluster.release import Release

pytestmark = pytest.mark.cluster

#: Seconds: for a rollout of two pods, and for a bad one to be given up.
ROLLED_OUT = 120.0
PROGRESS = 50
#: Seconds for which it is looked at whether a bad rollout stands still.
A_WHILE = 6.0

#: Kept connections that were found closed, at most: none of 9,364 requests was measured, of 3
#: clients and 3 pods. Without being told to close it was each client once for each pod. The node's
#: standing still for a drain's whole length is the one way to be left; it is repeated, not lost.
STALE = 1

WAYS = ["exec", "sleep", "none"]


@pytest.mark.parametrize("pre_stop", WAYS)
def test_no_request_is_lost_in_a_rollout(install: Install, pre_stop: str) -> None:
    """New connections, kept ones and slow requests all get their answer."""
    release = install(f"roll-{pre_stop}", replicaCount=2, preStop=pre_stop)
    release.ready(2)
    release.load()
    _set_version(release, "2")
    _rolled_out(release, 2)
    tally = release.unload()
    assert promises.lost(tally, ["1", "2"]) == []
    assert tally.told_to_close, "answers tell kept connections to close while a pod drains"
    if pre_stop == "exec":  # the whole drain long, so that none is left at its end
        assert tally.stale <= STALE, tally
    assert release.failed_hooks() == []


def test_no_request_is_lost_when_the_image_is_updated(install: Install) -> None:
    """`kubectl set image` is a rollout like any other."""
    release = install("image", replicaCount=2)
    settings = release.cluster.settings
    if not settings.next_tag:
        pytest.skip("HEALTHKIT_E2E_NEXT_TAG names no other tag of the image")
    before = release.ready(2)
    release.load()
    _set_image(release, f"{settings.repository}:{settings.next_tag}")
    _rolled_out(release, 2)
    assert promises.lost(release.unload(), ["1"]) == []
    assert not {pod.uid for pod in before} & {pod.uid for pod in release.pods()}


def test_a_bad_version_halts(install: Install) -> None:
    """A version that is never warm: the old pods serve on, and the rollout is told as failed."""
    release = install("bad", replicaCount=2, progressDeadlineSeconds=PROGRESS)
    old = {pod.uid for pod in release.ready(2)}
    release.load()
    words = ("set", "env", "deployment/bad", "E2E_VERSION=2", "E2E_WAITS=warm")
    release.cluster.kubectl(*words)
    given_up = ("False", "ProgressDeadlineExceeded")

    def halted() -> bool:
        return release.cluster.rollout("bad").progressing == given_up

    until("the end of the progress deadline", halted, PROGRESS + 60)
    assert old <= {pod.uid for pod in release.pods() if pod.ready}
    release.cluster.kubectl("rollout", "undo", "deployment/bad")
    _rolled_out(release, 2)
    tally = release.unload()
    assert promises.lost(tally, ["1"]) == []
    assert set(tally.versions) == {"1"}, "nobody was answered by the bad version"
    assert old == {pod.uid for pod in release.pods()}


def test_an_image_that_is_not_there_halts(install: Install, cluster: Cluster) -> None:
    """`kubectl set image` to nothing: the old pod serves on. Nothing is pulled."""
    settings = cluster.settings
    image = {"repository": settings.repository, "tag": settings.tag, "pullPolicy": "Never"}
    release = install("absent", image=image)
    (old,) = release.ready()
    release.load()
    _set_image(release, f"{settings.repository}:healthkit-e2e-is-not-there")
    until("the pod of the new image", lambda: len(release.pods()) > 1, ROLLED_OUT)

    def changed() -> bool:
        return not release.again(old).ready or release.admitted() != frozenset({old.name})

    never("the old pod is ready no more", changed, A_WHILE)
    release.cluster.kubectl("rollout", "undo", f"deployment/{release.name}")
    _rolled_out(release, 1)
    assert promises.lost(release.unload(), ["1"]) == []
    assert [pod.uid for pod in release.pods()] == [old.uid]


def _set_version(release: Release, version: str) -> None:
    release.cluster.kubectl("set", "env", f"deployment/{release.name}", f"E2E_VERSION={version}")


def _set_image(release: Release, image: str) -> None:
    release.cluster.kubectl("set", "image", f"deployment/{release.name}", f"app={image}")


def _rolled_out(release: Release, count: int) -> None:
    """Wait until the rollout is complete, and the last old pod is gone."""

    def complete() -> bool:
        return release.cluster.rollout(release.name).complete and len(release.pods()) == count

    until(f"the rollout of {release.name}", complete, ROLLED_OUT)
    release.ready(count)
