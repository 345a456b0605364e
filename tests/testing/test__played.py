"""A pod as a test sees it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests._spec import Container, PodSpec
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Reply, Says
from healthkit.testing._played import Pod
from healthkit.testing._process import Answer
from healthkit.testing._service import Service
from healthkit.testing._status import Endpoint
from tests.testing.deployments import READINESS, at_once

if TYPE_CHECKING:
    from healthkit.testing._events import Event

SPEC = PodSpec("shop-1", (Container("shop", readiness=READINESS),))
GATED = replace(SPEC, readiness_gates=("example.com/ok",))


def running(
    *services: Service, spec: PodSpec = SPEC, life: Life | None = None
) -> tuple[Pod, Schedule]:
    """Return a pod that has been there for five seconds."""
    clock = services[0].clock if services else Schedule()
    assert isinstance(clock, Schedule)
    pod = Pod(spec, Described(life or Life(listens_at=1.0)), clock, port=8000, services=services)
    clock.run_until(5.0)
    return pod, clock


def test_its_state_is_in_kubernetes_words() -> None:
    """In one line, and each by itself."""
    pod, clock = running()
    assert repr(pod) == "<Pod shop-1: Running, Running, ready, 0 restarts, 0 requests>"
    assert (pod.name, pod.phase, str(pod.container_state)) == ("shop-1", "Running", "Running")
    assert pod.spec is SPEC
    assert pod.ready()
    assert pod.endpoint == Endpoint(ready=True, serving=True, terminating=False)
    assert pod.conditions == {"Ready": "True", "ContainersReady": "True"}
    at_once(pod.delete())
    assert (pod.terminating, pod.deleted) == (True, False)
    assert pod.endpoint == Endpoint(ready=False, serving=True, terminating=True)
    clock.run_until(60.0)
    assert (pod.terminating, pod.deleted) == (True, True)
    assert repr(pod.endpoint) == "None"
    assert repr(pod) == (
        "<Pod shop-1: Succeeded, Terminated (Completed), not ready, 0 restarts, 0 requests>"
    )


def test_a_gate_is_opened_from_outside() -> None:
    """Until then its containers are ready, and it isn't."""
    pod, _ = running(spec=GATED)
    assert pod.conditions == {"Ready": "False", "ContainersReady": "True"}
    pod.set_condition("example.com/ok", status=True)
    assert pod.conditions["example.com/ok"] == "True"
    assert pod.ready()
    pod.set_condition("example.com/ok", "False")
    assert not pod.ready()


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("example.com/ok", "yes", "status='yes': expected True, False or Unknown"),
        ("Ready", "True", "kind='Ready': expected another: this one is the kubelet's own"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(kind: str, status: str, error: str) -> None:
    """A slip would leave the gate shut, and nobody would know why."""
    pod, _ = running(spec=GATED)
    with pytest.raises(ConfigError, match=error):
        pod.set_condition(kind, status)
    assert kind not in pod.conditions or not pod.ready()


@pytest.mark.parametrize("grace", [-1, 2.5, math.nan, "5", True])
def test_a_grace_period_is_a_whole_number(grace: object) -> None:
    """As in a manifest."""
    pod, _ = running()
    with pytest.raises(ConfigError, match="grace_period_seconds=.*: expected a whole number from"):
        at_once(pod.delete(cast("int", grace)))
    assert not pod.terminating


def test_a_forced_deletion_takes_the_object_at_once() -> None:
    """A grace of 0 is one."""
    pod, clock = running()
    at_once(pod.delete(0))
    clock.run_until(5.1)
    assert pod.deleted
    assert not pod.ready()


def test_a_pod_that_is_gone_has_no_condition_to_set() -> None:
    """Nothing is told of it any more."""
    pod, clock = running(spec=GATED)
    at_once(pod.delete(0))
    clock.run_until(6.0)
    pod.set_condition("example.com/ok", status=True)
    assert "example.com/ok" not in pod.conditions
    assert "condition" not in [event.name for event in pod.events]


def test_a_deletion_is_told_once() -> None:
    """Before the first container too, when there is no endpoint to change."""
    told: list[bool] = []
    clock = Schedule()
    pod = Pod(SPEC, None, clock, port=8000)
    pod.watch_deletion(lambda: told.append(pod.terminating))
    clock.run_until(2.0)
    pod.delete_now()
    pod.delete_now()
    assert told == [True]


def test_events_are_told_as_they_come_and_kept_in_order() -> None:
    """A probe is told when it is answered, and stands where it was sent."""
    slow = Life(listens_at=0.0, says=(Says("/readyz", Reply(delay=0.5)),))
    clock = Schedule()
    pod = Pod(SPEC, Described(slow), clock, port=8000)
    told: list[Event] = []
    pod.watch(told.append)
    clock.call_at(0.7, lambda: pod.set_condition("example.com/ok", status=True))
    clock.run_until(1.0)
    assert [event.name for event in told][-2:] == ["condition", "probe"]
    assert [event.name for event in pod.events][-2:] == ["probe", "condition"]
    assert "shop-1" in str(pod.timeline)


def test_a_node_is_lost_and_found() -> None:
    """The control plane takes its pods for not ready meanwhile."""
    pod, clock = running()
    pod.lose_node()
    clock.run_until(60.0)
    assert (pod.phase, pod.ready()) == ("Unknown", False)
    pod.find_node()
    assert (pod.phase, pod.ready()) == ("Running", True)


def test_requests_are_counted_and_those_in_flight_are_sampled() -> None:
    """What changes and changes back at one moment takes no time, and is no sample."""
    pod, clock = running()
    pod.sent()
    pod.answered(Answer(200))
    assert pod.in_flight_samples == [(5.0, 0)]
    clock.run_until(6.0)
    pod.sent()
    pod.sent()
    clock.run_until(7.0)
    pod.answered(Answer(500))
    pod.answered(Answer(error="reset"))
    clock.run_until(8.0)
    pod.sent()
    pod.answered(Answer())
    assert (pod.requests, pod.failed_requests, pod.lost_requests, pod.in_flight) == (4, 1, 1, 0)
    assert pod.in_flight_samples == [(5.0, 0), (6.0, 2), (7.0, 0)]
    assert ", 4 requests, 1 lost>" in repr(pod)


def test_its_services_hear_of_its_endpoint() -> None:
    """So they send to it, and no more when it is out."""
    service = Service(Schedule(), propagation=1.0)
    pod, clock = running(service)
    assert service.pick() is pod
    assert pod.process is not None
    pod.delete_now()
    clock.run_until(7.0)
    assert service.pick() is None
    assert pod.process is None


def test_what_is_abandoned_ends_without_a_word() -> None:
    """Its process is killed, and nothing more is seen of it."""
    pod, clock = running()
    seen = len(pod.events)
    pod.abandon()
    clock.run_until(60.0)
    assert pod.process is None
    assert len(pod.events) == seen
