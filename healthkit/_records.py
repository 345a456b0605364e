"""The records that the workers of one pod keep in their state directory: the format, and who lives.

Owns what is in a record's file, how a reader tells a whole record from a torn one, and how the
kernel tells a living owner from a dead one. It opens and reads; who writes, and what for, is
`_seat`'s business.

A record belongs to the process that holds the lock on its file (flock, from before the file has its
name until the process ends). A crash, kill -9 included, frees the lock; nothing has to be cleaned
by hand, and no process id is ever trusted. The file is written in place, so that the lock stays on
it, and has room for two versions:

    healthkit 1 <checksum, 16 hex digits> <start, 8 digits> <length, 8 digits>   (64 bytes)
    <room for one body>
    <room for another>

A new body is written where the present one is not, and then the header, which says where it is. So
a whole version is there at any time, whenever the writer is interrupted, killed, or refused by a
full disk; a checksum tells a reader who was overtaken by two writes to look again. A body is:

    <time of writing, CLOCK_MONOTONIC in ns> <process id>[ starting]
    live 1 ok
    ready 0 warming: catalogue 41 %
    startup 1 ok
    health 0 warming: catalogue 41 %
    <facts: JSON, what the rules of the pod need>
    <details: JSON, what a reader may want to see>

The four lines in the middle are what the worker would answer for the pod, so that an exec probe
needs no rules of its own. That is also why this module imports nothing but `posix` and `fcntl`, not
even `__future__`: `healthkit probe` is a new process each time, and pays for each import.
"""

import fcntl
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

#: What the file of each kind of record is called, before its id.
WORKER: "Final" = "worker-"
DRAIN: "Final" = "drain-"

#: The end of the first line of a worker's record while its app starts up.
STARTING: "Final" = b" starting"

#: The end of the name of a worker's doorbell, a FIFO beside its record.
BELL: "Final" = ".bell"

_MAGIC: "Final" = b"healthkit "
_VERSION: "Final" = b"1"
#: What the file of a record of this version begins with, whatever happened to its writer.
BEGINNING: "Final" = _MAGIC + _VERSION + b" "

#: In bytes: a cache line. The first body begins here.
HEADER: "Final" = 64

#: In bytes. A body takes a multiple of it, so that a disk that has become full still has room for
#: the next version. Two of them and the header are two pages: 64 + 2 * 4064 = 2 * 4096.
_ROOM: "Final" = 4064

#: The largest prime of 16 hex digits. A change of any bit changes the remainder, and so does moving
#: a part: a Mersenne prime such as 2**61-1 would not see two digits change places 61 bytes apart.
#: A checksum of some strength that needs no import, no defence against whoever may write here.
_PRIME: "Final" = 2**64 - 59

#: In bytes. What is longer is no body.
LONGEST: "Final" = 1 << 20

#: In bytes: what 8 digits can't say.
_FARTHEST: "Final" = 10**8

#: In bytes. More is asked for only where there is more.
_USUAL: "Final" = 1 << 14

#: How often a reader looks before it gives up. It is overtaken by two writes in one look, or never.
_LOOKS: "Final" = 10

#: In nanoseconds. Workers write once a second at least; one that has not for that long is hung,
#: suspended, or can't write.
STALE_AFTER: "Final" = 5_000_000_000

#: In digits. Nanoseconds since boot have 19 in the year 2262.
_LONGEST_TIME: "Final" = 19
_LARGEST_PID: "Final" = 2**31 - 1

_REGULAR_FILE: "Final" = 0o100000
_FILE_TYPE: "Final" = 0o170000

#: ENFILE and EMFILE, the same on every Linux; `errno` would be an import.
_NO_MORE_DESCRIPTORS: "Final" = (23, 24)

#: Which words of /proc/pid/stat follow the name: fields 3 and 22 of proc(5).
_STATE: "Final" = 0
_BEGAN: "Final" = 19


class OtherVersionError(Exception):
    """A record of another version of the format, written by another healthkit."""


# -- the format -----------------------------------------------------------------------------------


def encode(body: bytes) -> bytes:
    """Return the whole file of a record that has one version so far."""
    return header(body, HEADER) + padded(body)


def header(body: bytes, start: int) -> bytes:
    """Return what is to be written to the beginning of a file that has `body` at `start`."""
    line = b"%s%016x %08d %08d" % (BEGINNING, _checksum(body), start, len(body))
    return line.ljust(HEADER - 1) + b"\n"


def padded(body: bytes) -> bytes:
    """Return `body` with all the room it takes in the file."""
    return body + b"\n" * (-len(body) % _ROOM)


def decode(raw: bytes) -> bytes | None:
    """Return the body; None if this is no record, or one that is torn.

    Raises:
        OtherVersionError: it is a record of another version.
    """
    place = _place(raw)
    if place is None:
        return None
    checksum, start, length = place
    body = raw[start : start + length]
    return body if _is_whole(body, checksum, length) else None


def _place(raw: bytes) -> tuple[int, int, int] | None:
    """Return the checksum, the start and the length of the body; None if this is no header."""
    words = raw[:HEADER].split()
    if not raw.startswith(BEGINNING):
        version = words[1] if raw.startswith(_MAGIC) and len(words) > 1 else b""
        if version.isdigit() and version != _VERSION:
            raise OtherVersionError(version.decode())
        return None
    try:
        _magic, _version, checksum, start, length = words
        place = int(checksum, 16), int(start), int(length)
    except ValueError:
        return None
    return place if HEADER <= place[1] < _FARTHEST and 0 < place[2] <= LONGEST else None


def _is_whole(body: bytes, checksum: int, length: int) -> bool:
    return len(body) == length and _checksum(body) == checksum


def _checksum(body: bytes) -> int:
    return int.from_bytes(body, "big") % _PRIME


# -- the file -------------------------------------------------------------------------------------


def open_file(path: str) -> int | None:
    """Open a record's file; None if there is none, or something else is called so.

    Raises:
        OSError: this process has no descriptor left. Nobody is dead because of that.
    """
    # Not to be blocked by a FIFO, nor to make a terminal this process's own.
    hands_off = posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY
    try:
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | hands_off)
    except OSError as exc:
        if exc.errno in _NO_MORE_DESCRIPTORS:
            raise
        return None
    try:
        if posix.fstat(descriptor).st_mode & _FILE_TYPE == _REGULAR_FILE:
            return descriptor
    except OSError:  # a server's file that has gone meanwhile
        pass
    posix.close(descriptor)
    return None


def is_held(descriptor: int) -> bool:
    """Whether another open file holds the lock: its owner lives.

    The lock that is tried is a shared one, so that two readers do not take each other for an owner.

    Raises:
        OSError: the file system has no locks, or no answer.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def read(descriptor: int) -> bytes | None:
    """Return the body of the record as it stands; None if there is none to be had.

    Raises:
        OSError: it can't be read.
        OtherVersionError: it is a record of another version.
    """
    for _look in range(_LOOKS):
        raw = posix.pread(descriptor, _USUAL, 0)
        if not raw.startswith(_MAGIC):
            return None
        place = _place(raw)
        if place is not None:
            checksum, start, length = place
            body = raw[start : start + length]
            if len(body) < length:
                body = posix.pread(descriptor, length, start)
            if _is_whole(body, checksum, length):
                return body
        posix.sched_yield()
    return None


def of_living(path: str) -> bytes | None:
    """Return the body of the record in this file; None if its owner is dead, or it is no record.

    Raises:
        OSError: this process has no descriptor left.
        OtherVersionError: it is a record of another version, and its owner lives.
    """
    descriptor = open_file(path)
    if descriptor is None:
        return None
    try:
        return read(descriptor) if is_held(descriptor) else None
    except OSError:
        return None
    finally:
        posix.close(descriptor)


def living(directory: str, kind: str) -> "Iterator[tuple[str, bytes]]":
    """Yield the name and the body of each record of this kind whose owner lives.

    Raises:
        OSError: the directory can't be listed, or this process has no descriptor left.
    """
    for name in sorted(posix.listdir(directory)):
        if name.startswith(kind) and not name.endswith(BELL):
            try:
                body = of_living(f"{directory}/{name}")
            except OtherVersionError:
                continue
            if body is not None:
                yield name, body


# -- the body -------------------------------------------------------------------------------------


def head(body: bytes) -> tuple[int, int]:
    """Return when the record was written, by CLOCK_MONOTONIC in nanoseconds, and its process id.

    Raises:
        ValueError: the body is not of this format.
    """
    line, _newline, _rest = body.partition(b"\n")
    written, pid, *_more = line.split(b" ")
    if not (written.isdigit() and pid.isdigit() and len(line) <= 3 * _LONGEST_TIME):
        raise ValueError("no time and process id")
    if len(written) > _LONGEST_TIME or not 0 < int(pid) <= _LARGEST_PID:
        raise ValueError("no time and process id")
    return int(written), int(pid)


def has_started(body: bytes) -> bool:
    """Whether the app's start-up is over: before that it may keep its event loop busy."""
    line, _newline, _rest = body.partition(b"\n")
    return not line.endswith(STARTING)


def said(body: bytes, probe: str) -> tuple[bool, str] | None:
    """Return what the worker would answer for the pod: whether the probe passes, and the line.

    None if it does not say.
    """
    for line in body.split(b"\n", 5)[1:5]:
        match line.decode(errors="replace").split(" ", 2):
            case [name, "0" | "1" as passes, text] if name == probe:
                return passes == "1", text
            case _:
                pass
    return None


# -- processes ------------------------------------------------------------------------------------


def exists(pid: int) -> bool:
    """Whether there is a process of this id that has not ended; True if that can't be told."""
    if not 0 < pid <= _LARGEST_PID:
        return False
    try:
        posix.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        pass
    words = _stat(pid)
    return not words or words[_STATE] not in {b"Z", b"X"}


def began(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None if that can't be told."""
    words = _stat(pid)
    return int(words[_BEGAN]) if len(words) > _BEGAN else None


def _stat(pid: int) -> list[bytes]:
    """Return what proc(5) says of a process, from its state on; nothing if there is no telling."""
    try:
        descriptor = posix.open(f"/proc/{pid}/stat", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return []
    try:
        return posix.read(descriptor, 4096).rpartition(b")")[2].split()
    except OSError:  # it has ended since
        return []
    finally:
        posix.close(descriptor)
