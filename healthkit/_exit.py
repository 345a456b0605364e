"""The way out of one life: SIGTERM, the drain's delay, the streams' ends, and the work in flight.

Owns the order and the moments of these, and the gate in front of the server's SIGTERM. That a drain
has begun is the life's to say, whoever asked for it; from there this room goes on:

- by SIGTERM: serve on until the delay is over, end the streams, wait for what is in flight, and
  give the server its SIGTERM;
- by a call, a hook or another worker: end the streams when the delay is over, and serve on: what
  comes next is a SIGTERM, which counts the time that has passed;
- by the end of the lifespan: nobody can be told any more, so there is no delay, or no rest of it.

Everything here runs on the life's loop unless a docstring says otherwise.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from healthkit._drain import DrainPlan, end_streams, land, sleep_until
from healthkit._log import logger
from healthkit._model import Phase
from healthkit._signals import GATE, Keeper, current_gate

if TYPE_CHECKING:
    from healthkit._drain import Flight
    from healthkit._loop import Loop, Spawned
    from healthkit._settings import Settings
    from healthkit._signals import Gate
    from healthkit._traffic import Traffic

#: Seconds between two looks at the gate: the first, and what they double to.
RENEW_AFTER: Final = 0.001
RENEW_EVERY: Final = 60.0
#: The same before a loop, where each `add_signal_handler` of the app's undoes it.
RENEW_EVERY_LOOPS: Final = 1.0


class Leaver(Protocol):
    """The life, as far as its way out goes."""

    @property
    def phase(self) -> Phase:
        """The present phase."""
        ...

    @property
    def drain_began(self) -> float:
        """When the drain began, here or in the whole pod, on the clock of `now`; else infinity."""
        ...

    @property
    def drain_duration(self) -> float | None:
        """How long the drain has been under way here, in seconds; None if none has begun."""
        ...

    def now(self) -> float:
        """Return the life's clock, in seconds."""
        ...

    def begin_drain(self) -> None:
        """Begin the drain, unless it has begun."""
        ...


class Exit:
    """One life's way out."""

    def __init__(self, settings: Settings, life: Leaver, traffic: Traffic) -> None:
        """Make one that nobody has taken.

        Args:
            settings: those in force.
            life: whose it is.
            traffic: what is in flight through it.
        """
        self._settings = settings
        self._life = life
        self._traffic = traffic
        self._loop: Loop | None = None
        self._keeper = Keeper(self._terminated, self._wake)
        #: Where it is kept closed, from `guard` on.
        self._gate = GATE
        #: What looks after it.
        self._renewing: Spawned | None = None
        #: Whether SIGTERM has come. The task does not tell: an eager one runs before it is known.
        self._by_signal = False
        #: What ends the life after SIGTERM.
        self._ending: Spawned | None = None
        #: What ends the streams.
        self._closing: Spawned | None = None
        self._closes_now = False
        #: Whether the drain has waited for as long as it may.
        self._gave_up = False

    def __repr__(self) -> str:
        return f"<Exit of {self._life!r} {self._gate!r}>"

    @property
    def ends_streams(self) -> bool:
        """Whether it is time for streams to end. Safe in any thread."""
        delay_ends = self._life.drain_began + self._settings.drain_delay
        return self._closes_now or self._life.now() >= delay_ends

    def begin(self, settings: Settings, loop: Loop) -> None:
        """Take note of where the life has begun: the settings that hold there, and its loop."""
        self._settings = settings
        self._loop = loop

    # -- the gate ---------------------------------------------------------------------------------

    def guard(self) -> None:
        """Stand in front of the server's SIGTERM; say so if that can't be done. Idempotent.

        To be called in the main thread, on the loop if that is there.
        """
        self._gate = current_gate()
        refusal = self._gate.close(self._keeper, None if self._loop is None else self._loop.ends_by)
        if refusal is None:
            if self._loop is not None and self._loop.is_mine() and self._renewing is None:
                self._renewing = self._loop.spawn(_renew(self._gate), "gate")
            return
        # With a state directory there may be somebody in front: `healthkit run`, or a hook.
        alone = self._settings.drain_delay > 0 and self._settings.state_dir is None
        line = "SIGTERM alone ends this worker without a drain (%s): put `healthkit run --` before "
        line += "the server's command, or `healthkit drain` into a preStop hook"
        logger.log(logging.WARNING if alone else logging.INFO, line, refusal)

    def leave(self) -> None:
        """Let go of the gate: a SIGTERM that was held back is the server's. Idempotent."""
        self._gate.leave(self._keeper)

    def _wake(self) -> None:
        """Have the loop turn. Called in a thread."""
        if self._loop is not None:
            self._loop.soon(_nothing)

    def _terminated(self) -> bool:
        """Take the first SIGTERM, inside the signal handler; False if the loop is no more."""
        return self._loop is not None and self._loop.soon(self._end_by_signal)

    def _end_by_signal(self) -> None:
        if self._loop is None or self._life.phase is Phase.STOPPED:
            return  # the server got its signal when the life left the gate
        logger.info("SIGTERM", extra={"phase": str(self._life.phase)})
        if self._by_signal:
            return
        self._by_signal = True
        self._life.begin_drain()
        self._ending = self._loop.spawn(self._settle(), "drain", self._settled)

    async def _settle(self) -> None:
        """Serve on until the delay is over, then let the work in flight end."""
        await sleep_until(self._plan().delay_ends)
        await self._land()

    def _settled(self, ending: Spawned) -> None:
        """Give the server its SIGTERM, unless the drain was taken over by the shutdown."""
        if not ending.cancelled():
            self._gate.finished(self._keeper)

    # -- streams ----------------------------------------------------------------------------------

    def close_streams(self, *, at_once: bool = False) -> None:
        """Have the streams ended when the delay is over, or now. Nothing as long as no loop is."""
        if self._loop is None:
            return
        self._closes_now = at_once
        if self._closing is not None:
            self._closing.cancel()
        self._closing = self._loop.spawn(self._end_streams(at_once=at_once), "streams")

    def catch_up(self) -> None:
        """Do the same for a drain that began before the loop was there. Idempotent."""
        if self._closing is None:
            self.close_streams()

    async def _end_streams(self, *, at_once: bool) -> None:
        """End the streams: whoever connects again after the delay is sent to another pod."""
        plan = DrainPlan(self._life.drain_began, 0 if at_once else self._settings.drain_delay, 0)
        await sleep_until(plan.delay_ends)
        deadline = max(self._life.now(), plan.deadline) + self._settings.drain_timeout
        jitter = 0 if at_once else self._settings.stream_jitter  # at the end nobody waits for more
        rng = random.Random()  # noqa: S311  # jitter is no secret
        await end_streams(lambda: self._traffic.flights, deadline, jitter, rng)

    # -- the work in flight -----------------------------------------------------------------------

    async def finish(self) -> None:
        """Do what is left of it: the server has closed the lifespan, and the drain has begun.

        Work in flight is waited for, unless a second SIGTERM says that somebody is in a hurry.
        """
        if self._ending is not None:
            self._ending.cancel()
        self.close_streams(at_once=True)
        if not self._keeper.hurried and not self._gave_up:
            await self._land()

    def cancel(self) -> None:
        """Do nothing more. Idempotent."""
        for task in (self._ending, self._closing, self._renewing):
            if task is not None and self._loop is not None:
                self._loop.soon(task.cancel)

    async def _land(self) -> None:
        """Let the work in flight end."""
        plan = self._plan()
        flight = self._traffic.flight if plan.delay else self._closed_flight()
        if flight.manifest():
            manifest = flight.manifest()
            logger.info("waiting for %s", manifest, extra={"waiting_for": manifest})
        self._log_left(await land(flight, plan.deadline))

    def _closed_flight(self) -> Flight:
        """Return what is in flight now: closed to what still arrives, for nobody was told to go."""
        closed = self._traffic.flight
        self._traffic.open_anew()
        return closed

    def _log_left(self, left: str) -> None:
        """Say what the drain has not waited for any longer."""
        self._gave_up = bool(left)
        if left:
            line = "the drain is over after %g s with %s still in flight"
            took = round(self._life.drain_duration or 0.0, 1)
            logger.warning(line, took, left, extra={"in_flight": self._traffic.in_flight})

    def _plan(self) -> DrainPlan:
        """Return the times of the drain. Without SIGTERM there is no delay to be waited for."""
        delay = self._settings.drain_delay if self._by_signal else 0.0
        return DrainPlan(self._life.drain_began, delay, self._settings.drain_timeout)


async def _renew(gate: Gate) -> None:
    """Look after the gate: a server may put its own things back when its start-up is over."""
    pause = RENEW_AFTER
    while True:
        await anyio.sleep(pause)
        gate.renew()
        pause = min(2 * pause, RENEW_EVERY_LOOPS if gate.is_before_a_loop else RENEW_EVERY)


def _nothing() -> None:
    """Do nothing, on the loop."""
