"""What the tests of places in a state directory share: records of others, and failing disks."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from healthkit._state_dir import StateDir

SAYS: Final = dict.fromkeys(Probe, (True, "ok"))
FACTS: Final = Facts(pid=os.getpid(), app="shop", joined=7)

WORKER: Final = _records.WORKER
DRAIN: Final = _records.DRAIN
STALE: Final = _records.STALE_AFTER

#: No process: more than the kernel ever gives.
NOBODY: Final = 2**31 - 1


def a_body(written: int | None = None, pid: int = FACTS.pid, **facts: object) -> bytes:
    """Make the body of a worker's record."""
    made = Facts(**{"pid": pid, "app": "shop", "joined": 7, **facts})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # a table's columns
    return body_of(made, Details(), SAYS, time.monotonic_ns() if written is None else written)


def descriptors() -> int:
    """Count what this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counted


def names_in(directory: StateDir) -> list[str]:
    """List a directory."""
    return sorted(path.name for path in Path(directory.path).iterdir())


@contextmanager
def owned(directory: StateDir, name: str, raw: bytes) -> Generator[Path]:
    """Keep another process's record: this one knows nothing of it, and holds its lock."""
    path = Path(directory.path, name)
    path.write_bytes(raw)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def dead(directory: StateDir, name: str, raw: bytes | None = None) -> Path:
    """Leave a record that nobody holds."""
    path = Path(directory.path, name)
    path.write_bytes(_records.encode(a_body()) if raw is None else raw)
    return path


def failing(number: int) -> Callable[..., object]:
    """Make a system call that fails."""

    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


def returning(value: object) -> Callable[..., object]:
    """Make a system call that returns this."""

    def call(*_: object) -> object:
        return value

    return call
