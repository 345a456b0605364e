"""Pods for tests of the commands: workers that are scripts, in a directory that is real.

One process can hold one worker's place in a directory, so the workers here are values; requests
for a drain are real records. Time is that of a `Watch`, which only tests move.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Phase, Probe
from healthkit._state_dir import Peer, StateDir, View
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

#: Seconds between two versions of a draining worker's record, and of one that does not drain.
TICK: Final = 0.05
HEARTBEAT: Final = 1.0

SAYS: Final[Mapping[Probe, tuple[bool, str]]] = dict.fromkeys(Probe, (True, "ok"))


class Watch:
    """A clock that stands still until somebody sleeps, in whole milliseconds.

    It begins with the present second: a real directory judges by the real clock which record is
    fresh, and sums of whole seconds are exact.
    """

    def __init__(self) -> None:
        self.began = int(time.monotonic())
        self._passed = 0
        #: What happens when, in seconds since the beginning.
        self.events: dict[float, Callable[[], object]] = {}

    def now(self) -> float:
        """Return the moment, as CLOCK_MONOTONIC in seconds."""
        return self.began + self._passed / 1e3

    @property
    def passed(self) -> float:
        """How many seconds have passed since the beginning."""
        return self._passed / 1e3

    def sleep(self, seconds: float) -> None:
        """Let time pass, and let happen what was due."""
        self._passed += round(seconds * 1e3)
        for due in sorted(self.events):
            if due <= self.passed:
                self.events.pop(due)()


@dataclass
class Worker:
    """One worker, as others see it. Moments are in seconds since the watch began."""

    pid: int
    delay: float = 5.0
    timeout: float = 15.0
    #: How long it takes to latch; infinity: it never does.
    answers_in: float = 0.0
    joins: float = 0.0
    ends: float = float("inf")
    #: Each request and each hold: from when until when.
    requests: tuple[tuple[float, float], ...] = ()
    holds: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    #: When it writes for the last time.
    hangs: float = float("inf")
    told: float | None = None

    def lives(self, at: float) -> bool:
        """Whether the kernel says so."""
        return self.joins <= at < self.ends

    def hears(self, told: float | None, at: float) -> None:
        """Latch, if it has had the time to."""
        if told is not None and self.told is None and at >= self.joins + self.answers_in:
            self.told = told

    def written(self, at: float) -> float:
        """When the record that is there at that moment was written: at the last tick."""
        every = round((HEARTBEAT if self.told is None else TICK) * 1e3)
        return min(round(at * 1e3) // every * every / 1e3, self.hangs)

    def peer(self, began: int, at: float) -> Peer:
        """Return its record as it is read at that moment."""
        written = self.written(at)
        facts = Facts(
            pid=self.pid,
            app="shop",
            joined=int(self.joins * 1e9),
            phase=Phase.SERVING,
            started=True,
            requests=sum(start <= written < end for start, end in self.requests),
            holds=tuple(
                label for label, (start, end) in self.holds.items() if start <= written < end
            ),
            told=self.told,
            drain_delay=self.delay,
            drain_timeout=self.timeout,
        )
        return a_record(facts, began + written, fresh=at - written <= 5)


def a_record(
    facts: Facts,
    written: float,
    *,
    details: Details | None = None,
    says: Mapping[Probe, tuple[bool, str]] = SAYS,
    fresh: bool = True,
) -> Peer:
    """Make a record as it is read; it was written at that moment of CLOCK_MONOTONIC."""
    body = body_of(facts, details or Details(), says, round(written * 1e9))
    return Peer(f"worker-{facts.pid}-0", facts, fresh, body)


class Directory(StateDir):
    """A real directory in which the workers are scripts."""

    def __init__(self, path: Path, watch: Watch, *workers: Worker) -> None:
        super().__init__(str(path))
        self.watch = watch
        self.workers = list(workers)
        #: Who was rung for, and when.
        self.rung: list[tuple[float, str]] = []
        self.other_version: str | None = None
        #: Whether looking fails.
        self.broken = False

    def look(self, but: str = "") -> View:
        """Let the workers do what they would have done by now, and see the whole."""
        if self.broken:
            raise StateDirError("state_dir: can't list it")
        view = super().look(but)
        at = self.watch.passed
        living = [worker for worker in self.workers if worker.lives(at)]
        for worker in living:
            worker.hears(view.told, at)
        peers = tuple(worker.peer(self.watch.began, at) for worker in living)
        return replace(view, peers=peers, other_version=self.other_version)

    def ring(self, name: str) -> None:
        """Note it."""
        self.rung.append((self.watch.passed, name))

    def requests(self) -> list[str]:
        """Return the requests for a drain that are there."""
        return [name for name in os.listdir(self.path) if name.startswith("drain-")]  # noqa: PTH208  # names, not paths


@contextlib.contextmanager
def asked_by_another(directory: StateDir, moment: float) -> Generator[None]:
    """Have somebody else wait for a drain since that moment: a record that is locked."""
    record = f"{directory.path}/drain-7-ab"
    with open(record, "wb") as file:  # noqa: PTH123  # as above
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(_records.encode(f"{round(moment * 1e9)} 7\n".encode()))
        file.flush()
        yield
    os.unlink(record)  # noqa: PTH108  # as above
