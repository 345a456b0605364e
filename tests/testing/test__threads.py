"""Which other threads hold virtual time up."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from healthkit.testing import _threads
from healthkit.testing._threads import Threads, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("alone")


class Work:
    """Works until all are told to stop."""

    stopped = False

    def __init__(self) -> None:
        self._began = threading.Event()

    def __call__(self) -> None:
        """Use the processor, by a method with the name of one that waits."""
        table: dict[int, int] = {}
        self._began.set()
        while not Work.stopped:
            table.get(1)

    def begun(self) -> None:
        """Wait until it works."""
        self._began.wait()


@pytest.fixture
def start() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Start threads, and see that they end."""
    started: list[threading.Thread] = []

    def start(target: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=target, name="worker")
        started.append(thread)
        thread.start()
        return thread

    yield start
    Work.stopped = True
    for thread in started:
        thread.join()
    Work.stopped = False


@pytest.fixture
def event(start: object) -> Iterator[threading.Event]:
    """Be what a thread waits for, until the test is over, however it ends."""
    del start  # it joins the thread, and must come after this
    event = threading.Event()
    yield event
    event.set()


def holds(threads: Threads, looks: int = 50) -> bool:
    """Look as the loop does; return whether something holds time up at each look."""
    for number in range(looks):
        if not threads.hold(first=number == 0):
            return False
        time.sleep(0.001)  # the pause of the real loop
    return True


def lets_go(threads: Threads) -> bool:
    """Look as the loop does; return whether nothing holds time up in the end."""
    return not holds(threads, looks=10_000)  # a thread begins when the machine has time for it


def test_a_thread_that_works_holds_time_up(
    start: Callable[[Callable[[], object]], threading.Thread],
) -> None:
    """Though it calls something named `get` all the time; until it ends."""
    threads, work = Threads(5), Work()
    thread = start(work)
    work.begun()
    assert holds(threads)
    assert repr(threads).endswith(" known, 1 at work>")
    Work.stopped = True
    thread.join()
    assert lets_go(threads)


def test_a_thread_that_waits_does_not(
    start: Callable[[Callable[[], object]], threading.Thread],
    event: threading.Event,
) -> None:
    """And once it is known to, at the first look; for ever, it wakes nobody."""
    threads = Threads(5)
    start(event.wait)
    assert lets_go(threads)
    assert not threads.hold(first=True)
    assert not threads.may_wake()


def test_a_thread_with_a_limit_may_wake_somebody(
    start: Callable[[Callable[[], object]], threading.Thread],
    event: threading.Event,
) -> None:
    """And a message names it, if it runs code of the user's."""
    threads = Threads(5)
    start(lambda: event.wait(60))
    assert lets_go(threads)
    assert threads.may_wake()
    assert threads.named()[0].startswith("thread 'worker' at tests/testing/test__threads.py:")


def test_a_thread_that_worked_before_is_somebody_elses(
    start: Callable[[Callable[[], object]], threading.Thread],
) -> None:
    """A test runner's; it neither holds time up nor wakes anybody."""
    work = Work()
    start(work)
    work.begun()
    threads = Threads(5)
    assert not threads.hold(first=True)
    assert not threads.may_wake()
    Work.stopped = True


def test_a_thread_that_works_for_too_long_is_named_once(
    start: Callable[[Callable[[], object]], threading.Thread],
) -> None:
    """Time goes on without it."""
    threads, work = Threads(0.02), Work()
    start(work)
    work.begun()
    with pytest.warns(RuntimeWarning, match="thread 'worker' has worked for 0.02 s at tests/"):
        assert lets_go(threads)
    assert lets_go(threads)
    Work.stopped = True


def test_a_thread_that_is_being_started_holds_time_up() -> None:
    """It has no number yet, and whoever starts it waits for it."""
    threads = Threads(5)
    thread = threading.Thread(target=int)
    threading._limbo[thread] = thread  # type: ignore[attr-defined]  # its own, to stand for a moment of start()
    try:
        assert threads.hold(first=False)
    finally:
        del threading._limbo[thread]  # type: ignore[attr-defined]  # as above
    assert not threads.hold(first=False)


def test_the_simulations_own_threads_are_not_looked_at() -> None:
    """They watch the loop, and wait by the clock."""
    event = threading.Event()
    watcher = Watcher(target=event.wait, args=(60,))
    watcher.start()
    threads = Threads(5)
    assert not threads.hold(first=True)
    assert not threads.may_wake()
    assert not any("Thread-" in one for one in threads.named())
    event.set()
    watcher.join()


def test_where_the_kernel_says_nothing_the_pause_decides(
    start: Callable[[Callable[[], object]], threading.Thread],
    event: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before each jump."""
    monkeypatch.setattr(_threads, "used", _nobody_knows)
    threads = Threads(5)
    start(event.wait)
    assert lets_go(threads)
    assert threads.hold(first=True)
    assert not threads.hold(first=False)


def _nobody_knows(_: object) -> None:
    """Stand for a kernel that says nothing."""


def test_a_thread_unknown_to_threading_has_no_name() -> None:
    """It is a thread all the same."""
    assert _threads._name(None) == "a thread without a name"
