"""A ReplicaSet: how many pods there are, and which go first."""

from __future__ import annotations

from dataclasses import replace

from healthkit.manifests._spec import Container, PodSpec
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life
from healthkit.testing._played import Pod
from healthkit.testing._replicas import ReplicaSet
from healthkit.testing._rules import Pace
from healthkit.testing._template import Image, Template
from tests.testing.deployments import READINESS

SPEC = PodSpec("shop", (Container("shop", image="shop:1", readiness=READINESS),))
SOON = Life(listens_at=0.5)
NEVER = Life(listens_at=9e9)


class Set:
    """A ReplicaSet whose pods have the lives that are listed; the last one for all others."""

    def __init__(self, *lives: Life | None, spec: PodSpec = SPEC, min_ready: int = 0) -> None:
        self.clock = Schedule()
        self.made: list[Pod] = []
        self.changes = 0
        self._lives = lives
        template = Template(spec, Image(None, lambda _: None, factory=False))
        self.replicas = ReplicaSet(
            "shop-1",
            template,
            self.clock,
            make=self._make,
            changed=self._changed,
            min_ready=min_ready,
        )

    def _make(self, template: Template, name: str, admitted: float) -> Pod:
        life = self._lives[min(len(self.made), len(self._lives) - 1)]
        app = None if life is None else Described(life)
        pod = Pod(template.pod(name), app, self.clock, port=8000, pace=Pace(admitted=admitted))
        self.made.append(pod)
        return pod

    def _changed(self) -> None:
        self.changes += 1

    def scale(self, count: int, seconds: float = 10.0) -> list[int]:
        """Scale, let time pass, and return which of the pods made so far are left."""
        self.replicas.scale(count)
        self.clock.run_until(self.clock.now() + seconds)
        return [number for number, pod in enumerate(self.made) if not pod.terminating]


def test_there_are_as_many_pods_as_are_wanted() -> None:
    """A moment later; their names are the set's with a suffix."""
    those = Set(SOON)
    assert those.scale(3, 0.005) == []
    assert those.scale(3) == [0, 1, 2]
    assert repr(those.replicas) == "<ReplicaSet shop-1: 3 of 3 pods, 3 available>"
    assert all(pod.name.startswith("shop-1-") for pod in those.made)
    assert len({pod.name for pod in those.made}) == 3
    assert set(those.replicas.pods) == set(those.made)


def test_pods_are_not_in_step() -> None:
    """Their probes have phases of their own, as their admissions have."""
    those = Set(SOON)
    those.scale(5)
    admitted = [pod.events[0].at for pod in those.made]
    assert len(set(admitted)) == 5
    assert max(admitted) - min(admitted) < 1


def test_what_isnt_ready_goes_first() -> None:
    """Then those that got ready last; the newest of those that wait, the pending ones first."""
    those = Set(SOON, NEVER, None, SOON, NEVER, None)
    assert those.scale(6) == [0, 1, 2, 3, 4, 5]
    assert those.scale(5) == [0, 1, 2, 3, 4]
    assert those.scale(4) == [0, 1, 3, 4]
    assert those.scale(3) == [0, 1, 3]
    first, last = sorted((0, 3), key=lambda number: those.made[number].events[0].at)
    assert those.scale(1) == [first]
    assert last != first
    assert those.scale(0) == []


def test_of_two_that_wait_the_one_that_crashes_goes_first() -> None:
    """More restarts are worse than being older."""
    crashing = replace(NEVER, exits_at=0.5, exit_code=1)
    those = Set(crashing, NEVER)
    assert those.scale(2, 30) == [0, 1]
    assert those.made[0].restarts
    assert those.scale(1) == [1]


def test_what_got_ready_again_is_the_newest() -> None:
    """How old a pod is counts for nothing while both are ready."""
    those = Set(SOON)
    those.scale(2)
    first = min(those.made, key=lambda pod: pod.events[0].at)
    index = those.made.index(first)
    first.lose_node()
    those.clock.run_until(80.0)
    assert those.replicas.ready == 1
    first.find_node()
    those.clock.run_until(90.0)
    assert those.replicas.ready == 2
    assert those.scale(1) == [1 - index]


def test_a_pod_is_available_when_it_has_been_ready_for_long_enough() -> None:
    """One that is unready meanwhile begins anew."""
    those = Set(SOON, min_ready=10)
    those.scale(1, 5.0)
    (pod,) = those.made
    assert (those.replicas.ready, those.replicas.available) == (1, 0)
    since = next(event.at for event in pod.events if event.name == "ready")
    those.clock.run_until(since + 9.9)
    assert those.replicas.available == 0
    those.clock.run_until(since + 10.1)
    assert those.replicas.available == 1
    pod.lose_node()
    those.clock.run_until(since + 61)
    assert (those.replicas.ready, those.replicas.available) == (0, 0)
    pod.find_node()
    assert those.replicas.ready == 1
    pod.lose_node()
    those.clock.run_until(since + 300)
    assert those.replicas.available == 0


def test_unready_before_it_is_available_it_never_was() -> None:
    """The moment at which it would have been is off."""
    those = Set(SOON, min_ready=100)
    those.scale(1, 5.0)
    those.made[0].lose_node()
    those.clock.run_until(300.0)
    assert (those.replicas.ready, those.replicas.available) == (0, 0)


def test_a_deleted_pod_is_replaced_while_it_ends() -> None:
    """Whoever deleted it, in whatever state it was. It counts no more."""
    those = Set(replace(SOON, exits_after_sigterm=5.0), NEVER)
    those.scale(2)
    for pod in list(those.made):
        pod.delete_now()
        pod.delete_now()
    assert (those.replicas.replicas, those.replicas.ending) == (0, 2)
    those.clock.run_until(those.clock.now() + 1)
    assert (those.replicas.replicas, those.replicas.ending) == (2, 2)
    assert those.replicas.pods[2:] == those.made[:2]
    those.clock.run_until(those.clock.now() + 60)
    assert (those.replicas.replicas, those.replicas.ending) == (2, 0)
    assert len(those.made) == 4


def test_a_pod_that_is_deleted_before_the_kubelet_knows_it_never_runs() -> None:
    """It is gone at once, and another one is there."""
    those = Set(SOON)
    those.scale(1, 0.02)
    those.made[0].delete_now()
    those.clock.run_until(10.0)
    assert [event.name for event in those.made[0].events] == ["phase", "deleted"]
    assert those.made[1].ready()


def test_a_pod_that_has_ended_by_itself_is_replaced() -> None:
    """By its restart policy it starts no other container."""
    those = Set(replace(SOON, exits_at=5.0), SOON, spec=replace(SPEC, restart_policy="Never"))
    those.scale(1, 60)
    assert [pod.phase for pod in those.made] == ["Succeeded", "Running"]
    assert (those.replicas.replicas, those.replicas.ending) == (1, 0)


def test_a_container_that_crashes_is_started_again_in_its_pod() -> None:
    """No other pod is made for that."""
    those = Set(replace(SOON, exits_at=5.0, exit_code=1))
    those.scale(1, 60)
    assert len(those.made) == 1
    assert those.made[0].restarts > 0
    assert those.changes > 2


def test_what_is_released_is_left_alone() -> None:
    """Neither what is due is done, nor what comes after."""
    those = Set(SOON)
    those.scale(1)
    those.replicas.scale(5)
    those.replicas.release()
    those.made[0].delete_now()
    those.clock.run_until(60.0)
    assert len(those.made) == 1


def test_all_pods_are_deleted_and_none_is_made() -> None:
    """Ready ones and those that wait."""
    those = Set(SOON, NEVER)
    those.scale(2)
    those.replicas.delete_pods()
    those.clock.run_until(60.0)
    assert [pod.deleted for pod in those.made] == [True, True]
    assert those.replicas.pods == []
