"""A Deployment, as a test holds it: its rollouts, good and bad, and what they lose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests._spec import PodSpec, Sleep
from healthkit.testing._described import Described
from healthkit.testing._rollout import NO_DEADLINE
from healthkit.testing._service import Traffic
from tests.testing.deployments import (
    BARE,
    CRASHES,
    DRAINS,
    NEVER_READY,
    Cluster,
    at_once,
    workload,
)

if TYPE_CHECKING:
    from healthkit.testing._deployment import Cascade

TRAFFIC = Traffic(new=4, kept=4)
BAD = [Described(NEVER_READY), Described(CRASHES), None]


async def asgi(scope: object, receive: object, send: object) -> None:
    """Stand for an ASGI app."""


def test_pods_come_up_and_are_told() -> None:
    """As many as the manifest says, named by their version."""
    cluster = Cluster()
    deployment = cluster.deployment
    assert deployment.rollout == "Waiting for deployment spec update to be observed..."
    assert not deployment.rolled_out()
    cluster.advance(0.1)
    assert deployment.rollout.endswith(": 0 of 3 updated replicas are available...")
    cluster.rolled_out()
    counts = (
        deployment.ready_replicas,
        deployment.available_replicas,
        deployment.updated_replicas,
    )
    assert counts == (3, 3, 3)
    assert repr(deployment) == "<Deployment shop: 3/3 ready, 3 up to date, 3 available>"
    assert {name: one.status for name, one in deployment.conditions.items()} == {
        "Available": "True",
        "Progressing": "True",
    }
    names = {pod.name for pod in deployment.pods}
    assert len(names) == 3
    assert len({name.rpartition("-")[0] for name in names}) == 1
    assert all(name.startswith("shop-") for name in names)
    assert set(cluster.kubelet.pods) == set(deployment.pods)


def test_a_rollout_of_an_app_that_drains_loses_nothing() -> None:
    """The image is set under load, and all pods are new ones."""
    cluster = Cluster(Described(DRAINS), traffic=TRAFFIC)
    deployment = cluster.deployment
    cluster.rolled_out()
    old = set(deployment.pods)
    cluster.advance(5)
    cluster.set_image(Described(DRAINS))
    assert not deployment.rolled_out()
    cluster.rolled_out()
    cluster.advance(10)
    assert (deployment.image, cluster.tags()) == ("shop:2", ["shop:2"] * 3)
    assert not old & set(deployment.pods)
    assert all(pod.deleted for pod in old)
    assert deployment.requests > 1000
    assert deployment.lost_requests == 0


def test_a_rollout_of_an_app_that_does_not_drain_loses_some() -> None:
    """So the loss is the app's, and not the test's lack of traffic. A hook mends it."""
    lost: list[int] = []
    for hook in (None, Sleep(5)):
        cluster = Cluster(made=workload(pre_stop=hook), traffic=TRAFFIC)
        cluster.rolled_out()
        cluster.set_image(Described(BARE))
        cluster.rolled_out()
        cluster.advance(10)
        lost.append(cluster.deployment.lost_requests)
        if lost[-1]:
            assert f", {lost[-1]} requests lost>" in repr(cluster.deployment)
    assert lost[0] > 0
    assert lost[1] == 0


@pytest.mark.parametrize("app", BAD, ids=["never ready", "crashes", "no image"])
def test_a_bad_version_halts_and_the_old_one_serves_on(app: Described | None) -> None:
    """It is reported when the progress deadline is over, and not rolled back."""
    cluster = Cluster(made=workload(deadline=60), traffic=TRAFFIC)
    cluster.rolled_out()
    deployment = cluster.deployment
    cluster.set_image(app)
    cluster.advance(55)
    assert not deployment.failed()
    assert deployment.rollout.endswith(": 1 out of 3 new replicas have been updated...")
    cluster.advance(15)
    assert deployment.failed()
    assert not deployment.rolled_out()
    assert deployment.rollout == 'error: deployment "shop" exceeded its progress deadline'
    assert deployment.conditions["Progressing"].reason == "ProgressDeadlineExceeded"
    assert deployment.conditions["Available"].status == "True"
    cluster.advance(600)
    assert cluster.tags() == ["shop:1"] * 3 + ["shop:2"]
    assert deployment.lost_requests == 0


@pytest.mark.parametrize("app", BAD, ids=["never ready", "crashes", "no image"])
def test_undoing_a_bad_rollout_goes_back(app: Described | None) -> None:
    """The old pods are used again, and none of them is restarted."""
    cluster = Cluster(made=workload(deadline=30), traffic=TRAFFIC)
    cluster.rolled_out()
    old = cluster.deployment.pods
    cluster.set_image(app)
    cluster.advance(60)
    at_once(cluster.deployment.rollout_undo())
    cluster.rolled_out()
    cluster.advance(60)
    assert cluster.deployment.pods == old
    assert cluster.deployment.image == "shop:1"
    assert cluster.deployment.lost_requests == 0
    assert not cluster.deployment.failed()


def test_undoing_twice_goes_forth_again() -> None:
    """The version before is always the one that was there before."""
    cluster = Cluster()
    cluster.rolled_out()
    cluster.set_image(Described(BARE))
    cluster.rolled_out()
    for image in ("shop:1", "shop:2"):
        at_once(cluster.deployment.rollout_undo())
        cluster.rolled_out()
        assert cluster.tags() == [image] * 3


def test_progress_puts_the_deadline_off() -> None:
    """A rollout that takes longer than the deadline is in time, if each step is."""
    slow = replace(BARE, listens_at=20.0)
    cluster = Cluster(Described(slow), workload(deadline=30))
    deployment = cluster.deployment
    cluster.rolled_out()
    began = cluster.now
    cluster.set_image(Described(slow))
    at_once(cluster.kubelet.until(lambda: deployment.rolled_out() or deployment.failed(), 120))
    assert deployment.rolled_out()
    assert cluster.now - began > 60


def test_what_is_late_may_still_come() -> None:
    """The deadline ends nothing: progress makes the condition True again."""
    cluster = Cluster(Described(replace(BARE, listens_at=50.0)), workload(deadline=20))
    at_once(cluster.kubelet.until(cluster.deployment.failed, 30))
    assert 21 < cluster.now < 22  # it looks a second later
    cluster.rolled_out()
    assert not cluster.deployment.failed()


def test_without_a_deadline_nothing_is_ever_late() -> None:
    """Then there is no condition Progressing at all."""
    cluster = Cluster(Described(NEVER_READY), workload(deadline=NO_DEADLINE))
    cluster.advance(10_000)
    assert set(cluster.deployment.conditions) == {"Available"}
    assert cluster.deployment.conditions["Available"].status == "False"
    assert not cluster.deployment.failed()


def test_min_ready_seconds_slow_a_rollout_down() -> None:
    """A pod that is ready is not available before, and the next step waits for that."""
    cluster = Cluster(made=workload(min_ready=30))
    cluster.advance(10)
    counts = cluster.deployment.ready_replicas, cluster.deployment.available_replicas
    assert counts == (3, 0)
    cluster.rolled_out()
    began = cluster.now
    cluster.set_image(Described(BARE))
    cluster.rolled_out()
    assert 95 < cluster.now - began < 110


def test_recreate_has_a_gap() -> None:
    """All old pods end before the first new one begins; requests are lost, for lack of any pod."""
    cluster = Cluster(made=workload(recreate=True, pre_stop=Sleep(5)), traffic=TRAFFIC)
    cluster.rolled_out()
    deployment = cluster.deployment
    old = deployment.pods
    cluster.set_image(Described(BARE))
    cluster.advance(4)
    assert cluster.tags() == []
    cluster.rolled_out()
    cluster.advance(10)
    ended = max(event.at for pod in old for event in pod.events if event.name == "exit")
    assert min(pod.events[0].at for pod in deployment.pods) > ended
    assert cluster.tags() == ["shop:2"] * 3
    assert deployment.lost_requests >= deployment.service.unserved > 0


def test_a_crash_is_mended_in_place() -> None:
    """The container is started again, in the same pod."""
    cluster = Cluster(Described(replace(BARE, exits_at=30.0, exit_code=1)))
    cluster.rolled_out()
    pods = cluster.deployment.pods
    cluster.advance(30)
    assert set(cluster.deployment.pods) == set(pods)
    assert [pod.restarts for pod in pods] == [1, 1, 1]


def test_scaling_adds_and_takes_away() -> None:
    """The condition Progressing says nothing of that."""
    cluster = Cluster(Described(DRAINS), traffic=TRAFFIC)
    cluster.rolled_out()
    first = cluster.deployment.pods
    at_once(cluster.deployment.scale(5))
    cluster.rolled_out()
    assert set(first) < set(cluster.deployment.pods)
    at_once(cluster.deployment.scale(2))
    cluster.rolled_out()
    cluster.advance(10)
    assert set(cluster.deployment.pods) < set(first)
    assert cluster.deployment.lost_requests == 0
    assert cluster.deployment.replicas == 2


def test_a_restart_replaces_all_pods_by_their_like() -> None:
    """Same image, another version; as often as one likes."""
    cluster = Cluster(Described(DRAINS), traffic=TRAFFIC)
    cluster.rolled_out()
    old = set(cluster.deployment.pods)
    for _ in range(2):
        at_once(cluster.deployment.rollout_restart())
        cluster.rolled_out()
        assert not old & {pod for pod in cluster.deployment.pods if not pod.terminating}
        old = set(cluster.deployment.pods)
    assert cluster.deployment.image == "shop:1"
    assert cluster.deployment.lost_requests == 0


def test_evicted_pods_are_replaced() -> None:
    """Those of a node at once, as a drain does it: no surge and no budget softens that."""
    cluster = Cluster(Described(DRAINS))
    cluster.rolled_out()
    stays, *goes = cluster.deployment.pods
    at_once(cluster.deployment.evict(*goes))
    assert [pod.terminating for pod in goes] == [True, True]
    cluster.advance(0.1)
    assert cluster.deployment.available_replicas == 1
    assert cluster.deployment.conditions["Available"].status == "False"
    cluster.rolled_out()
    cluster.advance(10)
    assert stays in cluster.deployment.pods
    assert len(cluster.deployment.pods) == 3


@pytest.mark.parametrize(("cascade", "at_first"), [("background", True), ("foreground", False)])
def test_a_deployment_that_is_deleted_takes_its_pods_along(
    cascade: Cascade, at_first: bool
) -> None:
    """In the background it is gone before they are, in the foreground after them."""
    deployed = Cluster(Described(DRAINS))
    deployed.rolled_out()
    pods = deployed.deployment.pods
    gone = [deployed.deployment.deleted]
    at_once(deployed.deployment.delete(cascade))
    gone.append(deployed.deployment.deleted)
    assert all(pod.terminating for pod in pods)
    deployed.advance(60)
    assert [*gone, deployed.deployment.deleted] == [False, at_first, True]
    assert deployed.deployment.pods == []
    assert len(deployed.kubelet.pods) == 3


def test_orphans_live_on_and_are_not_replaced() -> None:
    """What was due is not done either."""
    cluster = Cluster(traffic=TRAFFIC)
    cluster.rolled_out()
    at_once(cluster.deployment.scale(5))
    at_once(cluster.deployment.delete("orphan"))
    cluster.advance(60)
    first, *others = cluster.deployment.pods
    assert len(others) == 2
    assert all(pod.ready() for pod in (first, *others))
    first.delete_now()
    cluster.advance(60)
    assert cluster.deployment.pods == others
    assert cluster.deployment.deleted


def test_no_pod_at_all_is_a_rollout_too() -> None:
    """It is complete at once, and grows when it is told to."""
    cluster = Cluster(made=workload(0))
    cluster.rolled_out()
    assert cluster.deployment.pods == []
    at_once(cluster.deployment.scale(1))
    cluster.rolled_out()
    assert len(cluster.deployment.pods) == 1


def test_what_answer_says_holds_for_all_pods() -> None:
    """A described app is each pod's own but for that."""
    app = Described(BARE)
    cluster = Cluster(app)
    cluster.rolled_out()
    app.answer("/readyz", 503)
    cluster.advance(10)
    assert cluster.deployment.ready_replicas == 0
    app.answer("/readyz", None)
    cluster.advance(10)
    assert cluster.deployment.ready_replicas == 3


# What is refused.


def test_an_app_object_is_for_one_replica() -> None:
    """Two pods at a time need a function that makes one for each."""
    with pytest.raises(ConfigError, match="shop with 3 replicas runs pods side by side"):
        Cluster(asgi)
    deployment = Cluster(asgi, workload(1)).deployment
    pods = deployment.pods
    with pytest.raises(ConfigError, match="shop with 2 replicas"):
        at_once(deployment.scale(2))
    with pytest.raises(ConfigError, match="rollout_restart runs"):
        at_once(deployment.rollout_restart())
    with pytest.raises(ConfigError, match="evict runs"):
        at_once(deployment.evict(*pods))
    three = Cluster().deployment
    with pytest.raises(ConfigError, match="shop with 3 replicas"):
        at_once(three.set_image(asgi, "shop:2"))
    at_once(Cluster(asgi, workload(1, recreate=True)).deployment.rollout_restart())


def test_an_image_is_set_once() -> None:
    """Neither the one that is there, nor one that was; nor nothing."""
    cluster = Cluster()
    cluster.set_image(Described(BARE))
    for image in ("shop:1", "shop:2"):
        with pytest.raises(ConfigError, match=f"image='{image}': found that shop has had it"):
            cluster.set_image(Described(BARE), image)
    with pytest.raises(ConfigError, match="image=' ': expected text"):
        cluster.set_image(Described(BARE), " ")


def test_other_slips_are_refused() -> None:
    """Each in one line."""
    deployment = Cluster().deployment
    stranger = at_once(
        Cluster().kubelet.run(Described(BARE), PodSpec("web", workload().template.containers))
    )
    with pytest.raises(ConfigError, match="shop: found one version only"):
        at_once(deployment.rollout_undo())
    with pytest.raises(ConfigError, match="evict found web, expected pods of shop"):
        at_once(deployment.evict(stranger))
    with pytest.raises(ConfigError, match="replicas=-1: expected a whole number from 0"):
        at_once(deployment.scale(-1))
    with pytest.raises(ConfigError, match="cascade='all': expected one of background,"):
        at_once(deployment.delete(cast("Cascade", "all")))
