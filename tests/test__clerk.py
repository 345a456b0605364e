"""The clerk: places that are stepped by hand, and the thread around one. The files are real."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import logging
import os
import resource
import shutil
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from healthkit import _clerk, _records, _seat
from healthkit._clerk import Clerk, Note, Place
from healthkit._facts import Details, Facts, written_of
from healthkit._model import Pause, Phase, Probe
from healthkit._seat import Seat
from healthkit._state_dir import StateDir, View

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


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counted


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "healthkit clerk"]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No test leaves a descriptor open, a place taken, or a thread."""
    before = _descriptors()
    yield
    until(lambda: not _threads())
    assert set(_seat._SEATS) == set()
    assert _descriptors() == before


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


class Recording(StateDir):
    """A directory that remembers what was asked of it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.calls: list[str] = []

    def ring(self, name: str) -> None:
        """Ring, and remember."""
        self.calls.append("ring")
        super().ring(name)

    def settle(self) -> None:
        """Settle, and remember."""
        self.calls.append("settle")
        super().settle()

    def clean(self) -> None:
        """Clean, and remember."""
        self.calls.append("clean")
        super().clean()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the workers are to be. It is not there yet, but can be."""
    return tmp_path / "parent" / "pod"


@pytest.fixture
def directory(home: Path) -> Recording:
    """The same, for workers."""
    home.parent.mkdir()
    return Recording(str(home))


class Places:
    """Places in one directory, all of which are left at the end."""

    def __init__(self, directory: StateDir) -> None:
        self.directory = directory
        self.all: list[Place] = []

    def __call__(self, directory: StateDir | None = None) -> Place:
        """Make one more."""
        self.all.append(Place(directory or self.directory))
        return self.all[-1]


@pytest.fixture
def places(directory: Recording) -> Iterator[Places]:
    """How to get a place."""
    places = Places(directory)
    yield places
    for place in places.all:
        place.leave()


def names(home: Path) -> list[str]:
    """Say what lies in the directory."""
    return sorted(path.name for path in home.iterdir())


def record_of(place: Place) -> Path:
    """Find its file."""
    assert place._seat is not None
    return Path(place._seat._path)


def is_there(place: Place) -> bool:
    """Whether it has a record, in its place."""
    return place._seat is not None and place._seat.is_in_place()


def rings(place: Place) -> int:
    """Count how often it was rung for since the last time."""
    assert place.bell is not None
    try:
        return len(os.read(place.bell, 1024))
    except BlockingIOError:
        return 0


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


@contextmanager
def _no_descriptors() -> Generator[None]:
    """Have every descriptor that this process may have be open."""
    with _limited(resource.RLIMIT_NOFILE, 256):
        taken = [os.open("/dev/null", os.O_RDONLY)]
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        try:
            yield
        finally:
            for descriptor in taken:
                os.close(descriptor)


@contextmanager
def _another_user(home: Path) -> Generator[None]:
    """Take this process's right to the directory away: root has all the rights that there are."""
    root, mode = os.geteuid() == 0, home.parent.stat().st_mode
    home.parent.chmod(0o000)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        home.parent.chmod(mode)


@contextmanager
def _a_file(home: Path) -> Generator[None]:
    shutil.rmtree(home, ignore_errors=True)
    home.write_text("not a directory")
    yield
    home.unlink()


@contextmanager
def _no_parent(home: Path) -> Generator[None]:
    shutil.rmtree(home.parent)
    yield
    home.parent.mkdir()


@contextmanager
def _read_only(home: Path) -> Generator[None]:
    """Have the directory empty, and nothing be made in it: a test can't mount anything."""
    shutil.rmtree(home, ignore_errors=True)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "mkdir", refuse)
        yield


@contextmanager
def _full(_home: Path) -> Generator[None]:
    with _limited(resource.RLIMIT_FSIZE, 1):
        yield


@contextmanager
def _out_of_descriptors(_home: Path) -> Generator[None]:
    with _no_descriptors():
        yield


TROUBLE: Final = {
    "a file": (_a_file, "can't write in it (Not a directory)"),
    "no parent": (_no_parent, "can't write in it (No such file or directory)"),
    "read-only": (_read_only, "can't write in it (Read-only file system)"),
    "another user's": (_another_user, "can't write in it (Permission denied)"),
    "full": (_full, "(File too large)"),
    "no descriptors": (_out_of_descriptors, "(Too many open files)"),
}


# -- a place ---------------------------------------------------------------------------------------


@crowd
def test_workers_see_each_other(places: Places) -> None:
    """Whoever joins sees those who are there; they see it when they look."""
    one, two = places(), places()
    assert not one.exchange(a_note())
    assert two.exchange(a_note(joined=2, ready=True))
    assert [peer.facts.joined for peer in two.view.peers] == [1]
    assert one.exchange(a_note())
    assert [peer.facts.ready for peer in one.view.peers] == [True]
    assert not one.exchange(a_note())
    two.exchange(a_note(joined=2))
    assert one.exchange(None)
    assert [peer.facts.ready for peer in one.view.peers] == [False]


def test_a_note_is_a_heartbeat(places: Places) -> None:
    """Each note is written, even if it says what the last one said."""
    place = places()
    place.exchange(a_note())
    path = str(record_of(place))
    before = written_of(_records.of_living(path) or b"")
    place.exchange(a_note())
    assert written_of(_records.of_living(path) or b"") > before > 0


def test_whoever_has_no_place_looks_at_nothing(directory: StateDir, places: Places) -> None:
    """Without a note nothing is joined, nothing is seen and nothing is said."""
    with Path(directory.path).parent.joinpath("pod").open("w"):
        place = places()
        assert not place.exchange(None)
    assert place.bell is None
    assert place.view == View()


@crowd
def test_a_ring_is_a_look_and_no_more(
    directory: Recording, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that is rung writes, rings, settles, cleans and says nothing."""
    one, two = places(), places()
    one.exchange(a_note())
    two.exchange(a_note())
    two.exchange(a_note(pod_ready=True))
    before = record_of(one).read_bytes()
    directory.calls.clear()
    assert one.exchange(None)
    assert record_of(one).read_bytes() == before
    assert directory.calls == []
    assert said(caplog) == []


MATTERS: Final[list[dict[str, Any]]] = [
    {"phase": Phase.SERVING},
    {"started": True},
    {"warmed": True},
    {"ready": True},
    {"liveness_failed": True},
    {"pause": Pause(5, paused=True)},
    {"told": 7.0},
    {"pod_started": True},
    {"pod_ready": True},
]
DOES_NOT: Final[list[dict[str, Any]]] = [
    {"slot": 3},
    {"requests": 4},
    {"holds": ("upload",)},
    {"version": 9},
]


@crowd
@pytest.mark.parametrize("change", [*MATTERS, *DOES_NOT], ids=str)
def test_the_others_are_rung_for_when_it_matters(places: Places, change: dict[str, Any]) -> None:
    """What the others should hear of at once rings them, once; a heartbeat does not."""
    one, two, three = places(), places(), places()
    for place in (one, two, three, one, two, three):
        place.exchange(a_note())
    for place in (one, two, three):
        rings(place)
    one.exchange(a_note())
    assert (rings(one), rings(two), rings(three)) == (0, 0, 0)
    one.exchange(a_note(**change))
    once = int(change in MATTERS)
    assert (rings(one), rings(two), rings(three)) == (0, once, once)
    one.exchange(a_note(**change))
    assert (rings(one), rings(two), rings(three)) == (0, 0, 0)


@crowd
def test_the_others_are_rung_for_when_one_joins_and_when_one_leaves(places: Places) -> None:
    """They hear of both at once. Leaving twice is leaving once."""
    one, two = places(), places()
    one.exchange(a_note())
    assert rings(one) == 0
    two.exchange(a_note())
    assert rings(one) == 1
    two.leave()
    assert rings(one) == 1
    two.leave()
    assert rings(one) == 0
    assert two.view == View()
    one.exchange(None)
    assert one.view.peers == ()


@crowd
def test_a_worker_that_sees_nothing_still_says_that_it_leaves(places: Places) -> None:
    """Those whom it saw last are rung for."""
    one, two = places(), places()
    one.exchange(a_note())
    two.exchange(a_note())
    rings(one)
    with _no_descriptors():
        two.exchange(a_note())
    assert two.view == View()
    two.leave()
    assert rings(one) == 1


def test_the_marker_is_written_once(home: Path, directory: Recording, places: Places) -> None:
    """When the pod has been ready, that is marked for those who come later."""
    place = places()
    place.exchange(a_note())
    assert "settle" not in directory.calls
    for _ in range(3):
        place.exchange(a_note(pod_ready=True))
    assert directory.calls.count("settle") == 1
    assert place.view.settled
    marker = next(home.glob("settled-*"))
    marker.unlink()
    for _ in range(3):
        place.exchange(a_note(pod_ready=True))
    assert marker.exists()
    assert directory.calls.count("settle") == 2


@crowd
def test_a_marker_that_is_there_is_enough(directory: Recording, places: Places) -> None:
    """A second worker has nothing to mark."""
    one, two = places(), places()
    one.exchange(a_note(pod_ready=True))
    directory.calls.clear()
    two.exchange(a_note(pod_ready=True))
    assert "settle" not in directory.calls


@crowd
def test_what_a_crash_leaves_is_cleaned(places: Places) -> None:
    """A worker that is gone without leaving is cleaned up after, whoever has seen it first."""
    one, two = places(), places()
    one.exchange(a_note())
    two.exchange(a_note())
    one.exchange(a_note())
    left = record_of(two)
    assert two._seat is not None
    two._seat.let_go()  # the kernel does it
    assert one.exchange(None)
    assert left.exists()
    one.exchange(a_note())
    assert not left.exists()


def test_whoever_joins_cleans_once(directory: Recording, places: Places) -> None:
    """A worker that nobody has left looks for nothing to remove."""
    place = places()
    for _ in range(3):
        place.exchange(a_note())
    assert directory.calls == ["clean"]


# -- a directory that is of no use -----------------------------------------------------------------


@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_is_wrong_at_first_is_said_once(
    trouble: str, home: Path, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that can't join says so once, tries again, and says once that it could."""
    place = places()
    happens, why = TROUBLE[trouble]
    with happens(home):
        for _ in range(3):
            place.exchange(a_note())
            assert place.view == View()
            assert place.bell is None
        assert is_alone(said(caplog), why)
    place.exchange(a_note())
    place.exchange(a_note())
    assert is_there(place)
    assert is_well(said(caplog))


@crowd
@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_goes_wrong_later_is_said_once(
    trouble: str, home: Path, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker whose directory fails speaks for itself until it is well again."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    assert one.view.peers
    happens, why = TROUBLE[trouble]
    why = why[why.index("(") :]
    with happens(home):
        assert one.exchange(a_note())
        for _ in range(2):
            assert not one.exchange(a_note())
            assert not one.exchange(None)
            assert one.view.peers == ()
        assert is_alone(said(caplog), why)
    for place in (one, two, one, two):
        place.exchange(a_note())
    assert len(one.view.peers) == len(two.view.peers) == 1
    assert is_there(one)
    assert ("INFO", f"state_dir={str(home)!r}: {WELL}") in said(caplog)


@crowd
@pytest.mark.parametrize("what", ["removed", "emptied", "one record"])
def test_a_record_that_somebody_has_removed_is_made_anew(
    what: str, home: Path, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """It is there again after the next note, and each loss is said in one line."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    lost = record_of(one)
    if what == "one record":
        lost.unlink()
    else:
        shutil.rmtree(home)
    if what == "emptied":
        home.mkdir()
    for place in (one, two, one):
        place.exchange(a_note())
    assert is_there(one)
    assert is_there(two)
    assert record_of(one) != lost
    assert len(one.view.peers) == len(two.view.peers) == 1
    lines = said(caplog)
    assert len(lines) == (1 if what == "one record" else 2)
    line = "somebody has removed a worker's record: expected a directory that nobody cleans"
    assert set(lines) == {("ERROR", f"state_dir={str(home)!r}: {line}; it is made anew")}


@crowd
def test_the_others_are_rung_for_when_a_record_is_made_anew(places: Places) -> None:
    """They know it under its old name."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    rings(two)
    record_of(one).unlink()
    one.exchange(a_note())
    assert rings(two) == 2  # that it has left, and that it has joined


@crowd
def test_who_can_not_look_keeps_its_place(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    """Without descriptors a worker sees nobody, but is written down and seen."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    before = record_of(one)
    with _no_descriptors():
        assert one.exchange(None)  # a ring is enough to notice
        assert is_alone(said(caplog), "can't list it (Too many open files)")
        one.exchange(a_note(ready=True))
    two.exchange(None)
    assert [peer.facts.ready for peer in two.view.peers] == [True]
    assert record_of(one) == before
    assert one.exchange(None)  # a ring does not tell that it can write
    assert said(caplog) == []
    one.exchange(a_note(ready=True))
    assert is_well(said(caplog))


@crowd
def test_who_can_not_write_is_told_all_the_same(directory: StateDir, places: Places) -> None:
    """A disk that is full keeps no worker from the drain of its pod."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    rings(two)
    with _limited(resource.RLIMIT_FSIZE, 1):
        one.exchange(a_note(ready=True))
        assert rings(two) == 0  # there is nothing new to read
    asked = Seat(directory, _records.DRAIN, b"4000000000 %d\n" % os.getpid())
    with _limited(resource.RLIMIT_FSIZE, 1):
        one.exchange(a_note(ready=True))
        assert one.view == View(told=4.0)
        one.exchange(None)
        assert one.view == View(told=4.0)
    asked.leave()
    one.exchange(a_note(ready=True))
    assert rings(two) == 1
    assert len(one.view.peers) == 1


def test_a_second_health_of_a_process_is_alone(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so once, and joins when the first has left."""
    one, two = places(), places()
    one.exchange(a_note())
    for _ in range(2):
        two.exchange(a_note())
    assert is_alone(said(caplog), "another Health of this process is in it")
    one.leave()
    two.exchange(a_note())
    assert is_there(two)
    assert is_well(said(caplog))


# -- a directory that is somebody else's -----------------------------------------------------------


@crowd
def test_an_app_that_is_there_stays(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    """Another app says so once, waits, and joins when the last of the first has left."""
    one, two, shy = places(), places(), places()
    one.exchange(a_note(joined=2))
    two.exchange(a_note(joined=3))
    for _ in range(3):
        shy.exchange(a_note("blog", joined=1))  # older, but it waited
    assert shy.view == View()
    assert is_alone(said(caplog), f"is in use by another app (process {os.getpid()})")
    one.leave()
    shy.exchange(a_note("blog", joined=1))
    assert not is_there(shy)
    assert said(caplog) == []
    two.leave()
    shy.exchange(a_note("blog", joined=1))
    assert is_there(shy)
    assert is_well(said(caplog))


@crowd
def test_the_younger_of_two_apps_leaves(
    places: Places, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Siblings of the one that leaves hear of it; each app sees its own workers only."""
    one, two, other = places(), places(), places()
    one.exchange(a_note(joined=5))
    two.exchange(a_note(joined=6))
    one.exchange(a_note(joined=5))
    monkeypatch.setattr(StateDir, "exists", _never)  # it has looked before they came
    other.exchange(a_note("blog", joined=4))
    assert is_there(other)
    assert other.view.peers == ()
    rings(two)
    assert one.exchange(None)
    assert is_alone(said(caplog), "is in use by another app")
    assert not is_there(one)
    assert rings(two) == 1
    two.exchange(a_note(joined=6))
    assert not is_there(two)
    other.exchange(a_note("blog", joined=4))
    assert is_there(other)


class Stepped(StateDir):
    """A directory in which a worker that joins stops twice: where another may come between."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.go, self.stands = threading.Semaphore(0), threading.Semaphore(0)
        self.looks = 0

    def look(self, but: str = "") -> View:
        """Look; the first time stop after it, the second time before it."""
        self.looks += 1
        if self.looks == 2:
            self._stop()
        view = super().look(but)
        if self.looks == 1:
            self._stop()
        return view

    def _stop(self) -> None:
        self.stands.release()
        assert self.go.acquire(timeout=DEADLINE)

    def run(self, exchange: Callable[[], object]) -> None:
        """Run, from the first step to the end."""
        assert self.go.acquire(timeout=DEADLINE)
        exchange()
        self.stands.release()
        while self.go.acquire(timeout=DEADLINE) and self.looks < 1_000:
            self.stands.release()

    def step(self) -> None:
        """Have it run to where it stops next."""
        self.go.release()
        assert self.stands.acquire(timeout=DEADLINE)

    def end(self) -> None:
        """Have it run no more."""
        self.looks = 1_000
        self.go.release()


ORDERS: Final = sorted(set(itertools.permutations("AAABBB")))


@crowd
@pytest.mark.parametrize("ages", [(1, 2), (2, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("order", ORDERS, ids="".join)
def test_of_two_apps_that_start_together_one_stays(
    order: tuple[str, ...], ages: tuple[int, int], home: Path, places: Places
) -> None:
    """Whatever comes between what: look, take a place, look again."""
    home.mkdir()
    stepped = {name: Stepped(str(home)) for name in "AB"}
    both = {name: places(stepped[name]) for name in "AB"}
    notes = {name: a_note(name, age) for name, age in zip("AB", ages, strict=True)}

    def exchange(name: str) -> None:
        both[name].exchange(notes[name])

    threads = [
        threading.Thread(target=stepped[name].run, args=(lambda name=name: exchange(name),))
        for name in "AB"
    ]
    for thread in threads:
        thread.start()
    for name in order:
        stepped[name].step()
    for name in "AB":
        stepped[name].end()
    for thread in threads:
        thread.join(DEADLINE)
    for name in ("A", "B"):
        exchange(name)
    (stays,) = [name for name in "AB" if is_there(both[name])]
    (leaves,) = {"A", "B"} - {stays}
    for name in (leaves, stays, leaves, stays):
        exchange(name)
        assert is_there(both[stays])
        assert not is_there(both[leaves])
    both[stays].leave()
    exchange(leaves)
    assert is_there(both[leaves])


@contextmanager
def _of_another_version(home: Path) -> Generator[None]:
    """Have a worker with another healthkit live here."""
    path = home / "worker-1-0123456789abcdef"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_records, "BEGINNING", b"healthkit 2 ")
        path.write_bytes(_records.encode(b"something else\n"))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def test_another_version_is_left_alone(
    home: Path, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker does not join where another healthkit lives, until that has left."""
    home.mkdir()
    place = places()
    with _of_another_version(home):
        for _ in range(2):
            place.exchange(a_note())
        assert not is_there(place)
        why = "another version of healthkit (worker-1-0123456789abcdef is of version 2)"
        assert is_alone(said(caplog), why)
    place.exchange(a_note())
    assert is_there(place)
    assert is_well(said(caplog))
    with _of_another_version(home):  # that one will leave
        place.exchange(a_note())
        assert is_there(place)
        assert said(caplog) == []
        place.leave()
        place.exchange(a_note())
        assert not is_there(place)


def test_of_two_versions_that_start_together_both_do_not_stay(
    home: Path, places: Places, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sees another version right after it has taken its place goes."""
    home.mkdir()
    place = places()
    monkeypatch.setattr(StateDir, "exists", _never)  # it has looked before that came
    with _of_another_version(home):
        place.exchange(a_note())
        assert not is_there(place)
        assert is_alone(said(caplog), "another version of healthkit")


# -- the thread ------------------------------------------------------------------------------------


class Gate(Recording):
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
    home.mkdir(parents=True)
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
    before = _descriptors()
    clerk.begin(news)
    assert _descriptors() == before + 1
    clerk.post(a_note())
    until(lambda: records(home))
    until(lambda: len(names(home)) == 2)
    assert news.count == 0  # nobody else is there
    clerk.end()
    until(lambda: news.count == 1)
    assert names(home) == []
    until(lambda: not _threads())
    assert _descriptors() == before


def versions(home: Path) -> list[int]:
    """Read the versions of what the living say."""
    return [peer.facts.version for peer in StateDir(str(home)).look().peers]


def post_and_wait(clerk: Clerk) -> None:
    """Hand in a note, and wait until it is written and the thread sleeps again."""
    clerk.post(a_note())
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
    until(lambda: gate.looks >= 2)
    other.post(a_note(joined=2))
    until(lambda: clerk.view.peers and other.view.peers)
    assert news.count == 1
    clerk.post(a_note(ready=True))
    until(lambda: other.view.peers[0].facts.ready)
    other.end()
    until(lambda: not clerk.view.peers)
    assert other.view == View()


@pytest.mark.parametrize("begun", [False, True])
def test_an_end_without_a_note(begun: bool, clerk: Clerk, news: News) -> None:
    """Ending is possible at any time, twice, and says that it is over once."""
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

    until(lambda: versions(home) == [9])
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
    until(lambda: [peer.facts.joined for peer in StateDir(str(home)).look().peers] == [3])
    assert news.count == 1
    assert third_news.count == 0


def test_a_beginning_ends_what_was_before(home: Path, clerk: Clerk, news: News) -> None:
    """Nobody has two threads."""
    clerk.begin(news)
    clerk.post(a_note())
    until(lambda: records(home))
    (before,) = records(home)
    clerk.begin(News())
    until(lambda: news.count == 1)
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
        assert clerk.view == View()
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
    monkeypatch.setattr(_clerk, "PATIENCE", 0.0)
    clerk.begin(News())
    until(lambda: clerk._session is not None and clerk._session._busy is None)
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
    """It is said once, the worker is alone, and later there is one."""

    def refuse(*_: object) -> int:
        if what == "the thread":
            raise RuntimeError("can't start new thread")
        raise OSError(errno.EMFILE, "Too many open files")

    if what == "the thread":
        monkeypatch.setattr(threading.Thread, "start", refuse)
    else:
        monkeypatch.setattr(os, "eventfd", refuse)
    clerk.begin(news)
    for _ in range(2):
        clerk.post(a_note())
    assert clerk.view == View()
    assert is_alone(said(caplog), "can't start a thread (")
    clerk.end()
    assert news.count == 1  # nobody else would say that it is over
    clerk.begin(news)
    clerk.post(a_note())
    monkeypatch.undo()
    caplog.clear()
    post_and_wait(clerk)
    assert is_well(said(caplog))


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
        assert clerk.view == View()
        assert len(records(home)) == 1
    assert caplog.records[0].exc_info is not None
    assert is_alone(
        said(caplog), "ZeroDivisionError: expected nothing of the kind; a bug in healthkit"
    )
    gate.fault = None
    post_and_wait(clerk)
    assert len(clerk.view.peers) == 1
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


def test_what_they_look_like(directory: StateDir, home: Path) -> None:
    """One line says how things stand."""
    clerk, place = Clerk(directory), Place(directory)
    assert repr(clerk) == "<Clerk idle>"
    assert repr(place) == "<Place nowhere>"
    place.exchange(a_note())
    assert repr(place) == f"<Place <Seat {record_of(place).name} taken>>"
    place.leave()
    home.rmdir()
    home.write_text("")
    place.exchange(a_note())
    assert repr(place).startswith("<Place state_dir=")
    clerk.begin(News())
    assert repr(clerk) == "<Clerk <_Session <Place nowhere>>>"
    clerk.end()
    assert repr(clerk) == "<Clerk <_Session over <Place nowhere>>>"
