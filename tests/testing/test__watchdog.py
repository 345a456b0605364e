"""Who ends a callback that blocks."""

from __future__ import annotations

import signal
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from healthkit.testing import _watchdog
from healthkit.testing._stuck import StuckError
from healthkit.testing._threads import Watcher
from healthkit.testing._watchdog import LOOKS, SIGNAL, Watchdog
from tests.testing.looks import Looks, Played

if TYPE_CHECKING:
    from collections.abc import Callable


def watchdog(
    patience: float, told: list[StuckError], later: list[Callable[[], None]] | None = None
) -> Watchdog:
    """Make one that writes down what it says."""
    calls = [] if later is None else later
    return Watchdog(patience, lambda _: "task 'x'", told.append, calls.append)


def strikes(turns: list[int]) -> list[int]:
    """Return at which looks it strikes, if it finds the loop at these turns.

    They are told by their moments: with a patience of so many seconds there is one each second.
    """
    dog, struck = watchdog(LOOKS, []), list[int]()
    played = Played(partial(setattr, dog, "turn", turn) for turn in turns)
    setattr(dog, "_stop", played)  # noqa: B010  # typed
    dog._watch(lambda: struck.append(round(played.moment)))
    return struck


def test_what_blocks_is_interrupted() -> None:
    """In the middle of its sleep, and with its line."""
    told: list[StuckError] = []
    dog = watchdog(0.05, told)
    dog._stop = looks = Looks()

    def blocks() -> None:
        looks.allow()
        time.sleep(60)  # what is tested

    with (
        pytest.raises(StuckError, match="task 'x' has blocked the event loop for 0.05 s at tests/"),
        dog.watching(),
    ):
        blocks()
    assert len(told) == 1


def test_a_turn_may_take_all_the_patience_and_no_more() -> None:
    """It is interrupted once for each span of it, until the loop goes on."""
    assert strikes([0] * (LOOKS - 1)) == []
    assert strikes([0] * 3 * LOOKS) == [LOOKS, 2 * LOOKS, 3 * LOOKS]
    assert strikes([2] * LOOKS) == []  # the first look has found it there
    assert strikes([2] * (LOOKS + 1)) == [LOOKS + 1]


def test_a_loop_that_goes_on_is_left_alone() -> None:
    """Also one that waits for events for as long as it likes."""
    assert strikes([turn for turn in range(2, 20, 2) for _ in range(LOOKS)]) == []
    assert strikes([1] * 10 * LOOKS) == []
    assert strikes([1] * 10 * LOOKS + [2] * (LOOKS + 1)) == [11 * LOOKS + 1]


def test_a_machine_that_stands_still_blocks_nothing() -> None:
    """However long it was until a look: the process had no processor then."""
    dog = watchdog(0.001, [])
    late = partial(time.sleep, 0.005)
    setattr(dog, "_stop", Played([late] * (LOOKS - 1)))  # noqa: B010  # as above
    dog._watch(pytest.fail)
    assert repr(dog) == "<Watchdog at turn 0>"


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.SIG_DFL, None])
def test_the_signals_handler_is_put_back(
    before: signal.Handlers | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was; one that isn't Python's can't be, and the default is harmless."""
    was = signal.signal(SIGNAL, before or signal.SIG_DFL)
    real = signal.signal
    if before is None:

        def installs(number: int, handler: Any) -> None:  # noqa: ANN401  # as signal's
            real(number, handler)

        monkeypatch.setattr(signal, "signal", installs)
    try:
        with watchdog(60, []).watching():
            assert callable(signal.getsignal(SIGNAL))
        assert signal.getsignal(SIGNAL) == (before or signal.SIG_DFL)
    finally:
        real(SIGNAL, was)


def test_no_thread_is_left() -> None:
    """It ends with the loop."""
    before = watchers()
    with watchdog(60, []).watching():
        (ours,) = watchers() - before
    assert not ours.is_alive()


def watchers() -> set[threading.Thread]:
    """Return the threads of all watchdogs."""
    return {one for one in threading.enumerate() if isinstance(one, Watcher)}


def test_who_is_interrupted_before_it_is_watched_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The watchdog's thread may strike before the one that starts it goes on."""
    before = watchers()
    real = Watcher.start
    started: list[Watcher] = []

    def starts(self: Watcher) -> None:
        real(self)
        started.append(self)
        raise StuckError("struck")

    monkeypatch.setattr(Watcher, "start", starts)
    with pytest.raises(StuckError, match="struck"), watchdog(60, []).watching():
        pytest.fail("it goes on")
    assert not started[0].is_alive()
    assert watchers() == before


def test_where_no_thread_can_be_started_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else: there is none to wait for."""

    def starts(_: Watcher) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Watcher, "start", starts)
    with (
        pytest.raises(RuntimeError, match="can't start new thread") as caught,
        watchdog(60, []).watching(),
    ):
        pytest.fail("it goes on")
    assert caught.value.__context__ is None


def test_a_signal_of_somebody_elses_interrupts_nothing() -> None:
    """Nor does a late one."""
    with watchdog(60, []).watching():
        signal.raise_signal(SIGNAL)


def test_nobody_is_interrupted_in_a_debugger() -> None:
    """Its prompt may be open for as long as it takes."""
    told: list[StuckError] = []
    dog = watchdog(60, told)

    def struck() -> None:
        dog._late = dog.turn
        signal.raise_signal(SIGNAL)

    with dog.watching():
        in_debugger(struck)
        assert told == []
        with pytest.raises(StuckError):
            struck()
    assert len(told) == 1


def in_debugger(function: Callable[[], object]) -> None:
    """Call from the module of one."""
    exec("function()", {"__name__": "pdb", "function": function})  # noqa: S102  # its module


def test_in_another_thread_it_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Now on stderr, and to the loop when that is free again."""
    told: list[StuckError] = []
    later: list[Callable[[], None]] = []
    asked = threading.Event()

    def ask(call: Callable[[], None]) -> None:
        later.append(call)
        asked.set()

    dog = Watchdog(0.05, lambda _: "task 'x'", told.append, ask)

    def blocks() -> None:
        with dog.watching():
            asked.wait(60)  # what is tested

    _in_thread(blocks)
    assert capsys.readouterr().err.startswith("healthkit: task 'x' has blocked the event loop")
    assert told == []
    later[0]()
    assert " in blocks: expected it to await" in str(told[0])


def test_what_is_reported_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop may go on, and end, as soon as somebody reads the report."""
    later: list[Callable[[], None]] = []
    seen: list[int] = []

    def report(_: str) -> None:
        seen.append(len(later))

    monkeypatch.setattr(_watchdog, "report", report)
    watchdog(60, [], later)._tell(threading.get_ident())
    assert seen == [1]


def test_in_another_threads_debugger_nothing_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in the main thread's."""
    later: list[Callable[[], None]] = []
    dog = watchdog(60, [], later)

    def struck() -> None:
        dog._tell(threading.get_ident())

    in_debugger(struck)
    assert later == []
    assert capsys.readouterr().err == ""
    struck()
    assert len(later) == 1


def _in_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
    assert sys.exc_info() == (None, None, None)
