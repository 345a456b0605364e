"""When the drain of a whole pod is over: pure rules, in seconds of CLOCK_MONOTONIC.

A drain ends well when every living worker has latched it, the delay is over, and nothing is in
flight in records that were *written after* the delay's end: an older one knows nothing of the
requests that arrived in the last moments of the delay. It ends with its deadline in any case, and
a worker that hangs is waited for until then, no longer.

The surprising fact: the drain may have begun before anybody here asked for it, by another command
or by ``health.drain()``. The first of them counts, and only the rest is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from healthkit._facts import written_of

if TYPE_CHECKING:
    from healthkit._facts import Facts
    from healthkit._state_dir import Peer, View

#: Seconds in which a worker that lives and is not hung has answered. It needs one tick: 50 ms.
ANSWER: Final = 1.0


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
    #: Whether workers were there before: a server replaces those that die, and they must hear of
    #: the drain.
    awaited: bool = False

    @property
    def stage(self) -> Stage:
        """How far the drain is."""
        if not self.peers and (not self.awaited or self.now >= min(self.delay_ends, self.deadline)):
            return Stage.DESERTED
        if self.now >= self.delay_ends and all(self._is_idle(peer) for peer in self.peers):
            return Stage.DRAINED
        if self.now >= self.deadline:
            return Stage.GAVE_UP
        return Stage.DELAY if self.now < self.delay_ends else Stage.WAITING

    def _is_idle(self, peer: Peer) -> bool:
        facts = peer.facts
        return self.is_answered(peer) and not (facts.requests or facts.streams or facts.holds)

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


def sight(order: Order, view: View, now: float, known: tuple[Facts, ...] = ()) -> Sight:
    """Judge what was seen, by the settings of the workers that live.

    Args:
        order: what was asked for.
        view: what was seen.
        now: CLOCK_MONOTONIC in seconds.
        known: the workers that were seen last, if there were any: theirs are the settings while
            none lives, for a server replaces those that die.
    """
    facts = [peer.facts for peer in view.peers] or known
    told = [view.told, *(one.told for one in facts)]
    began = min([order.asked, *(moment for moment in told if moment is not None)])
    delay = order.delay
    if delay is None:
        delay = max((one.drain_delay for one in facts), default=0.0) or order.least_delay
    # A drain that began long ago leaves this one its time for what is in flight all the same.
    waiting = max(began + delay, order.asked)
    deadline = waiting + max((one.drain_timeout for one in facts), default=0.0)
    if order.limit is not None:
        deadline = min(deadline, order.asked + order.limit)
    return Sight(now, view.peers, began + delay, deadline, awaited=bool(known))
