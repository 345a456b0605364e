"""What is in flight through one life: requests, long-lived streams and holds, and who counts them.

Owns the life's flights: the last one takes what arrives, and what an earlier one has on board is on
its way out. A flight itself is `_drain`'s business, and so is waiting for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from healthkit._drain import Detour, Flight
from healthkit._streams import reconnects

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from healthkit._loop import Loop

_T = TypeVar("_T")


class Traffic:
    """One life's. Flights are opened and diverted on its loop; the rest is safe in any thread."""

    def __init__(self, is_stream: Callable[[Scope], bool]) -> None:
        """Make one in which nothing is in flight.

        Args:
            is_stream: tells a long-lived stream by its scope.
        """
        #: Whether a request is for a stream, which the drain ends.
        self.is_stream = is_stream
        #: Work that arrives now is counted here.
        self.flight = Flight(Detour.BEGIN, is_stream)
        #: All that may have something on board, the oldest first.
        self.flights = [self.flight]
        self._loop: Loop | None = None

    def __repr__(self) -> str:
        return f"<Traffic {self.flights}>"

    @property
    def in_flight(self) -> int:
        """How many requests are in the app, without the streams."""
        return sum(flight.count()[0] for flight in self.flights)

    @property
    def streams(self) -> int:
        """How many WebSockets and other long-lived streams are in the app."""
        return sum(flight.count()[1] for flight in self.flights)

    @property
    def holds(self) -> list[str]:
        """What else a drain would wait for: the holds' labels, sorted."""
        return sorted(label for flight in self.flights for label in [*flight.holds.values()])

    @property
    def has_own_rule(self) -> bool:
        """Whether the app itself says what a stream is."""
        return self.is_stream is not reconnects

    def begin(self, loop: Loop) -> None:
        """Take note of the loop on which somebody may wait for all this."""
        self._loop = loop

    def divert(self, detour: Detour | None) -> None:
        """Say what becomes of ordinary requests from now on; None: they are passed on."""
        self.flight.detour = detour

    def open_anew(self) -> None:
        """Open a flight for what arrives from now on; the one before takes nobody any more."""
        self.flight = Flight(self.flight.detour, self.is_stream)
        self.flights = [f for f in self.flights if f.manifest()] + [self.flight]

    def take(self, label: str) -> Callable[[], None]:
        """Put a hold on board and return what takes it off: once, in any thread."""
        return self._board(lambda flight: flight.holds, label)

    def enter(self, *, one_at_a_time: bool, is_stream: bool = False) -> Callable[[], None]:
        """Count a request that a thread serves; return what counts it out.

        Args:
            one_at_a_time: whether the server begins the next request only after this one.
            is_stream: whether it is a long-lived stream, which ends itself by `Exit.ends_streams`.
        """
        self.flight.arrivals += 1
        self.flight.one_at_a_time = one_at_a_time
        return self._board(lambda flight: flight.guests, is_stream)

    def _board(self, deck: Callable[[Flight], dict[object, _T]], what: _T) -> Callable[[], None]:
        """File work in a flight that is open; return what takes it off again.

        The loop may close a flight while a thread looks away.
        """
        token = object()
        while True:
            flight = self.flight
            deck(flight)[token] = what
            if flight is self.flight:
                break
            deck(flight).pop(token, None)

        def release() -> None:
            deck(flight).pop(token, None)
            if flight.landing is not None and self._loop is not None:
                self._loop.soon(flight.left)

        return release
