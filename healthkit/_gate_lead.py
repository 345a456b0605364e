"""Who publishes: one worker of the pod, as long as it holds a lock in the state directory.

Owns the lock file, and what the last publisher has written into it: a condition that was published,
so that the next one knows since when it has been so. All of it blocks for as long as the disk does,
and is called in the gate's own thread.

The surprising fact: it is a lock of the process (fcntl's), not of the open file (flock's). The
kernel frees it when the process dies, and a forked child, which inherits the descriptor, does not
have it. A worker that is hung or suspended keeps it: then the condition stays as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from typing import TYPE_CHECKING, Final, Protocol, cast

from healthkit._gate_rules import Condition
from healthkit._state_dir import StateDir, is_at

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the file's name begins with; a hash of the condition's type follows.
_NAME: Final = "gate-"
#: More is not ours.
_LONGEST: Final = 16_384
#: The last second of the year 9999 in Unix time: a timestamp has four digits for the year.
_LATEST: Final = 253_402_300_799


class Leading(Protocol):
    """Whether this worker publishes."""

    def leads(self) -> bool:
        """Whether it does now; if nobody does, it does from now on."""
        ...

    def remembered(self) -> Condition | None:
        """Return what was published last, by whichever worker; None if nobody knows."""
        ...

    def remember(self, condition: Condition | None) -> None:
        """Note what is published; None while that is uncertain."""
        ...

    def leave(self) -> None:
        """Let another one. Idempotent."""
        ...


class Alone:
    """A pod with one worker: it leads, and remembers nothing of another life."""

    def __repr__(self) -> str:
        return "<Alone>"

    def leads(self) -> bool:
        """Lead."""
        return True

    def remembered(self) -> Condition | None:
        """Know nothing."""
        return None

    def remember(self, condition: Condition | None) -> None:
        """Forget it."""

    def leave(self) -> None:
        """Stay."""


class Lead:
    """One worker's part in the lock. See `Leading`. For one thread.

    A directory that can't be used leaves every worker alone, here as everywhere: all of them lead.
    The worker's place in it says so.
    """

    def __init__(self, directory: StateDir, kind: str) -> None:
        """Make one that has no lock.

        Args:
            directory: the state directory. It must be there.
            kind: the condition's type.
        """
        digest = hashlib.sha256(kind.encode()).hexdigest()
        self._path = directory.at(_NAME + digest[:16])
        self._file = -1

    def __repr__(self) -> str:
        return f"<Lead {'held' if self._file >= 0 else 'not held'}>"

    def leads(self) -> bool:
        """Take the lock if nobody has it; return whether it is held.

        It is taken anew each time, for a process loses its lock when anything in it closes that
        file: the thread of the life before, for one.
        """
        try:
            self._open()
        except OSError:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self.leave()
            return not isinstance(exc, BlockingIOError | PermissionError)
        return True

    def _open(self) -> None:
        """Have the file open that is there now."""
        if self._file < 0 or not is_at(self._path, self._file):
            self.leave()
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._file = os.open(self._path, flags, 0o600)

    def remembered(self) -> Condition | None:
        """Read what was published last."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return _condition(json.loads(os.pread(self._file, _LONGEST, 0)))
        return None

    def remember(self, condition: Condition | None) -> None:
        """Write it down. If the disk does not take it, nobody knows."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            if condition is not None:
                found = {key: getattr(condition, key) for key in ("status", "line", "since")}
                os.pwrite(self._file, json.dumps(found).encode(), 0)

    def leave(self) -> None:
        """Give the lock back."""
        file, self._file = self._file, -1
        if file >= 0:
            with contextlib.suppress(OSError):
                os.close(file)


def _condition(found: object) -> Condition:
    """Return a condition that was written down.

    Raises:
        TypeError: it is none. Or KeyError.
    """
    if not isinstance(found, dict):
        raise TypeError
    said = cast("Mapping[str, object]", found)
    status, line, since = said["status"], said["line"], said["since"]
    if not isinstance(status, bool) or not isinstance(line, str) or not isinstance(since, int):
        raise TypeError
    if not 0 <= since <= _LATEST:
        raise TypeError
    return Condition(status, line, since)
