"""The loop of a thread of healthkit's own: asyncio where the server has none.

The policy's own loop, unless gevent has patched the process. An asyncio loop among greenlets would
make Django refuse all of them (``async_unsafe``) and would stand still with them, so it runs in a
real thread then, on the system's selector. What a check opens there is a gevent socket, which
asyncio drives without blocking. Whatever asyncio would do in its pool of threads, which gevent has
made one of greenlets, is done in real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

from healthkit import _real

if TYPE_CHECKING:
    import selectors
    from collections.abc import Callable
    from concurrent.futures import Executor

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make a loop for a thread made by `_real.thread`."""
    return _RealLoop() if _real.is_patched() else asyncio.new_event_loop()


def new_daemon_loop() -> asyncio.AbstractEventLoop:
    """Make one that nobody waits for: a name that is looked up does not hold up the exit.

    The threads of the default pool are waited for when the loop is closed, and by the interpreter.
    A resolver that does not answer takes 10 s and more.
    """
    return _RealLoop()


class _RealLoop(asyncio.SelectorEventLoop):
    """A loop that waits with the system's own selector, and for threads that are threads."""

    def __init__(self) -> None:
        selector = cast(
            "Callable[[], selectors.BaseSelector]", _real.original("selectors", "DefaultSelector")
        )
        super().__init__(selector())

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Call in a thread, a new one each time: the default pool would be one of greenlets."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[_T] = self.create_future()

        def call() -> None:
            tell: Callable[[], object]
            try:
                tell = partial(_settle, future, func(*args))
            except BaseException as exc:  # noqa: BLE001  # carried to whoever awaits it
                tell = partial(_fail, future, exc)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody awaits it
                self.call_soon_threadsafe(tell)

        _real.thread(call, "healthkit executor").start()
        return future

    async def getaddrinfo(  # noqa: PLR0913  # asyncio's
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002  # asyncio's
        proto: int = 0,
        flags: int = 0,
    ) -> Any:  # noqa: ANN401  # typeshed's own type of it differs from checker to checker
        """Look an address up without gevent's resolver, which would make a hub in each thread."""
        find = cast("Callable[..., object]", _real.original("socket", "getaddrinfo"))
        look = partial(find, host, port, family, type, proto, flags)
        return await self.run_in_executor(None, look)


def _settle(future: asyncio.Future[_T], result: _T) -> None:
    if not future.done():  # else whoever awaited it was cancelled
        future.set_result(result)


def _fail(future: asyncio.Future[_T], error: BaseException) -> None:
    if not future.done():  # as above
        future.set_exception(error)
