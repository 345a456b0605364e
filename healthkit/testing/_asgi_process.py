"""One run of an ASGI app: its server, its signals, its tasks, its exit, and commands beside it.

The server is `_server`'s: uvicorn, as far as it matters here; what differs is listed there. What
differs from a real process:

1. There is no import time: the app's start-up begins at the start.
2. SIGKILL can only cancel tasks. Their ``finally`` blocks run, threads and timers live on (see
   `_belongings`). A signal handler that raises ends the process like that, with SystemExit's code.
3. An app's own task that raises SystemExit ends the simulation, as it would end any loop.
4. The exit code after SIGTERM is 0. uvicorn raises the signal again when it is done; as PID 1 of a
   container it is not killed by that, because the kernel ignores a signal with the default action
   there (Linux kernel/signal.c, sig_task_ignored), and returns: a node with containerd reported 0
   for it. Below a shell or an init it would be 143.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import signal
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from healthkit import _validate
from healthkit._signal_table import CURRENT
from healthkit.testing import _commands
from healthkit.testing._belongings import OWNER, Belongings
from healthkit.testing._exchange import Exchange, is_request, scope_of
from healthkit.testing._pod_signals import PodSignals
from healthkit.testing._process import Answer
from healthkit.testing._server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType

    from healthkit.testing._clock import Clock
    from healthkit.testing._commands import Commands
    from healthkit.testing._exchange import Asgi3
    from healthkit.testing._process import Request
    from healthkit.testing._server import Options

#: 128 + SIGKILL, as a container runtime reports it.
KILLED: Final = 137
#: A shell's word for what can't be run.
NOT_RUN: Final = 126
#: The first of Linux' ports for clients (net.ipv4.ip_local_port_range).
FIRST_CLIENT_PORT: Final = 32768
LAST_PORT: Final = 65535

_INVALID: Final = Answer(
    400,
    None,
    (("content-type", "text/plain; charset=utf-8"), ("connection", "close")),
    b"Invalid HTTP request received.",
    closes=True,
)

logger: Final = logging.getLogger("healthkit.testing")


@dataclass(frozen=True, slots=True)
class Image:
    """What each start of the container has in common."""

    app: Asgi3
    name: str
    ports: frozenset[int] | None
    address: str
    server: Options
    commands: Commands | None


class AsgiProcess:
    """One run of an app. See `_process.Process`. Everything here is on the loop's thread."""

    def __init__(
        self,
        image: Image,
        clock: Clock,
        exited: Callable[[int], object],
        after: asyncio.Event | None,
    ) -> None:
        self._image = image
        self._clock = clock
        self._exited = exited
        self._loop = asyncio.get_running_loop()
        self._code: int | None = None
        self._clients = 0
        self._executions: dict[object, Callable[[int, str], object]] = {}
        #: What others are to be told, in order.
        self._due: deque[Callable[[], object]] = deque()
        self._belongings = Belongings(image.name, self._loop)
        self._signals = PodSignals(self._loop, self._handle)
        #: What the others' code runs in, and the process's.
        self._outside = contextvars.copy_context()
        self._context = contextvars.copy_context()
        self._context.run(OWNER.set, self._belongings)
        self._context.run(CURRENT.set, self._signals)
        self._server = Server(image.app, image.server, self._signals, self._spawn)
        self._main = self._loop.create_task(
            self._run(after), name=f"{image.name} server", context=self._outside.copy()
        )

    def __repr__(self) -> str:
        state = str(self._server) if self._code is None else f"exited {self._code}"
        return f"<AsgiProcess {self._image.name} {state}>"

    @property
    def gone(self) -> asyncio.Event:
        """Set when nothing is left of an exited process that could be waited for."""
        return self._belongings.gone

    def is_over(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether it has exited, on this loop."""
        return self._code is not None and self._loop is loop

    # -- what others ask --------------------------------------------------------------------------

    def listens(self, port: int) -> bool:
        """Whether a connection to a port is accepted now."""
        return self._server.listening and (self._image.ports is None or port in self._image.ports)

    def request(
        self, request: Request, timeout: float | None, answered: Callable[[Answer], object]
    ) -> None:
        """Send a request on a new connection. See `_process.Process.request`."""
        if not self.listens(request.port):
            answered(Answer(error="refused", closes=True))
            return
        if not is_request(request):
            answered(_INVALID)
            return
        exchange = self._exchange(request, timeout, answered)
        self._server.take(exchange, f"{request.method} {request.path}")

    def execute(self, command: tuple[str, ...], answered: Callable[[int, str], object]) -> None:
        """Run a command in the container. It dies with the container, with 137.

        Raises:
            ConfigError: the command is not understood; `AsgiApp.understands` says so before.
        """
        if self._code is not None:
            answered(NOT_RUN, "the container is not running")
            return
        if self._image.commands is None and _commands.parse(command) is None:
            raise _commands.not_understood(command)
        execution = object()
        self._executions[execution] = answered
        self._spawn(self._play(command, execution), f"exec {_validate.one_line(' '.join(command))}")

    def sigterm(self) -> None:
        """Deliver SIGTERM to whoever handles it in this process."""
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        """Deliver a signal. SIGINT at a process that is ending already makes it end at once."""
        self._signals.raise_signal(number)

    def sigkill(self) -> None:
        """End it now. Everybody has been told when this returns; `exited` with 137, or its code."""
        self._exit(KILLED)
        while self._due:
            self._tell()

    # -- the end ----------------------------------------------------------------------------------

    async def _run(self, after: asyncio.Event | None) -> None:
        """Be the process: the server, then what `asyncio.run` does when it closes."""
        if after is not None:
            await after.wait()
        code = await self._server.serve()
        await self._belongings.ended()
        self._exit(code)

    def _exit(self, code: int) -> None:
        """Be no more: end everything, and have everybody told. Idempotent."""
        if self._code is not None:
            return
        self._code = code
        self._signals.die()
        self._server.die()
        for execution in tuple(self._executions):
            self._executed(execution, KILLED)
        self._main.cancel()  # or it is what calls this, and has nothing more to wait for
        self._belongings.kill()
        self._later(functools.partial(self._exited, code))

    def _handle(self, handler: Callable[[int, FrameType | None], object], number: int) -> None:
        """Call a handler. What it raises, it raises in the server's main loop."""
        try:
            self._context.copy().run(handler, number, None)
        except SystemExit as exc:
            self._exit(_code_of(exc))
        except Exception:
            logger.exception("%r: the handler of signal %d has failed", self, number)
            self._exit(1)

    # -- requests and commands --------------------------------------------------------------------

    def _exchange(
        self, request: Request, timeout: float | None, answered: Callable[[Answer], object]
    ) -> Exchange:
        self._clients += 1
        client_port = FIRST_CLIENT_PORT + self._clients % (LAST_PORT - FIRST_CLIENT_PORT)
        server = (self._image.address, request.port)
        scope = scope_of(request, client_port, server, self._server.state)

        def take(answer: Answer) -> None:
            if timer is not None:
                timer.cancel()
            self._later(lambda: give(answer))

        def give(answer: Answer) -> None:
            if not request.keep_alive:
                exchange.disconnect()
            answered(answer)

        exchange = Exchange(scope, request, take)
        timer = None
        if timeout is not None:
            timer = self._clock.call_at(self._clock.now() + timeout, exchange.time_out)
        return exchange

    async def _play(self, command: tuple[str, ...], execution: object) -> None:
        try:
            code = await _commands.play(command, self._image.commands)
        except Exception as exc:  # noqa: BLE001  # it is the user's, and none of the app's
            if self._executions.pop(execution, None) is not None:
                self._later(functools.partial(_raise, exc))
        else:
            self._executed(execution, code)

    def _executed(self, execution: object, code: int) -> None:
        answered = self._executions.pop(execution, None)
        if answered is not None:
            self._later(functools.partial(answered, code, ""))

    # -- helpers ----------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        """Start a task of the process, which dies with it."""
        name = f"{self._image.name} {what}"
        return self._loop.create_task(work, name=name, context=self._context.copy())

    def _later(self, callback: Callable[[], object]) -> None:
        """Tell somebody else something: at this moment, but not inside of the app's code.

        Neither are its exceptions the app's, nor its tasks the process's.
        """
        self._due.append(callback)
        self._outside.copy().run(self._clock.call_at, self._clock.now(), self._tell)

    def _tell(self) -> None:
        if self._due:
            self._due.popleft()()


def _code_of(exc: SystemExit) -> int:
    """Return the exit code that Python makes of it (CPython Python/pythonrun.c)."""
    if exc.code is None:
        return 0
    return exc.code % 256 if isinstance(exc.code, int) else 1


def _raise(exc: Exception) -> None:
    raise exc
