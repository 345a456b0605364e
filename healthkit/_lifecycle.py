"""The phases of one life, as one literal table.

A life begins when the server opens the app's lifespan (or, without one, at the first request) and
ends when the server closes it. In between it moves in one direction only:

    STARTING --started--> WARMING --warmed--> SERVING --drain_requested--> DRAINING --> STOPPED

``drain_requested`` and ``stopped`` may come in any phase. Work that was under way when the drain
began may still end in it: the table then answers "too late" by staying where it is, because a drain
must never look like readiness. What the readiness of a draining pod *was* is not a phase but
history, and is read from :attr:`Lifecycle.entered`: ``/startupz`` stays as it was through a drain
because WARMING was entered, not because of where the life is now.

Failing checks, pauses and failed liveness are conditions on top of a phase. They come and go, so
they are no phases. There is no way back to STARTING: the next life is a new object.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from healthkit._model import Phase
from healthkit.errors import LifecycleError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Event(StrEnum):
    """What can happen to a life. Past tense: it has happened, the table says what follows."""

    #: The app's own start-up and all registered start-up work are done.
    STARTED = "started"
    #: All required warm-ups are done.
    WARMED = "warmed"
    #: Somebody asked for the end: SIGTERM, a preStop hook, the app, the server's own shutdown.
    DRAIN_REQUESTED = "drain_requested"
    #: The server closed the lifespan, or the loop is gone.
    STOPPED = "stopped"


#: ``(phase, event) -> phase``. A pair that is missing is an error in healthkit itself.
TRANSITIONS: Final[Mapping[tuple[Phase, Event], Phase]] = {
    (Phase.STARTING, Event.STARTED): Phase.WARMING,
    (Phase.STARTING, Event.DRAIN_REQUESTED): Phase.DRAINING,
    (Phase.STARTING, Event.STOPPED): Phase.STOPPED,
    (Phase.WARMING, Event.WARMED): Phase.SERVING,
    (Phase.WARMING, Event.DRAIN_REQUESTED): Phase.DRAINING,
    (Phase.WARMING, Event.STOPPED): Phase.STOPPED,
    (Phase.SERVING, Event.DRAIN_REQUESTED): Phase.DRAINING,
    (Phase.SERVING, Event.STOPPED): Phase.STOPPED,
    # Too late: work that ended while the drain was on changes nothing.
    (Phase.DRAINING, Event.STARTED): Phase.DRAINING,
    (Phase.DRAINING, Event.WARMED): Phase.DRAINING,
    # A drain starts once; asking again is harmless.
    (Phase.DRAINING, Event.DRAIN_REQUESTED): Phase.DRAINING,
    (Phase.DRAINING, Event.STOPPED): Phase.STOPPED,
    # Whoever asks a finished life to end has what he wants.
    (Phase.STOPPED, Event.DRAIN_REQUESTED): Phase.STOPPED,
    (Phase.STOPPED, Event.STOPPED): Phase.STOPPED,
}


class Lifecycle:
    """One life's phase, and when each phase was entered. Not thread-safe; a life's loop owns it."""

    __slots__ = ("entered", "phase")

    def __init__(self, now: float) -> None:
        self.phase = Phase.STARTING
        #: When each phase of this life was entered, on the clock that the life was given.
        self.entered: dict[Phase, float] = {Phase.STARTING: now}

    def __repr__(self) -> str:
        return f"<Lifecycle {self.phase}>"

    def advance(self, event: Event, now: float) -> bool:
        """Apply `event`; return whether the phase changed.

        Raises:
            LifecycleError: the table has no such transition. Nothing was changed.
        """
        phase = TRANSITIONS.get((self.phase, event))
        if phase is None:
            message = f"{event} while {self.phase}: no such transition; this is a healthkit bug"
            raise LifecycleError(message)
        if phase is self.phase:
            return False
        self.phase = phase
        self.entered[phase] = now
        return True

    @property
    def started(self) -> bool:
        """Whether start-up was completed in this life."""
        return Phase.WARMING in self.entered

    @property
    def warmed(self) -> bool:
        """Whether the required warm-ups were completed in this life."""
        return Phase.SERVING in self.entered
