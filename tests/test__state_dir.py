"""The state directory in one process: views, bells, markers, and what is cleaned away."""

from __future__ import annotations

import errno
import fcntl
import os
import posix
import re
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import _records, _seat, _state_dir
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._seat import Seat
from healthkit._state_dir import Peer, StateDir, View, identity
from healthkit.errors import StateDirError
from tests.descriptors import descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

SAYS: Final = dict.fromkeys(Probe, (True, "ok"))
FACTS: Final = Facts(pid=os.getpid(), app="shop", joined=7)

WORKER: Final = _records.WORKER
STALE: Final = _records.STALE_AFTER

#: No process: more than the kernel ever gives.
NOBODY: Final = 2**31 - 1


def _body(written: int | None = None, pid: int = FACTS.pid, **facts: object) -> bytes:
    made = Facts(**{"pid": pid, "app": "shop", "joined": 7, **facts})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # a table's columns
    return body_of(made, Details(), SAYS, time.monotonic_ns() if written is None else written)


@pytest.fixture
def directory(tmp_path: Path) -> StateDir:
    """A directory that is there."""
    return StateDir(str(tmp_path))


@pytest.fixture
def seat(directory: StateDir) -> Iterator[Seat]:
    """A place in it."""
    seat = Seat(directory, WORKER, _body())
    yield seat
    seat.leave()


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """No test leaves a descriptor open, or a place taken."""
    before, seats = descriptors(), set(_seat._SEATS)
    yield
    assert descriptors() <= before
    assert set(_seat._SEATS) == seats


def _names(directory: StateDir) -> list[str]:
    return sorted(path.name for path in Path(directory.path).iterdir())


@contextmanager
def _owned(directory: StateDir, name: str, raw: bytes) -> Generator[Path]:
    """Keep another process's record: this one knows nothing of it, and holds its lock."""
    path = Path(directory.path, name)
    path.write_bytes(raw)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def _dead(directory: StateDir, name: str, raw: bytes | None = None) -> Path:
    """Leave a record that nobody holds."""
    path = Path(directory.path, name)
    path.write_bytes(_records.encode(_body()) if raw is None else raw)
    return path


def _failing(number: int) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


def _returning(value: object) -> Callable[..., object]:
    def call(*_: object) -> object:
        return value

    return call


# -- looking --------------------------------------------------------------------------------------


def test_a_directory_need_not_exist(directory: StateDir, tmp_path: Path) -> None:
    """It is its path, whatever is there."""
    assert directory.exists()
    assert repr(directory) == f"<StateDir {directory.path!r}>"
    assert not StateDir(f"{tmp_path}/none").exists()


def test_a_worker_sees_the_others(directory: StateDir, seat: Seat) -> None:
    """And not itself."""
    body = _body(ready=True)
    with _owned(directory, "worker-9-a", _records.encode(body)):
        seen = directory.look(seat.name)
        assert [(peer.name, peer.fresh, peer.body) for peer in seen.peers] == [
            ("worker-9-a", True, body)
        ]
        assert seen.peers[0].facts.ready
        assert len(directory.look().peers) == 2
    assert directory.look(seat.name) == View()


@pytest.mark.parametrize(
    "name", ["worker-", "worker-x", "worker-" + "9" * 200, "worker-\n", "worker-é"]
)
def test_a_name_may_have_any_end(directory: StateDir, name: str) -> None:
    """Another healthkit may name its records differently."""
    with _owned(directory, name, _records.encode(_body())):
        assert [peer.name for peer in directory.look().peers] == [name]
        directory.ring(name)
        directory.clean()
        assert _names(directory) == [name]


def test_anything_else_is_not_seen(directory: StateDir) -> None:
    """Strangers, the dead, the unborn, those that say nothing."""
    good = _records.encode(_body())
    _dead(directory, "worker-1-a")
    for name in ("worker-dir", "drain-dir"):
        Path(directory.path, name).mkdir()
    os.mkfifo(f"{directory.path}/worker-2-b")
    Path(directory.path, os.fsdecode(b"worker-\xff")).touch()
    silent = b"\n".join([b"never", *_body().split(b"\n")[1:]])
    with (
        _owned(directory, "new-worker-3-c", good),
        _owned(directory, "worker-4-d.bell", good),
        _owned(directory, "notes", good),
        _owned(directory, "worker-5-e", b"garbage"),
        _owned(directory, "worker-6-f", _records.encode(b"5 6\nno facts\n")),
        _owned(directory, "worker-7-g", _records.encode(silent)),
        _owned(directory, "drain-8-h", _records.encode(silent)),
    ):
        assert directory.look() == View()


def test_a_worker_that_no_longer_writes_is_not_fresh(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that writes from the future: the clock is another's."""
    now = time.monotonic_ns()
    monkeypatch.setattr(_records, "STALE_AFTER", 10**8)  # this process is not older than 5 s
    for written, fresh in [(now, True), (now - 2 * 10**8, False), (now + 10**10, False)]:
        with _owned(directory, "worker-9-a", _records.encode(_body(written))):
            (peer,) = directory.look().peers
            assert peer.fresh is fresh


def test_a_lock_without_a_process_is_dead_once_it_is_stale(directory: StateDir) -> None:
    """A child that was forked behind Python's back can keep it."""
    now = time.monotonic_ns()
    with _owned(directory, "worker-9-a", _records.encode(_body(now, NOBODY))):
        assert len(directory.look().peers) == 1
    with _owned(directory, "worker-9-a", _records.encode(_body(now - 2 * STALE, NOBODY))):
        assert directory.look().peers == ()


def test_a_process_of_the_same_number_is_not_the_owner(directory: StateDir) -> None:
    """One that began after the record was written."""
    ahead = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    ticks = _records.began(os.getpid())
    assert ticks is not None
    began = ticks * 10**9 // os.sysconf("SC_CLK_TCK") - ahead
    assert _state_dir._wrote(os.getpid(), began + 10**9)
    assert not _state_dir._wrote(os.getpid(), began - 10**9)
    with _owned(directory, "worker-9-a", _records.encode(_body(0))):
        assert directory.look().peers == ()


def test_a_process_that_hides_its_beginning_is_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be told counts as living."""
    monkeypatch.setattr(_records, "began", _returning(None))
    assert _state_dir._wrote(os.getpid(), 0)


def test_peers_are_equal_if_the_rules_see_no_difference() -> None:
    """So is what hash says of them."""
    peer = Peer("worker-1-a", FACTS, fresh=True, body=b"1")
    same = Peer("worker-1-a", FACTS, fresh=True, body=b"2")
    assert peer == same
    assert len({peer, same}) == 1
    assert View((peer,)) == View((same,))
    assert peer != Peer("worker-1-a", FACTS, fresh=False, body=b"1")
    assert peer != Peer("worker-1-b", FACTS, fresh=True, body=b"1")


def test_the_first_request_for_a_drain_counts(directory: StateDir) -> None:
    """As long as somebody waits; whoever asks need not be seen as a process."""
    with (
        _owned(directory, "drain-1-a", _records.encode(f"9000000000 {NOBODY}\n".encode())),
        _owned(directory, "drain-2-b", _records.encode(b"8000000000 2\n")),
        _owned(directory, "drain-3-c", _records.encode(b"0 0\n")),
    ):
        assert directory.look().told == 8.0
    assert directory.look().told is None


def test_a_worker_of_another_version_is_named(directory: StateDir) -> None:
    """If it lives; in one line, whatever its name is."""
    raw = _records.encode(_body()).replace(b"healthkit 1 ", b"healthkit 2 ", 1)
    with _owned(directory, "worker-9-a", raw):
        assert directory.look() == View(other_version="worker-9-a is of version 2")
    with _owned(directory, "worker-\n\udcff", raw):
        assert directory.look().other_version == r"'worker-\n\udcff' is of version 2"
    assert directory.look() == View()


def test_a_drain_of_another_version_keeps_nobody_out(directory: StateDir) -> None:
    """It is not understood, and will be over soon; a worker of that version is there to stay."""
    raw = _records.encode(b"5 6\n").replace(b"healthkit 1 ", b"healthkit 2 ", 1)
    with _owned(directory, "drain-9-a", raw):
        assert directory.look() == View()
        with _owned(directory, "worker-9-a", raw), _owned(directory, "drain-9-b", raw):
            assert directory.look() == View(other_version="worker-9-a is of version 2")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_descriptor_that_is_missing_is_named(directory: StateDir, number: int) -> None:
    """The directory is not to blame for it."""
    assert str(directory.error("list", OSError(number, os.strerror(number)))) == (
        f"state_dir={directory.path!r}: can't list it ({os.strerror(number)}): "
        "expected a free file descriptor: raise the limit (ulimit -n, or fs.file-max)"
    )


def test_no_descriptors_left_is_said(
    directory: StateDir, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is taken for dead."""
    with monkeypatch.context() as patch:
        patch.setattr(posix, "open", _failing(errno.EMFILE))
        with pytest.raises(StateDirError, match="can't list it \\(Too many open files\\)"):
            directory.look()
        directory.clean()
    assert seat.is_in_place()


# -- the bell -------------------------------------------------------------------------------------


def test_a_bell_is_heard(directory: StateDir, seat: Seat) -> None:
    """Each time it is rung, until it is full; then it has been rung."""
    assert seat.bell is not None
    with pytest.raises(BlockingIOError):
        os.read(seat.bell, 10)
    directory.ring(seat.name)
    directory.ring(seat.name)
    assert os.read(seat.bell, 10) == b"!!"
    while True:
        try:
            os.write(seat.bell, b"x" * 4096)
        except BlockingIOError:
            break
    directory.ring(seat.name)


def test_a_bell_that_nobody_hears_is_no_error(directory: StateDir) -> None:
    """Nor one that is not there."""
    os.mkfifo(f"{directory.path}/worker-1-a.bell")
    directory.ring("worker-1-a")
    directory.ring("worker-2-b")
    directory.ring("worker-" + "x" * 300)


def test_a_bell_whose_worker_goes_just_now_kills_nobody(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that lets SIGPIPE end it may ring: there is always somebody who could read."""
    os.mkfifo(f"{directory.path}/worker-1-a.bell")
    rung: list[bytes] = []
    real = os.write

    def write(bell: int, data: bytes) -> int:
        rung.append(data)
        return real(bell, data)

    monkeypatch.setattr(os, "write", write)
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        directory.ring("worker-1-a")
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert rung == [b"!"]


def test_nothing_but_a_bell_is_rung(directory: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is not written to, by a link neither; and not if it takes the bell's place late."""
    victim = Path(directory.path, "victim")
    victim.touch()
    Path(directory.path, "worker-1-a.bell").touch()
    Path(directory.path, "worker-2-b.bell").symlink_to("victim")
    Path(directory.path, "worker-3-c.bell").mkdir()
    Path(directory.path, "worker-4-d.bell").symlink_to("fifo")
    os.mkfifo(f"{directory.path}/fifo")
    reader = os.open(f"{directory.path}/fifo", os.O_RDONLY | os.O_NONBLOCK)
    with monkeypatch.context() as patch:
        opened: list[object] = []

        def open_nothing(*what: object) -> int:
            opened.append(what)
            return -1

        patch.setattr(os, "open", open_nothing)
        for name in ("worker-1-a", "worker-2-b", "worker-3-c", "worker-4-d"):
            directory.ring(name)
        assert opened == []  # to open a device can be to use it
    fifo = os.lstat(f"{directory.path}/fifo")
    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", _returning(fifo))
        for name in ("worker-1-a", "worker-2-b", "worker-3-c", "worker-4-d"):
            directory.ring(name)
    assert victim.read_bytes() == b""
    assert Path(directory.path, "worker-1-a.bell").read_bytes() == b""
    assert os.read(reader, 10) == b""
    os.close(reader)


# -- the marker -----------------------------------------------------------------------------------


def test_a_server_that_was_ready_is_remembered(directory: StateDir) -> None:
    """As long as its process lives."""
    directory.clean()
    assert not directory.look().settled
    directory.settle()
    directory.settle()
    directory.clean()
    assert directory.look().settled
    parent = os.getppid()
    assert _names(directory) == [f"settled-{parent}-{_records.began(parent)}"]


def test_a_marker_of_a_dead_server_is_ignored_and_removed(directory: StateDir) -> None:
    """Also when its process id is somebody else's now."""
    dead = [f"settled-{NOBODY}-5", f"settled-{os.getppid()}-5", "settled-9999999999-5"]
    strange = ["settled-", "settled-x-5", "settled-1", f"settled-{NOBODY}-5-5", "settled-notes"]
    for name in [*dead, *strange]:
        Path(directory.path, name).touch()
    full = Path(directory.path, f"settled-{NOBODY}-6")
    full.write_text("a stranger's")
    Path(directory.path, f"settled-{NOBODY}-7").mkdir()
    assert not directory.look().settled
    directory.clean()
    assert _names(directory) == sorted([*strange, full.name, f"settled-{NOBODY}-7"])


def test_nothing_is_marked_through_a_link(directory: StateDir, tmp_path: Path) -> None:
    """Nor does a FIFO in its place hold anybody up."""
    directory.settle()
    (name,) = _names(directory)
    marker, victim = Path(directory.path, name), tmp_path / "victim"
    marker.unlink()
    marker.symlink_to(victim)
    directory.settle()
    assert not victim.exists()
    marker.unlink()
    os.mkfifo(marker)
    directory.settle()


def test_a_server_that_can_not_be_named_is_not_marked(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose first process is the worker; a process that hides is not dead."""
    monkeypatch.setattr(_records, "began", _returning(None))
    directory.settle()
    assert _names(directory) == []
    name = f"settled-{os.getpid()}-5"
    Path(directory.path, name).touch()
    directory.clean()
    assert _names(directory) == [name]
    assert not directory.look().settled


# -- cleaning -------------------------------------------------------------------------------------


def test_the_dead_are_cleaned_away(directory: StateDir) -> None:
    """Records, those whose writers crashed before the first byte, and bells."""
    os.mkfifo(f"{directory.path}/worker-1-a.bell")
    os.mkfifo(f"{directory.path}/worker-2-b.bell")
    _dead(directory, "worker-1-a")
    _dead(directory, "drain-1-a")
    _dead(directory, "worker-3-c", b"")
    _dead(directory, "worker-4-d", b"healthkit 1 torn")
    for name in ("new-worker-5-e", "new-drain-6-f"):
        path = _dead(directory, name, b"")
        os.utime(path, (0, 0))
    directory.clean()
    assert _names(directory) == []


def test_a_bell_goes_with_its_record(directory: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever order they are listed."""
    os.mkfifo(f"{directory.path}/worker-1-a.bell")
    _dead(directory, "worker-1-a")
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", _returning(["worker-1-a.bell", "worker-1-a"]))
        directory.clean()
    assert _names(directory) == []


def test_the_living_are_not(directory: StateDir, seat: Seat) -> None:
    """Nor the newborn, nor their bells, nor anything that is being taken right now."""
    good = _records.encode(_body())
    names = [*_names(directory), "drain-9-a", "new-worker-8-b", "new-worker-9-a", "worker-9-a"]
    newborn = _dead(directory, "new-worker-8-b", b"")
    with (
        _owned(directory, "worker-9-a", good),
        _owned(directory, "drain-9-a", good),
        _owned(directory, "new-worker-9-a", good) as locked,
    ):
        os.utime(locked, (0, 0))
        directory.clean()
        assert _names(directory) == sorted(names)
        assert seat.is_in_place()
    newborn.unlink()


def test_a_stranger_s_things_are_not(directory: StateDir) -> None:
    """Whatever they are called, and whoever wrote them."""
    other_version = _records.encode(_body()).replace(b"healthkit 1 ", b"healthkit 2 ", 1)
    for name, raw in [
        ("worker-notes", b""),
        ("worker-1-a", b"my notes"),
        ("worker-2-b", other_version),
        ("worker-3-c.bell", b""),
        ("drain-pipe", b"x"),
        ("new-worker", b""),
        ("new-worker-4-d", b"x"),
        ("notes", _records.encode(_body())),
    ]:
        os.utime(_dead(directory, name, raw), (0, 0))
    os.mkfifo(f"{directory.path}/worker-pipe.bell")
    os.mkfifo(f"{directory.path}/worker-5-e")
    Path(directory.path, "worker-6-f").symlink_to("notes")
    Path(directory.path, "worker-7-a").mkdir()
    before = _names(directory)
    directory.clean()
    assert _names(directory) == before


def test_what_can_not_be_removed_stays_and_the_rest_goes(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a read-only directory, say; and where locks do not work nobody is dead."""
    for name in ("worker-1-a", "worker-2-b"):
        _dead(directory, name)
    real = os.unlink

    def some(path: str) -> None:
        (_failing(errno.EROFS) if path.endswith("1-a") else real)(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", some)
        patch.setattr(os, "listdir", _returning(["worker-1-a", "worker-2-b"]))  # in this order
        directory.clean()
    assert _names(directory) == ["worker-1-a"]
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", _failing(errno.ENOLCK))
        directory.clean()
    assert _names(directory) == ["worker-1-a"]


def test_a_name_that_was_taken_meanwhile_is_not_removed(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that was found dead is not the one that has its name now."""
    path = _dead(directory, "worker-1-a")
    real = _records.is_held

    def and_then_somebody_comes(descriptor: int) -> bool:
        held = real(descriptor)
        path.with_name("other").write_bytes(b"living")
        path.with_name("other").rename(path)
        return held

    monkeypatch.setattr(_records, "is_held", and_then_somebody_comes)
    directory.clean()
    assert path.read_bytes() == b"living"


def test_many_may_clean_at_once(directory: StateDir, seat: Seat) -> None:
    """Each thing is removed once, and nobody complains."""
    for number in range(200):
        _dead(directory, f"worker-{number}-a")
    cleaners = [threading.Thread(target=directory.clean) for _ in range(8)]
    for cleaner in cleaners:
        cleaner.start()
    for cleaner in cleaners:
        cleaner.join()
    assert _names(directory) == [seat.name, f"{seat.name}.bell"]


# -- whose directory it is ------------------------------------------------------------------------


def test_a_server_is_known_by_its_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for all its workers."""
    monkeypatch.setattr(sys, "argv", ["gunicorn", "shop:app"])
    shop = identity()
    assert re.fullmatch("[0-9a-f]{16}", shop)
    assert identity() == shop
    monkeypatch.setattr(sys, "argv", ["gunicorn", "blog:app"])
    assert identity() != shop
    monkeypatch.setattr(sys, "argv", [Path("gunicorn"), "\udcff\ud800"])
    assert re.fullmatch("[0-9a-f]{16}", identity())


def test_a_server_is_known_where_processes_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc it is the command line and its place; two namespaces are two servers."""
    here = identity()
    monkeypatch.setattr(os, "readlink", _returning("pid:[1]"))
    elsewhere = identity()
    monkeypatch.setattr(os, "readlink", _failing(errno.ENOENT))
    assert len({here, elsewhere, identity()}) == 3


def test_a_server_is_known_by_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two may have the same command line; a directory that has gone is nowhere."""
    here = identity()
    monkeypatch.chdir(tmp_path)
    elsewhere = identity()
    assert identity() == elsewhere
    monkeypatch.setattr(os, "getcwd", _failing(errno.ENOENT))
    assert len({here, elsewhere, identity()}) == 3
