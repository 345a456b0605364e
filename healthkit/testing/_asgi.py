"""A real ASGI app as what stands in a container's image, in this very process.

Each start of the container is a new lifespan on the same app object, on the running asyncio loop,
which keeps virtual time. `_asgi_process` says what such a run is, and where it is not like a real
one. Any ASGI 3 app will do; nothing here knows of healthkit's engine.

The surprising fact: what a real restart would make new is still there. Module globals, caches and
connection pools of the app outlive its process here, so an app is best made by a factory for each
pod, and its state in its lifespan.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Final

from healthkit import _validate
from healthkit.errors import ConfigError
from healthkit.testing import _commands
from healthkit.testing._asgi_process import LAST_PORT, AsgiProcess, Image
from healthkit.testing._server import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from healthkit.testing._clock import Clock
    from healthkit.testing._commands import Commands
    from healthkit.testing._exchange import Asgi3
    from healthkit.testing._lifespan import Mode

#: What is asked for, and what is often given.
_APP: Final = "app(scope, receive, send), as ASGI 3 has it; call a factory or a class first"


class AsgiApp:
    """An ASGI app in a container's image: see `_process.App`.

    Args:
        app: any ASGI 3 app. Each start opens a new lifespan on it.
        name: what its tasks are called, the pod's name for instance.
        ports: on which it listens; None: whatever port it is asked on.
        address: the pod's own.
        lifespan: uvicorn's ``--lifespan``.
        timeout_graceful_shutdown: uvicorn's, in seconds: after these the requests in flight are
            cancelled. None waits for ever.
        commands: plays the commands of exec probes and hooks, and returns the exit code or what is
            awaited for it. None: ``sleep N``, ``true``, ``false`` and ``exit N`` are understood.
            It runs among the app's own tasks. What it raises ends the simulation.

    Raises:
        ConfigError: a value is wrong.
    """

    def __init__(  # noqa: PLR0913  # each is the user's to say, by name
        self,
        app: Asgi3,
        *,
        name: str = "app",
        ports: Collection[int] | None = None,
        address: str = "10.244.0.2",
        lifespan: Mode = "auto",
        timeout_graceful_shutdown: float | None = None,
        commands: Commands | None = None,
    ) -> None:
        if not _takes_a_scope(app):
            raise _validate.refuse("app", app, _APP)
        if lifespan not in {"auto", "on", "off"}:
            raise _validate.refuse("lifespan", lifespan, "'auto', 'on' or 'off'")
        limit = timeout_graceful_shutdown
        if limit is not None:
            limit = _validate.seconds("timeout_graceful_shutdown", limit, zero=True)
        numbers = None if ports is None else frozenset(map(_port, ports))
        name = _validate.text("name", name)
        self._image = Image(app, name, numbers, address, Options(lifespan, limit), commands)
        self._last: AsgiProcess | None = None

    def __repr__(self) -> str:
        return f"<AsgiApp {self._image.name}: {_validate.shown(self._image.app)}>"

    def understands(self, command: tuple[str, ...]) -> bool:
        """Whether `AsgiProcess.execute` can play a command."""
        return self._image.commands is not None or _commands.parse(command) is not None

    def start(self, clock: Clock, exited: Callable[[int], object]) -> AsgiProcess:
        """Start one more process of it, now. See `_process.App.start`.

        What is still ending of the one before ends first, at this very moment.

        Raises:
            ConfigError: no asyncio loop is running.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as exc:
            message = "no asyncio loop is running: expected start() inside of the simulation's"
            raise ConfigError(message) from exc
        after = self._last.gone if self._last is not None and self._last.is_over(loop) else None
        self._last = AsgiProcess(self._image, clock, exited, after)
        return self._last


def _takes_a_scope(app: object) -> bool:
    """Whether an app can be called as ASGI 3 says; a class, a factory and a WSGI app can't."""
    if not callable(app) or (isinstance(app, type) and not hasattr(app, "__await__")):
        return False
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):  # it says nothing of its parameters
        return True
    try:
        signature.bind(None, None, None)
    except TypeError:
        return False
    return True


def _port(number: object) -> int:
    return _validate.whole("ports", number, least=1, most=LAST_PORT)
