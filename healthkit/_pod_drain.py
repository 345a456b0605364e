"""The drain of a whole pod, as seen by a process that is no worker: `healthkit drain` and `run`.

Owns the request that stands in the state directory while somebody waits for the drain, and the
rules by which the wait ends. It changes no worker: a worker that sees the request latches it into
its own record, turns unready and serves on. How one worker drains is `_drain`'s business.

A drain ends well when every living worker has latched it, the delay is over, and nothing is in
flight in records that were *written after* the delay's end: an older one knows nothing of the
requests that arrived in the last moments of the delay. It ends with its deadline in any case, and
a worker that hangs is waited for until then, no longer.

The surprising fact: the drain may have begun before anybody here asked for it, by another command
or by ``health.drain()``. The first of them counts, and only the rest is waited for.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from healthkit import _records
from healthkit._facts import written_of
from healthkit._state_dir import Seat, View
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from healthkit._state_dir import Peer, StateDir

#: Seconds in which a worker that lives and is not hung has answered. It needs one tick: 50 ms.
ANSWER: Final = 1.0
#: Seconds between two lines about what is waited for.
PAUSE: Final = 1.0
#: How many holds a line names, and in how many characters each.
NAMED: Final = 5
NAME: Final = 80


# -- the rules: pure, in seconds of CLOCK_MONOTONIC -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, and when."""

    asked: float
    #: How long to serve on; None: as long as the workers' own settings say.
    delay: float | None = None
    #: What counts if they say 0.
    least_delay: float = 0.0
    #: For everything, from `asked` on; None: only the workers' own timeout.
    limit: float | None = None


class Stage(Enum):
    """How far a drain is."""

    #: Serving on, while endpoints and load balancers catch up.
    DELAY = "in its delay"
    #: For work in flight, or for a worker that has not answered.
    WAITING = "waiting"
    #: Nothing is in flight any more.
    DRAINED = "drained"
    #: No worker lives.
    DESERTED = "deserted"
    #: Its deadline came first.
    GAVE_UP = "given up"


#: There is nothing more to wait for.
OVER: Final = frozenset({Stage.DRAINED, Stage.DESERTED, Stage.GAVE_UP})


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen at a moment, and what the drain has come to then."""

    now: float
    peers: tuple[Peer, ...]
    #: When the delay is over.
    delay_ends: float
    #: When the drain is over, whatever is still in flight.
    deadline: float

    @property
    def stage(self) -> Stage:
        """How far the drain is."""
        if not self.peers:
            return Stage.DESERTED
        if self.now >= self.delay_ends and all(self._is_idle(peer) for peer in self.peers):
            return Stage.DRAINED
        if self.now >= self.deadline:
            return Stage.GAVE_UP
        return Stage.DELAY if self.now < self.delay_ends else Stage.WAITING

    def _is_idle(self, peer: Peer) -> bool:
        return self.is_answered(peer) and not peer.facts.requests and not peer.facts.holds

    def is_answered(self, peer: Peer) -> bool:
        """Whether a worker has latched, and has written its record after the delay's end."""
        return peer.facts.told is not None and written_of(peer.body) / 1e9 > self.delay_ends

    def is_silent(self, peer: Peer, seen: float) -> bool:
        """Whether a worker that was first seen at `seen` is late with what it should have done."""
        due = seen if peer.facts.told is None else max(seen, self.delay_ends)
        return not self.is_answered(peer) and self.now - due > ANSWER


def told_at(view: View) -> float | None:
    """Return when the pod was told to drain, by whomever first; None if it was not."""
    moments = [peer.facts.told for peer in view.peers] + [view.told]
    return min((moment for moment in moments if moment is not None), default=None)


def sight(order: Order, view: View, now: float) -> Sight:
    """Judge what was seen, by the settings of the workers that live."""
    facts = [peer.facts for peer in view.peers]
    told = told_at(view)
    began = order.asked if told is None else min(order.asked, told)
    delay = order.delay
    if delay is None:
        delay = max((one.drain_delay for one in facts), default=0.0) or order.least_delay
    deadline = began + delay + max((one.drain_timeout for one in facts), default=0.0)
    if order.limit is not None:
        deadline = min(deadline, order.asked + order.limit)
    return Sight(now, view.peers, began + delay, deadline)


# -- the words: pure ------------------------------------------------------------------------------


def printable(text: str, most: int) -> str:
    """Return `text` as one line for a terminal: nothing that moves a cursor, and not too long."""
    line = "".join(char if char.isprintable() else "?" for char in text)
    return line if len(line) <= most else f"{line[: most - 3].rstrip()}..."


def in_flight(peers: Iterable[Peer]) -> str:
    """Say what is in flight: ``3 requests, hold 'checkout job' (worker 12)``; empty: nothing."""
    requests, holds = 0, list[str]()
    for peer in peers:
        requests += peer.facts.requests
        worker = f"(worker {peer.facts.pid})"
        holds += [f"{printable(hold, NAME)} {worker}" for hold in peer.facts.holds]
    said = [counted(requests, "request")] if requests else []
    said += holds[:NAMED]
    said += [f"{len(holds) - NAMED} more"] if len(holds) > NAMED else []
    return ", ".join(said)


def counted(count: int, what: str) -> str:
    """Say how many there are: ``1 worker``, ``2 workers``."""
    return f"{count} {what}{'s' * (count != 1)}"


def seconds(duration: float) -> str:
    """Say how long: ``5 s``, ``5.2 s``."""
    return f"{max(0.0, round(duration, 1)):g} s"


def beginning(seen: Sight) -> str:
    """Say whom the drain is about, and what is left of its delay."""
    rest = min(seen.delay_ends, seen.deadline) - seen.now
    serving = f", serving on for {seconds(rest)}" if rest > 0 else ""
    return f"draining {counted(len(seen.peers), 'worker')}{serving}"


def end(seen: Sight, silent: Collection[Peer], took: float) -> str:
    """Say how a drain has ended that took so long.

    At the deadline a worker that has latched, and has had no time yet to write a record after the
    delay, is taken at its last word.
    """
    if seen.stage is Stage.DESERTED:
        return "all workers have ended"
    left = in_flight(seen.peers)
    reasons = [f"{left} still in flight"] if left else []
    if seen.now < seen.delay_ends:
        reasons.append(f"{seconds(seen.delay_ends - seen.now)} of the delay to go")
    reasons += [
        f"worker {peer.facts.pid} not answering"
        for peer in seen.peers
        if peer.facts.told is None or peer in silent
    ]
    if not reasons:
        return f"drained in {seconds(took)}"
    return f"gave up after {seconds(took)} with {' and '.join(reasons)}"


# -- the shell ------------------------------------------------------------------------------------


class PodDrain:
    """A drain that this process asks for, and watches. Not thread-safe."""

    def __init__(  # noqa: PLR0913  # what can be asked for
        self,
        directory: StateDir,
        say: Callable[[str], None],
        *,
        delay: float | None = None,
        least_delay: float = 0.0,
        limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a drain that has not begun.

        Args:
            directory: where the workers are.
            say: takes one line at a time, for whoever reads the log.
            delay: seconds to serve on; None: the greatest `drain_delay` of the living workers.
            least_delay: seconds to serve on if that is 0.
            limit: seconds for everything, from `begin` on; None: delay and `drain_timeout`.
            clock: CLOCK_MONOTONIC in seconds, as the workers have it.
        """
        self._directory = directory
        self._say = say
        self._clock = clock
        self._wanted = (delay, least_delay, limit)
        self._order = Order(0.0, *self._wanted)
        self._request: Seat | None = None
        #: None: nothing is being waited for.
        self._stage: Stage | None = None
        self._view = View()
        self._log = _Log(directory.path, say)

    def __repr__(self) -> str:
        stage = "idle" if self._stage is None else self._stage.value
        return f"<PodDrain {self._directory.path!r} {stage}>"

    def begin(self) -> None:
        """Put the request into the directory, and ring for every worker.

        An unusable directory is said, not raised: then there is nothing to wait for.
        """
        if self._stage is not None:
            return
        self._order = Order(self._clock(), *self._wanted)
        body = f"{int(self._order.asked * 1e9)} {os.getpid()}\n".encode()
        try:
            self._directory.look()  # taking a place would make the directory
            self._request = Seat(self._directory, _records.DRAIN, body)
        except StateDirError as exc:
            self._say(str(exc))
            return
        self._stage = Stage.DELAY
        self._look()

    def step(self) -> bool:
        """Look once. Never blocks for longer than the disk does; for calls every 50 ms.

        Returns:
            Whether there is nothing more to wait for.
        """
        if self._stage is None or self._stage in OVER:
            return True
        self._look()
        seen = sight(self._order, self._view, self._clock())
        self._stage = seen.stage
        self._log.tell(seen, seen.now - self._order.asked)
        return self._stage in OVER

    def end(self) -> None:
        """Take the request away. What workers have latched, they keep. Idempotent; never raises."""
        if self._request is not None:
            self._request.leave()

    def _look(self) -> None:
        """See who lives, and ring for those who have not latched.

        A directory that can't be read any more leaves what was last seen: its workers do not answer
        and are waited for until the deadline, but nobody is forgotten.
        """
        try:
            self._view = self._directory.look()
        except StateDirError as exc:
            self._log.once(str(exc))
        self._log.stranger(self._view.other_version)
        for peer in self._view.peers:
            if peer.facts.told is None:
                self._directory.ring(peer.name)


class _Log:
    """What a drain says: what is new, each thing once."""

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._said: set[str] = set()
        #: When each worker was first seen, by the name of its record.
        self._since: dict[str, float] = {}
        #: The last line about what is waited for, and when that was.
        self._waiting = ("", -math.inf)

    def once(self, line: str) -> None:
        """Say it, unless it was said before."""
        if line not in self._said:
            self._said.add(line)
            self._say(line)

    def stranger(self, found: str | None) -> None:
        """Say that there is a worker of another version, which reads no requests of this one."""
        if found is not None:
            what = printable(found, NAME)
            self.once(f"{what}: not told, expected one version of healthkit in all workers")

    def tell(self, seen: Sight, took: float) -> None:
        """Say what is new, in a drain that has taken so long."""
        self._tell_arrivals(seen)
        silent = [peer for peer in seen.peers if seen.is_silent(peer, self._since[peer.name])]
        for peer in silent:
            self.once(f"worker {peer.facts.pid} does not answer")
        if not self._since:
            self._say(f"no worker lives in {printable(self._path, NAME)}: nothing to drain")
        elif seen.stage in OVER:
            self._say(end(seen, silent, took))
        elif seen.stage is Stage.WAITING:
            self._tell_load(in_flight(seen.peers), seen.now)

    def _tell_arrivals(self, seen: Sight) -> None:
        new = [peer for peer in seen.peers if peer.name not in self._since]
        if new and not self._since:
            self._say(beginning(seen))
        elif new:
            for peer in new:
                self._say(f"worker {peer.facts.pid} joined: told as well")
        self._since.update((peer.name, seen.now) for peer in new)

    def _tell_load(self, load: str, now: float) -> None:
        said, moment = self._waiting
        if load not in {"", said} and now - moment >= PAUSE:
            self._waiting = (load, now)
            self._say(f"waiting for {load}")
