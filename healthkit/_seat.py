"""A process's own place in the state directory: a locked record, and a doorbell beside it.

Owns how a place is taken, written and left, and that a forked child has none of its parent's. What
the others see of it, and how they ring, is `_state_dir`'s business. Everything here blocks for as
long as the disk does, and is called in a thread of its own, or by a command, never on an app's
loop. Names are never taken twice: a process id and 64 random bits.

A record is locked and written before it gets its name. A fork in between waits, for the child would
inherit the descriptor, and the lock with it, and not know.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from typing import TYPE_CHECKING, Final

from healthkit import _real, _records
from healthkit._state_dir import UNBORN, is_at
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from healthkit._state_dir import StateDir


class Seat:
    """This process's own record in a directory, locked until `leave`. Not thread-safe.

    A forked child has none of its parent's places.
    """

    def __init__(self, directory: StateDir, kind: str, body: bytes) -> None:
        """Take a place: the record is locked and written before it gets its name.

        Args:
            directory: where. It is made if only its last part is missing.
            kind: what the name begins with.
            body: the first version of the record.

        Raises:
            StateDirError: the directory is unusable. Nothing is left behind.
        """
        self.directory = directory
        self.name = f"{kind}{os.getpid()}-{secrets.token_hex(8)}"
        #: The reading end of the doorbell; None where the file system has no FIFOs.
        self.bell: int | None = None
        self._path = directory.at(self.name)
        self._record = -1
        self._pid = os.getpid()
        #: Whoever asks for a drain may be another user than the workers, who must read it: it holds
        #: a time and a process id.
        self._mode = 0o644 if kind == _records.DRAIN else 0o600
        #: The directory itself, whatever path leads to it.
        self._home: os.stat_result | None = None
        #: Where in the file the present body begins, and where its room ends.
        self._start = self._end = _records.HEADER
        if any(seat.shares(directory, kind) for seat in tuple(_SEATS)):
            message = f"state_dir={directory.path!r}: another Health of this process is in it:"
            raise StateDirError(f"{message} expected a directory for each")
        _FORKS.hook()
        _SEATS.add(self)
        try:
            self._take(body)
        except BaseException as exc:
            self.leave()
            if isinstance(exc, OSError):
                raise directory.error("write in", exc) from exc
            raise

    def __repr__(self) -> str:
        return f"<Seat {self.name} {'left' if self._record < 0 else 'taken'}>"

    def write(self, body: bytes) -> None:
        """Write the record anew, whole. The version before stays readable until then, or if not.

        Raises:
            OSError: the disk does not take it, or the place was left.
        """
        if len(body) > _records.LONGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        data = _records.padded(body)
        first = _records.HEADER
        start = first if first + len(data) <= self._start else self._end
        size = os.fstat(self._record).st_size
        try:
            _write(self._record, data, start)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._record, size)  # others may need the room
            raise
        _write(self._record, _records.header(body, start), 0)
        self._start, self._end = start, start + len(data)

    def shares(self, directory: StateDir, kind: str) -> bool:
        """Whether another place of this kind in that directory would be this process's second."""
        if not self.name.startswith(kind):
            return False
        if self.directory.path == directory.path:
            return True
        try:
            return self._home is not None and os.path.samestat(self._home, os.stat(directory.path))
        except OSError:
            return False

    def is_in_place(self) -> bool:
        """Whether the record can still be found by others: nobody has removed or replaced it."""
        return is_at(self._path, self._record)

    def leave(self) -> None:
        """Take the record away and give the lock back. Idempotent; never raises."""
        _SEATS.discard(self)
        if os.getpid() == self._pid:  # else a child that was forked behind Python's back
            for path, descriptor in ((self._path, self._record), (self._bell_path, self.bell)):
                with contextlib.suppress(OSError):
                    if descriptor is not None and is_at(path, descriptor):
                        os.unlink(path)
            with contextlib.suppress(OSError, ValueError):  # ValueError: there is none
                fcntl.flock(self._record, fcntl.LOCK_UN)
        self.let_go()

    def let_go(self) -> None:
        """Close what is open, and leave the files. In a forked child they are the parent's."""
        for descriptor in (self._record, self.bell):
            if descriptor is not None and descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._record, self.bell = -1, None

    # -- inside -----------------------------------------------------------------------------------

    @property
    def _bell_path(self) -> str:
        return self._path + _records.BELL

    def _take(self, body: bytes) -> None:
        unborn = self.directory.at(UNBORN + self.name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with contextlib.ExitStack() as undo:
            self._make_directory(undo)
            with _FORKS.held_up:
                self._record = os.open(unborn, flags, 0o600)
            undo.callback(_remove, unborn)
            fcntl.flock(self._record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(self._record, self._mode)  # a umask may have taken it from the siblings
            self.write(body)
            self.write(body)  # the room for the next version is there, whatever the disk does
            os.rename(unborn, self._path)
            undo.pop_all()
        if self.name.startswith(_records.WORKER):
            self._hang_bell()  # not earlier: a bell without its record is taken for a dead one's

    def _make_directory(self, undo: contextlib.ExitStack) -> None:
        path = self.directory.path
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
            undo.callback(_remove_directory, path)
            os.chmod(path, 0o700)  # as above
        self._home = os.stat(path)

    def _hang_bell(self) -> None:
        path = self._bell_path
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(OSError), contextlib.ExitStack() as undo:
            os.mkfifo(path, 0o600)
            undo.callback(_remove, path)
            os.chmod(path, 0o600)  # as above
            with _FORKS.held_up:
                self.bell = os.open(path, flags)  # with a writing end it never reads as closed
            undo.pop_all()


#: The places of this process. A forked child has none of them: the lock would outlive the worker.
_SEATS: Final = set[Seat]()


class _Forks:
    """Keeps a fork from coming between the opening of a descriptor and its place in a `Seat`.

    A child would inherit it, and the lock with it, and not know.
    """

    def __init__(self) -> None:
        #: Enter it to open something. Never around anything that may fork.
        self.held_up = _real.lock()
        self._hooked = False
        #: Between our own two hooks: a fork may have begun before they were there.
        self._forking = False

    def hook(self) -> None:
        """Register with the interpreter, once: a registration can't be taken back."""
        with self.held_up:
            if not self._hooked:
                self._hooked = True
                os.register_at_fork(
                    before=self._before, after_in_parent=self._after, after_in_child=self._forked
                )

    def _before(self) -> None:
        self.held_up.acquire()
        self._forking = True

    def _after(self) -> None:
        if self._forking:
            self._forking = False
            self.held_up.release()

    def _forked(self) -> None:
        for seat in tuple(_SEATS):
            seat.let_go()
        _SEATS.clear()
        self._after()


_FORKS: Final = _Forks()


# -- files ----------------------------------------------------------------------------------------


def _write(descriptor: int, data: bytes, start: int) -> None:
    """Write all of `data`."""
    while data:
        written = os.pwrite(descriptor, data, start)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data, start = data[written:], start + written


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _remove_directory(path: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(path)
