"""What the built-in checks share: two thresholds with a memory, and the words for a failure.

Owns when a value fails, how that is said, and which thresholds and paths are refused. Measuring is
the business of the door `checks`.

Unlike a function, such a check remembers: whether it fails depends on whether it failed before. One
object is registered once and lives through several lifespans of the app, so whoever begins a life
takes a `LocalCheck.fresh` one of its own.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit import _validate
from healthkit.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    #: Returns a threshold that is right, by its name in a message and what was given.
    Valid = Callable[[str, object], float]

#: A check whose user gives one threshold passes again at a distance of a fifth: enough to sit out
#: the noise of a value that hovers around its limit, and near enough to be reached again.
SHARE: Final = 0.8

#: Seconds. Event loops count in milliseconds, and so do some file systems.
SHORTEST: Final = 0.001


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """Two thresholds: strictly beyond the first a check fails, strictly past the second it passes.

    In between it stays as it was, so that a value that hovers around one limit does not take a pod
    out of its Service and back by the minute. Exactly at a threshold nothing changes either: "above
    10" is not 10. It may be both thresholds at once.
    """

    #: Beyond it a check that passes fails.
    fail: float
    #: Past it a check that fails passes again.
    recover: float
    #: Whether it is the high values that are bad.
    above: bool
    #: What stands behind a number, with the space in between.
    unit: str

    def __str__(self) -> str:
        bad, good = self._words()
        return f"fail_{bad}={self.said(self.fail)} pass_{good}={self.said(self.recover)}"

    def fails(self, value: float, *, failing: bool) -> bool:
        """Whether a check with this value fails, if it did or did not (`failing`) before."""
        edge = self.recover if failing else self.fail
        return failing if value == edge else (value > edge) is self.above

    def against(self, value: float) -> str:
        """Say which threshold it is that a failing check's value is on the wrong side of."""
        bad, good = self._words()
        if self.fails(value, failing=False):
            return f"{bad} the limit of {self.said(self.fail)}"
        return f"not yet {good} {self.said(self.recover)} again"

    def said(self, value: float) -> str:
        """Return a number with its unit, as precise as a reader can use it."""
        return f"{round(value, 6):,.15g}{self.unit}"

    def _words(self) -> tuple[str, str]:
        return ("above", "below") if self.above else ("below", "above")


def above(who: str, fail: object, recover: object, valid: Valid, unit: str) -> Hysteresis:
    """Make the thresholds of a value that is bad when it is high.

    Args:
        who: the check's class, for messages.
        fail: what was given as ``fail_above``.
        recover: what was given as ``pass_below``; None is 80 % of the other.
        valid: refuses what is no threshold.
        unit: what stands behind a number.

    Raises:
        ConfigError: no thresholds, or the second is on the wrong side of the first.
    """
    high = valid(f"{who} fail_above", fail)
    low = round(high * SHARE, 6) if recover is None else valid(f"{who} pass_below", recover)
    made = Hysteresis(high, low, above=True, unit=unit)
    if low > high:
        expected = f"at most fail_above={made.said(high)}"
        raise _validate.refuse(f"{who} pass_below", recover, expected)
    return made


def below(who: str, fail: object, recover: object, valid: Valid, unit: str) -> Hysteresis:
    """Make the thresholds of a value that is bad when it is low; otherwise as `above`.

    `fail` was given as ``fail_below`` and `recover` as ``pass_above``; None is 125 % of the other.
    """
    low = valid(f"{who} fail_below", fail)
    high = round(low / SHARE, 6) if recover is None else valid(f"{who} pass_above", recover)
    made = Hysteresis(low, high, above=False, unit=unit)
    if high < low:
        expected = f"at least fail_below={made.said(low)}"
        raise _validate.refuse(f"{who} pass_above", recover, expected)
    return made


def duration(what: str, value: object, *, most: float, least: float = SHORTEST) -> float:
    """Return `value` as seconds. For what is measured: unlike a timer it may take days.

    Raises:
        ConfigError: not a number, or out of the range.
    """
    expected = f"seconds as a number from {least:g} to {most:,.0f}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _validate.refuse(what, value, expected)
    if not least <= value <= most:  # NaN: no comparison is true of it
        raise _validate.refuse(what, value, expected)
    return float(value)


def location(what: str, value: object) -> Path:
    """Return `value` as a path. It need not exist yet.

    Raises:
        ConfigError: empty, or neither text nor a path object: 3 would be an open file, bytes are
            not what a log shows.
    """
    expected = "a path, as text or pathlib.Path"
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise _validate.refuse(what, value, expected)
    return Path(value)


class LocalCheck(ABC):
    """A check with thresholds and a memory, called like a function of either kind.

    It is called by one thread at a time, as every registered function is; a repr may be taken in
    any.

    Args:
        name: what it is called unless it is registered by another name.
        band: its thresholds.
        about: what its repr says beside them.
    """

    #: Seconds that a call takes when all is well: its timeout must be longer.
    takes: float = 0.0

    def __init__(self, name: str, band: Hysteresis, about: str = "") -> None:
        self.__name__ = name
        self._band = band
        self._about = about
        #: Whether it failed when it was last called; None before.
        self._failing: bool | None = None
        #: What it last measured; None if it could not.
        self._value: float | None = None

    def __repr__(self) -> str:
        words = {None: "not run", True: "failing", False: "passing"}
        state = words[self._failing]
        if self._value is not None:
            state = f"{state} at {self._band.said(self._value)}"
        shown = [type(self).__name__, self._about, str(self._band), state]
        return f"<{' '.join(part for part in shown if part)}>"

    @abstractmethod
    def __call__(self) -> object:
        """Measure, and judge what was measured."""

    def fresh(self) -> Self:
        """Return a new check with the same parameters and no memory: each life has its own.

        What a thread that hangs since an earlier life may still remember, it remembers elsewhere.
        """
        made = copy.copy(self)
        made._failing = None  # noqa: SLF001  # its own, one instance further
        made._value = None  # noqa: SLF001
        return made

    def _judge(self, value: float, finding: str, of: str = "") -> None:
        """Remember a value.

        Args:
            value: what was measured.
            finding: the same in words.
            of: what was measured, which may be long and stands last.

        Raises:
            CheckFailed: it is bad, or not yet good again.
        """
        self._value = value
        self._failing = self._band.fails(value, failing=bool(self._failing))
        if self._failing:
            reason = f"{finding}, {self._band.against(value)}"
            raise CheckFailed(f"{reason}: {of}" if of else reason)

    def _unmeasured(self, reason: str) -> CheckFailed:
        """Remember a failure without a value, and return it to be raised.

        It counts as one beyond the threshold: what was gone and has come back must be well again.
        """
        self._value = None
        self._failing = True
        return CheckFailed(_validate.one_line(reason))
