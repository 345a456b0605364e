"""A Service: whom requests go to, and which of them are lost."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests._spec import Container, PodSpec, Sleep
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Reply, Says
from healthkit.testing._played import Pod
from healthkit.testing._process import Answer
from healthkit.testing._service import Service, Traffic
from healthkit.testing._status import Endpoint
from tests.testing.deployments import BARE, CLOSES, DRAINS, Cluster, workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.testing._process import Process, Request

READY = Endpoint(ready=True, serving=True, terminating=False)
ENDING = Endpoint(ready=False, serving=True, terminating=True)
OUT = Endpoint(ready=False, serving=False, terminating=True)


def pods(service: Service, clock: Schedule, *lives: Life) -> list[Pod]:
    """Return running pods that the service hasn't heard of by itself."""
    del service
    container = Container("shop")
    made = [
        Pod(PodSpec(f"shop-{number}", (container,)), Described(life), clock, port=8000)
        for number, life in enumerate(lives)
    ]
    clock.run_until(3.0)
    return made


def served(*lives: Life, traffic: Traffic, **settings: bool) -> tuple[Service, Schedule, list[Pod]]:
    """Return a Service of ready pods, whose clients begin at 3 s. Changes take effect at once."""
    clock = Schedule()
    service = Service(clock, propagation=0.0, **settings)
    made = pods(service, clock, *lives)
    for pod in made:
        service.changed(pod, READY)
    service.begin(traffic)
    return service, clock, made


ONE_NEW = Traffic(new=1, kept=0, every=1.0)
ONE_KEPT = Traffic(new=0, kept=1, every=1.0)
NOW = Life(listens_at=0.0)


def test_new_connections_go_round() -> None:
    """Each of three ready endpoints has the same share."""
    _, clock, made = served(NOW, NOW, NOW, traffic=ONE_NEW)
    clock.run_until(11.9)
    assert [pod.requests for pod in made] == [3, 3, 3]


def test_a_change_takes_effect_late() -> None:
    """New connections go on to an endpoint that is out, until kube-proxy has heard of it."""
    clock = Schedule()
    service = Service(clock, propagation=2.0)
    pod, other = pods(service, clock, NOW, NOW)
    service.changed(pod, READY)
    clock.run_until(4.9)
    assert service.pick() is None
    clock.run_until(5.0)
    assert service.pick() is pod
    service.changed(pod, OUT)
    service.changed(other, READY)
    clock.run_until(6.9)
    assert service.pick() is pod
    clock.run_until(7.0)
    assert service.pick() is other
    service.changed(other, None)
    clock.run_until(9.0)
    assert service.pick() is None


def test_no_client_sends_before_there_is_an_endpoint() -> None:
    """Nobody knows of a Service that was never there; nor is one without traffic asked."""
    clock = Schedule()
    service = Service(clock)
    service.begin(ONE_NEW)
    service.begin(None)
    clock.run_until(60.0)
    assert repr(service) == "<Service: 1 clients, 0 requests>"


def test_terminating_endpoints_serve_while_there_is_no_other() -> None:
    """As KEP-1669 has it, while they pass readiness. A ready one comes before them."""
    service, clock, (pod, other) = served(NOW, NOW, traffic=ONE_NEW)
    service.changed(pod, ENDING)
    clock.run_until(3.5)
    assert {service.pick() for _ in range(4)} == {other}
    service.changed(other, ENDING)
    clock.run_until(3.6)
    assert {service.pick() for _ in range(4)} == {pod, other}
    service.changed(pod, OUT)
    clock.run_until(3.7)
    assert {service.pick() for _ in range(4)} == {other}


def test_without_the_fallback_nobody_serves() -> None:
    """Where other pods are behind the Service that aren't played, they take it over."""
    service, clock, (pod,) = served(NOW, traffic=ONE_NEW, falls_back=False)
    clock.run_until(3.0)
    service.changed(pod, ENDING)
    clock.run_until(3.1)
    assert service.pick() is None


def test_a_request_without_an_endpoint_is_lost() -> None:
    """It is counted as lost, and as unserved; the client tries again."""
    service, clock, (pod,) = served(NOW, traffic=ONE_NEW)
    clock.run_until(4.5)
    service.changed(pod, None)
    clock.run_until(6.5)
    assert (service.requests, service.lost, service.unserved, service.failed) == (4, 2, 2, 0)
    assert repr(service) == "<Service: 1 clients, 4 requests, 2 lost>"
    assert pod.lost_requests == 0


def test_a_kept_connection_stays() -> None:
    """Its client goes on to a pod that is out, as long as that answers."""
    service, clock, (pod, other) = served(NOW, NOW, traffic=ONE_KEPT)
    clock.run_until(3.5)
    first = pod if pod.requests else other
    service.changed(first, OUT)
    clock.run_until(10.5)
    assert first.requests == 8
    assert service.kept.stale == 0


@pytest.mark.parametrize("header", ["close", "x-trace, Close"])
def test_a_kept_connection_ends_when_the_server_says_so(header: str) -> None:
    """The next request goes to whose turn it is; no connection is found closed."""
    says = (Says("/", Reply(headers=(("connection", header),))),)
    service, clock, made = served(
        replace(NOW, says=says), replace(NOW, says=says), traffic=ONE_KEPT
    )
    clock.run_until(6.5)
    assert [pod.requests for pod in made] == [2, 2]
    assert (service.kept.sent, service.kept.stale) == (4, 0)


def test_a_kept_connection_that_breaks_is_kept_no_longer() -> None:
    """The next request takes a new one, to whoever is next; it was lost, and not found closed."""
    breaks = replace(NOW, says=(Says("/", Reply(broken="eof")),))
    service, clock, made = served(NOW, breaks, traffic=ONE_KEPT)
    clock.run_until(9.9)
    assert sorted(pod.requests for pod in made) == [1, 6]
    assert (service.lost, service.kept.stale) == (1, 0)


def test_a_client_gives_up_on_an_app_that_hangs() -> None:
    """Its request is lost, its connection closed, and it asks again."""
    hangs = replace(NOW, says=(Says("/", Reply(delay=1e6)),))
    service, clock, (pod,) = served(hangs, traffic=replace(ONE_KEPT, timeout=5))
    clock.run_until(7.9)
    assert (pod.in_flight, pod.lost_requests) == (1, 0)
    clock.run_until(8.0)
    assert (pod.in_flight, pod.lost_requests) == (0, 1)
    clock.run_until(9.0)
    assert (pod.requests, service.kept.stale) == (2, 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"path": ""}, "path='': expected text"),
        ({"path": "ready"}, "path='ready': expected one that begins with /"),
        ({"new": -1}, "new=-1: expected a whole number from 0 to 100000"),
        ({"kept": 0.5}, "kept=0.5: expected a whole number from 0 to 100000"),
        ({"every": 0}, "every=0: expected seconds as a number above 0"),
        ({"timeout": None}, "timeout=None: expected seconds as a number above 0"),
    ],
)
def test_no_traffic_of_wrong_values(values: dict[str, Any], message: str) -> None:
    """One that never pauses would never let time pass."""
    with pytest.raises(ConfigError, match=message):
        Traffic(**values)


class Closing:
    """A process that closes each connection behind its answer, and says so to nobody."""

    def request(
        self, request: Request, timeout: float | None, answered: Callable[[Answer], object]
    ) -> None:
        """Answer, and close."""
        del request, timeout
        answered(Answer(200, closes=True))

    def listens(self, port: int) -> bool:
        """Go on to listen."""
        return bool(port)


class ClosingPod:
    """A pod of it."""

    port = 8000
    process = cast("Process", Closing())
    requests = 0

    def sent(self) -> None:
        """Count."""
        self.requests += 1

    def answered(self, answer: Answer) -> None:
        """Take note."""


def test_a_kept_connection_ends_with_its_server() -> None:
    """One that closes it behind an answer has closed it, whatever its headers say."""
    clock = Schedule()
    service = Service(clock, propagation=0.0)
    made = [ClosingPod(), ClosingPod()]
    for pod in made:
        service.changed(pod, READY)
    service.begin(ONE_KEPT)
    clock.run_until(3.5)
    assert [pod.requests for pod in made] == [2, 2]
    assert service.kept.stale == 0


def test_a_connection_that_was_closed_meanwhile_loses_nothing() -> None:
    """Its client sees that, and opens another one elsewhere."""
    service, clock, (pod, other) = served(NOW, NOW, traffic=ONE_KEPT)
    clock.run_until(3.5)
    first, second = (pod, other) if pod.requests else (other, pod)
    service.changed(first, OUT)
    clock.call_at(3.6, first.delete_now)
    clock.run_until(6.5)
    assert (first.requests, second.requests) == (1, 3)
    assert (service.lost, service.kept.stale) == (0, 1)


def test_a_status_is_an_answer_even_500() -> None:
    """It is counted apart, by the Service and by its pod; what is below is fine."""
    says = (Says("/", Reply(404)), Says("/", Reply(500), since=4.0))
    service, clock, (pod,) = served(replace(NOW, says=says), traffic=ONE_NEW)
    clock.run_until(5.9)
    assert (service.requests, service.failed, service.lost) == (3, 1, 0)
    assert (pod.failed_requests, pod.lost_requests) == (1, 0)


def test_a_request_in_flight_at_sigkill_is_lost() -> None:
    """The process that had it is gone; the pod says so among its events."""
    stubborn = replace(NOW, exits_after_sigterm=None, says=(Says("/", Reply(delay=60.0)),))
    service, clock, (pod,) = served(stubborn, traffic=ONE_KEPT)
    clock.call_at(5.0, pod.delete_now)
    clock.run_until(34.9)
    assert (pod.in_flight, service.lost) == (1, 0)
    clock.run_until(35.9)
    assert (pod.in_flight, pod.lost_requests, service.kept.lost) == (0, 1, 1)
    assert [event.details for event in pod.events if event.name == "request"] == [{"why": "reset"}]


def test_a_pod_without_a_process_refuses() -> None:
    """It is in the endpoints still, and nobody is there."""
    service, clock, (pod,) = served(NOW, traffic=ONE_NEW)
    pod.delete_now()
    clock.run_until(4.5)
    assert pod.lost_requests == service.new.lost == 1


def test_clients_are_not_in_step() -> None:
    """Four that ask each second ask at four moments."""
    _, clock, (pod,) = served(NOW, traffic=Traffic(new=2, kept=2, every=1.0))
    counts: list[int] = []
    for moment in (3.1, 3.3, 3.6, 3.9):
        clock.run_until(moment)
        counts.append(pod.requests)
    assert counts == [1, 2, 3, 4]


def test_a_closed_service_asks_no_more() -> None:
    """Clients that wait, those that were never served, and what was under way when it closed."""
    slow = replace(NOW, says=(Says("/", Reply(delay=2.0)),))
    service, clock, (pod,) = served(slow, traffic=ONE_NEW)
    clock.run_until(3.5)
    service.close()
    clock.run_until(60.0)
    assert (pod.requests, pod.in_flight) == (1, 0)
    unopened = Service(clock)
    unopened.begin(ONE_NEW)
    unopened.close()
    assert unopened.requests == 0


# A rollout under load. The numbers of a real cluster: 3 replicas of uvicorn; it loads for some
# seconds, closes its port at SIGTERM and ends. KUBERNETES 1.36, requests lost of all sent.

UVICORN = replace(BARE, listens_at=4.0)
LOAD = Traffic(new=10, kept=10, every=0.2)


def under_load(life: Life, *, pre_stop: Sleep | None = None, probed: bool = True) -> Service:
    """Return the Service after a rollout under load, a minute from its beginning on."""
    made = workload(pre_stop=pre_stop)
    made = made if probed else workload(readiness=None)
    cluster = Cluster(Described(life), made, traffic=LOAD)
    cluster.rolled_out()
    cluster.advance(10)
    assert cluster.deployment.lost_requests <= (0 if probed else 1e4)
    service = cluster.deployment.service
    before = replace(service.new), replace(service.kept)
    cluster.set_image(Described(life))
    cluster.advance(60)
    assert cluster.deployment.rolled_out()
    for tally, old in zip((service.new, service.kept), before, strict=True):
        tally.sent, tally.lost = tally.sent - old.sent, tally.lost - old.lost
        tally.stale -= old.stale
    return service


def test_without_readiness_a_rollout_is_an_outage() -> None:
    """Measured: 22 % of the new connections, 15 % of the others. Old pods go as new ones load.

    So it is an outage of about the time that a pod loads, which took longer there than here.
    """
    service = under_load(UVICORN, probed=False)
    rate = service.new.sent / 60
    assert 0.7 * UVICORN.listens_at < service.new.lost / rate < 1.3 * UVICORN.listens_at
    assert 0.03 < service.kept.lost / service.kept.sent < 0.3


def test_with_readiness_the_propagation_is_lost() -> None:
    """Measured: 1.2 % of the new connections. A share of a second for each pod that goes."""
    service = under_load(UVICORN)
    rate = service.new.sent / 60
    assert 0.5 * rate < service.new.lost < 1.5 * rate  # three times a second's third or quarter
    assert 0 <= service.kept.lost / service.kept.sent < 0.005
    assert service.kept.stale > 0


@pytest.mark.parametrize(
    ("life", "pre_stop"), [(UVICORN, Sleep(5)), (replace(DRAINS, listens_at=4.0), None)]
)
def test_five_seconds_lose_nothing(life: Life, pre_stop: Sleep | None) -> None:
    """Measured: 1 and 0 of 28,125, by a hook that sleeps or by a drain in the app."""
    service = under_load(life, pre_stop=pre_stop)
    assert service.lost == 0
    assert service.kept.stale > 0


def test_connection_close_leaves_no_connection_to_be_found_closed() -> None:
    """Measured: no request lost, and no stale close."""
    service = under_load(replace(CLOSES, listens_at=4.0))
    assert (service.lost, service.kept.stale) == (0, 0)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"path": "cart"}, "path='cart': expected one that begins with /"),
        ({"path": None}, "path=None: expected text"),
        ({"new": -1}, "new=-1: expected a whole number from 0"),
        ({"kept": 1.5}, "kept=1.5: expected a whole number from 0"),
        ({"every": 0}, "every=0: expected seconds as a number above 0"),
        ({"every": math.nan}, "every=nan: expected seconds as a number above 0"),
    ],
)
def test_traffic_that_cannot_be_is_refused(values: dict[str, Any], error: str) -> None:
    """Clients that never wait would let no time pass."""
    with pytest.raises(ConfigError, match=error):
        Traffic(**values)
