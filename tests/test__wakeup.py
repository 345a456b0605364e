"""Our own descriptor in place of the loop's: what passes, what is held back, what is put back."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from healthkit._wakeup import Wakeup
from tests.descriptors import descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator

TERM = bytes([signal.SIGTERM])


class Place:
    """A loop's descriptor where the interpreter writes, and what is read from it."""

    def __init__(self) -> None:
        self._reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)  # noqa: FBT003  # the socket's own
        self._reader.settimeout(30)
        self.held: SimpleQueue[str] = SimpleQueue()
        signal.set_wakeup_fd(self.number)

    @property
    def number(self) -> int:
        """The descriptor."""
        return self.writer.fileno()

    def heard(self) -> bytes:
        """Return the next byte."""
        return self._reader.recv(1)

    def interpose(self) -> Wakeup:
        """Take its place."""
        return Wakeup(lambda: self.held.put("held"))

    def close(self) -> None:
        """Be gone."""
        self._reader.close()
        self.writer.close()


def installed() -> int:
    """Return the present descriptor."""
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found)
    return found


def _ignore(_signum: int, _frame: object) -> None:
    """Do nothing."""


@pytest.fixture
def place() -> Iterator[Place]:
    """Return a loop's descriptor. Everything is put back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    before = signal.set_wakeup_fd(-1)
    for number in handlers:
        signal.signal(number, _ignore)
    found = Place()
    yield found
    signal.set_wakeup_fd(before)
    found.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _let_end(name: str) -> None:
    """Wait for the threads of a name."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(timeout=30)


def _never(_thread: threading.Thread) -> None:
    """Begin nothing."""


def test_sigterm_is_held_back_and_others_pass(place: Place) -> None:
    """In their order, whatever the main thread is doing."""
    wakeup = place.interpose()
    assert repr(wakeup) == f"<Wakeup {installed()} before {place.number}>"
    signal.raise_signal(signal.SIGTERM)
    assert place.held.get(timeout=30)
    signal.raise_signal(signal.SIGUSR1)
    assert place.heard() == bytes([signal.SIGUSR1])
    wakeup.remove()
    assert installed() == place.number
    signal.raise_signal(signal.SIGTERM)
    assert place.heard() == TERM


def test_it_can_be_told_to_let_pass(place: Place) -> None:
    """Where it can't be removed: in another thread."""
    wakeup = place.interpose()
    thread = threading.Thread(target=wakeup.let_pass)
    thread.start()
    thread.join()
    for _ in range(3):
        signal.raise_signal(signal.SIGTERM)
        assert place.heard() == TERM
    assert place.held.empty()
    wakeup.remove()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Have threads that begin when the test starts them."""
    found: list[threading.Thread] = []

    def never_mind(thread: threading.Thread) -> None:
        found.append(thread)

    monkeypatch.setattr("healthkit._wakeup.Thread.start", never_mind)
    return found


def begin(late: list[threading.Thread]) -> None:
    """Have the thread that is late do all of its work."""
    threading.Thread.run(late[0])


def test_what_came_before_is_held_back_by_a_thread_that_is_late(
    place: Place, late: list[threading.Thread]
) -> None:
    """Else the server would hear of one SIGTERM twice, and many a server hurries at the second."""
    wakeup = place.interpose()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGUSR1)
    wakeup.let_pass()
    signal.raise_signal(signal.SIGTERM)
    wakeup.remove()
    begin(late)
    assert (place.heard(), place.heard()) == (bytes([signal.SIGUSR1]), TERM)
    assert place.held.get(timeout=30)
    assert place.held.empty()


def test_it_can_be_told_twice_by_two_threads(place: Place, late: list[threading.Thread]) -> None:
    """The loop hears of signals only, and of each that came after the first word."""
    wakeup = place.interpose()
    wakeup.let_pass()
    signal.raise_signal(signal.SIGTERM)
    wakeup.let_pass()
    signal.raise_signal(signal.SIGUSR1)
    wakeup.remove()
    begin(late)
    assert (place.heard(), place.heard()) == (TERM, bytes([signal.SIGUSR1]))
    assert place.held.empty()


def test_an_apps_timeout_for_sockets_is_not_its_own(place: Place) -> None:
    """A thread that gave up after it would leave the loop deaf to every signal."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.001)
    try:
        wakeup = place.interpose()
    finally:
        socket.setdefaulttimeout(before)
    for thread in threading.enumerate():
        if thread.name == "healthkit signals":
            thread.join(0.05)  # too short, this shows less, and fails nothing
    signal.raise_signal(signal.SIGUSR1)
    assert place.heard() == bytes([signal.SIGUSR1])
    wakeup.remove()


def test_a_full_thread_that_is_late_loses_nothing(
    place: Place, late: list[threading.Thread]
) -> None:
    """It can't be told where the gate was opened: a signal too many is better than one too few."""
    wakeup = place.interpose()
    for _ in range(100_000):
        signal.raise_signal(signal.SIGUSR1)
    wakeup.let_pass()
    wakeup.remove()
    signal.set_wakeup_fd(-1)
    begin(late)
    assert wakeup._passes


def test_one_can_be_given_to_them(place: Place) -> None:
    """While all others are held back, and though they do not read."""
    wakeup = place.interpose()
    assert wakeup.give()
    assert place.heard() == TERM
    for _ in range(100_000):
        wakeup.give()
    wakeup.remove()


def test_where_nobody_is_none_can_be_given() -> None:
    """No descriptor was there before ours."""
    wakeup = Wakeup(int)
    assert not wakeup.give()
    wakeup.remove()
    signal.set_wakeup_fd(-1)


def test_what_somebody_has_put_there_since_stays(place: Place) -> None:
    """It is not ours to take away."""
    wakeup = place.interpose()
    other = Place()
    wakeup.remove()
    assert installed() == other.number
    other.close()


def test_renewing_takes_the_place_of_what_came_since(place: Place) -> None:
    """Bytes go to the new one from then on; in the end nothing of either is left open."""
    other = Place()
    signal.set_wakeup_fd(place.number)
    _let_end("healthkit signals")  # those of the tests before
    before = descriptors()
    wakeup = place.interpose()
    signal.set_wakeup_fd(other.number)
    for _ in range(2):
        wakeup.renew()
    signal.raise_signal(signal.SIGUSR1)
    assert other.heard() == bytes([signal.SIGUSR1])
    wakeup.remove()
    assert installed() == other.number
    _let_end("healthkit signals")
    assert descriptors() <= before
    signal.set_wakeup_fd(-1)
    other.close()


def test_a_byte_that_comes_while_the_place_is_taken_waits_for_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came after ours was there, and before anybody knew whose place that is."""
    dup = os.dup

    def late(number: int) -> int:
        signal.raise_signal(signal.SIGUSR1)
        time.sleep(0.05)  # the thread has read it: too short, this shows less, and fails nothing
        return dup(number)

    monkeypatch.setattr(os, "dup", late)
    wakeup = place.interpose()
    assert place.heard() == bytes([signal.SIGUSR1])
    wakeup.remove()


def test_a_descriptor_that_was_closed_is_not_put_back(place: Place) -> None:
    """Its number may be a file by now."""
    wakeup = place.interpose()
    number = place.number
    place.close()
    file = os.open(os.devnull, os.O_RDONLY)
    os.dup2(file, number)
    wakeup.remove()
    assert installed() == -1
    os.close(number)
    if file != number:
        os.close(file)
    # And where the number is nobody's.
    again = Place()
    wakeup = again.interpose()
    again.close()
    wakeup.remove()
    assert installed() == -1


def test_a_loop_that_is_full_loses_nothing_that_counts(place: Place) -> None:
    """It is awake anyway; nothing is raised in the thread."""
    wakeup = place.interpose()
    while True:
        try:
            place.writer.send(b"x" * 4096)
        except BlockingIOError:
            break
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGTERM)
    assert place.held.get(timeout=30)
    wakeup.remove()


def test_without_a_loops_descriptor_nothing_is_passed_on(place: Place) -> None:
    """There may be none; then none is put back."""
    signal.set_wakeup_fd(-1)
    wakeup = place.interpose()
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGTERM)
    assert place.held.get(timeout=30)
    wakeup.remove()
    assert installed() == -1


def test_another_thread_can_take_no_place(place: Place) -> None:
    """The interpreter refuses it, and nothing is left behind."""
    before = descriptors()
    raised: list[BaseException] = []

    def take() -> None:
        try:
            place.interpose()
        except ValueError as exc:
            raised.append(exc)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert len(raised) == 1
    assert installed() == place.number
    _let_end("healthkit signals")  # it closes what it has when it hears that ours is closed
    assert descriptors() <= before


def test_in_a_forked_child_everything_is_closed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is not there to do it; here it never began."""
    before = descriptors()
    monkeypatch.setattr("healthkit._wakeup.Thread.start", _never)
    wakeup = place.interpose()
    wakeup.forget()
    assert installed() == place.number
    assert descriptors() <= before
