"""Which state follows from which outcomes: consecutive thresholds, as the kubelet counts them.

Pure: time comes in as numbers. Three rules, each the kubelet's own
(kubernetes 1.36 pkg/kubelet/prober/worker.go, doProbe):

1. As many successes, or failures, in a row as the threshold says change the state; until then the
   last state stands. The first state is PENDING, and has to be left in the same way.
2. An unknown outcome is thrown away: it neither counts nor breaks a row.
3. What the kubelet does not have: the state expires. A state that nobody confirms or refutes for
   `max_age` seconds, whatever the cause, is STALE until the next success or failure, which begins
   anew from PENDING: one failure of three must not turn a stale check into a passing one. The first
   state expires too, when no run has had a result since the beginning.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from healthkit._model import CheckState, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The state that enough outcomes of a kind lead to.
LEADS_TO: Final[Mapping[Outcome, CheckState]] = {
    Outcome.SUCCESS: CheckState.PASSING,
    Outcome.FAILURE: CheckState.FAILING,
}


class Tally:
    """What the outcomes of one check have come to. Not thread-safe; one writer."""

    __slots__ = (
        "_latched",
        "_max_age",
        "_row",
        "_row_of",
        "_since",
        "_thresholds",
        "last_at",
        "runs",
    )

    def __init__(self, *, failure_threshold: int, success_threshold: int, max_age: float) -> None:
        self._thresholds = {
            Outcome.SUCCESS: success_threshold,
            Outcome.FAILURE: failure_threshold,
        }
        self._max_age = max_age
        self._latched = CheckState.PENDING
        self._row_of: Outcome | None = None
        self._row = 0
        #: When the state was last confirmed or refuted, or begun; None before.
        self._since: float | None = None
        #: When the last success or failure was counted; None before the first.
        self.last_at: float | None = None
        #: How many outcomes of each kind there were.
        self.runs: dict[Outcome, int] = dict.fromkeys(Outcome, 0)

    def __repr__(self) -> str:
        row = f" {self._row_of} x{self._row}" if self._row_of else ""
        return f"<Tally {self._latched}{row}>"

    def begin(self, now: float) -> None:
        """Have the first state expire `max_age` after `now`."""
        self._since = now

    def count(self, outcome: Outcome, now: float) -> None:
        """Take note of how a run ended, at `now`."""
        self.runs[outcome] += 1
        if outcome is Outcome.UNKNOWN:
            return
        if now >= self.fresh_until:
            self._latched, self._row = CheckState.PENDING, 0
        self._row = self._row + 1 if outcome is self._row_of else 1
        self._row_of = outcome
        self.last_at = self._since = now
        if self._row >= self._thresholds[outcome]:
            self._latched = LEADS_TO[outcome]

    @property
    def fresh_until(self) -> float:
        """When the state expires if nothing is counted before; infinity before the beginning."""
        return math.inf if self._since is None else self._since + self._max_age

    def state_at(self, now: float) -> CheckState:
        """Return the state at `now`, on the clock of `count`."""
        return CheckState.STALE if now >= self.fresh_until else self._latched
