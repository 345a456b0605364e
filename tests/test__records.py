"""The records: what is believed, who lives, and that nothing in a directory upsets a reader."""

from __future__ import annotations

import ast
import errno
import fcntl
import os
import posix
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _records
from healthkit._records import OtherVersionError, decode, encode, has_started, head, said
from tests.descriptors import descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY: Final = b"12345 42\nlive 1 ok\nready 0 warming: catalogue 41 %\nstartup 1 ok\n"

bodies = st.binary(min_size=1, max_size=10_000)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A record whose owner lives, and the owner's descriptor."""
    path = tmp_path / "worker-1-a"
    path.write_bytes(encode(BODY))
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield path, descriptor
    os.close(descriptor)


# -- the format -----------------------------------------------------------------------------------


@given(bodies)
def test_what_was_encoded_is_decoded(body: bytes) -> None:
    """Whatever it is."""
    assert decode(encode(body)) == body


def test_a_body_has_an_end() -> None:
    """A reader takes no more into its memory."""
    longest = b"x" * _records.LONGEST
    assert decode(encode(longest)) == longest
    assert decode(encode(longest + b"x")) is None


@given(bodies, st.data())
def test_a_changed_byte_is_seen(body: bytes, data: st.DataObject) -> None:
    """In the body or in what the header says of it."""
    raw = bytearray(encode(body))
    said_in_header = len(_records.BEGINNING) + 16 + 1 + 8 + 1 + 8
    last = _records.HEADER + len(body) - 1
    index = data.draw(
        st.integers(len(_records.BEGINNING), said_in_header - 1)
        | st.integers(_records.HEADER, last)
    )
    raw[index] ^= data.draw(st.integers(1, 255))
    # One hex digit has two cases, and blanks may be of several kinds: the same is still said.
    assert decode(bytes(raw)) in {None, body}
    if index >= _records.HEADER:
        assert decode(bytes(raw)) is None


@given(bodies, bodies, st.integers(0, 10_100))
def test_half_of_one_version_and_half_of_another_is_none(
    one: bytes, other: bytes, cut: int
) -> None:
    """As a reader may find it who comes in the middle of a write at the same place."""
    before, after = encode(one), encode(other)
    torn = after[:cut] + before[cut:]
    assert decode(torn) in {None, one, other}


def test_what_has_changed_places_is_seen() -> None:
    """Digits too that are 61 bytes apart: a prime of the form 2**n-1 would not notice."""
    body = bytes(range(200))
    for distance in range(1, 100):
        swapped = bytearray(body)
        swapped[0], swapped[distance] = swapped[distance], swapped[0]
        assert decode(_records.header(body, _records.HEADER) + swapped) is None


@given(st.binary(max_size=200))
def test_garbage_is_no_record(raw: bytes) -> None:
    """Nor is garbage that begins as a record does; nothing is raised."""
    assert decode(raw) is None
    assert decode(_records.BEGINNING + raw) is None


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"0",
        b"zzzzzzzzzzzzzzzz 00000064 00000001",
        b"0000000000000000 00000064 00000000",
        b"0000000000000000 00000064 -0000001",
        b"0000000000000000 -0000064 00000001",
        b"0000000000000000 00000000 00000001",
        b"0000000000000000 00000064 99999999",
        b"0000000000000000 99999999999999999999 9",
        b"0000000000000000 00000064 00000001 1",
    ],
)
def test_a_header_that_can_not_be_is_none(words: bytes, tmp_path: Path) -> None:
    """An empty body, one that is too long, one in the header: neither decoded nor read."""
    raw = (_records.BEGINNING + words).ljust(_records.HEADER - 1) + b"\n" + bytes(100)
    (tmp_path / "record").write_bytes(raw)
    descriptor = os.open(tmp_path / "record", os.O_RDONLY)
    assert decode(raw) is None
    assert _records.read(descriptor) is None
    os.close(descriptor)


@pytest.mark.parametrize("version", ["0", "2", "10", "01"])
def test_another_version_is_said(version: str) -> None:
    """It is no garbage: somebody lives there."""
    raw = encode(BODY).replace(b"healthkit 1 ", f"healthkit {version} ".encode(), 1)
    with pytest.raises(OtherVersionError, match=f"^{version}$"):
        decode(raw)


def test_a_version_is_a_number() -> None:
    """Anything else is garbage."""
    assert decode(encode(BODY).replace(b"healthkit 1 ", b"healthkit x ", 1)) is None
    assert decode(b"healthkit") is None
    assert decode(b"healthkit 1") is None
    assert decode(b"healthkit1 2 ") is None


def test_two_versions_have_room_in_two_pages() -> None:
    """The usual ones, and the header."""
    assert _records.HEADER + 2 * len(_records.padded(b"x")) == 2 * 4096
    assert len(_records.padded(b"x" * 4065)) == 2 * len(_records.padded(b"x" * 4064))


# -- the file -------------------------------------------------------------------------------------


def test_a_record_lives_while_its_lock_is_held(held: tuple[Path, int], tmp_path: Path) -> None:
    """A lock that is given back is a dead owner."""
    _path, owner = held
    assert list(_records.living(str(tmp_path), _records.WORKER)) == [("worker-1-a", BODY)]
    fcntl.flock(owner, fcntl.LOCK_UN)
    assert list(_records.living(str(tmp_path), _records.WORKER)) == []


def test_readers_do_not_take_each_other_for_an_owner(held: tuple[Path, int]) -> None:
    """A dead record that another reader has just locked stays dead."""
    path, owner = held
    fcntl.flock(owner, fcntl.LOCK_UN)
    another = os.open(path, os.O_RDONLY)
    fcntl.flock(another, fcntl.LOCK_SH)
    descriptor = _records.open_file(str(path))
    assert descriptor is not None
    assert not _records.is_held(descriptor)
    os.close(another)
    os.close(descriptor)


def test_only_the_kind_asked_for_is_read_and_no_bell(held: tuple[Path, int]) -> None:
    """In the order of names."""
    path, _owner = held
    locked: list[int] = []
    for name in ("worker-0-b", "drain-1-a", "worker-1-a.bell", "new-worker-1-a"):
        (path.parent / name).write_bytes(encode(BODY))
        descriptor = os.open(path.parent / name, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        locked.append(descriptor)
    names = [name for name, _body in _records.living(str(path.parent), _records.WORKER)]
    assert names == ["worker-0-b", "worker-1-a"]
    for descriptor in locked:
        os.close(descriptor)


@pytest.mark.parametrize(
    "raw", [b"", b"garbage", b"healthkit 1 torn", b"healthkit 1", b"healthkit 2 x"]
)
def test_a_living_owner_of_something_else_is_passed_over(
    held: tuple[Path, int], raw: bytes
) -> None:
    """Empty, garbage, torn for ever, or of another version."""
    path, _owner = held
    path.write_bytes(raw)
    assert list(_records.living(str(path.parent), _records.WORKER)) == []


def test_what_is_no_file_is_not_opened_for_long(tmp_path: Path) -> None:
    """A FIFO without a writer does not block; nothing is raised, and no descriptor stays open."""
    os.mkfifo(tmp_path / "worker-fifo")
    (tmp_path / "worker-directory").mkdir()
    (tmp_path / "worker-link").symlink_to(tmp_path / "worker-dangling")
    (tmp_path / "worker-device").symlink_to("/dev/zero")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "worker-socket"))
    before = descriptors()
    for path in [*tmp_path.iterdir(), tmp_path / "worker-none", Path("/dev/null")]:
        assert _records.open_file(str(path)) is None
        assert _records.of_living(str(path)) is None
    assert list(_records.living(str(tmp_path), _records.WORKER)) == []
    assert descriptors() <= before
    listening.close()


def test_a_link_to_a_record_is_no_record(held: tuple[Path, int]) -> None:
    """A worker would be counted twice."""
    path, _owner = held
    path.with_name("worker-2-b").symlink_to(path)
    names = [name for name, _body in _records.living(str(path.parent), _records.WORKER)]
    assert names == ["worker-1-a"]


def test_a_huge_file_is_not_read_through(held: tuple[Path, int]) -> None:
    """A sparse terabyte costs as much as an empty file; a body beyond the end is none."""
    path, owner = held
    os.ftruncate(owner, 1 << 40)
    assert _records.of_living(str(path)) == BODY
    os.pwrite(owner, _records.header(BODY, 99_999_999), 0)
    assert _records.of_living(str(path)) is None
    os.pwrite(owner, bytes(64), 0)
    assert _records.of_living(str(path)) is None


@pytest.mark.parametrize("size", [1, 16_000, 20_000, _records.LONGEST])
def test_a_body_may_be_anywhere_and_long(held: tuple[Path, int], size: int) -> None:
    """Also beyond what is usually read at once."""
    path, owner = held
    body = os.urandom(size)
    for start in (_records.HEADER, 16_000, 50_000):
        os.pwrite(owner, body, start)
        os.pwrite(owner, _records.header(body, start), 0)
        assert _records.of_living(str(path)) == body


def test_a_torn_record_is_looked_at_again(
    held: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer gets the processor in between."""
    path, owner = held
    os.pwrite(owner, b"X", _records.HEADER)

    def mend() -> None:
        os.pwrite(owner, BODY, _records.HEADER)

    monkeypatch.setattr(posix, "sched_yield", mend)
    assert _records.of_living(str(path)) == BODY


def test_a_record_that_can_not_be_read_is_none(
    held: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An I/O error is nobody's record, and leaves no descriptor open."""
    path, _owner = held
    before = descriptors()
    for name in ("pread", "fstat"):
        with monkeypatch.context() as patch:
            patch.setattr(posix, name, _failing(errno.EIO))
            assert _records.of_living(str(path)) is None
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", _failing(errno.ENOLCK))
        assert _records.of_living(str(path)) is None
    assert descriptors() <= before


def test_locks_that_do_not_work_hold_nothing(
    held: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a lock in the way is a living owner."""
    _path, owner = held
    monkeypatch.setattr(fcntl, "flock", _failing(errno.ENOLCK))
    with pytest.raises(OSError, match="No locks available"):
        _records.is_held(owner)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_nobody_is_dead_because_descriptors_have_run_out(
    held: tuple[Path, int], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It is raised."""
    path, _owner = held
    monkeypatch.setattr(posix, "open", _failing(number))
    with pytest.raises(OSError, match="Too many open files"):
        list(_records.living(str(path.parent), _records.WORKER))


def test_a_directory_that_is_none_is_raised(tmp_path: Path) -> None:
    """A reader that can't look does not know who lives."""
    with pytest.raises(FileNotFoundError):
        list(_records.living(f"{tmp_path}/none", _records.WORKER))


def _failing(number: int) -> object:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# -- the body -------------------------------------------------------------------------------------


def test_the_head_says_when_and_who() -> None:
    """In the first line."""
    assert head(BODY) == (12345, 42)
    assert head(b"0 1") == (0, 1)


def test_more_words_may_follow_the_head() -> None:
    """Also the largest numbers; a later healthkit may have more to say."""
    assert head(b"1 2 3\n") == (1, 2)
    assert head(b"1 2 starting later\nlive 1 ok\n") == (1, 2)
    largest = b"%d %d" % (10**19 - 1, 2**31 - 1)
    assert head(largest + _records.STARTING) == (10**19 - 1, 2**31 - 1)


def test_whether_the_app_has_started_is_the_end_of_the_first_line() -> None:
    """What an answer says is something else."""
    assert has_started(BODY)
    assert has_started(b"1 2\nlive 0 not starting\n")
    assert has_started(b"")
    assert not has_started(b"1 2 starting\nlive 1 ok\n")
    assert not has_started(b"1 2 starting")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"1\n",
        b"1 2 " + b"x" * 5000 + b"\n",
        b"x 2\n",
        b"1 x\n",
        b"-1 2\n",
        b"1 -2\n",
        b"1 0\n",
        b"1_0 2\n",
        b"1  2\n",
        b"1 2147483648\n",
        b"99999999999999999999 2\n",
        b"1 " + b"9" * 5000 + b"\n",
        "٣ ٤\n".encode(),
    ],
)
def test_a_head_of_another_format_is_a_value_error(body: bytes) -> None:
    """No number that could not be one is returned: kill(0) and kill(-1) mean everybody."""
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        head(body)


@given(st.binary(max_size=100))
def test_any_head_is_believed_or_a_value_error(body: bytes) -> None:
    """Nothing else is raised, by `said` neither."""
    try:
        written, pid = head(body)
    except ValueError:
        pass
    else:
        assert written >= 0
        assert pid > 0
    answer = said(body, "live")
    assert answer is None or isinstance(answer[1], str)


def test_an_answer_is_found_by_its_probe() -> None:
    """A reason may have spaces, or be empty."""
    assert said(BODY, "live") == (True, "ok")
    assert said(BODY, "ready") == (False, "warming: catalogue 41 %")
    assert said(b"1 1\nlive 1 \n", "live") == (True, "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"live 1 ok\n",
        b"1 1\nlive",
        b"1 1\nlive 1",
        b"1 1\nlive 2 ok\n",
        b"1 1\nlive true ok\n",
        b"1 1\nlivelong 1 ok\n",
        b"1 1\n live 1 ok\n",
        b"1 1\na\nb\nc\nd\nlive 1 ok\n",
    ],
)
def test_what_is_no_answer_is_none(body: bytes) -> None:
    """Torn lines, other words, and what stands where the facts do."""
    assert said(body, "live") is None


def test_an_answer_that_is_no_utf_8_is_text_all_the_same() -> None:
    """With a replacement, so that it can be passed on."""
    assert said(b"1 1\nlive 0 \xff\n", "live") == (False, "\N{REPLACEMENT CHARACTER}")


# -- processes ------------------------------------------------------------------------------------


def test_a_process_exists_until_it_has_ended() -> None:
    """A zombie has ended: nobody may ever ask for its status."""
    assert _records.exists(os.getpid())
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert _records.exists(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not _records.exists(child.pid)
    assert not _records.exists(child.pid)


@pytest.mark.parametrize("pid", [0, -1, -(2**70), 2**31, 2**70])
def test_what_is_no_process_id_is_no_process(pid: int) -> None:
    """Nothing is sent to a group of processes."""
    assert not _records.exists(pid)


def test_a_process_of_somebody_else_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be told counts as living."""
    monkeypatch.setattr(posix, "kill", _failing(errno.EPERM))
    assert _records.exists(os.getpid())
    monkeypatch.setattr(posix, "open", _failing(errno.EACCES))
    assert _records.exists(os.getpid())


def test_a_process_began_before_now() -> None:
    """In ticks since boot."""
    began = _records.began(os.getpid())
    assert began is not None
    now = time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")
    assert 0 < began <= now


def test_a_process_that_ends_meanwhile_has_no_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor has one that never was."""
    monkeypatch.setattr(posix, "read", _failing(errno.ESRCH))
    before = descriptors()
    assert _records.began(os.getpid()) is None
    assert _records.began(0) is None
    assert descriptors() <= before


# -- what it costs --------------------------------------------------------------------------------


def test_nothing_is_imported_but_builtins() -> None:
    """The exec probe is a new process each time."""
    tree = ast.parse(Path(_records.__file__).read_text())
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in top] == ["import fcntl", "import posix"]


def test_many_threads_read_at_once(held: tuple[Path, int]) -> None:
    """Nobody's look makes another's fail."""
    path, _owner = held
    wrong: list[object] = []

    def look() -> None:
        wrong.extend(body for _ in range(200) if (body := _records.of_living(str(path))) != BODY)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
