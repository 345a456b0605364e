"""A process's own place in the state directory: taken, written, left, and no child's."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import _records, _seat
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._seat import Seat
from healthkit._state_dir import StateDir
from healthkit.errors import StateDirError
from tests.descriptors import descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKER: Final = _records.WORKER
DRAIN: Final = _records.DRAIN

#: No process: more than the kernel ever gives.
NOBODY: Final = 2**31 - 1


def _body() -> bytes:
    facts = Facts(pid=os.getpid(), app="shop", joined=7)
    return body_of(facts, Details(), dict.fromkeys(Probe, (True, "ok")), time.monotonic_ns())


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


def test_a_request_for_a_drain_has_no_bell(directory: StateDir) -> None:
    """Nobody tells it anything; the workers may be another user, and must read it."""
    seat = Seat(directory, DRAIN, b"5 6\n")
    assert seat.bell is None
    assert _names(directory) == [seat.name]
    assert directory.look().told == 5e-9
    assert Path(directory.path, seat.name).lstat().st_mode == stat.S_IFREG | 0o644
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
    """They could not read the record, or what asks for a drain, nor ring."""
    directory = StateDir(f"{tmp_path}/made")
    before = os.umask(0o777)
    try:
        seats = [Seat(directory, WORKER, _body()), Seat(directory, DRAIN, b"5 6\n")]
    finally:
        os.umask(before)
    paths = [Path(directory.path), *sorted(Path(directory.path).iterdir())]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o644, 0o600, 0o600]
    for seat in seats:
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
    expected = "a directory that this user may write in, such as an emptyDir"
    if why.startswith("Too many open files"):
        expected = "a free file descriptor: raise the limit (ulimit -n, or fs.file-max)"
    return f"state_dir={path!r}: can't write in it ({why}): expected {expected}"


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
NUMBERS: Final = [
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EMFILE,
    errno.ENFILE,
    errno.EIO,
]


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
            patch.setattr(_seat, "os", _Failing(step, failure))
        else:
            patch.setattr(module, step, failure)
        with pytest.raises(StateDirError) as refused:
            Seat(directory, WORKER, _body())
    assert str(refused.value) == _message(directory.path, os.strerror(number))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "made").mkdir()
    if step not in {"mkdir", "chmod"}:
        with monkeypatch.context() as patch:
            patch.setattr(_seat, "os", _Failing(step, failure))
            patch.setattr(_seat, "fcntl", _Failing(step, failure, fcntl))
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
    _seat._SEATS.add(seat)


def test_two_threads_open_while_none_forks() -> None:
    """A fork waits for an opening, and an opening for a fork."""
    forks = _seat._Forks()
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
    _seat._FORKS._before()
    _seat._FORKS._forked()
    assert not _seat._FORKS.held_up.locked()
    assert _names(directory) == names
    assert repr(seat).endswith("left>")
    seat.leave()
    assert _names(directory) == names
