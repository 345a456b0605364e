"""The server's side of an ASGI lifespan, as uvicorn speaks it.

The rules are those of uvicorn 0.54 (uvicorn/lifespan/on.py) and its three modes:

- ``auto``: an app that raises where it should speak has no lifespan, and is served without one, at
  whatever point of its start-up it raises. So the ASGI specification has it ("the server must
  continue but not send any lifespan events"). Only ``lifespan.startup.failed`` is a failure:
  Starlette, FastAPI, Quart and Litestar send it for an exception in the app's start-up.
- ``on``: any exception in start-up is a failure, too.
- ``off``: there is no lifespan.

One difference: a message that the protocol does not allow raises RuntimeError in the app, not
AssertionError.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from healthkit.testing._exchange import Asgi3, Message, Scope

#: uvicorn's ``--lifespan``.
Mode = Literal["auto", "on", "off"]

logger: Final = logging.getLogger("healthkit.testing")


class Lifespan:
    """One conversation about an app's start and end. To be made on the loop, and used once."""

    def __init__(self, app: Asgi3, mode: Mode) -> None:
        self._app = app
        self._mode = mode
        #: What the app keeps for its requests.
        self.state: dict[str, Any] = {}
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._raised = False
        self._failed = False
        self._dead = False

    def __repr__(self) -> str:
        said = "stopped" if self._stopped.is_set() else "started" if self._started.is_set() else ""
        return f"<Lifespan {'failed' if self._failed else said or 'starting'}>"

    async def run(self) -> None:
        """Call the app. It is in a task of its own, and may return, raise or stay."""
        scope: Scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._messages.get, self._send)
        except (GeneratorExit, KeyboardInterrupt):
            raise  # a loop that is thrown away, or the developer's Ctrl-C: not the app's business
        except BaseException as exc:  # noqa: BLE001  # as the server that is played
            self._raised = True
            self._say(exc)
        finally:
            self._started.set()
            self._stopped.set()

    async def startup(self) -> bool:
        """Have the app start, and wait for that; return whether it may be served."""
        if self._mode == "off":
            return True
        self._messages.put_nowait({"type": "lifespan.startup"})
        await self._started.wait()
        return not self._failed and not (self._raised and self._mode == "on")

    async def shutdown(self) -> None:
        """Have the app end, and wait for that; not if it has no lifespan."""
        if self._mode == "off" or self._raised:
            return
        self._messages.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped.wait()

    def die(self) -> None:
        """Let the server be no more: the app hears nothing, and nobody hears what it says."""
        self._dead = True
        while not self._messages.empty():
            self._messages.get_nowait()

    async def _send(self, message: Message) -> None:
        """Take the app's word.

        Raises:
            RuntimeError: it is not the time for it, or it is no word of a lifespan.
        """
        if self._dead:
            return
        kind = str(message["type"])
        of, _, how = kind.removeprefix("lifespan.").partition(".")
        moments = {"startup": self._started, "shutdown": self._stopped}
        if of not in moments or how not in {"complete", "failed"}:
            raise RuntimeError(f"Unexpected ASGI message '{kind}' in a lifespan.")
        in_turn = self._started.is_set() == (of == "shutdown")
        if not in_turn or self._stopped.is_set():
            raise RuntimeError(f"Got ASGI message '{kind}' out of turn in a lifespan.")
        moments[of].set()
        if how == "failed":
            self._failed = True
            logger.error("%s %s", kind, message.get("message", ""))

    def _say(self, exc: BaseException) -> None:
        if self._failed or isinstance(exc, asyncio.CancelledError):
            return
        level = logging.INFO if self._mode == "auto" else logging.ERROR
        logger.log(level, "the app's lifespan raised %r", exc, exc_info=exc)
