"""The pod's container: the example app on a real uvicorn, in a process of its own.

Owns the process from its start to its end. Whatever happens to the demo, the process is ended, by
its id. The port is uvicorn's choice (``--port 0``) and read from what it says when it listens.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

ROOT: Final = Path(__file__).parents[2]

#: Seconds from the start of the process to an open port; the plain app warms up in between.
OPEN_WITHIN: Final = 30.0
#: Seconds that the process gets to end when it is merely cleaned up.
END_WITHIN: Final = 3.0

#: Variables that would change what the demo shows: uvicorn reads its options from some of them.
_FOREIGN: Final = ("HEALTHKIT_", "UVICORN_", "WEB_CONCURRENCY", "KUBERNETES_", "CATALOGUE_")

_LISTENS: Final = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


class ServerError(Exception):
    """The server did not do what the play needs; one line says what."""


class Server:
    """One uvicorn process. An async context manager: it never outlives its block.

    Args:
        target: the app, as uvicorn takes it.
        settings: environment variables for the process.
        heard: called with each line of the process's log.
        options: more of uvicorn's own, such as ``--loop uvloop``.
    """

    def __init__(
        self,
        target: str,
        settings: Mapping[str, str],
        heard: Callable[[str], None],
        options: Sequence[str] = (),
    ) -> None:
        self._target = target
        self._options = options
        self._settings = settings
        self._heard = heard
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._listens: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._last = "nothing"

    async def __aenter__(self) -> Self:
        options = ["--app-dir", str(ROOT), "--host", "127.0.0.1", "--port", "0", "--workers", "1"]
        self._process = await asyncio.create_subprocess_exec(
            *[
                sys.executable,
                "-m",
                "uvicorn",
                self._target,
                *options,
                "--no-access-log",
                *self._options,
            ],
            env={**_environment(), **self._settings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process, fast, if it is still there: SIGINT never waits for a drain delay."""
        if self._process is None or self._reader is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_WITHIN)
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reader

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running().pid

    async def url(self) -> str:
        """Wait until the port is open, and return its address.

        Raises:
            ServerError: the process ended instead, or took too long.
        """
        done, _ = await asyncio.wait([self._listens], timeout=OPEN_WITHIN)
        url = self._listens.result() if done else None
        if url is None:
            what = "ended" if done else f"waited for more than {OPEN_WITHIN:g} s"
            message = f"the server {what} before it opened its port; it said: {self._last}"
            raise ServerError(message)
        return url

    def terminate(self) -> None:
        """Send SIGTERM, as the kubelet does."""
        self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._running().send_signal(number)

    async def ended(self, within: float) -> int:
        """Wait for the end of the process; return its exit code, -15 for SIGTERM.

        Raises:
            ServerError: it did not end within so many seconds.
        """
        try:
            return await asyncio.wait_for(self._running().wait(), within)
        except TimeoutError:
            message = f"the server did not end within {within:g} s of SIGTERM"
            raise ServerError(message) from None

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            message = "the server was not started: expected `async with Server(...)`"
            raise ServerError(message)
        return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Read the log to its end: a full pipe would stop the server."""
        if process.stderr is None:
            return
        async for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._last = line or self._last
            found = _LISTENS.search(line)
            if found and not self._listens.done():
                self._listens.set_result(found[1])
            self._heard(line)
        if not self._listens.done():
            self._listens.set_result(None)


def _environment() -> dict[str, str]:
    """Return this process's environment without what would change the play."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
