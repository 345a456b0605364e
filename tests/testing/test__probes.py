"""All the probes of one container."""

from __future__ import annotations

from healthkit.manifests._spec import Container, PodSpec
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Reply, Says
from healthkit.testing._probes import Probes
from healthkit.testing._rules import Pace, Sync
from healthkit.testing._status import Status
from tests.testing.lives import http

READY = http("/ready", period=10, failure_threshold=3)
LIVE = http("/live", period=10)
START = http("/start", period=10)


class Asked:
    """Probes of a container that is there from 0.5 s on, and what is seen of them."""

    def __init__(self, *answers: Says, **probes: object) -> None:
        self.clock = Schedule()
        self.seen: list[tuple[float, dict[str, object]]] = []
        self.heard: list[tuple[str, bool, int]] = []
        container = Container("app", **probes)  # type: ignore[arg-type]  # probes by their kind
        self.status = Status(
            PodSpec("web", (container,)), container, self.clock, lambda _event: None
        )
        self.probes = Probes(
            container,
            self.status,
            self.clock,
            Pace(),
            observe=lambda event: self.seen.append((event.at, dict(event.details))),
            heard=lambda kind, passes, number: self.heard.append((kind, passes, number)),
        )
        self._app = Described(Life(listens_at=0, says=answers))
        self.probes.begin()
        self.clock.run_until(0.5)
        self.start(1)

    def start(self, number: int) -> None:
        """Start the n-th container."""
        process = self._app.start(self.clock, lambda _code: None)
        self.status.container_started(number, process, 0.0)
        self.probes.wake()

    def started(self) -> bool:
        """Return what the status has."""
        return self.status.started

    def kinds(self, moment: float) -> list[object]:
        """Let time pass, and return which probes were asked meanwhile."""
        self.seen.clear()
        self.clock.run_until(moment)
        return [details["type"] for _, details in self.seen]


def test_probes_at_one_moment_see_what_was_before_it() -> None:
    """Neither liveness nor readiness is asked at the tick at which the startup probe passes."""
    asked = Asked(startup=START, liveness=LIVE, readiness=READY)
    assert asked.kinds(15) == ["startup"]
    assert asked.heard == [("startup", True, 1)]
    asked.status.startup(passed=True)
    assert asked.kinds(25) == ["readiness", "liveness"]


def test_a_new_container_has_to_start_again() -> None:
    """At the tick that meets it: probes at that moment do not see that yet."""
    asked = Asked(startup=START, liveness=LIVE)
    asked.clock.run_until(15)
    asked.status.startup(passed=True)
    asked.start(2)
    assert asked.started()
    assert asked.kinds(25) == ["liveness"]
    assert not asked.started()
    assert asked.kinds(35) == ["startup"]


def test_what_a_request_shows() -> None:
    """Its kind, its answer, what came of it, and the event's text where there is one."""
    answers = Says("/ready", Reply(503), 10), Says("/ready", Reply(broken="short body"), 20)
    asked = Asked(*answers, readiness=READY)
    asked.clock.run_until(30)
    shown = [details for _, details in asked.seen]
    assert [at for at, _ in asked.seen] == [10, 20, 30, 30, 30]
    assert shown[0] == {"type": "readiness", "status": 200, "result": "success"}
    assert shown[1]["status"] == 503
    assert shown[1]["message"] == "HTTP probe failed with statuscode: 503"
    assert [details["request"] for details in shown[2:]] == [1, 2, 3]
    assert {details["error"] for details in shown[2:]} == {"short body"}


def test_readiness_is_asked_at_a_sync_only_where_it_is_missing() -> None:
    """Not that of a container that is ready, has not started, does not run, or has no probe."""
    asked = Asked(startup=START, readiness=READY)
    asked.probes.ask_readiness()
    asked.status.startup(passed=True)
    asked.probes.ask_readiness()
    assert len(asked.seen) == 1
    asked.status.readiness(passed=True)
    asked.probes.ask_readiness()
    asked.status.readiness(passed=False)
    asked.status.running = False
    asked.probes.ask_readiness()
    assert len(asked.seen) == 1
    without = Asked(liveness=LIVE)
    without.probes.ask_readiness()
    without.probes.given_sync(Sync(1.0))
    assert without.seen == []


def test_at_the_end_only_readiness_goes_on() -> None:
    """Until it is stopped too."""
    asked = Asked(liveness=LIVE, readiness=READY)
    asked.probes.stop_but_readiness()
    assert asked.kinds(15) == ["readiness"]
    asked.probes.stop()
    assert asked.kinds(60) == []


def test_its_repr_shows_its_workers() -> None:
    """One after the other."""
    asked = Asked(liveness=LIVE, readiness=READY)
    asked.clock.run_until(10.5)
    expected = "<Probes <readiness worker: 1 x success>, <liveness worker: 1 x success>>"
    assert repr(asked.probes) == expected
