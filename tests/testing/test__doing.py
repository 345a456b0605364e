"""What a thread does, by its byte code, its locks and the kernel."""

from __future__ import annotations

import queue
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from healthkit.testing import _doing
from healthkit.testing._doing import WORKS, Place, Used, doing, is_endless, place, used
from healthkit.testing._stuck import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

    import pytest

LOCK = threading.Lock()


class Owner:
    """Has what others wait for."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.queue: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.limit = 60.0
        self.block = True


@contextmanager
def waiting(target: Callable[[], object], free: Callable[[], object]) -> Generator[FrameType]:
    """Have a thread wait; then let it end."""
    thread = threading.Thread(target=target)
    thread.start()
    assert thread.ident is not None
    number = used(thread)
    assert number is not None
    while not number.sleeps() or not doing(frames()[thread.ident]).waits:
        time.sleep(0.001)  # until it has come there: nothing tells
    try:
        yield frames()[thread.ident]
    finally:
        free()
        thread.join()


def put_in_time(at: queue.SimpleQueue[int]) -> Callable[[], object]:
    """Return what lets a queue's reader go on."""
    return lambda: at.put(1)


def test_a_lock_of_a_local_variable_is_seen() -> None:
    """Whether it is free can be asked."""
    lock = threading.Lock()
    lock.acquire()
    with waiting(lambda: lock.acquire(), lock.release) as frame:  # noqa: PLW0108  # the frame is it
        assert doing(frame).waits
        assert place(frame.f_code, frame.f_lasti) == Place("acquire", "lock")


def test_an_attributes_queue_is_not_seen() -> None:
    """That it waits is; arguments with attributes of their own don't matter."""
    owner = Owner()

    def reads() -> None:
        owner.queue.get(owner.block, timeout=owner.limit)

    with waiting(reads, put_in_time(owner.queue)) as frame:
        assert place(frame.f_code, frame.f_lasti) == Place("get", None)
        assert doing(frame) == _doing.Doing(waits=True, is_certain=False)


def test_a_with_waits_too() -> None:
    """It calls nothing by name."""

    def enters() -> None:
        with LOCK:
            pass

    LOCK.acquire()
    with waiting(enters, LOCK.release) as frame:
        assert doing(frame).waits


def test_a_queue_with_an_item_is_about_to_be_read() -> None:
    """The reader was woken and has not run yet; a lock that is free says the same."""
    box: queue.SimpleQueue[int] = queue.SimpleQueue()
    assert _doing._is_free(box) is (None if sys.version_info >= (3, 13) else False)
    box.put(1)
    assert _doing._is_free(box) is True
    lock = threading.Lock()
    assert _doing._is_free(lock) is True
    lock.acquire()
    assert _doing._is_free(lock) is False
    assert _doing._is_free(object()) is None


def test_who_hands_over_seems_to_have_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer Pythons give the item or the lock to the waiting thread itself."""
    monkeypatch.setattr(_doing, "_QUEUES_HAND_OVER", True)
    monkeypatch.setattr(_doing, "_LOCKS_HAND_OVER", True)
    lock = threading.Lock()
    assert _doing._is_free(lock) is True
    lock.acquire()
    assert _doing._is_free(lock) is None
    assert _doing._is_free(cast("queue.SimpleQueue[int]", queue.SimpleQueue())) is None


def test_a_thread_with_a_free_lock_works() -> None:
    """It stands at its `acquire`, and nothing holds it any more."""
    seen: list[FrameType] = []

    class Free:
        def locked(self) -> bool:
            return False

        def acquire(self) -> None:
            seen.append(sys._getframe(1))
            assert doing(seen[0]) is WORKS

    owner = Free()
    owner.acquire()
    assert seen


def test_a_thread_in_a_call_of_its_own_works() -> None:
    """`time.sleep` is work: it takes real time."""
    assert doing(sys._getframe()) is WORKS
    assert place(test_a_thread_in_a_call_of_its_own_works.__code__, -1) == Place(None, None)


def test_the_byte_code_names_the_method() -> None:
    """Of the call at the place, not of its arguments."""

    def calls(first: Any, second: Any, value: Any) -> None:  # noqa: ANN401  # never called
        first.wait(second.get(), value.timeout)
        first(value.get)

    found = {place(calls.__code__, offset) for offset in range(0, len(calls.__code__.co_code), 2)}
    assert Place("get", "second") in found
    assert Place("wait", "first") in found
    assert {one.method for one in found} == {None, "wait", "get"}


def test_a_variable_of_two_is_the_one_on_top() -> None:
    """Python 3.13 reads two variables at once."""

    class Loads:
        opname = "LOAD_FAST_LOAD_FAST"
        argval = ("first", "second")

    loads: Any = Loads()
    assert _doing._variable(loads) == "second"


def test_who_joins_an_ended_thread_is_about_to_go_on() -> None:
    """Though it still stands in the join."""
    ended = threading.Thread(target=int)
    ended.start()
    ended.join()
    found: list[bool] = []
    namespace: dict[str, Any] = {"__name__": "threading", "check": _doing._has_joined}
    namespace |= {"found": found, "frame": sys._getframe}
    source = "def join(self):\n    found.append(check(frame()))"
    exec(source, namespace)  # noqa: S102  # a frame of that module's
    namespace["join"](ended)
    namespace["join"](threading.current_thread())
    namespace["join"](None)
    assert found == [True, False, False]
    assert not _doing._has_joined(sys._getframe())


def test_who_waits_for_ever_wakes_nobody() -> None:
    """One with a limit may."""
    event = threading.Event()
    with waiting(event.wait, event.set) as frame:
        assert is_endless(frame)
    event.clear()
    with waiting(lambda: event.wait(60), event.set) as frame:
        assert not is_endless(frame)
    assert not is_endless(sys._getframe())


def test_the_kernel_knows_a_thread_by_its_number() -> None:
    """Nothing of one that has ended, or that has none."""
    assert used(None) is None
    ended = threading.Thread(target=int)
    assert used(ended) is None
    ended.start()
    ended.join()
    assert _gone(lambda: used(ended) is None)
    assert not Used(0, 2**22 + 1).sleeps()
    mine = used(threading.current_thread())
    assert mine is not None
    assert mine.cpu > 0
    assert not mine.sleeps()


def _gone(check: Callable[[], bool]) -> bool:
    """Give the kernel the time that it needs to take a thread away: joined, it may have no turn."""
    for _ in range(60_000):
        if check():
            return True
        time.sleep(0.001)  # nothing tells
    return False


def test_elsewhere_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are Linux'."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert used(threading.current_thread()) is None
