"""The state directory under real processes: forks, kills, full disks, readers against writers.

The processes are this file, run as a program: its first argument says what to be.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._seat import Seat
from healthkit._state_dir import StateDir
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

WORKERS: Final = 64

#: Seconds that anything may take which is awaited.
PATIENCE: Final = 30.0

#: Looks that a reader takes at least.
MANY: Final = 100

#: Sizes of bodies, in bytes: about the room of one, beyond what is read at once, and back.
SIZES: Final = [50, 1_000, 4_000, 4_064, 4_065, 16_000, 40_000, 200_000]


def _body() -> bytes:
    facts = Facts(pid=os.getpid(), app="shop", joined=7)
    return body_of(facts, Details(), dict.fromkeys(Probe, (True, "ok")), time.monotonic_ns())


# -- what the processes are -----------------------------------------------------------------------


def sit(path: str) -> None:
    """Be a worker that has a place, until it is killed."""
    seat = Seat(StateDir(path), _records.WORKER, _body())
    print(seat.name, flush=True)  # noqa: T201  # for the test to read
    signal.pause()


def serve(path: str) -> None:
    """Be a server that forks its workers, until it is told to go; then leave the places."""
    told, tell = os.pipe()
    for _ in range(WORKERS):
        if os.fork() == 0:
            os.close(tell)
            seat = Seat(StateDir(path), _records.WORKER, _body())
            os.read(told, 1)  # until the server has gone
            seat.leave()
            os._exit(0)
    os.close(told)
    print("forked", flush=True)  # noqa: T201  # as above
    sys.stdin.read()
    os.close(tell)
    for _ in range(WORKERS):
        os.wait()


def have_child(path: str, how: str) -> None:
    """Be a worker, busy in threads, that has children; kill it, and they live on."""
    seat = Seat(StateDir(path), _records.WORKER, _body())
    for _ in range(4):
        threading.Thread(target=_be_busy, daemon=True).start()
    CHILDREN[how]()
    print(seat.name, flush=True)  # noqa: T201  # as above
    signal.pause()


def _be_busy() -> None:
    for _ in itertools.count():
        pass


def _fork() -> None:
    if os.fork() == 0:
        signal.pause()


def _fork_in_c() -> None:
    if ctypes.CDLL(None).fork() == 0:  # Python's hooks do not see it
        signal.pause()


def _run() -> None:
    # Whatever can be inherited, is.
    subprocess.Popen(["/bin/sleep", "60"], close_fds=False)


CHILDREN: Final[dict[str, Callable[[], None]]] = {
    "fork": _fork,
    "fork_in_c": _fork_in_c,
    "subprocess": _run,
}


def fork_while_opening(path: str) -> None:
    """Take places in a thread, and fork all the time in another, by Python's own means."""
    children: list[int] = []
    over = threading.Event()

    def fork() -> None:
        while not over.is_set():
            pid = os.fork()
            if pid == 0:
                signal.pause()
            children.append(pid)

    forking = threading.Thread(target=fork)
    forking.start()
    records = [_taken_and_let_go(StateDir(path)) for _ in range(50)]
    over.set()
    forking.join()
    end = time.monotonic() + PATIENCE / 2  # the last child needs a moment to close what it got
    while held := sum(map(_records.is_held, records)):
        if time.monotonic() > end:
            break
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print(len(children), held, flush=True)  # noqa: T201  # as above


def _taken_and_let_go(directory: StateDir) -> int:
    """Open the record of a place whose owner has gone, as by kill -9."""
    seat = Seat(directory, _records.WORKER, _body())
    descriptor = _records.open_file(directory.at(seat.name))
    assert descriptor is not None
    seat.let_go()
    seat.leave()
    return descriptor


def write(path: str, seed: str) -> None:
    """Rewrite a record with bodies of all sizes, as fast as it goes, until killed."""
    rng = random.Random(int(seed))  # noqa: S311  # to be repeated
    seat = Seat(StateDir(path), _records.WORKER, _checked(rng, 50))
    print(seat.name, flush=True)  # noqa: T201  # as above
    while True:
        seat.write(_checked(rng, rng.choice(SIZES)))


def _checked(rng: random.Random, size: int) -> bytes:
    """Return a body that says itself whether it is whole."""
    text = bytes([rng.randrange(256)]) * (size // 2) + rng.randbytes(size // 2)
    head = f"{time.monotonic_ns()} {os.getpid()}\n{zlib.crc32(text)} {len(text)}\n"
    return head.encode() + text


def _check(body: bytes) -> None:
    _head, said, text = body.split(b"\n", 2)
    assert said == f"{zlib.crc32(text)} {len(text)}".encode(), "torn, and believed"


def read(path: str, seconds: str) -> None:
    """Read all the time; say how often, and how often there was nothing to believe."""
    end = time.monotonic() + float(seconds)
    looks = missed = 0
    while time.monotonic() < end or looks <= MANY:
        bodies = list(_records.living(path, _records.WORKER))
        looks, missed = looks + 1, missed + (not bodies)
        for _name, body in bodies:
            _check(body)
    print(looks, missed, flush=True)  # noqa: T201  # as above


# -- running them ---------------------------------------------------------------------------------


@contextmanager
def _process(*what: object) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, __file__, *map(str, what)]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(  # noqa: S603  # this file
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it has left behind


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _numbers(process: subprocess.Popen[str]) -> list[int]:
    return [int(word) for word in _line(process).split()]


def _await(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def _names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir())


@pytest.fixture
def directory(tmp_path: Path) -> StateDir:
    """A directory that the workers make."""
    return StateDir(f"{tmp_path}/state")


# -- life and death -------------------------------------------------------------------------------


def test_a_worker_that_is_killed_is_dead_at_once(directory: StateDir) -> None:
    """And what it leaves behind is cleaned away."""
    with _process("sit", directory.path) as worker:
        name = _line(worker)
        assert [peer.name for peer in directory.look().peers] == [name]
        directory.clean()
        assert len(directory.look().peers) == 1
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        assert directory.look().peers == ()
        directory.ring(name)
        worker.wait()
    assert _names(Path(directory.path)) == [name, f"{name}.bell"]
    directory.clean()
    directory.clean()
    assert _names(Path(directory.path)) == []


def test_a_stopped_worker_lives_but_is_not_fresh(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock says that it lives, its clock that it is hung; it is not cleaned away."""
    with _process("sit", directory.path) as worker:
        _line(worker)
        worker.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(_records, "STALE_AFTER", 0)
        assert [peer.fresh for peer in directory.look().peers] == [False]
        directory.clean()
        assert len(directory.look().peers) == 1


@pytest.mark.parametrize("how", ["fork", "subprocess"])
def test_a_child_does_not_keep_its_parent_s_record_alive(directory: StateDir, how: str) -> None:
    """Whatever is inherited, the lock is not."""
    with _process("have_child", directory.path, how) as worker:
        name = _line(worker)
        assert len(directory.look().peers) == 1
        _kill(worker)
        # The child may have been forked this moment, and not yet have come to its hook.
        _await(lambda: _records.of_living(directory.at(name)) is None)
        assert directory.look().peers == ()
        directory.clean()
        directory.clean()
        assert _names(Path(directory.path)) == []


def test_a_child_that_python_did_not_fork_keeps_a_record_only_while_it_is_fresh(
    directory: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock outlives its owner then."""
    with _process("have_child", directory.path, "fork_in_c") as worker:
        name = _line(worker)
        _kill(worker)
        assert len(directory.look().peers) == 1
        monkeypatch.setattr(_records, "STALE_AFTER", 0)
        assert directory.look().peers == ()
        directory.clean()
        assert name in _names(Path(directory.path))  # it is held


def test_a_fork_in_the_middle_of_taking_a_place_inherits_nothing(directory: StateDir) -> None:
    """Not even the descriptor that was just being opened."""
    with _process("fork_while_opening", directory.path) as process:
        forks, held = _numbers(process)
    assert forks > 0
    assert held == 0


# -- many -----------------------------------------------------------------------------------------


def test_sixty_four_workers_see_each_other(
    directory: StateDir, record_property: Callable[[str, object], None]
) -> None:
    """Made after the fork, each its own; gone without a trace when they leave."""
    with _process("serve", directory.path) as server:
        assert _line(server) == "forked"
        _await(lambda: directory.exists() and len(directory.look().peers) == WORKERS)
        before = len(_names(Path("/proc/self/fd")))
        took = min(_time(directory.look) for _ in range(20))
        assert len(_names(Path("/proc/self/fd"))) == before
        peers = directory.look().peers
        assert len({peer.facts.pid for peer in peers}) == WORKERS
        assert all(peer.name.startswith(f"worker-{peer.facts.pid}-") for peer in peers)
        record_property("look_ms", took * 1e3)
        print(f"one look at {WORKERS} workers: {took * 1e3:.2f} ms")  # noqa: T201  # see -s
        assert took < 0.1
        directory.clean()
        assert len(directory.look().peers) == WORKERS
        server.communicate()
    assert _names(Path(directory.path)) == []


def _time(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def test_joining_leaving_and_cleaning_all_at_once(directory: StateDir) -> None:
    """A cleaner takes nothing away from those who are just coming."""
    with _process("serve", directory.path) as server:
        while server.poll() is None:
            directory.clean()
            if directory.exists() and len(directory.look().peers) == WORKERS:
                break
        _line(server)
        _await(lambda: len(_names(Path(directory.path))) == 2 * WORKERS)  # the last bell is hung
        directory.clean()
        assert len(_names(Path(directory.path))) == 2 * WORKERS
        server.communicate()


# -- readers against writers ----------------------------------------------------------------------


def _torture(directory: StateDir, seconds: float, writers: int, readers: int) -> list[list[int]]:
    with _processes([("write", directory.path, seed) for seed in range(writers)]) as writing:
        for process in writing:
            _line(process)
        reading: list[tuple[object, ...]] = [("read", directory.path, seconds)] * readers
        with _processes(reading) as processes:
            return [_numbers(process) for process in processes]


@contextmanager
def _processes(commands: list[tuple[object, ...]]) -> Generator[list[subprocess.Popen[str]]]:
    if not commands:
        yield []
        return
    with _process(*commands[0]) as first, _processes(commands[1:]) as rest:
        yield [first, *rest]


def test_no_torn_record_is_believed(directory: StateDir) -> None:
    """One writer, two readers; a whole version is there nearly always."""
    for looks, missed in _torture(directory, 1.5, writers=1, readers=2):
        assert missed <= looks / 100


@pytest.mark.matrix
def test_no_torn_record_is_believed_for_long(directory: StateDir) -> None:
    """More of both, on the same disk, for longer."""
    assert len(_torture(directory, 15.0, writers=4, readers=8)) == 8


def _kill_again_and_again(directory: StateDir, times: int) -> None:
    rng = random.Random(times)  # noqa: S311  # to be repeated
    with _process("read", directory.path, PATIENCE * times) as reader:
        for seed in range(times):
            with _process("write", directory.path, seed) as writer:
                name = _line(writer)
                time.sleep(rng.random() * 0.02)  # the moment is what is tested
                _kill(writer)
            assert _records.of_living(directory.at(name)) is None
            assert list(_records.living(directory.path, _records.WORKER)) == []
            _check_what_is_left(directory.at(name))
            directory.clean()
        assert reader.poll() is None


def _check_what_is_left(path: str) -> None:
    """See that the last version is whole: the present one, or the one before."""
    descriptor = _records.open_file(path)
    assert descriptor is not None
    body = _records.read(descriptor)
    os.close(descriptor)
    assert body is not None
    _check(body)


def test_a_writer_that_is_killed_leaves_a_whole_record(directory: StateDir) -> None:
    """At any moment; and nobody takes it for alive."""
    Path(directory.path).mkdir()
    _kill_again_and_again(directory, 6)


@pytest.mark.matrix
def test_two_hundred_writers_that_are_killed_leave_whole_records(directory: StateDir) -> None:
    """As above."""
    Path(directory.path).mkdir()
    _kill_again_and_again(directory, 200)


# -- disks ----------------------------------------------------------------------------------------


@contextmanager
def _small_disk(path: Path) -> Generator[StateDir]:
    path.mkdir()
    done = _run_command("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(path))
    if done.returncode:
        pytest.skip(f"may not mount a small disk here: {done.stderr.strip()}")
    try:
        yield StateDir(str(path))
    finally:
        _run_command("umount", str(path)).check_returncode()


def _fill(directory: StateDir) -> Path:
    path = Path(directory.path, "filler")
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(directory.path).f_bfree == 0
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Generator[StateDir]:
    """A directory with room for 16 pages."""
    with _small_disk(tmp_path / "disk") as directory:
        yield directory


def test_a_full_disk_takes_versions_that_need_no_more_room(disk: StateDir) -> None:
    """One that does is refused, and the version before stays; nobody else gets a place."""
    seat = Seat(disk, _records.WORKER, b"first")
    filler = _fill(disk)
    for size in (10, 4_000, 4_064, 1):
        body = os.urandom(size)
        seat.write(body)
        assert _records.of_living(disk.at(seat.name)) == body
        with pytest.raises(OSError, match="No space left on device"):
            seat.write(b"x" * 4_065)
        assert _records.of_living(disk.at(seat.name)) == body
    with pytest.raises(StateDirError, match="No space left on device"):
        Seat(disk, _records.DRAIN, b"5 6\n")
    assert sorted(_names(Path(disk.path))) == sorted(["filler", seat.name, f"{seat.name}.bell"])
    filler.unlink()
    seat.write(b"x" * 4_065)
    assert _records.of_living(disk.at(seat.name)) == b"x" * 4_065
    seat.leave()


def test_a_version_that_finds_half_the_room_gives_it_back(disk: StateDir) -> None:
    """The next in need may be a neighbour."""
    seat = Seat(disk, _records.WORKER, b"first")
    free = os.statvfs(disk.path).f_bfree
    with pytest.raises(OSError, match="No space left on device"):
        seat.write(b"x" * 100_000)
    assert os.statvfs(disk.path).f_bfree == free
    assert _records.of_living(disk.at(seat.name)) == b"first"
    seat.leave()


def test_a_read_only_disk_takes_no_place(disk: StateDir) -> None:
    """The kernel keeps one writable while somebody has a place in it."""
    seat = Seat(disk, _records.WORKER, b"first")
    assert _remount(disk).returncode != 0
    seat.write(b"second")
    seat.leave()
    assert _remount(disk).returncode == 0
    with pytest.raises(StateDirError, match="can't write in it \\(Read-only file system\\)"):
        Seat(disk, _records.WORKER, b"first")
    disk.settle()
    disk.clean()
    assert disk.look().peers == ()


def _remount(disk: StateDir) -> subprocess.CompletedProcess[str]:
    return _run_command("mount", "-o", "remount,ro", disk.path)


def _run_command(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # the tests' own words
        command, check=False, capture_output=True, text=True
    )


if __name__ == "__main__":
    ROLES: Final[dict[str, Callable[..., None]]] = {
        role.__name__: role for role in (sit, serve, have_child, fork_while_opening, write, read)
    }
    ROLES[sys.argv[1]](*sys.argv[2:])
