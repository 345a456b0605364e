"""What the drain of a whole pod says to whoever reads the log: its words, and what is new in them.

Owns every line but those of the state directory's own errors. A line is for a terminal, whatever
the names of holds, files and directories hold; each thing is said once, and what changes all the
time once a second.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from healthkit._pod_drain_rules import OVER, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from healthkit._pod_drain_rules import Sight
    from healthkit._state_dir import Peer

#: Seconds between two lines about what is waited for.
PAUSE: Final = 1.0
#: How many holds a line names, and in how many characters each.
NAMED: Final = 5
NAME: Final = 80


# -- the words: pure ------------------------------------------------------------------------------


def printable(text: str, most: int) -> str:
    """Return `text` as one line for a terminal: nothing that moves a cursor, and not too long."""
    line = "".join(char if char.isprintable() else "?" for char in text)
    return line if len(line) <= most else f"{line[: most - 3].rstrip()}..."


def in_flight(peers: Iterable[Peer]) -> str:
    """Say what is in flight: ``3 requests, hold 'checkout job' (worker 12)``; empty: nothing."""
    requests, streams, holds = 0, 0, list[str]()
    for peer in peers:
        requests += peer.facts.requests
        streams += peer.facts.streams
        worker = f"(worker {peer.facts.pid})"
        holds += [f"{printable(hold, NAME)} {worker}" for hold in peer.facts.holds]
    said = [counted(requests, "request")] if requests else []
    said += [counted(streams, "stream")] if streams else []
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


# -- the log --------------------------------------------------------------------------------------


class Log:
    """What a drain says: what is new, each thing once."""

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        """Have nothing said yet.

        Args:
            path: of the state directory.
            say: takes one line at a time.
        """
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
        if not (self._since or seen.awaited):
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
