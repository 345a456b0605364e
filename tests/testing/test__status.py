"""A pod's status, as the API server shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from healthkit.manifests._spec import Container, PodSpec
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described
from healthkit.testing._status import ContainerState, Endpoint, Status, terminated, waiting
from tests.testing.lives import http

if TYPE_CHECKING:
    from healthkit.testing._events import Event


class Shown:
    """A status, and what it tells."""

    def __init__(self, *gates: str, probed: bool = True, startup: bool = False) -> None:
        container = Container(
            "app", readiness=http() if probed else None, startup=http() if startup else None
        )
        spec = PodSpec("web", (container,), readiness_gates=gates)
        self.clock = Schedule()
        self.events: list[Event] = []
        self.status = Status(spec, container, self.clock, self.events.append)

    def start(self, number: int = 1) -> None:
        """Start the n-th container."""
        process = Described().start(self.clock, lambda _code: None)
        self.status.container_started(number, process, 0.0)

    def endpoint(self) -> Endpoint | None:
        """Return the entry in the EndpointSlice."""
        return self.status.endpoint

    def said(self) -> list[tuple[str, Any]]:
        """Return what was told since the last time: names and details."""
        told = [(event.name, dict(event.details)) for event in self.events]
        self.events.clear()
        return told


OUT = {"ready": False, "serving": False, "terminating": False}
IN = {"ready": True, "serving": True, "terminating": False}


def test_a_container_is_ready_when_its_probe_says_so() -> None:
    """Each change is told once, with what follows from it."""
    shown = Shown()
    shown.status.admitted()
    shown.start()
    assert shown.said() == [
        ("phase", {"value": "Pending"}),
        ("phase", {"value": "Running"}),
        ("started", {"value": True, "container": 1}),
        ("endpoint", OUT),
    ]
    shown.status.readiness(passed=True)
    shown.status.readiness(passed=True)
    assert shown.said() == [("ready", {"value": True}), ("endpoint", IN)]
    assert shown.status.ready
    shown.status.readiness(passed=False)
    assert shown.said() == [("ready", {"value": False}), ("endpoint", OUT)]


def test_without_a_readiness_probe_running_is_ready() -> None:
    """With its first moment."""
    shown = Shown(probed=False)
    shown.start()
    assert ("ready", {"value": True}) in shown.said()


def test_without_its_startup_probe_nothing_is_ready() -> None:
    """Nor is that told before it is so."""
    shown = Shown(probed=False, startup=True)
    shown.start()
    assert [name for name, _ in shown.said()] == ["phase", "endpoint"]
    shown.status.startup(passed=True)
    assert shown.said() == [
        ("started", {"value": True, "container": 1}),
        ("ready", {"value": True}),
        ("endpoint", IN),
    ]


def test_a_new_container_takes_over_what_was_started() -> None:
    """Its readiness it does not."""
    shown = Shown(startup=True)
    shown.start()
    shown.status.startup(passed=True)
    shown.status.readiness(passed=True)
    shown.said()
    shown.start(2)
    assert shown.said() == [
        ("started", {"value": True, "container": 2}),
        ("ready", {"value": False}),
        ("endpoint", OUT),
    ]


def test_an_end_that_was_noticed_takes_it_away() -> None:
    """The next container begins at nothing."""
    shown = Shown(startup=True)
    shown.start()
    shown.status.startup(passed=True)
    shown.status.container_ended(terminated(1))
    assert str(shown.status.state) == "Terminated (Error)"
    shown.said()
    shown.start(2)
    assert shown.said() == [("started", {"value": False, "container": 2})]


def test_gates_have_to_be_open_as_well() -> None:
    """A condition that is missing is not True; the reason says what is missing."""
    shown = Shown("a", "b")
    shown.status.set_condition("a", "True")
    shown.start()
    shown.said()
    shown.status.readiness(passed=True)
    assert shown.said() == [
        ("containers_ready", {"value": True}),
        ("ready", {"value": False, "reason": "ReadinessGatesNotReady"}),
    ]
    assert shown.status.closed_gates == ["b"]
    shown.status.set_condition("b", "True")
    shown.status.set_condition("b", "True")
    assert shown.said() == [
        ("condition", {"type": "b", "status": "True"}),
        ("ready", {"value": True}),
        ("endpoint", IN),
    ]
    shown.status.set_condition("a", "Unknown")
    assert shown.said()[1:] == [
        ("ready", {"value": False, "reason": "ReadinessGatesNotReady"}),
        ("endpoint", OUT),
    ]
    shown.status.readiness(passed=False)
    assert shown.said() == [
        ("containers_ready", {"value": False}),
        ("ready", {"value": False, "reason": "ContainersNotReady"}),
    ]


def test_a_terminating_endpoint_is_not_ready_but_serves() -> None:
    """As long as the readiness probe says so; then it goes."""
    shown = Shown()
    shown.start()
    shown.status.readiness(passed=True)
    shown.status.terminate()
    assert shown.endpoint() == Endpoint(ready=False, serving=True, terminating=True)
    shown.status.readiness(passed=False)
    assert shown.endpoint() == Endpoint(ready=False, serving=False, terminating=True)
    shown.status.finish("Failed", terminated(137))
    assert shown.endpoint() is None
    assert shown.said()[-2:] == [("phase", {"value": "Failed"}), ("endpoint", {"gone": True})]
    assert shown.status.state == ContainerState("Terminated", "Error", 137)


def test_of_an_object_that_is_gone_nothing_is_told() -> None:
    """But that its endpoint is out."""
    shown = Shown()
    shown.start()
    shown.status.readiness(passed=True)
    shown.said()
    shown.status.delete()
    shown.status.delete()
    shown.status.readiness(passed=False)
    shown.status.finish("Succeeded", terminated(0))
    shown.status.withdraw()
    assert shown.said() == [("deleted", {}), ("endpoint", {"gone": True})]


def test_a_silent_node_keeps_its_last_word() -> None:
    """Until it is lost: then it is not ready, whatever it says; when it is heard again, it is."""
    shown = Shown()
    shown.start()
    shown.status.readiness(passed=True)
    shown.said()
    shown.status.silence(silent=True)
    shown.status.readiness(passed=False)
    assert shown.status.ready
    assert shown.said() == []
    shown.status.terminate()
    assert shown.said() == [("endpoint", {"ready": False, "serving": True, "terminating": True})]
    shown.status.readiness(passed=True)
    shown.status.lose_node()
    assert shown.said() == [
        ("phase", {"value": "Unknown"}),
        ("ready", {"value": False}),
        ("endpoint", {"ready": False, "serving": False, "terminating": True}),
    ]
    assert shown.status.shown_phase == "Unknown"
    shown.status.silence(silent=False)
    assert [name for name, _ in shown.said()] == ["phase", "ready", "endpoint"]
    assert shown.status.ready


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (waiting("CrashLoopBackOff"), "Waiting (CrashLoopBackOff)"),
        (terminated(0), "Terminated (Completed)"),
        (ContainerState("Running"), "Running"),
    ],
)
def test_a_state_in_kubernetes_words(state: ContainerState, text: str) -> None:
    """With its reason, if it has one."""
    assert str(state) == text


def test_before_it_is_admitted_it_is_pending() -> None:
    """And waits."""
    shown = Shown()
    assert shown.status.shown_phase == "Pending"
    assert str(shown.status.state) == "Waiting (ContainerCreating)"
