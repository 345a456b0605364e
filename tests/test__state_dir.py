"""The state directory in one process: places, views, bells, markers, and what is cleaned away."""

from __future__ import annotations

import errno
import fcntl
import os
import posix
import re
import signal
import stat
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import _records, _state_dir
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._state_dir import Peer, Seat, StateDir, View, identity
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

SAYS: Final = dict.fromkeys(Probe, (True, "ok"))
FACTS: Final = Facts(pid=os.getpid(), app="shop", joined=7)

WORKER: Final = _records.WORKER
DRAIN: Final = _records.DRAIN
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
    before = _descriptors()
    yield
    assert set(_state_dir._SEATS) == set()
    assert _descriptors() == before


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counted


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


# -- taking a place -------------------------------------------------------------------------------


def test_a_place_is_a_record_and_a_bell(directory: StateDir, seat: Seat) -> None:
    """Named after the process; only its owner's user may read either."""
    assert re.fullmatch(rf"worker-{os.getpid()}-[0-9a-f]{{16}}", seat.name)
    assert _names(directory) == [seat.name, f"{seat.name}.bell"]
    modes = [path.lstat().st_mode for path in sorted(Path(directory.path).iterdir())]
    assert modes == [stat.S_IFREG | 0o600, stat.S_IFIFO | 0o600]
    assert seat.is_in_place()
    assert repr(seat) == f"<Seat {seat.name} taken>"
    assert repr(directory) == f"<StateDir {directory.path!r}>"


def test_a_request_for_a_drain_has_no_bell(directory: StateDir) -> None:
    """Nobody tells it anything."""
    seat = Seat(directory, DRAIN, b"5 6\n")
    assert seat.bell is None
    assert _names(directory) == [seat.name]
    assert directory.look().told == 5e-9
    seat.leave()
    assert _names(directory) == []


def test_a_place_that_was_left_is_gone(directory: StateDir, seat: Seat) -> None:
    """Leaving twice is leaving once; what is written then goes nowhere."""
    for _ in range(2):
        seat.leave()
    assert _names(directory) == []
    assert not seat.is_in_place()
    assert repr(seat) == f"<Seat {seat.name} left>"
    with pytest.raises(OSError, match="Bad file descriptor"):
        seat.write(_body())


def test_the_directory_is_made(tmp_path: Path) -> None:
    """Its last part only."""
    directory = StateDir(f"{tmp_path}/made")
    assert not directory.exists()
    seat = Seat(directory, WORKER, _body())
    assert directory.exists()
    assert stat.S_IMODE(Path(directory.path).stat().st_mode) == 0o700
    seat.leave()


def test_a_umask_takes_nothing_from_the_siblings(tmp_path: Path) -> None:
    """They could not read the record, nor ring."""
    directory = StateDir(f"{tmp_path}/made")
    before = os.umask(0o777)
    try:
        seat = Seat(directory, WORKER, _body())
    finally:
        os.umask(before)
    paths = [Path(directory.path), *sorted(Path(directory.path).iterdir())]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o600, 0o600]
    seat.leave()


@pytest.mark.parametrize("other", ["{0}", "{0}/", "{0}/../{1}", "{0}/link"])
def test_a_second_place_of_a_process_is_refused(
    directory: StateDir, seat: Seat, other: str
) -> None:
    """By whatever path; one of another kind is not."""
    link = Path(directory.path, "link")
    link.symlink_to(directory.path)
    path = other.format(directory.path, Path(directory.path).name)
    with pytest.raises(StateDirError, match="another Health of this process is in it"):
        Seat(StateDir(path), WORKER, _body())
    Seat(StateDir(path), DRAIN, b"5 6\n").leave()
    link.unlink()
    assert seat.shares(StateDir(path), WORKER) is (path != str(link))
    assert not seat.shares(StateDir(f"{directory.path}/none"), WORKER)
    assert _names(directory) == [seat.name, f"{seat.name}.bell"]


def test_a_place_that_was_left_can_be_taken_again(directory: StateDir) -> None:
    """By a name that was not there before."""
    names: set[str] = set()
    for _ in range(3):
        seat = Seat(directory, WORKER, _body())
        names.add(seat.name)
        seat.leave()
    assert len(names) == 3


# -- when it can't be taken -----------------------------------------------------------------------


def _message(path: str, why: str) -> str:
    return (
        f"state_dir={path!r}: can't write in it ({why}): expected a directory that this user may"
        " write in, such as an emptyDir"
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("none/none", "No such file or directory"),
        ("file", "Not a directory"),
        ("file/below", "Not a directory"),
        ("dangling", "No such file or directory"),
        ("loop", "Too many levels of symbolic links"),
        ("x" * 256, "File name too long"),
        ("line\nbreak/none", "No such file or directory"),
    ],
)
def test_a_path_that_is_no_directory_is_said(tmp_path: Path, path: str, why: str) -> None:
    """In one line, by a command that only looks too."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    directory = StateDir(f"{tmp_path}/{path}")
    with pytest.raises(StateDirError) as refused:
        Seat(directory, WORKER, _body())
    assert str(refused.value) == _message(directory.path, why)
    assert "\n" not in str(refused.value)
    with pytest.raises(StateDirError, match="can't list it"):
        directory.look()
    directory.ring("worker-1-a")
    directory.settle()
    directory.clean()
    assert not directory.exists()
    assert sorted(tmp_path.iterdir()) == before


#: Each system call on the way to a place.
STEPS: Final = [
    (os, "mkdir"),
    (os, "chmod"),
    (os, "stat"),
    (os, "open"),
    (fcntl, "flock"),
    (os, "fchmod"),
    (os, "fstat"),
    (os, "pwrite"),
    (os, "rename"),
]
NUMBERS: Final = [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EIO]


@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
def test_a_failure_on_the_way_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, step: str, number: int
) -> None:
    """No file, no directory, no descriptor; and the next try may succeed."""
    directory = StateDir(f"{tmp_path}/made")
    failure = _failing(number)
    with monkeypatch.context() as patch:
        if step == "stat":  # not that of pytest
            patch.setattr(_state_dir, "os", _Failing(step, failure))
        else:
            patch.setattr(module, step, failure)
        with pytest.raises(StateDirError) as refused:
            Seat(directory, WORKER, _body())
    assert str(refused.value) == _message(directory.path, os.strerror(number))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "made").mkdir()
    if step not in {"mkdir", "chmod"}:
        with monkeypatch.context() as patch:
            patch.setattr(_state_dir, "os", _Failing(step, failure))
            patch.setattr(_state_dir, "fcntl", _Failing(step, failure, fcntl))
            with pytest.raises(StateDirError):
                Seat(directory, WORKER, _body())
        assert _names(directory) == []
    Seat(directory, WORKER, _body()).leave()
    assert _names(directory) == []


class _Failing:
    """A module of which one function fails."""

    def __init__(self, name: str, failure: Callable[..., object], module: object = os) -> None:
        self.__dict__.update(vars(module) | {name: failure})


def test_a_step_that_fails_in_the_end_leaves_nothing_behind(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second version is what makes the room."""
    real, starts = os.pwrite, list[int]()

    def write_one(descriptor: int, data: bytes, start: int) -> int:
        if start in starts:
            _failing(errno.ENOSPC)()
        starts.append(start)
        return real(descriptor, data, start)

    monkeypatch.setattr(os, "pwrite", write_one)
    with pytest.raises(StateDirError, match="No space left on device"):
        Seat(directory, WORKER, _body())
    assert starts == [64, 0, 4128]
    assert _names(directory) == []


def test_an_error_without_a_text_is_named(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in one line all the same."""

    def fail(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(StateDirError, match="can't write in it \\(TimeoutError\\)"):
        Seat(directory, WORKER, _body())


@pytest.mark.parametrize("step", ["rename", "mkfifo"])
def test_an_interrupt_on_the_way_leaves_nothing_behind(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """It passes through."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        Seat(directory, WORKER, _body())
    assert _names(directory) == []


@pytest.mark.parametrize("step", ["mkfifo", "chmod", "open"])
def test_a_place_without_a_bell_is_a_place(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Where the file system has no FIFOs, the worker is heard of once a second."""
    real, failure = getattr(os, step), _failing(errno.EPERM)

    def some(path: str, *rest: object) -> object:
        return (failure if path.endswith(".bell") else real)(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, step, some)
        seat = Seat(directory, WORKER, _body())
    assert seat.bell is None
    assert _names(directory) == [seat.name]
    directory.ring(seat.name)
    seat.leave()
    assert _names(directory) == []


# -- writing --------------------------------------------------------------------------------------


def test_what_was_written_last_is_read(directory: StateDir, seat: Seat) -> None:
    """Longer, shorter, beyond what is read at once; nothing of the one before is left in it."""
    for size in [10, 5000, 20, 100_000, 4064, 4065, 3, _records.LONGEST, 50_000, 1]:
        body = os.urandom(size)
        seat.write(body)
        assert _records.of_living(directory.at(seat.name)) == body


def test_the_usual_record_takes_two_pages(directory: StateDir, seat: Seat) -> None:
    """From the beginning, and for ever."""
    for _ in range(10):
        assert Path(directory.path, seat.name).stat().st_size == 2 * 4096
        seat.write(_body())


def test_a_record_takes_no_more_than_three_of_its_longest(directory: StateDir, seat: Seat) -> None:
    """Whatever the order of sizes."""
    for size in [*range(1, 100_000, 3001), *range(100_000, 1, -3001), 90_000, 100_000, 5] * 2:
        seat.write(b"x" * size)
    assert Path(directory.path, seat.name).stat().st_size < 3 * 105_000


def test_a_writer_that_is_killed_in_the_middle_has_written_nothing(
    directory: StateDir, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each byte, and before the header too."""
    seat.write(b"before")
    real = os.pwrite

    def write_some(descriptor: int, data: bytes, start: int) -> int:
        if start == 0:
            raise KeyboardInterrupt
        real(descriptor, data[:100], start)
        assert _records.of_living(directory.at(seat.name)) == b"before"
        return 100

    for _ in range(3):
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(os, "pwrite", write_some)
            seat.write(b"after" * 1000)
        assert _records.of_living(directory.at(seat.name)) == b"before"
    seat.write(b"after")
    assert _records.of_living(directory.at(seat.name)) == b"after"


@pytest.mark.parametrize("taken", [10_000, 0])
def test_a_disk_that_is_full_in_the_middle_keeps_the_version_before(
    directory: StateDir, seat: Seat, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """The room that was taken is given back."""
    seat.write(b"before")
    path = Path(directory.path, seat.name)
    size, left, real = path.stat().st_size, [taken, 0], os.pwrite

    def write_some(descriptor: int, data: bytes, start: int) -> int:
        if not left:
            _failing(errno.ENOSPC)()
        return real(descriptor, data[: left.pop(0)], start) if left else 0

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", write_some)
        with pytest.raises(OSError, match="No space left on device"):
            seat.write(b"after" * 10_000)
    assert _records.of_living(str(path)) == b"before"
    assert path.stat().st_size == size
    seat.write(b"after")
    assert _records.of_living(str(path)) == b"after"


def test_what_nobody_would_read_is_not_written(directory: StateDir, seat: Seat) -> None:
    """The version before stays."""
    before = _records.of_living(directory.at(seat.name))
    with pytest.raises(OSError, match="File too large"):
        seat.write(b"x" * (_records.LONGEST + 1))
    assert _records.of_living(directory.at(seat.name)) == before


# -- whose it is ----------------------------------------------------------------------------------


def test_a_record_that_is_replaced_is_not_in_place(directory: StateDir, seat: Seat) -> None:
    """What took its place is left alone."""
    for path in sorted(Path(directory.path).iterdir()):
        path.unlink()
        path.write_text("somebody else's")
    assert not seat.is_in_place()
    seat.leave()
    assert [path.read_text() for path in Path(directory.path).iterdir()] == ["somebody else's"] * 2


def test_a_directory_that_is_replaced_has_no_place(tmp_path: Path) -> None:
    """The path leads somewhere else now; a second Health is still refused."""
    directory = StateDir(f"{tmp_path}/link")
    for name in "ab":
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("a")
    seat = Seat(directory, WORKER, _body())
    assert seat.is_in_place()
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("b")
    assert not seat.is_in_place()
    assert seat.shares(directory, WORKER)
    assert seat.shares(StateDir(f"{tmp_path}/a"), WORKER)
    assert not seat.shares(StateDir(f"{tmp_path}/b"), WORKER)
    seat.leave()


def test_a_child_takes_nothing_away(
    directory: StateDir, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one that was forked behind Python's back, and so believes that the place is its own."""
    copy = object.__new__(Seat)
    record, bell = seat._record, seat.bell
    assert bell is not None
    copy.__dict__.update(vars(seat) | {"_record": os.dup(record), "bell": os.dup(bell)})
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", _returning(NOBODY))
        copy.leave()
    assert seat.is_in_place()
    assert len(_names(directory)) == 2
    assert _records.of_living(directory.at(seat.name)) is not None
    _state_dir._SEATS.add(seat)


def test_two_threads_open_while_none_forks() -> None:
    """A fork waits for an opening, and an opening for a fork."""
    forks = _state_dir._Forks()
    forks.held_up.acquire()
    began = threading.Thread(target=forks._before)
    began.start()
    began.join(0.05)
    assert began.is_alive()
    forks.held_up.release()
    began.join()
    assert forks.held_up.locked()
    forks._after()
    assert not forks.held_up.locked()
    with forks.held_up:
        forks._after()  # of a fork that had begun before the hooks were there
        assert forks.held_up.locked()


def test_what_happens_in_a_child(directory: StateDir) -> None:
    """Its copies are closed, and the files stay."""
    seat = Seat(directory, WORKER, _body())
    names = _names(directory)
    _state_dir._FORKS._before()
    _state_dir._FORKS._forked()
    assert not _state_dir._FORKS.held_up.locked()
    assert _names(directory) == names
    assert repr(seat).endswith("left>")
    seat.leave()
    assert _names(directory) == names


# -- looking --------------------------------------------------------------------------------------


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
    assert _names(directory) == ["worker-1-a.bell"]
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
    """Without /proc it is the command line alone; two namespaces are two servers."""
    here = identity()
    monkeypatch.setattr(os, "readlink", _returning("pid:[1]"))
    elsewhere = identity()
    monkeypatch.setattr(os, "readlink", _failing(errno.ENOENT))
    assert len({here, elsewhere, identity()}) == 3
