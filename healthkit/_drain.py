"""What a drain waits for, and for how long.

Owns what is in flight, kept by :class:`Flight`: requests, long-lived streams and holds; and the
arithmetic of the drain. It does not know what asked for the drain, nor what follows it.

The surprising fact: what a drain waits for depends on whether it had a delay. With one, endpoints
and load balancers were given the time to send traffic elsewhere: the drain waits until nothing is
in flight, and whatever still arrives is answered too. Without one, nobody was told, traffic goes
on, and the moment in which nothing is in flight may never come. Then the drain waits for what was
in flight when it began; a new flight is opened for what arrives later, which is served as well, and
left to the server's own graceful shutdown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import anyio

from healthkit._endings import end
from healthkit._loop import current_time
from healthkit._streams import reconnects

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from starlette.types import Scope, Send

#: Seconds between two looks for streams that a drain is to end: one may begin after the delay, or
#: not have started its response yet.
LOOK: Final = 0.25

#: So many calls in flight are too many to be judged again by each who counts: 5,000 took 11 ms.
MANY: Final = 100

#: Seconds in which a server that serves one request at a time has begun the next that waits.
QUIET: Final = 0.1


class Detour(StrEnum):
    """Why an ordinary request is not simply passed on to the app."""

    #: Nothing runs yet and no lifespan was seen: this request begins the life.
    BEGIN = "begin"
    #: Not started, and the app wants no requests until it is: 503.
    REJECT = "reject"
    #: Draining: the connection is to be closed after the answer.
    CLOSE = "close"
    #: The server leaves it to `send` to tell an app that nobody listens any more.
    WATCH = "watch"


class Flight:
    """A generation of work in flight: requests, streams and holds, which end on their own.

    `calls` is touched by the app's loop only. Guests and holds may come and go in any thread: their
    dictionaries change in single, atomic steps.
    """

    __slots__ = (
        "_is_stream",
        "_known",
        "arrivals",
        "calls",
        "detour",
        "ended",
        "guests",
        "holds",
        "landing",
        "one_at_a_time",
    )

    def __init__(
        self, detour: Detour | None, is_stream: Callable[[Scope], bool] = reconnects
    ) -> None:
        """Make one that is empty.

        Args:
            detour: why requests are not simply passed on; None if they are.
            is_stream: tells a long-lived stream by its scope.
        """
        self._is_stream = is_stream
        #: What is in the app and has not left it: its scope, by the `send` that its answer takes.
        self.calls: dict[Send, Scope] = {}
        #: The streams among them that the drain has ended. May lag behind them.
        self.ended: set[Send] = set()
        #: Requests that are served by threads, an object for each; True for a long-lived stream.
        self.guests: dict[object, bool] = {}
        #: What was judged when somebody last counted, for as long as there is much to judge.
        self._known: dict[Send, tuple[Scope, bool]] = {}
        #: How many of those there were, more or less: it changes with each.
        self.arrivals = 0
        #: Whether the server serves one of them at a time: what has arrived meanwhile waits in its
        #: socket, where nobody sees it.
        self.one_at_a_time = False
        #: What the holds are called in the log, by an object for each.
        self.holds: dict[object, str] = {}
        #: None: a request costs its entry among the calls and nothing else.
        self.detour = detour
        #: Set when nothing is left; None while nobody waits for that.
        self.landing: anyio.Event | None = None

    def __repr__(self) -> str:
        requests, streams = self.count()
        load = f"requests={requests} streams={streams} holds={len(self.holds)}"
        return f"<Flight {load} {self.detour or 'open'}>"

    @property
    def streams(self) -> list[Send]:
        """The long-lived streams among the calls. Safe in any thread."""
        return [send for send, (_, is_stream) in self._judged().items() if is_stream]

    def count(self) -> tuple[int, int]:
        """Return the numbers of requests and of streams, at one moment. Safe in any thread."""
        calls, guests = self._judged(), self.guests.copy()
        streams = sum(is_stream for _, is_stream in calls.values()) + sum(guests.values())
        return len(calls) + len(guests) - streams, streams

    def _judged(self) -> dict[Send, tuple[Scope, bool]]:
        """Return the calls of this moment, and which are streams. Each is judged once, if many."""
        judged: dict[Send, tuple[Scope, bool]] = {}
        for send, scope in self.calls.copy().items():
            known = self._known.get(send)
            is_known = known is not None and known[0] is scope
            judged[send] = known if is_known and known else (scope, self._is_stream(scope))
        # What is kept is kept alive until somebody counts again: not without need.
        self._known = judged if len(judged) > MANY else {}
        return judged

    def forget(self) -> None:
        """Let go of the ended streams that have left: their `send` may be another's by now."""
        self.ended.intersection_update(self.calls)

    def left(self) -> None:
        """Something has left: wake the drain if that was the last. Called by the app's loop."""
        if self.landing is not None and not self.calls and not self.guests and not self.holds:
            self.landing.set()

    async def landed(self) -> None:
        """Wait until nothing of this generation is left. For one waiter at a time."""
        while True:
            self.landing = anyio.Event()
            self.left()
            await self.landing.wait()
            if not self.one_at_a_time:
                return
            before = self.arrivals
            await anyio.sleep(QUIET)
            if self.arrivals == before:
                return

    def manifest(self) -> str:
        """Say what is on board, for the log: ``2 requests, 1 stream, hold 'checkout job'``."""
        requests, streams = self.count()
        counts = [(requests, "request"), (streams, "stream")]
        said = [f"{count} {what}{'s' * (count != 1)}" for count, what in counts if count]
        return ", ".join([*said, *sorted(self.holds.values())])


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """When a drain that began at `began` may end. Pure arithmetic, in seconds of one clock."""

    began: float
    delay: float
    timeout: float

    @property
    def delay_ends(self) -> float:
        """Endpoints and load balancers should have caught up by then."""
        return self.began + self.delay

    @property
    def deadline(self) -> float:
        """Work in flight is not waited for beyond it."""
        return self.delay_ends + self.timeout


async def land(flight: Flight, deadline: float) -> str:
    """Wait for what is in flight, until `deadline` on the loop's clock.

    Returns:
        What was still in flight then; empty if nothing was.
    """
    with anyio.move_on_after(deadline - current_time()):
        await flight.landed()
    return flight.manifest()


async def sleep_until(moment: float) -> None:
    """Sleep until `moment` on the loop's clock; not at all if it has passed."""
    remaining = moment - current_time()
    if remaining > 0:
        await anyio.sleep(remaining)


async def end_streams(
    flights: Callable[[], Iterable[Flight]], deadline: float, jitter: float, rng: random.Random
) -> None:
    """End the streams that are in flight, and those that come, until this is cancelled.

    Args:
        flights: where they are now.
        deadline: until when the drain waits for them, on the loop's clock.
        jitter: seconds over which those that are there at first are spread, evenly: all of their
            clients connect again. Half the time until the deadline at most.
        rng: where the moments come from.
    """
    begun: set[Send] = set()

    async def end_one(flight: Flight, send: Send, pause: float) -> None:
        await anyio.sleep(pause)
        if send not in flight.calls:
            return
        flight.ended.add(send)
        ended = False
        try:
            ended = await end(send)
        finally:
            if not ended:
                flight.ended.discard(send)
                begun.discard(send)

    async with anyio.create_task_group() as endings:
        spread = max(0.0, min(jitter, (deadline - current_time()) / 2))
        while True:
            begun &= {send for flight in flights() for send in flight.calls}
            for flight in flights():
                flight.forget()
                for send in set(flight.streams) - begun - flight.ended:
                    begun.add(send)
                    endings.start_soon(end_one, flight, send, rng.uniform(0, spread))
            spread = 0.0
            await anyio.sleep(LOOK)
