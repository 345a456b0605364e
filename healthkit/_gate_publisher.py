"""The publisher: keeps one condition of the Pod as it should be.

Owns when a patch is sent, what is made of its failure, and when it is given up. It runs on a loop
of the gate's own (see `_gate`), where reading a file holds up nobody else.

Nothing is sent while nothing has changed. The first patch of a life is always sent: a condition
outlives its container, and nobody else puts back what the last one has left. What changes while a
patch is under way, or is waited with, is published as it is then. A patch that is under way is
overtaken only by an end: a request that was cut off may still be taken by the server, after the
next one. After one that was cut off what says otherwise is therefore sent twice.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from healthkit._gate_rules import body_of, condition_of, due
from healthkit._gate_wire import PatchError
from healthkit._log import logger
from healthkit._warmup import backoff
from healthkit.errors import KubernetesError

if TYPE_CHECKING:
    import random

    from healthkit._gate_lead import Leading
    from healthkit._gate_rules import Condition, Wanted
    from healthkit._gate_wire import Patching

#: Seconds between two looks when nobody says that there is something to see: for the lock, mostly.
TICK: Final = 1.0
#: Seconds until what was taken is sent once more: by then the server has dropped what was cut off.
AGAIN_AFTER: Final = 1.0
#: Seconds that a life's last word may take.
LEFT_WITHIN: Final = 1.0

#: What does not mend by itself.
_FOR_SOMEBODY: Final = frozenset({"400", "403", "404", "415", "422", "credentials"})


class Source(Protocol):
    """What is to be published. Both are asked in the gate's thread."""

    @property
    def final(self) -> Wanted | None:
        """The life's last word; None before its end."""
        ...

    def look(self) -> Wanted | None:
        """Say what the condition should be now; None while nobody knows."""
        ...


class Publisher:
    """One life's part in the condition. Made and used on the gate's loop."""

    def __init__(
        self,
        kind: str,
        source: Source,
        lead: Leading,
        patch: Patching,
        rng: random.Random,
    ) -> None:
        """Make one that has published nothing.

        Args:
            kind: the condition's type.
            source: says what is to be published.
            lead: whether this worker publishes.
            patch: sends it.
            rng: for jitter.
        """
        self._kind = kind
        self._source = source
        self._lead = lead
        self._patch = patch
        self._rng = rng
        self._news = anyio.Event()
        #: Of the whole run; its deadline is set when the last word is there.
        self._scope = anyio.CancelScope()
        self._leading = False
        #: What the server has taken; None if that is uncertain.
        self._told: Condition | None = None
        #: What was sent last, whatever became of it, by this worker or by the one before.
        self._before: Condition | None = None
        #: When it was sent, and how many were.
        self._sent = -math.inf
        self._patches = 0
        #: When it may be tried again after a failure, and whether the server has said so.
        self._retry_at = -math.inf
        self._asked_to_wait = False
        self._hurried = False
        #: The status of a patch that was cut off, and may be taken yet; None if there is none.
        self._cut_off: bool | None = None
        self._delays = backoff(rng)
        #: Which failures were logged since the last success.
        self._said = set[str]()

    def __repr__(self) -> str:
        return f"<Publisher {self.state}>"

    @property
    def state(self) -> str:
        """Say how it stands. Safe in any thread."""
        told, said = self._told, sorted(self._said)
        if not self._leading:
            return "not publishing"
        failing = f", failing: {', '.join(said)}" if said else ""
        return ("unpublished" if told is None else f"published {told.status}") + failing

    def wake(self) -> None:
        """Have it look again."""
        self._news.set()

    async def run(self) -> None:
        """Publish until the last word is said, or was given its time."""
        try:
            with self._scope:
                while not await self._step():
                    pass
        finally:
            self._lead.leave()
            self._leading = False

    async def _step(self) -> bool:
        """Do one turn; a bug in it ends nothing, and is tried again."""
        try:
            return await self._is_over()
        except Exception as exc:  # noqa: BLE001  # a dead publisher would leave a True for ever
            self._failed(exc)
            with anyio.move_on_after(self._retry_at - anyio.current_time()):
                await self._news.wait()
            return False

    async def _is_over(self) -> bool:
        """Do what there is to do, and wait for more; return whether there is no more."""
        final, wanted = self._listen()
        if final is not None and final.status:
            return True  # other workers go on, and publish
        pause = await self._turn(wanted)
        if final is not None and (not self._leading or self._is_told(final)):
            return True
        with anyio.move_on_after(pause):
            await self._news.wait()
        return False

    def _listen(self) -> tuple[Wanted | None, Wanted | None]:
        """Return the last word, if it was said, and what is wanted; hear what comes after that."""
        self._news = anyio.Event()
        final = self._source.final
        if final is not None and self._scope.deadline == math.inf:
            self._scope.deadline = anyio.current_time() + LEFT_WITHIN
            self._hurried = False
        return final, final or self._source.look()

    def _is_told(self, wanted: Wanted) -> bool:
        return self._told is not None and self._told.status is wanted.status

    async def _turn(self, wanted: Wanted | None) -> float:
        """Publish what is due; return for how many seconds there is nothing to do."""
        if wanted is None or not self._leads(wanted):
            return TICK
        told = self._told
        if told is not None and (told.says(wanted) or (wanted.ending and self._is_told(wanted))):
            return TICK  # at the end its words do not matter
        wait = self._wait(wanted) - anyio.current_time()
        if wait > 0:
            return min(wait, TICK)
        await self._publish(wanted)
        return 0.0

    def _leads(self, wanted: Wanted) -> bool:
        """Whether this worker publishes; one that begins to takes over what is known."""
        if not self._lead.leads():
            self._leading, self._told = False, None
        elif not self._leading:
            self._leading = True
            self._before = before = self._lead.remembered()
            # When all workers end, one after the other, one patch is enough.
            ended = before is not None and wanted.ending and before.status is wanted.status
            self._told = before if ended else None
        return self._leading

    def _wait(self, wanted: Wanted) -> float:
        """Return from when on it may be sent, on the loop's clock."""
        ends = wanted.ending and not wanted.status
        if ends and not self._hurried and not self._asked_to_wait:
            self._hurried = True
            self._delays = backoff(self._rng)  # there is no minute left to wait for
            return -math.inf
        return max(
            self._retry_at, due(wanted, self._told, self._sent, is_second=self._patches == 1)
        )

    async def _publish(self, wanted: Wanted) -> None:
        condition = condition_of(wanted, self._before, time.time())
        self._before, self._told = condition, None
        self._lead.remember(None)  # while it is uncertain
        self._sent = anyio.current_time()
        self._patches += 1
        try:
            taken = await self._send(condition)
        except Exception as exc:  # noqa: BLE001  # whatever it is, the app goes on, and so does this
            if _may_be_taken(exc):
                self._cut_off = condition.status
            self._failed(exc)
            return
        if not taken:
            self._cut_off = condition.status
            return
        self._succeeded(condition)
        if self._cut_off is (not condition.status) and self._source.final is None:
            self._retry_at = anyio.current_time() + AGAIN_AFTER
        else:
            self._told = condition
            self._lead.remember(condition)
        self._cut_off = None

    async def _send(self, condition: Condition) -> bool:
        """Send it; return whether it was taken, or False if it was overtaken."""
        failures: list[Exception] = []
        sending, watching = anyio.CancelScope(), anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(self._overtake, condition, sending, watching)
            with sending:
                try:
                    await self._patch(body_of(self._kind, condition))
                except Exception as exc:  # noqa: BLE001  # raised again, outside of the group
                    failures.append(exc)
            watching.cancel()
        for failure in failures:
            raise failure
        return not sending.cancelled_caught

    async def _overtake(
        self, condition: Condition, sending: anyio.CancelScope, watching: anyio.CancelScope
    ) -> None:
        """Give a patch up when the app ends, and it says something else."""
        with watching:
            while True:
                await self._news.wait()
                _final, wanted = self._listen()
                if wanted is not None and wanted.ending and wanted.status is not condition.status:
                    sending.cancel()

    # -- what becomes of it -----------------------------------------------------------------------

    def _succeeded(self, condition: Condition) -> None:
        self._retry_at, self._asked_to_wait = -math.inf, False
        self._delays = backoff(self._rng)
        level = logging.INFO if self._said else logging.DEBUG
        self._said.clear()
        logger.log(level, "readiness gate: %s is %s", self._kind, condition.status)

    def _failed(self, exc: Exception) -> None:
        """Say it once, and wait."""
        after = exc.retry_after if isinstance(exc, PatchError) else None
        self._asked_to_wait = after is not None
        self._retry_at = anyio.current_time() + max(next(self._delays), after or 0.0)
        kind = _kind(exc)
        if kind in self._said:
            return
        self._said.add(kind)
        level = logging.ERROR if kind in _FOR_SOMEBODY else logging.WARNING
        line, *trace = (str(exc), None) if isinstance(exc, KubernetesError) else (kind, exc)
        logger.log(
            level,
            "readiness gate: %s is not published, and tried again: %s",
            self._kind,
            line,
            exc_info=trace[0],
        )


def _may_be_taken(exc: Exception) -> bool:
    """Whether the server may have the patch, and take it later."""
    return isinstance(exc, PatchError) and exc.kind != "ConnectError" and exc.kind[0] != "4"


def _kind(exc: Exception) -> str:
    """Return what one line in the log is for."""
    if isinstance(exc, PatchError):
        return exc.kind
    return "credentials" if isinstance(exc, KubernetesError) else type(exc).__name__
