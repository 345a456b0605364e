"""The clerk: the thread around a place, and the lack of one. The files are real."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import resource
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from healthkit import _clerk, _records, _seat
from healthkit._clerk import Clerk
from healthkit._facts import Details, Facts
from healthkit._model import Probe
from healthkit._place import Note, Place
from healthkit._seat import Seat
from healthkit._state_dir import StateDir, View
from tests.descriptors import descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

SAYS: Final = dict.fromkeys(Probe, (True, "ok"))

#: Seconds that anything may take. Nothing takes a hundredth of it.
DEADLINE: Final = 10.0

ALONE: Final = "until then this worker speaks for itself"
WELL: Final = "this worker speaks for its pod now"


def a_note(app: str = "shop", joined: int = 1, **facts: Any) -> Note:  # noqa: ANN401  # a table's
    """Make a note of a worker."""
    made = Facts(pid=os.getpid(), app=app, joined=joined, **facts)
    return Note(made, Details(), SAYS)


def until(true: Callable[[], object]) -> None:
    """Wait for a state that another thread brings about."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "healthkit clerk"]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No test leaves a descriptor open, a place taken, or a thread."""
    until(lambda: not _threads())  # those of the tests before are about to end
    before, seats = descriptors(), set(_seat._SEATS)
    yield
    until(lambda: not _threads())
    assert descriptors() <= before
    assert set(_seat._SEATS) == seats


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "healthkit")


def _never(*_: object) -> bool:
    return False


@pytest.fixture
def _many_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have several workers' places in one directory."""
    monkeypatch.setattr(Seat, "shares", _never)


crowd = pytest.mark.usefixtures("_many_in_one_process")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the workers are."""
    return tmp_path / "pod"


def names(home: Path) -> list[str]:
    """Say what lies in the directory."""
    return sorted(path.name for path in home.iterdir())


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what was logged since the last time."""
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return lines


def is_alone(lines: list[tuple[str, str]], why: str) -> bool:
    """Whether that was said, once, in one line."""
    (level, line), *more = lines
    return level == "ERROR" and why in line and line.endswith(ALONE) and not more


def is_well(lines: list[tuple[str, str]]) -> bool:
    """Whether it was said, once, that the directory is well again."""
    (level, line), *more = lines
    return level == "INFO" and line.endswith(WELL) and not more


@contextmanager
def _limited(what: int, soft: int) -> Generator[None]:
    """Have this process meet a limit."""
    before = resource.getrlimit(what)
    resource.setrlimit(what, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


class Gate(StateDir):
    """A directory on a disk that stands still as long as a test wants it to."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.opened, self.reached = threading.Event(), threading.Event()
        self.opened.set()
        #: Raised by the next looks.
        self.fault: Exception | None = None
        self.looks = 0

    def shut(self) -> None:
        """Stand still."""
        self.reached.clear()
        self.opened.clear()

    def look(self, but: str = "") -> View:
        """Look, when the disk is ready."""
        self.reached.set()
        assert self.opened.wait(DEADLINE)
        self.looks += 1
        if self.fault is not None:
            raise self.fault
        return super().look(but)


@pytest.fixture
def gate(home: Path) -> Iterator[Gate]:
    """A directory that is there, and can stand still."""
    home.mkdir()
    gate = Gate(str(home))
    yield gate
    gate.opened.set()


class News:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        """Count."""
        self.count += 1


@pytest.fixture
def news() -> News:
    """What a loop would hear."""
    return News()


@pytest.fixture
def clerk(gate: Gate) -> Iterator[Clerk]:
    """A clerk, who is sent home at the end."""
    clerk = Clerk(gate)
    yield clerk
    gate.opened.set()
    clerk.end()


def records(home: Path) -> list[Path]:
    """Find the records of the living."""
    return [path for path in home.glob("worker-*[!l]") if _records.of_living(str(path))]


def test_a_session_from_begin_to_end(home: Path, clerk: Clerk, news: News) -> None:
    """A note becomes a record; the end takes it away, with all that was open, and says so."""
    before = descriptors()
    clerk.begin(news)
    assert len(descriptors() - before) == 1
    clerk.post(a_note())
    until(lambda: news.count == 1)
    assert len(records(home)) == 1
    assert len(names(home)) == 2
    clerk.end()
    until(lambda: news.count == 2)
    assert names(home) == []
    until(lambda: not _threads())
    assert descriptors() <= before


def versions(home: Path) -> list[int]:
    """Read the versions of what the living say."""
    return [peer.facts.version for peer in StateDir(str(home)).look().peers]


def post_and_wait(clerk: Clerk) -> None:
    """Hand in a note, and wait until it is written and the thread sleeps again."""
    clerk.post(a_note())
    all_is_written(clerk)


def all_is_written(clerk: Clerk) -> None:
    """Wait until every note is, and the thread sleeps again."""
    session = clerk._session
    assert session is not None
    until(lambda: session._place.bell is not None)
    until(lambda: not session._notes and session._busy is None)


@crowd
def test_workers_hear_of_each_other(gate: Gate, clerk: Clerk, news: News) -> None:
    """What matters is heard of at once, without a note of one's own."""
    other, others_news = Clerk(gate), News()
    clerk.begin(news)
    other.begin(others_news)
    clerk.post(a_note())
    until(lambda: news.count == 1)
    other.post(a_note(joined=2))
    until(lambda: clerk.view.peers and other.view.peers)
    until(lambda: news.count == 2)
    clerk.post(a_note(ready=True))
    until(lambda: other.view.peers[0].facts.ready)
    other.end()
    until(lambda: not clerk.view.peers)
    assert other.view == View()


@pytest.mark.parametrize("usable", [True, False])
def test_a_first_look_is_said_whatever_came_of_it(
    usable: bool, home: Path, clerk: Clerk, news: News
) -> None:
    """A worker that joins waits for that, be it alone; a second look is news if it is."""
    if not usable:
        home.rmdir()
        home.write_text("not a directory")
    clerk.begin(news)
    until(lambda: clerk._session is not None and clerk._session._busy is None)
    assert news.count == 0
    clerk.post(a_note())
    until(lambda: news.count == 1)
    assert clerk.view == View(alone=not usable)
    assert home.is_file() or records(home)
    session = clerk._session
    assert session is not None
    for _ in range(3):
        clerk.post(a_note())
        until(lambda: not session._notes and session._busy is None)
    assert news.count == 1


def test_a_first_look_that_takes_too_long_is_said_twice(
    gate: Gate, clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody counts on it any more, and when it is there."""
    gate.shut()
    clerk.begin(news)
    clerk.post(a_note())
    assert gate.reached.wait(DEADLINE)
    with monkeypatch.context() as patch:
        patch.setattr(_clerk, "PATIENCE", 0.0)
        for _ in range(3):
            clerk.post(a_note())
            assert news.count == 1
            assert clerk.view == View(alone=True)
    gate.opened.set()
    until(lambda: news.count == 2)
    assert clerk.view == View()


def test_an_end_while_nobody_counts_on_the_disk(
    gate: Gate, clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is over is not alone."""
    gate.shut()
    clerk.begin(news)
    clerk.post(a_note())
    assert gate.reached.wait(DEADLINE)
    monkeypatch.setattr(_clerk, "PATIENCE", 0.0)
    clerk.post(a_note())
    assert clerk.view == View(alone=True)
    assert not clerk.gone
    clerk.end()
    assert clerk.view == View()
    assert not clerk.gone
    gate.opened.set()
    until(lambda: news.count == 2)
    assert clerk.view == View()
    assert clerk.gone


@pytest.mark.parametrize("begun", [False, True])
def test_an_end_without_a_note(begun: bool, clerk: Clerk, news: News) -> None:
    """Ending is possible at any time, twice, and says that it is over once."""
    assert clerk.gone
    if begun:
        clerk.begin(news)
    clerk.end()
    clerk.end()
    until(lambda: news.count == begun)
    until(lambda: not _threads())
    clerk.end()
    clerk.post(a_note())
    assert news.count == begun
    assert clerk.view == View()


def test_a_newer_note_takes_the_place_of_one_that_waits(
    home: Path, gate: Gate, clerk: Clerk, news: News
) -> None:
    """What a slow disk gets to see is what is true then."""
    gate.shut()
    clerk.begin(news)
    clerk.post(a_note())
    assert gate.reached.wait(DEADLINE)
    for version in range(1, 10):
        clerk.post(a_note(version=version))
    gate.opened.set()
    all_is_written(clerk)
    assert versions(home) == [9]
    assert gate.looks == 3  # before it took its place and after, and for the newest note


def test_no_note_is_lost(home: Path, clerk: Clerk, news: News) -> None:
    """The last of many notes is written, whatever the thread was doing when it came."""
    clerk.begin(news)
    for version in range(1, 500):
        clerk.post(a_note(version=version))

    until(lambda: versions(home) == [499])


def test_a_disk_that_stands_still_stops_nobody(
    home: Path, gate: Gate, clerk: Clerk, news: News
) -> None:
    """Ending and beginning return at once; the new session waits for the place of the old one."""
    gate.shut()
    clerk.begin(news)
    clerk.post(a_note(joined=1))
    assert gate.reached.wait(DEADLINE)
    first = _threads()[0]
    began = time.monotonic()
    clerk.end()
    second_news = News()
    clerk.begin(second_news)
    clerk.post(a_note(joined=2))
    clerk.end()
    third_news = News()
    clerk.begin(third_news)
    clerk.post(a_note(joined=3))
    assert time.monotonic() - began < DEADLINE / 2
    assert first.is_alive()
    assert clerk.view == View()
    assert (news.count, second_news.count, third_news.count) == (0, 0, 0)
    gate.opened.set()
    until(lambda: second_news.count == 1)
    until(lambda: third_news.count == 1)
    assert [peer.facts.joined for peer in StateDir(str(home)).look().peers] == [3]
    assert news.count == 1


def test_a_beginning_ends_what_was_before(home: Path, clerk: Clerk, news: News) -> None:
    """Nobody has two threads."""
    clerk.begin(news)
    clerk.post(a_note())
    until(lambda: news.count == 1)
    (before,) = records(home)
    clerk.begin(News())
    until(lambda: news.count == 2)
    clerk.post(a_note())
    until(lambda: records(home) not in ([], [before]))
    until(lambda: len(_threads()) == 1)


@crowd
def test_a_disk_that_does_not_answer_is_given_up_on(
    gate: Gate,
    clerk: Clerk,
    news: News,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The worker says so once and speaks for itself; later it takes up where it was."""
    other = Place(StateDir(gate.path))
    other.exchange(a_note(joined=2))
    clerk.begin(news)
    clerk.post(a_note())
    until(lambda: clerk.view.peers)
    until(lambda: news.count == 1)
    gate.shut()
    clerk.post(a_note())
    assert gate.reached.wait(DEADLINE)
    clerk.post(a_note())
    assert clerk.view.peers  # a disk may take its time
    assert said(caplog) == []
    monkeypatch.setattr(_clerk, "PATIENCE", 0.0)
    for _ in range(3):
        clerk.post(a_note())
        assert clerk.view == View(alone=True)
    assert is_alone(said(caplog), "has not answered for 0 s: expected a disk that does")
    assert news.count == 2
    monkeypatch.undo()
    gate.opened.set()
    until(lambda: clerk.view.peers)
    until(lambda: news.count == 3)
    assert is_well(said(caplog))
    other.leave()


@crowd
def test_nothing_is_seen_after_the_end(gate: Gate, clerk: Clerk) -> None:
    """What a life has seen is not the next one's, even if the disk keeps its thread."""
    other = Place(StateDir(gate.path))
    other.exchange(a_note(joined=2))
    clerk.begin(News())
    post_and_wait(clerk)
    assert clerk.view.peers
    gate.shut()
    clerk.post(a_note())
    assert gate.reached.wait(DEADLINE)
    clerk.end()
    assert clerk.view == View()
    clerk.begin(News())
    assert clerk.view == View()
    other.leave()


def test_an_end_does_not_wait_for_the_last_note(
    gate: Gate, clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker had to say does not matter any more when it goes."""
    clerk.begin(news)
    monkeypatch.setattr(os, "eventfd_write", _never)
    clerk.post(a_note())
    monkeypatch.undo()
    clerk.end()
    until(lambda: news.count == 1)
    assert gate.looks == 0


def test_an_end_is_said_when_the_record_is_gone(home: Path, gate: Gate, clerk: Clerk) -> None:
    """A look that ends after it is not: whoever waits for the end would not wait long enough."""
    said_with: list[list[str]] = []
    gate.shut()
    clerk.begin(lambda: said_with.append(names(home)))
    clerk.post(a_note())
    assert gate.reached.wait(DEADLINE)
    clerk.end()
    gate.opened.set()
    until(lambda: not _threads())
    assert said_with == [[]]
    assert gate.looks == 2


def test_an_end_is_said_once_however_quick_the_thread_is(
    clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that has gone before `end` returns has said so."""
    real = os.eventfd_write

    def write(descriptor: int, value: int) -> None:
        real(descriptor, value)
        until(lambda: not _threads())

    clerk.begin(news)
    monkeypatch.setattr(os, "eventfd_write", write)
    clerk.end()
    assert news.count == 1


def test_a_sleeping_clerk_is_not_given_up_on(
    home: Path, clerk: Clerk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that has stood still finds a clerk who was waiting for it."""
    asleep = threading.Event()
    wait = _clerk._Session._wait

    def falls_asleep(session: _clerk._Session, wire: _clerk._Wire) -> None:
        asleep.set()
        wait(session, wire)

    monkeypatch.setattr(_clerk, "PATIENCE", 0.0)
    monkeypatch.setattr(_clerk._Session, "_wait", falls_asleep)
    clerk.begin(News())
    assert asleep.wait(DEADLINE)
    clerk.post(a_note())
    until(lambda: records(home))
    assert said(caplog) == []


@pytest.mark.parametrize("what", ["the thread", "its descriptor"])
def test_a_thread_that_can_not_be_started(
    what: str,
    clerk: Clerk,
    news: News,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is said once, the worker is alone and knows at once, and later there is one."""

    def refuse(*_: object) -> int:
        if what == "the thread":
            raise RuntimeError("can't start new thread")
        raise OSError(errno.EMFILE, "Too many open files")

    if what == "the thread":
        monkeypatch.setattr(threading.Thread, "start", refuse)
    else:
        monkeypatch.setattr(os, "eventfd", refuse)
    clerk.begin(news)
    assert news.count == 1
    for _ in range(2):
        clerk.post(a_note())
    assert news.count == 1  # else each try would lead to the next
    assert clerk.view == View(alone=True)
    assert is_alone(said(caplog), "can't start a thread (")
    clerk.end()
    assert clerk.view == View()
    assert news.count == 2  # nobody else would say that it is over
    clerk.begin(news)
    clerk.post(a_note())
    monkeypatch.undo()
    caplog.clear()
    post_and_wait(clerk)
    assert clerk.view == View()
    assert is_well(said(caplog))


@pytest.mark.parametrize("before", [0, 1])
def test_an_end_that_counts_on_a_thread_that_does_not_come(
    before: int, clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said all the same, at the first try and later."""
    tries = itertools.count()

    def refuse(_: object) -> None:
        if next(tries) == before:
            clerk.end()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    clerk.begin(news)
    clerk.post(a_note())
    assert news.count == before + 1
    assert next(tries) == before + 1


def test_a_session_without_a_thread_passes_on_whom_to_wait_for(
    home: Path, gate: Gate, clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session after next waits for the one that still has the place."""
    gate.shut()
    clerk.begin(news)
    clerk.post(a_note(joined=1))
    assert gate.reached.wait(DEADLINE)

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    (first,) = _threads()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        clerk.begin(News())
    clerk.begin(News())
    assert clerk._session is not None
    assert clerk._session._before is first
    clerk.post(a_note(joined=3))
    gate.opened.set()
    until(lambda: [peer.facts.joined for peer in StateDir(str(home)).look().peers] == [3])


@crowd
def test_what_nobody_expects_ends_a_thread_but_not_the_clerk(
    home: Path, gate: Gate, clerk: Clerk, news: News, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, with where it happened; the next note starts another thread."""
    other = Place(StateDir(gate.path))
    other.exchange(a_note(joined=2))
    clerk.begin(news)
    post_and_wait(clerk)
    assert clerk.view.peers
    gate.fault = ZeroDivisionError()
    for _ in range(2):
        clerk.post(a_note())
        until(lambda: clerk._session is not None and clerk._session._thread is None)
        until(lambda: not _threads())
        assert clerk.view == View(alone=True)
        assert len(records(home)) == 1
        assert news.count == 2  # a second failure is no news
    assert caplog.records[0].exc_info is not None
    assert is_alone(
        said(caplog), "ZeroDivisionError: expected nothing of the kind; a bug in healthkit"
    )
    gate.fault = None
    post_and_wait(clerk)
    assert len(clerk.view.peers) == 1
    assert news.count == 3
    assert is_well(said(caplog))
    other.leave()


@pytest.mark.parametrize("what", ["the bell", "the wire"])
def test_descriptors_that_somebody_else_has_taken(
    what: str, home: Path, gate: Gate, clerk: Clerk, caplog: pytest.LogCaptureFixture
) -> None:
    """An app that closes what is not its own wakes no thread for ever; there are new ones."""
    clerk.begin(News())
    post_and_wait(clerk)
    (record,) = records(home)
    session = clerk._session
    assert session is not None
    assert session._wire is not None
    lost = session._place.bell if what == "the bell" else session._wire.descriptor
    assert lost is not None
    nonsense = os.open(home, os.O_RDONLY)
    os.dup2(nonsense, lost)
    os.close(nonsense)
    clerk.post(a_note())
    gate.ring(record.name)
    until(lambda: caplog.records)
    until(lambda: session._thread is None or len(caplog.records) > 1)
    post_and_wait(clerk)
    failed, well = said(caplog)
    assert is_alone([failed], "IsADirectoryError: expected nothing of the kind")
    assert is_well([well])
    assert record not in records(home)


def test_a_bell_that_somebody_else_has_heard(
    home: Path, gate: Gate, clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing left to read then, and no more to it."""
    clerk.begin(News())
    post_and_wait(clerk)
    real = os.read
    deaf = threading.Event()

    def read(descriptor: int, size: int) -> bytes:
        if threading.current_thread().name == "healthkit clerk":
            deaf.set()
            real(descriptor, size)
            return real(descriptor, size)
        return real(descriptor, size)

    monkeypatch.setattr(os, "read", read)
    looks = gate.looks
    gate.ring(records(home)[0].name)
    assert deaf.wait(DEADLINE)
    until(lambda: gate.looks > looks)
    assert records(home)


def test_more_descriptors_than_select_can_count(home: Path, gate: Gate, clerk: Clerk) -> None:
    """An app may have thousands of connections."""
    with _limited(resource.RLIMIT_NOFILE, 4096):
        taken = [os.open("/dev/null", os.O_RDONLY)]
        while taken[-1] < 1100:
            taken.append(os.dup(taken[0]))
        clerk.begin(News())
        post_and_wait(clerk)
        looks = gate.looks
        gate.ring(records(home)[0].name)
        until(lambda: gate.looks > looks)
        clerk.end()
        until(lambda: not _threads())
        for descriptor in taken:
            os.close(descriptor)


def test_nothing_is_written_to_what_is_open_later(clerk: Clerk, news: News) -> None:
    """The number of a descriptor that is closed is somebody else's."""
    clerk.begin(news)
    assert clerk._session is not None
    assert clerk._session._wire is not None
    number = clerk._session._wire.descriptor
    clerk.end()
    until(lambda: not _threads())
    assert not Path(f"/proc/self/fd/{number}").exists()
    taken = [os.eventfd(0, os.EFD_NONBLOCK)]
    while taken[-1] < number:
        taken.append(os.eventfd(0, os.EFD_NONBLOCK))
    assert number in taken
    clerk.post(a_note())
    clerk.end()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(number)
    for descriptor in taken:
        os.close(descriptor)


def test_a_descriptor_that_is_written_to_stays_open(
    clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that ends while it is being woken waits with closing for whoever wakes it."""
    real, seen = os.eventfd_write, list[str]()

    def write(descriptor: int, value: int) -> None:
        monkeypatch.undo()
        clerk.end()
        until(lambda: not _threads())
        seen.append(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115  # not a path
        real(descriptor, value)

    monkeypatch.setattr(os, "eventfd_write", write)
    clerk.begin(news)
    clerk.post(a_note())
    assert seen == ["anon_inode:[eventfd]"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "where", [(os, "eventfd"), (os, "eventfd_write"), (threading.Thread, "start")]
)
def test_a_signal_handler_may_end_what_it_interrupts(
    where: tuple[object, str],
    after: bool,
    clerk: Clerk,
    news: News,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An end that comes in the middle of a beginning, or of a post, is an end."""
    real = getattr(*where)

    def interrupted(*args: object) -> object:
        monkeypatch.setattr(*where, real)
        if not after:
            signal.raise_signal(signal.SIGUSR1)
        result = real(*args)
        if after:
            signal.raise_signal(signal.SIGUSR1)
        return result

    def handle(*_: object) -> None:
        clerk.end()

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        monkeypatch.setattr(*where, interrupted)
        clerk.begin(news)
        clerk.post(a_note())
    finally:
        signal.signal(signal.SIGUSR1, before)
    until(lambda: news.count)
    until(lambda: not _threads())
    assert names(Path(clerk._directory.path)) == []


def test_a_copy_in_another_process_does_nothing(
    clerk: Clerk, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forked child has no thread; it may begin anew, and does not wait for its parent's."""
    clerk.begin(news)
    post_and_wait(clerk)
    parents = clerk._session
    assert parents is not None
    assert parents._wire is not None
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        clerk.post(a_note(version=5))
        clerk.end()
        assert parents.thread is None
    assert not parents._over
    assert not parents._notes
    with pytest.raises(BlockingIOError):
        os.eventfd_read(parents._wire.descriptor)


def test_what_it_looks_like(clerk: Clerk) -> None:
    """One line says how things stand."""
    assert repr(clerk) == "<Clerk idle>"
    clerk.begin(News())
    assert repr(clerk) == "<Clerk <_Session <Place nowhere>>>"
    clerk.end()
    assert repr(clerk) == "<Clerk <_Session over <Place nowhere>>>"
