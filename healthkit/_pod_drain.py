"""The drain of a whole pod, as seen by a process that is no worker: `healthkit drain` and `run`.

Owns the request that stands in the state directory while somebody waits for the drain. When the
wait ends is `_pod_drain_rules`' business, what is said meanwhile `_pod_drain_log`'s. It changes no
worker: a worker that sees the request latches it into its own record, turns unready and serves on.
How one worker drains is `_drain`'s business.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from healthkit import _records
from healthkit._pod_drain_log import NAME, Log, printable
from healthkit._pod_drain_rules import OVER, Order, Stage, sight
from healthkit._seat import Seat
from healthkit._state_dir import View
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit._facts import Facts
    from healthkit._state_dir import StateDir


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
        #: The workers that were seen last.
        self._known: tuple[Facts, ...] = ()
        self._log = Log(directory.path, say)

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
            absent = isinstance(exc.__cause__, FileNotFoundError)
            where = printable(self._directory.path, NAME)
            self._say(f"there is no {where}: nothing to drain" if absent else str(exc))
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
        seen = sight(self._order, self._view, self._clock(), self._known)
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
        self._known = tuple(peer.facts for peer in self._view.peers) or self._known
        self._log.stranger(self._view.other_version)
        for peer in self._view.peers:
            if peer.facts.told is None:
                self._directory.ring(peer.name)
