"""The containers of a pod's life, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.manifests._spec import Container, PodSpec, RestartPolicy
from healthkit.testing._clock import Schedule
from healthkit.testing._containers import Containers
from healthkit.testing._described import Described, Life
from healthkit.testing._rules import NEVER_WAS, Pace
from healthkit.testing._status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.testing._clock import Clock
    from healthkit.testing._events import Event
    from healthkit.testing._process import Process


class Lives:
    """The containers of one pod, and what they tell it."""

    def __init__(self, life: Life, policy: RestartPolicy = "Always") -> None:
        self.clock = Schedule()
        self.events: list[Event] = []
        self.told: list[tuple[float, str]] = []
        container = Container("app")
        spec = PodSpec("web", (container,), restart_policy=policy)
        self.status = Status(spec, container, self.clock, self.events.append)
        self.containers = Containers(spec, self.status, self.clock, Pace(), self)
        self.app = Described(life)

    def _tell(self, what: str) -> None:
        self.told.append((round(self.clock.now(), 2), what))

    def container_started(self) -> None:
        """Note it."""
        self._tell("started")

    def container_exited(self) -> None:
        """Note it."""
        self._tell("exited")

    def container_stopped(self) -> None:
        """Note it."""
        self._tell("stopped")

    def container_waits(self) -> None:
        """Note it."""
        self._tell("waits")

    def completed(self) -> None:
        """Note it."""
        self._tell("completed")


class EndsAtOnce:
    """An app whose process has ended before its start returns."""

    def start(self, clock: Clock, exited: Callable[[int], object]) -> Process:
        """Start, and end."""
        process = Described(Life()).start(clock, lambda _code: None)
        exited(3)
        return process


def busy(lives: Lives) -> bool:
    """Whether a deletion has to wait."""
    return lives.containers.busy


def test_it_tells_what_happens() -> None:
    """A start, an end that is noticed with the next look, a restart, a back-off."""
    lives = Lives(Life(exits_at=2, exit_code=1))
    lives.containers.begin(lives.app)
    assert repr(lives.containers) == "<Containers 0 so far, starting>"
    assert busy(lives)
    assert lives.containers.code == NEVER_WAS
    lives.clock.run_until(1)
    assert repr(lives.containers) == "<Containers 1 so far, alive>"
    assert not busy(lives)
    lives.clock.run_until(7)
    assert repr(lives.containers) == "<Containers 2 so far, none>"
    assert lives.told == [
        (0.5, "started"),
        (2.5, "exited"),
        (3.3, "started"),
        (5.3, "exited"),
        (5.9, "waits"),
    ]
    assert lives.containers.code == 1
    assert not busy(lives)


def test_a_stop_is_followed_by_a_restart_or_by_nothing() -> None:
    """As its owner wants; during both a deletion has to wait."""
    lives = Lives(Life(listens_at=0, exits_after_sigterm=1))
    lives.containers.begin(lives.app)
    lives.clock.run_until(1)
    lives.containers.stop(30)
    assert lives.containers.stopping
    assert busy(lives)
    lives.clock.run_until(2)
    assert lives.told[1:] == [(2, "exited"), (2, "stopped")]
    assert not busy(lives)
    lives.containers.restart()
    assert busy(lives)
    lives.containers.close()
    lives.clock.run_until(60)
    assert len(lives.told) == 3


def test_a_policy_may_want_no_other_one() -> None:
    """That is told once."""
    lives = Lives(Life(exits_at=2), "OnFailure")
    lives.containers.begin(lives.app)
    lives.clock.run_until(60)
    assert lives.told[-1] == (2.9, "completed")


def test_a_process_that_has_ended_before_it_is_known() -> None:
    """It was started all the same, and ended then."""
    lives = Lives(Life())
    lives.containers.begin(EndsAtOnce())
    lives.clock.run_until(0.8)
    assert lives.told == [(0.5, "started"), (0.5, "exited")]
    assert [event.name for event in lives.events if event.name != "endpoint"] == [
        "container_started",
        "phase",
        "started",
        "ready",
        "exit",
    ]


def test_nothing_is_killed_where_nothing_runs() -> None:
    """Before the first one, and after the last."""
    lives = Lives(Life())
    lives.containers.kill()
    lives.containers.begin(lives.app)
    lives.clock.run_until(1)
    lives.containers.close()
    lives.containers.kill()
    lives.containers.kill()
    lives.clock.run_until(60)
    assert lives.told == [(0.5, "started"), (1, "exited")]
