"""A worker's place in the state directory, stepped by hand. The files are real."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import itertools
import logging
import os
import resource
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from healthkit import _records, _seat
from healthkit._facts import Details, Facts, details_of, written_of
from healthkit._model import Pause, Phase, Probe
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


def quiet(note: Note) -> Note:
    """Make one that is written, and no reason to look."""
    return replace(note, look=False)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No test leaves a descriptor open, or a place taken."""
    before, seats = descriptors(), set(_seat._SEATS)
    yield
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


class Recording(StateDir):
    """A directory that remembers what was asked of it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.calls: list[str] = []
        self.looks = 0

    def look(self, but: str = "") -> View:
        """Look, and count."""
        self.looks += 1
        return super().look(but)

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


def record_body(place: Place) -> bytes:
    """Read what it has written."""
    return _records.of_living(str(record_of(place))) or b""


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
        gc.disable()  # what an earlier test has left would be closed, and be free
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        try:
            yield
        finally:
            gc.enable()
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


# -- those who stay --------------------------------------------------------------------------------


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
    before = written_of(record_body(place))
    place.exchange(a_note())
    assert written_of(record_body(place)) > before > 0


@crowd
def test_a_quiet_note_is_a_heartbeat_and_no_look(directory: Recording, places: Places) -> None:
    """What it says is read, and the others are rung for if it matters."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    for place in (one, two):
        rings(place)
    two.exchange(a_note(version=2))
    directory.looks = 0
    before = written_of(record_body(one))
    assert not one.exchange(quiet(a_note()))
    assert written_of(record_body(one)) > before
    assert rings(two) == 0
    assert not one.exchange(quiet(a_note(ready=True)))
    assert directory.looks == 0
    assert rings(two) == 1
    assert one.view.peers[0].facts.version == 0
    two.exchange(None)
    assert two.view.peers[0].facts.ready
    one.exchange(a_note(ready=True))
    assert one.view.peers[0].facts.version == 2


@crowd
def test_who_joins_looks_around_whatever_the_note_says(places: Places) -> None:
    """The first time, and when the record has been removed."""
    one, two = places(), places()
    one.exchange(a_note())
    two.exchange(quiet(a_note()))
    assert len(two.view.peers) == 1
    record_of(two).unlink()
    assert not two.exchange(quiet(a_note()))
    assert len(two.view.peers) == 1


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
    assert two.view == View(alone=True)
    two.leave()
    assert two.view == View()
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
            assert place.view == View(alone=True)
            assert place.bell is None
        assert is_alone(said(caplog), why)
    place.exchange(a_note())
    place.exchange(a_note())
    assert place.view == View()
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
            assert one.view == View(alone=True)
        assert is_alone(said(caplog), why)
    for place in (one, two, one, two):
        place.exchange(a_note())
    assert len(one.view.peers) == len(two.view.peers) == 1
    assert is_there(one)
    assert ("INFO", f"state_dir={str(home)!r}: {WELL}") in said(caplog)


@crowd
@pytest.mark.parametrize("trouble", TROUBLE)
def test_who_is_alone_looks_around_whatever_the_note_says(
    trouble: str, home: Path, places: Places
) -> None:
    """It is not said to be well before it is."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    happens, _why = TROUBLE[trouble]
    with happens(home):
        if trouble != "no descriptors":  # a record is all that is asked for there
            assert one.exchange(quiet(a_note()))
            assert one.view == View(alone=True)
        one.exchange(a_note())
        one.exchange(quiet(a_note()))
        assert one.view == View(alone=True)
    two.exchange(a_note())
    assert one.exchange(quiet(a_note()))
    assert len(one.view.peers) == 1


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
        assert one.view == View(told=4.0, alone=True)
        one.exchange(None)
        assert one.view == View(told=4.0, alone=True)
    asked.leave()
    one.exchange(a_note(ready=True))
    assert rings(two) == 1
    assert len(one.view.peers) == 1


@crowd
def test_a_disk_with_little_room_takes_the_facts(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that goes on writing is not taken for a hung one, but it is alone."""
    one, two = places(), places()
    for place in (one, two, one):
        place.exchange(a_note())
    rings(two)
    note = a_note(ready=True, requests=3, holds=("x" * 900,) * 20)
    note = replace(note, details=Details(drain_time=5.0))
    before = written_of(record_body(one))
    with _limited(resource.RLIMIT_FSIZE, record_of(one).stat().st_size):
        for _ in range(2):
            one.exchange(note)
            assert one.view == View(alone=True)
            written = written_of(record_body(one))
            assert written > before
            before = written
        assert is_alone(said(caplog), "can't write (File too large): expected room for its records")
    assert rings(two) == 0
    two.exchange(None)
    (peer,) = two.view.peers
    assert (peer.facts.ready, peer.facts.requests, peer.facts.holds) == (True, 3, ("20 holds",))
    assert peer.fresh
    assert details_of(peer.body) == Details()
    assert _records.said(peer.body, Probe.READY) == (True, "ok")
    one.exchange(note)
    assert is_well(said(caplog))
    assert rings(two) == 1
    assert details_of(record_body(one)) == note.details
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
    assert shy.view == View(alone=True)
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
    assert one.view == View(alone=True)
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
def _of_another_version(home: Path, name: str = "worker-1-0123456789abcdef") -> Generator[None]:
    """Have a worker with another healthkit live here, or a command."""
    path = home / name
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


def test_a_drain_of_another_version_keeps_no_worker_out(
    home: Path, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    """The command of the image that comes, or went, ends soon."""
    home.mkdir()
    place = places()
    with _of_another_version(home, "drain-1-0123456789abcdef"):
        place.exchange(a_note())
        assert is_there(place)
        assert place.view == View()
    assert said(caplog) == []


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


def test_a_place_that_was_lost_to_another_version_is_not_taken_back(
    home: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the note says: whoever takes a place anew looks around."""
    place = places()
    place.exchange(a_note())
    record_of(place).unlink()
    monkeypatch.setattr(StateDir, "exists", _never)  # it has looked before that came
    with _of_another_version(home):
        place.exchange(quiet(a_note()))
        assert not is_there(place)
        assert place.view == View(alone=True)


def test_what_it_looks_like(places: Places, home: Path) -> None:
    """One line says where it is, or why it is nowhere."""
    place = places()
    assert repr(place) == "<Place nowhere>"
    place.exchange(a_note())
    assert repr(place) == f"<Place <Seat {record_of(place).name} taken>>"
    place.leave()
    home.rmdir()
    home.write_text("")
    place.exchange(a_note())
    assert repr(place).startswith("<Place state_dir=")
