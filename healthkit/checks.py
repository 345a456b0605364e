"""Checks of what is near: the event loop, the requests in flight, a disk, a file's age.

    health.check(FreeDisk("/var/cache", fail_below=500_000_000), interval=30)

Each is an object to be given to `Health.check`, where it is called by its default name
(``free_disk``) unless it gets another; two of a kind need names. None of them asks another service.

Each has two thresholds. Strictly beyond the first it fails; once it fails, it passes again strictly
past the second, and in between or exactly at a threshold it stays as it was. What it could not
measure is a failure too, and ends in the same way. Without a second threshold that is a fifth away
from the first. The memory is one life's: the app's next lifespan begins without it. A thread that
was too late for the check's ``timeout`` is remembered by what it measures in the end.

A failure's reason says value, unit and threshold, and holds the path of a disk or file. It is for
the log, and for clients that are admitted to reasons.

Load is often shared: when all pods have too much, a required `EventLoopLag` or `RequestsInFlight`
takes all of them out of the Service, one after the other and each faster than the one before.
Register these with ``required=False``, or with a limit that only a pod in trouble of its own
reaches.
"""

from __future__ import annotations

import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, Final, final

import anyio

from healthkit import _local, _validate
from healthkit._health import Health

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EventLoopLag", "FileAge", "FreeDisk", "RequestsInFlight"]

#: Seconds between the moments at which `EventLoopLag` looks. It is how much of a block may go by
#: unseen: a tenth of the limit that is the default.
STEP: Final = 0.02

#: Seconds. A loop that is later has long failed its liveness probe.
LONGEST_LAG: Final = 60.0

#: More requests than that in one process are a slip of the keyboard.
MOST_REQUESTS: Final = 1_000_000

#: Bytes in a block of most file systems. Less is no space, but a slip of the unit: a share of the
#: disk, or gigabytes.
LEAST_SPACE: Final = 4_096
#: Bytes in an exbibyte.
MOST_SPACE: Final = 2**60

#: Seconds in ten years. A file may be older than the day that other settings end at.
LONGEST_AGE: Final = 10 * 365 * 86_400.0


@final
class EventLoopLag(_local.LocalCheck):
    """Fails while the app's event loop is blocked: when short sleeps wake up late.

    Each run looks 50 times a second for as long as `window`, and its value is the worst lateness. A
    run ends at the first that is above `fail_above`. What blocks the loop for a time is seen as
    that time less up to 0.02 s; what happens between two runs is not seen at all.

    Args:
        fail_above: seconds, 0.001 to 60; 0.2. A container that has used up its CPU quota stands
            still for up to 0.1 s by itself (Linux CFS, a period of 100 ms).
        pass_below: seconds, at most `fail_above`; 80 % of it by default.
        window: seconds that a run takes, 0.02 to 60; 0.3.

    Raises:
        ConfigError: a parameter is wrong.

    The check's ``timeout`` must be above ``window + 2 * fail_above``, for a run may begin late as
    well as end late; with the defaults 0.8 s is above 0.7 s. A loop that is later than that fails
    the check all the same, and is remembered; but the log then says that there was no result in
    time, and not how late it was.

    With the ``interval`` of 10 s that checks have by default, 3 % of the time is watched; with
    ``interval=1`` it is a quarter.

    A coroutine function: it must run on the loop that it measures. It never blocks it.
    """

    def __init__(
        self,
        *,
        fail_above: float = 0.2,
        pass_below: float | None = None,
        window: float = 0.3,
    ) -> None:
        valid = partial(_local.duration, most=LONGEST_LAG)
        band = _local.above("EventLoopLag", fail_above, pass_below, valid, " s")
        length = valid("EventLoopLag window", window, least=STEP)
        super().__init__("event_loop_lag", band, f"window={length:g} s")
        self._looks = round(length / STEP)
        self.takes = length

    async def __call__(self) -> None:
        """Measure for the time of the window.

        Raises:
            CheckFailed: too late, or not yet in time again.
        """
        try:
            worst = await self._worst()
        except anyio.get_cancelled_exc_class():
            self._unmeasured("cut short by the check's timeout")
            raise
        self._judge(worst, f"the event loop was {self._band.said(worst)} late")

    async def _worst(self) -> float:
        """Return the worst lateness, or the first that is bad enough: in time to be judged."""
        began = anyio.current_time()
        worst = 0.0
        for look in range(1, self._looks + 1):
            due = began + look * STEP
            await anyio.sleep_until(due)
            worst = max(worst, anyio.current_time() - due)
            if worst > self._band.fail:
                break
        return worst


@final
class RequestsInFlight(_local.LocalCheck):
    """Fails while too many requests are in the app at once.

    Its value is what the middleware counts: HTTP requests from their arrival to the end of the app,
    streams for as long as they are sent. WebSockets and probes are not counted.

    Args:
        health: whose requests. The check is registered with the same one.
        fail_above: requests, a whole number from 1 to 1,000,000. No default: it is the app's own.
        pass_below: requests, at most `fail_above`; 80 % of it by default.

    Raises:
        ConfigError: a parameter is wrong.

    It sees the moment at which it runs: give it a short ``interval``, such as 1. A coroutine
    function, for it reads one number and needs no thread. It never waits and never refuses a
    request: only what `Health` says to a probe depends on it.
    """

    def __init__(
        self,
        health: Health,
        *,
        fail_above: int,
        pass_below: int | None = None,
    ) -> None:
        self._health = _health_of(health)
        valid = partial(_validate.whole, least=1, most=MOST_REQUESTS)
        band = _local.above("RequestsInFlight", fail_above, pass_below, valid, "")
        super().__init__("requests_in_flight", band)

    async def __call__(self) -> None:
        """Look at the count.

        Raises:
            CheckFailed: too many, or not yet few enough again.
        """
        count = self._health.traffic.in_flight
        self._judge(count, f"requests in flight: {self._band.said(count)}")


def _health_of(found: object) -> Health:
    """Refuse what is no `Health`, whatever a type checker was told."""
    if not isinstance(found, Health):
        raise _validate.refuse("RequestsInFlight health", found, "a Health, made by Health()")
    return found


@final
class FreeDisk(_local.LocalCheck):
    """Fails while a file system has too little space left.

    Its value is `shutil.disk_usage`'s ``free``: ``f_bavail`` of statvfs(3), "free blocks for
    unprivileged users", times the size of a block. It leaves out the blocks that are reserved for
    root (5 % on ext4): the app's writes fail while those are still free. An app that is root itself
    has a little more than this check says.

    Args:
        path: any path on the file system: text or `pathlib.Path`. If it is relative, the process's
            working directory at the time of the run counts. While it is missing the check fails.
        fail_below: bytes, a whole number from 4,096 to 2**60. No default: it is what the app needs
            to go on.
        pass_above: bytes, at least `fail_below`; 125 % of it by default. More than the file system
            holds is never reached.

    Raises:
        ConfigError: a parameter is wrong.

    A plain function, so that it runs in a thread of healthkit's own: a network file system may hang
    for minutes. Then it fails by its ``timeout``, and nothing else waits for it.

    What it does not see: inodes, quotas, and the limits of Kubernetes on ``ephemeral-storage`` and
    on an ``emptyDir`` on disk, where the kubelet counts what is used and evicts the pod, while the
    file system is the node's. It writes nothing.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fail_below: int,
        pass_above: int | None = None,
    ) -> None:
        self._path = _local.location("FreeDisk path", path)
        valid = partial(_validate.whole, least=LEAST_SPACE, most=MOST_SPACE)
        band = _local.below("FreeDisk", fail_below, pass_above, valid, " bytes")
        super().__init__("free_disk", band, repr(str(self._path)))

    def __call__(self) -> None:
        """Ask the file system. Blocks while it does.

        Raises:
            CheckFailed: too little, not yet enough again, or there is no such path.
        """
        try:
            usage = shutil.disk_usage(self._path)
        except OSError as exc:
            raise self._unmeasured(f"free space unknown: {exc}") from exc
        free = f"{usage.free:,} of {usage.total:,} bytes are free"
        self._judge(usage.free, free, repr(str(self._path)))


@final
class FileAge(_local.LocalCheck):
    """Fails while a file was not written for too long: a heartbeat, a feed, a copied database.

    Its value is the wall clock (`time.time`) less the file's ``st_mtime``: the time of a file is
    wall time, so a clock that is set jumps here too. A time of modification in the future (the
    clock was set back, or another machine's clock wrote it) counts as age 0.

    Args:
        path: text or `pathlib.Path`. Links are followed. If it is relative, the process's working
            directory at the time of the run counts. A directory's time is that of the last change
            to its list of names. While the file is missing, or must not be looked at, the check
            fails.
        fail_above: seconds, 0.001 to ten years. No default: more than one period of whoever writes
            the file, or it fails before each write.
        pass_below: seconds, at most `fail_above`; 80 % of it by default. A file gets younger only
            by being written, so the next write ends the failure if the check sees it in time.

    Raises:
        ConfigError: a parameter is wrong.

    A plain function, so that it runs in a thread of healthkit's own: a network file system may
    hang. It never opens the file.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fail_above: float,
        pass_below: float | None = None,
    ) -> None:
        self._path = _local.location("FileAge path", path)
        valid = partial(_local.duration, most=LONGEST_AGE)
        band = _local.above("FileAge", fail_above, pass_below, valid, " s")
        super().__init__("file_age", band, repr(str(self._path)))

    def __call__(self) -> None:
        """Look at the file's time. Blocks while the file system does.

        Raises:
            CheckFailed: too old, not yet young enough again, missing, or not to be looked at.
        """
        try:
            modified = self._path.stat().st_mtime
        except OSError as exc:
            raise self._unmeasured(f"age unknown: {exc}") from exc
        age = max(0.0, time.time() - modified)
        self._judge(age, f"written {self._band.said(age)} ago", repr(str(self._path)))
