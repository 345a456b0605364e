"""Pods of real servers with several workers: how they are started, watched and ended.

A `Pod` is what a container is to Kubernetes: everything in it is one process group, and ends at
once when it is killed. A `Watch` asks one endpoint all the time, each time on a new connection, and
keeps who answered what, and when.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pytest

from examples.pod.server import ROOT
from healthkit._state_dir import StateDir
from tests.integration.pod_app import SPREAD

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from types import TracebackType

    from healthkit._facts import Facts

APP: Final = "tests.integration.pod_app:app"

#: Seconds: for what a test waits for. Nothing takes that long unless it is broken.
PATIENCE: Final = 40.0
#: Between two looks at something that another process does.
TICK: Final = 0.01
#: Between a change and the last worker that knows of it, or its record that tells of it.
LAG: Final = 0.3
#: What an answer may take; then there is none.
ANSWER_WITHIN: Final = 10.0

#: Stands for a port that is free: granian does not say which one it was given.
FREE_PORT: Final = "a free port"

_GUNICORN: Final = ("gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket")
#: What starts each server; its port is its own choice, the number of workers and the app follow.
SERVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "uvicorn": ("uvicorn", "--host", "127.0.0.1", "--port", "0", "--no-access-log"),
    "gunicorn asgi": (*_GUNICORN, "--worker-class", "asgi"),
    "gunicorn uvicorn": (*_GUNICORN, "--worker-class", "uvicorn_worker.UvicornWorker"),
    "gunicorn preload": (*_GUNICORN, "--worker-class", "asgi", "--preload"),
    "hypercorn": ("hypercorn", "--bind", "127.0.0.1:0"),
    "granian": ("granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", FREE_PORT),
}

#: Variables that would change what is tested.
_FOREIGN: Final = (
    "HEALTHKIT_",
    "UVICORN_",
    "GUNICORN_",
    "GRANIAN_",
    "WEB_CONCURRENCY",
    "KUBERNETES_",
)

_LISTENS: Final = re.compile(
    r"(?:(?:running on|listening at):? http://|listening on tcp address )"
    r"127\.0\.0\.1:([1-9]\d*)",
    re.IGNORECASE,
)

#: A call about a file: a path, or a descriptor of one. Sockets and pipes are neither.
_FILE: Final = re.compile(r'</|"/')
#: A call that has waited: it returned at once, or in a line of its own.
_WAIT: Final = re.compile(r"\b(e?poll\w*)(\(| resumed>).*= ")
#: An epoll_wait that does not wait: with a timeout of 0.
_GLANCE: Final = re.compile(r"epoll\w*[( ].*, 0(, NULL, 8)?\) += ")


@dataclass(frozen=True, slots=True)
class Look:
    """One request on a connection of its own, and its answer."""

    #: When it was sent, `time.monotonic`.
    asked: float
    #: 0 if there was no answer.
    status: int
    text: str = ""
    #: Who answered.
    pid: int | None = None


async def ask(port: int, path: str, *, spread: bool = False, within: float = ANSWER_WITHIN) -> Look:
    """Ask once, like a kubelet. Never raises: no answer is a `Look` too."""
    more = f"{SPREAD.decode()}: 1\r\n" if spread else ""
    request = f"GET {path} HTTP/1.1\r\nhost: pod\r\n{more}connection: close\r\n\r\n"
    asked = time.monotonic()
    raw = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request.encode())
                raw = await reader.read()
            finally:
                writer.close()
    return _look(asked, raw)


def _look(asked: float, raw: bytes) -> Look:
    head, _, body = raw.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 (\d{3})", head)
    if found is None:
        return Look(asked, 0)
    pid = re.search(rb"\r\nx-pid: (\d+)", head)
    return Look(asked, int(found[1]), body.decode().strip(), int(pid[1]) if pid else None)


#: Keep ports for servers, until this process ends.
_RESERVED: Final[list[socket.socket]] = []


def free_port() -> str:
    """Reserve a port: bound here but not listening, it is given to nobody who does not name it."""
    reserved = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        reserved.setsockopt(socket.SOL_SOCKET, option, 1)
    reserved.bind(("127.0.0.1", 0))
    _RESERVED.append(reserved)
    return str(reserved.getsockname()[1])


async def until(what: str, condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until `condition` is true; fail if it is not so within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"waited {within:g} s for: {what}"
        await asyncio.sleep(TICK)


class Process:
    """A command in a process group of its own. It never outlives its block.

    Args:
        command: the arguments of this Python, or of the program that begins it.
        settings: environment variables for it.
    """

    def __init__(self, command: Sequence[str], settings: Mapping[str, str]) -> None:
        self._command = command
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._exit: asyncio.Task[int] | None = None
        #: What it has written, and when it ended.
        self.log: list[str] = []
        self.ended_at: float | None = None

    async def __aenter__(self) -> Self:
        plain = {key: text for key, text in os.environ.items() if not key.startswith(_FOREIGN)}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env={**plain, "PYTHONUNBUFFERED": "1", **self._settings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        self._exit = asyncio.create_task(self._wait(self._process))
        try:
            await self.begun()
        except BaseException as exc:
            await self.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        return self

    async def begun(self) -> None:
        """Wait for what the block may rely on: here, nothing."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._reader is not None:
            await self.kill()
            await self._reader
        if error is not None:
            error.add_note("\n".join([f"the log of {self!r}:", *self.log]))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {' '.join(self._command)}>"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """Kill the whole group with SIGKILL, and wait for its first process."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.ends()

    async def ends(self, within: float = PATIENCE) -> int:
        """Wait for its end; return the exit code, -9 for SIGKILL."""
        assert self._exit is not None
        return await asyncio.wait_for(asyncio.shield(self._exit), within)

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        code = await process.wait()
        self.ended_at = time.monotonic()
        return code

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.log.append(line.decode(errors="replace").rstrip())


class Pod(Process):
    """A server with several workers that share a state directory.

    Args:
        server: one of `SERVERS`.
        directory: the state directory.
        options: more of the server's own.
        workers: how many.
        before: what stands before the server's command.
        settings: environment variables for it.
    """

    def __init__(
        self,
        server: str,
        directory: Path,
        *options: str,
        workers: int = 2,
        before: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        module, *own = [free_port() if one == FREE_PORT else one for one in SERVERS[server]]
        command = [sys.executable, "-m", module, *own, "--workers", str(workers), *options, APP]
        of_pod = {"HEALTHKIT_STATE_DIR": str(directory), "HEALTHKIT_WORKERS": str(workers)}
        super().__init__([*before, *command], {**of_pod, **(settings or {})})
        self.workers = workers
        self.directory = StateDir(str(directory))

    @property
    def port(self) -> int | None:
        """Where it listens; None if it does not say so yet."""
        said = (_LISTENS.search(line) for line in tuple(self.log))
        return next((int(found[1]) for found in said if found is not None), None)

    @property
    def url(self) -> str:
        """The address of its port."""
        return f"http://127.0.0.1:{self.port}"

    async def listens(self) -> None:
        """Wait until its port is open."""
        await until("an open port", lambda: self.port is not None or self.ended_at is not None)
        assert self.ended_at is None, "the server has ended"

    async def joined(self) -> None:
        """Wait until all of its workers have a record."""
        await self.listens()
        await until("all records", lambda: len(self.records()) == self.workers)

    async def is_ready(self) -> None:
        """Wait until every worker says that the pod is ready."""
        await self.joined()
        await self.everybody_says("/readyz", 200)

    async def everybody_says(
        self, path: str, status: int, within: float = PATIENCE
    ) -> Mapping[int, Look]:
        """Wait until each living worker has said this; return the last answer of each.

        A worker may lag behind another for as long as news takes, so only the last word counts.
        """
        async with Watch(self, path) as watch:

            def agreed() -> bool:
                last = watch.last()
                wanted = {facts.pid for facts in self.records().values()}
                return wanted <= set(last) and all(last[pid].status == status for pid in wanted)

            await until(
                f"{path} is {status} for all", lambda: bool(self.records()) and agreed(), within
            )
            return watch.last()

    def records(self) -> Mapping[int, Facts]:
        """Return what each living worker says of itself, by process id."""
        if not self.directory.exists():
            return {}
        return {peer.facts.pid: peer.facts for peer in self.directory.look().peers}

    def child(self) -> int:
        """Return the process that the first one has forked: process 1 of a namespace."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    async def ask(self, path: str) -> Look:
        """Ask once."""
        assert self.port is not None
        return await ask(self.port, path)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the first process: the server's master."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM, as the kubelet does."""
        self.send(signal.SIGTERM)


class Drain(Process):
    """``healthkit drain`` for a pod, as its preStop hook. Inside the block its request is there."""

    def __init__(self, pod: Pod) -> None:
        self._directory = pod.directory
        command = [sys.executable, "-m", "healthkit", "drain"]
        super().__init__(command, {"HEALTHKIT_STATE_DIR": pod.directory.path})
        #: When it asked, `time.monotonic`.
        self.asked = 0.0

    async def begun(self) -> None:
        """Wait for the request."""
        await until("the request for the drain", self._request)

    def _request(self) -> bool:
        """Look for the request. It says when it was made."""
        told = self._directory.look().told
        self.asked = told or 0.0
        return told is not None


class Watch:
    """Asks one endpoint of a pod all the time, each time on a new connection."""

    def __init__(self, pod: Pod, path: str, *, clients: int = 4, pause: float = 0.01) -> None:
        self._pod = pod
        self._path = path
        self._clients = clients
        self._pause = pause
        self._tasks: list[asyncio.Task[None]] = []
        self.looks: list[Look] = []

    async def __aenter__(self) -> Self:
        assert self._pod.port is not None
        for _ in range(self._clients):
            self._tasks.append(asyncio.create_task(self._go_on(self._pod.port)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def answers(self, status: int | None = None, since: float = 0.0) -> list[Look]:
        """Return the answers to what was asked since then; those with this status, if one is given.

        No answer at all is none: there was nobody to say anything.
        """
        said = [look for look in tuple(self.looks) if look.status and look.asked >= since]
        return [look for look in said if status in {None, look.status}]

    def last(self) -> Mapping[int, Look]:
        """Return the last answer of each worker."""
        said = sorted(self.answers(), key=lambda look: look.asked)
        return {look.pid: look for look in said if look.pid is not None}

    def heard(self, pids: Collection[int], status: int, since: float = 0.0) -> bool:
        """Whether each of these has given an answer with this status since then."""
        return set(pids) <= {look.pid for look in self.answers(status, since)}

    async def _go_on(self, port: int) -> None:
        while True:
            self.looks.append(await ask(port, self._path, spread=True))
            await asyncio.sleep(self._pause)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the records of a pod said at a moment."""

    moment: float
    pids: frozenset[int]
    #: How many could serve by themselves.
    ready: int
    #: Whether a worker was told to drain.
    told: bool
    #: Whether none was there but such as were ending by themselves.
    all_end: bool


class Sampling:
    """Reads the records of a pod all the time."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._task: asyncio.Task[None] | None = None
        self.samples: list[Sample] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def pids(self) -> set[int]:
        """All workers that there were."""
        return {pid for sample in self.samples for pid in sample.pids}

    def around(self, look: Look) -> list[Sample]:
        """Return what the records said when a look was answered, and for a moment before and after.

        Nobody knows a change at the very moment of it.
        """
        return [sample for sample in self.samples if abs(sample.moment - look.asked) <= LAG]

    async def _go_on(self) -> None:
        while True:
            self.samples.append(_sample(list(self._pod.records().values())))
            await asyncio.sleep(TICK)


def _sample(facts: Sequence[Facts]) -> Sample:
    return Sample(
        moment=time.monotonic(),
        pids=frozenset(one.pid for one in facts),
        ready=sum(one.ready for one in facts),
        told=any(one.told is not None for one in facts),
        all_end=all(one.ending for one in facts),
    )


class Trace(Process):
    """The system calls of a process, all its threads included, to be read afterwards."""

    def __init__(self, pid: int, file: Path) -> None:
        if shutil.which("strace") is None:
            pytest.skip("no strace here: system calls can't be seen")
        # -y names the file behind each descriptor; -s 0 leaves out what is read and written.
        options = ["-f", "-y", "-s", "0", "-e", "trace=%file,%desc", "-o", str(file)]
        super().__init__(["strace", *options, "-p", str(pid)], {})
        self._file = file

    async def begun(self) -> None:
        """Wait until it is attached; skip the test if it may not be."""
        await until("strace to attach", lambda: self.log or self.ended_at is not None)
        if "attached" not in " ".join(self.log):
            pytest.skip(f"no tracing is permitted here: {' '.join(self.log)}")

    async def kill(self) -> None:
        """Let go of the process."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)
        await self.ends()

    def looks_at(self, directory: Path) -> int:
        """Count how often the directory was listed."""
        return sum(f'"{directory}", O_RDONLY' in line for line in self._lines())

    def touches(self) -> int:
        """Count the calls that are about a file, by its name or by a descriptor."""
        return sum(_FILE.search(line) is not None for line in self._lines())

    def wakes(self) -> dict[int, int]:
        """Count by thread how often it waited for something to happen, and it happened."""
        waits = [line for line in self._lines() if _WAIT.search(line) and not _GLANCE.search(line)]
        return dict(Counter(int(line.split()[0]) for line in waits))

    def _lines(self) -> list[str]:
        return self._file.read_text().splitlines()
