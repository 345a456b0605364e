"""Background checks: run by their own interval, never by a probe.

Owns when a check runs and what its runs came to. What that means for readiness is not decided
here: a probe reads the last outcome from memory.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

from healthkit._model import Outcome
from healthkit.errors import CheckFailed

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from healthkit._calls import Calls

logger = logging.getLogger("healthkit")

#: A tenth to either side, so that the checks of a fleet that was started together drift apart.
JITTER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it was registered. Seconds; see `Health.check`."""

    name: str
    function: Callable[..., object]
    interval: float
    timeout: float
    required: bool


class CheckWatch:
    """One check in one life."""

    def __init__(self, check: Check, changed: Callable[[], None]) -> None:
        self.check = check
        #: How the last run ended; None before the first has.
        self.outcome: Outcome | None = None
        self._changed = changed

    def __repr__(self) -> str:
        return f"<CheckWatch {self.check.name} {self.outcome or 'pending'}>"

    async def run(self, calls: Calls, rng: random.Random) -> None:
        """Run the check at once, then an interval after each end, until cancelled.

        The next run waits for the end of the last one, also when that is long past its timeout:
        runs never pile up.
        """
        while True:
            call = calls.start(self.check.function, kind="check", name=self.check.name)
            failure = await call.failure(self.check.timeout)
            if failure is None and call.value is False:
                failure = CheckFailed("returned False")
            self._record(failure)
            await call.ended.wait()
            await anyio.sleep(self.check.interval * rng.uniform(1 - JITTER, 1 + JITTER))

    def _record(self, failure: BaseException | None) -> None:
        """Keep the outcome; say so in the log when it is another than before."""
        before = self.outcome
        self.outcome = Outcome.SUCCESS if failure is None else Outcome.FAILURE
        if self.outcome is before:
            return
        extra = {"check": self.check.name, "outcome": str(self.outcome)}
        if failure is None:
            logger.info("check %s succeeds", self.check.name, extra=extra)
        else:
            logger.warning("check %s fails", self.check.name, exc_info=failure, extra=extra)
        self._changed()
