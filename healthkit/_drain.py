"""What a drain waits for, and for how long.

Owns the count of requests in flight and the holds, both kept by :class:`Flight`, and the arithmetic
of the drain. It does not know what asked for the drain, nor what follows it.

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

import anyio


class Detour(StrEnum):
    """Why an ordinary request is not simply passed on to the app."""

    #: Nothing runs yet and no lifespan was seen: this request begins the life.
    BEGIN = "begin"
    #: Not started, and the app wants no requests until it is: 503.
    REJECT = "reject"
    #: Draining: the connection is to be closed after the answer.
    CLOSE = "close"


class Flight:
    """A generation of work in flight: requests and holds that end on their own.

    `count` is touched by the app's loop only. Guests and holds may come and go in any thread: their
    dictionaries change in single, atomic steps.
    """

    __slots__ = ("count", "detour", "guests", "holds", "landing")

    def __init__(self, detour: Detour | None) -> None:
        #: Requests that have entered the app and not left it.
        self.count = 0
        #: Requests that are served by threads, an object for each.
        self.guests: dict[object, None] = {}
        #: What the holds are called in the log, by an object for each.
        self.holds: dict[object, str] = {}
        #: None: a request costs its count and nothing else.
        self.detour = detour
        #: Set when nothing is left; None while nobody waits for that.
        self.landing: anyio.Event | None = None

    def __repr__(self) -> str:
        return f"<Flight requests={self.requests} holds={len(self.holds)} {self.detour or 'open'}>"

    @property
    def requests(self) -> int:
        """How many requests are in the app. Safe in any thread."""
        return self.count + len(self.guests)

    def left(self) -> None:
        """Something has left: wake the drain if that was the last. Called by the app's loop."""
        if self.landing is not None and not self.requests and not self.holds:
            self.landing.set()

    async def landed(self) -> None:
        """Wait until nothing of this generation is left. For one waiter at a time."""
        self.landing = anyio.Event()
        self.left()
        await self.landing.wait()

    def manifest(self) -> str:
        """Say what is on board, for the log: ``2 requests, hold 'checkout job'``."""
        count = self.requests
        requests = [f"{count} request{'s' * (count != 1)}"] if count else []
        return ", ".join([*requests, *sorted(self.holds.values())])


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
    with anyio.move_on_after(deadline - anyio.current_time()):
        await flight.landed()
    return flight.manifest()


async def sleep_until(moment: float) -> None:
    """Sleep until `moment` on the loop's clock; not at all if it has passed."""
    remaining = moment - anyio.current_time()
    if remaining > 0:
        await anyio.sleep(remaining)
