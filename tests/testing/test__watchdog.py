"""Who ends a callback that blocks."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from healthkit.testing._stuck import StuckError
from healthkit.testing._watchdog import SIGNAL, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable


def watchdog(
    patience: float, told: list[StuckError], later: list[Callable[[], None]] | None = None
) -> Watchdog:
    """Make one that writes down what it says."""
    calls = [] if later is None else later
    return Watchdog(patience, lambda _: "task 'x'", told.append, calls.append)


def test_what_blocks_is_interrupted() -> None:
    """In the middle of its sleep, and with its line."""
    told: list[StuckError] = []
    dog = watchdog(0.05, told)
    with (
        pytest.raises(StuckError, match="task 'x' has blocked the event loop for 0.05 s at tests/"),
        dog.watching(),
    ):
        time.sleep(60)  # what is tested
    assert len(told) == 1


def test_a_loop_that_goes_on_is_left_alone() -> None:
    """Also one that waits for events for as long as it likes."""
    told: list[StuckError] = []
    dog = watchdog(0.05, told)
    with dog.watching():
        for _ in range(10):
            time.sleep(0.02)  # real work
            dog.turn += 2
        dog.turn += 1
        time.sleep(0.2)  # its selector
    assert told == []
    assert repr(dog) == "<Watchdog at turn 21>"


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
        with watchdog(5, []).watching():
            assert callable(signal.getsignal(SIGNAL))
        assert signal.getsignal(SIGNAL) == (before or signal.SIG_DFL)
    finally:
        real(SIGNAL, was)


def test_no_thread_is_left() -> None:
    """It ends with the loop."""
    before = threading.active_count()
    with watchdog(5, []).watching():
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_a_signal_of_somebody_elses_interrupts_nothing() -> None:
    """Nor does a late one."""
    with watchdog(5, []).watching():
        signal.raise_signal(SIGNAL)


def test_nobody_is_interrupted_in_a_debugger() -> None:
    """Its prompt may be open for as long as it takes."""
    told: list[StuckError] = []
    dog = watchdog(0.02, told)
    with dog.watching():
        exec("sleep(0.1)", {"__name__": "pdb", "sleep": time.sleep})  # noqa: S102  # its module
    assert told == []


def test_in_another_thread_it_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Now on stderr, and to the loop when that is free again."""
    told: list[StuckError] = []
    later: list[Callable[[], None]] = []
    dog = watchdog(0.05, told, later)

    def blocks() -> None:
        with dog.watching():
            time.sleep(0.08)  # what is tested

    _in_thread(blocks)
    assert capsys.readouterr().err.startswith("healthkit: task 'x' has blocked the event loop")
    assert told == []
    later[0]()
    assert " in blocks: expected it to await" in str(told[0])


def test_in_another_threads_debugger_nothing_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in the main thread's."""
    later: list[Callable[[], None]] = []
    dog = watchdog(0.02, [], later)
    namespace: dict[str, Any] = {"__name__": "pdb", "sleep": time.sleep}

    def blocks() -> None:
        with dog.watching():
            exec("sleep(0.1)", namespace)  # noqa: S102  # a debugger's module

    _in_thread(blocks)
    assert later == []
    assert capsys.readouterr().err == ""


def _in_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
    assert sys.exc_info() == (None, None, None)
