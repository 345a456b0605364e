"""The state directory: what a process sees in it, does to the others there, and cleans away.

Owns the files, beside `_seat`. All of it blocks for as long as the disk does, and is called in a
thread of its own, or by a command, never on an app's loop. What is read is judged elsewhere.

A place is a record (see `_records`) and a doorbell beside it: a FIFO of which the worker holds the
reading end. Ringing it is one byte; a bell that nobody hears is no error.

Anything may lie in the directory. What is no record is not read, nothing but a FIFO is written to,
and only what healthkit has made, and nobody holds, is removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from healthkit import _records
from healthkit._facts import Facts, facts_of
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What a file is called before it is locked and written.
UNBORN: Final = "new-"
#: A name of that kind that is older than this, in seconds, was left behind by a crash.
_UNBORN_FOR: Final = 60.0
#: What says that the workers of a server were once ready, before the server's process.
_SETTLED: Final = "settled-"

#: What `_seat.Seat` makes, and `StateDir.settle`.
_RECORD_NAME: Final = re.compile(r"(new-)?(worker|drain)-[0-9]+-[0-9a-f]+")
_BELL_NAME: Final = re.compile(r"worker-[0-9]+-[0-9a-f]+\.bell")
_SETTLED_NAME: Final = re.compile(r"settled-(?P<pid>[0-9]{1,10})-(?P<began>[0-9]+)")

#: The process may not have another, or the machine has none.
_NO_MORE_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another worker's record, as it was read. Its owner lived then.

    Two are equal if the rules would see no difference.
    """

    name: str
    facts: Facts
    #: Whether it was written lately. One that was not is hung, or suspended, or can't write.
    fresh: bool
    #: The whole record, for whoever wants more. It changes once a second.
    body: bytes = field(compare=False)


@dataclass(frozen=True, slots=True)
class View:
    """What a process sees in the directory."""

    peers: tuple[Peer, ...] = ()
    #: When a drain of the whole pod was asked for by somebody who still waits for it; the first of
    #: them, CLOCK_MONOTONIC in seconds.
    told: float | None = None
    #: Whether the workers of this server have been ready before.
    settled: bool = False
    #: What is known of a worker of another version of healthkit. A command of another version
    #: keeps nobody out.
    other_version: str | None = None
    #: Whether nothing can be seen, or is not to be believed: whoever looks speaks for itself.
    alone: bool = False


class StateDir:
    """A directory, as seen by one process. It need not exist."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<StateDir {self.path!r}>"

    def exists(self) -> bool:
        """Whether it is there already."""
        return os.path.isdir(self.path)

    def look(self, but: str = "") -> View:
        """Read everything whose owner lives, except the record of the name `but`.

        Raises:
            StateDirError: it can't be listed, or this process has no descriptor left to read with.
        """
        now = time.monotonic_ns()  # first: none becomes stale because this process was held up
        try:
            names = sorted(os.listdir(self.path))
            bodies, stranger = self._bodies(name for name in names if name != but)
        except OSError as exc:
            raise self.error("list", exc) from exc
        workers = [record for record in bodies if record[0].startswith(_records.WORKER)]
        peers = [_peer(name, body, now) for name, body in workers]
        told = [_asked(body) for name, body in bodies if name.startswith(_records.DRAIN)]
        return View(
            peers=tuple(peer for peer in peers if peer is not None),
            told=min((asked for asked in told if asked is not None), default=None),
            settled=_is_settled(names),
            other_version=stranger,
        )

    def ring(self, name: str) -> None:
        """Have the worker of this record look at the directory now. Never raises, never waits."""
        # Reading too: a bell whose reader has gone meanwhile would be a SIGPIPE.
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        path = self.at(name + _records.BELL)
        with contextlib.suppress(OSError):  # it has gone, or it has been rung for already
            if not stat.S_ISFIFO(os.lstat(path).st_mode):
                return  # to open a device can be to use it
            bell = os.open(path, flags)
            try:
                if stat.S_ISFIFO(os.fstat(bell).st_mode):
                    os.write(bell, b"!")
            finally:
                os.close(bell)

    def settle(self) -> None:
        """Note that the workers of this server are ready, for those who come when none is left.

        Never raises.
        """
        name = _settled_name()
        if name is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with contextlib.suppress(OSError):
                os.close(os.open(self.at(name), flags, 0o600))

    def clean(self) -> None:
        """Remove what the dead have left behind. Whatever can't be removed stays. Never raises."""
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(self.path)):  # a record before its bell
                with contextlib.suppress(OSError):
                    if self._is_left_behind(name):
                        os.unlink(self.at(name))

    def at(self, name: str) -> str:
        """Return the path of what has this name."""
        return f"{self.path}/{name}"

    def error(self, what: str, exc: OSError) -> StateDirError:
        """Make the error that says why something is impossible here."""
        found = exc.strerror or type(exc).__name__
        expected = "a directory that this user may write in, such as an emptyDir"
        if exc.errno in _NO_MORE_DESCRIPTORS:
            expected = "a free file descriptor: raise the limit (ulimit -n, or fs.file-max)"
        return StateDirError(
            f"state_dir={self.path!r}: can't {what} it ({found}): expected {expected}"
        )

    # -- inside -----------------------------------------------------------------------------------

    def _bodies(self, names: Iterable[str]) -> tuple[list[tuple[str, bytes]], str | None]:
        """Return the records of the living, and what is known of a worker of another version."""
        bodies: list[tuple[str, bytes]] = []
        stranger: str | None = None
        for name in names:
            if not name.startswith((_records.WORKER, _records.DRAIN)):
                continue
            if name.endswith(_records.BELL):
                continue
            try:
                body = _records.of_living(self.at(name))
            except _records.OtherVersionError as exc:
                if name.startswith(_records.WORKER):
                    stranger = f"{_printable(name)} is of version {exc}"
                continue
            if body is not None:
                bodies.append((name, body))
        return bodies, stranger

    def _is_left_behind(self, name: str) -> bool:
        if name.endswith(_records.BELL):
            return self._is_bell_of_nobody(name)
        if name.startswith(_SETTLED):
            return self._is_marker_of_nobody(name)
        kinds = (_records.WORKER, _records.DRAIN, UNBORN)
        return name.startswith(kinds) and self._is_record_of_nobody(name)

    def _is_bell_of_nobody(self, name: str) -> bool:
        # A worker takes its record away before its bell, and hangs the bell after the record.
        found = os.lstat(self.at(name))
        record = self.at(name.removesuffix(_records.BELL))
        is_bell = _BELL_NAME.fullmatch(name) is not None and stat.S_ISFIFO(found.st_mode)
        return is_bell and not os.path.lexists(record)

    def _is_marker_of_nobody(self, name: str) -> bool:
        found, named = os.lstat(self.at(name)), _SETTLED_NAME.fullmatch(name)
        if named is None or not stat.S_ISREG(found.st_mode) or found.st_size > 0:
            return False
        pid = int(named["pid"])
        began = _records.began(pid)
        return not _records.exists(pid) or (began is not None and str(began) != named["began"])

    def _is_record_of_nobody(self, name: str) -> bool:
        descriptor = _records.open_file(self.at(name))
        if descriptor is None:
            return False
        try:
            newborn = name.startswith(UNBORN) and _age(descriptor) < _UNBORN_FOR
            if newborn or not _is_ours(name, descriptor) or _records.is_held(descriptor):
                return False
            return is_at(self.at(name), descriptor)
        finally:
            os.close(descriptor)


def identity() -> str:
    """Return what tells this server from another one that was given the same directory.

    The workers of one server have its command line in common, and the directory it was started in,
    whether it forks or spawns them. Two containers that share a volume do not share the namespace
    of process ids.
    """
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    try:
        place = os.getcwd()
    except OSError:
        place = ""
    words = "\0".join([namespace, place, *map(str, sys.argv)])
    return hashlib.sha256(words.encode(errors="backslashreplace")).hexdigest()[:16]


def is_at(path: str, descriptor: int) -> bool:
    """Whether the open file is the one that is found at `path`."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError:
        return False


# -- records --------------------------------------------------------------------------------------


def _peer(name: str, body: bytes, now: int) -> Peer | None:
    """Return a worker's record as a value; None if it says nothing, or its owner is dead after all.

    The lock can outlive its owner in a child that was forked behind Python's back. Such a record is
    written no more, and its process is gone.
    """
    facts = facts_of(body)
    try:
        written, pid = _records.head(body)
    except ValueError:
        return None
    if facts is None:
        return None
    fresh = now - _records.STALE_AFTER <= written <= time.monotonic_ns()
    return Peer(name, facts, fresh, body) if fresh or _wrote(pid, written) else None


def _asked(body: bytes) -> float | None:
    """Return when a drain was asked for; None if the record does not say.

    Whoever asks writes once, and may be in another container: the lock alone tells that it waits.
    """
    try:
        return _records.head(body)[0] / 1e9
    except ValueError:
        return None


def _wrote(pid: int, written: int) -> bool:
    """Whether the process of this id may have written a record then: it lives, and did then."""
    if not _records.exists(pid):
        return False
    began = _records.began(pid)
    if began is None:
        return True
    # Processes are dated by CLOCK_BOOTTIME, which a suspended machine does not stop. It has been
    # ahead of CLOCK_MONOTONIC by as much as now, or by less.
    ahead = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return began * 1_000_000_000 // os.sysconf("SC_CLK_TCK") <= written + ahead


def _is_ours(name: str, descriptor: int) -> bool:
    """Whether healthkit of this version has made the file.

    One that is empty was left behind by a process, or a machine, that crashed before it was written
    """
    found = os.pread(descriptor, len(_records.BEGINNING), 0)
    return found == _records.BEGINNING or (not found and _RECORD_NAME.fullmatch(name) is not None)


def _age(descriptor: int) -> float:
    return time.time() - os.fstat(descriptor).st_mtime


def _settled_name() -> str | None:
    """Return what marks the server's own process: its id, and when it began; None if unknown."""
    pid = os.getppid()
    began = _records.began(pid)
    return None if began is None else f"{_SETTLED}{pid}-{began}"


def _is_settled(names: list[str]) -> bool:
    return any(name.startswith(_SETTLED) for name in names) and _settled_name() in names


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)
