"""The drain over HTTP: who may ask for it, when it is over, and what is said then.

For a ``preStop.httpGet`` hook. The kubelet waits for the answer, whatever its status (kubernetes
1.36 pkg/kubelet/lifecycle/handlers.go, runHTTPHandler), then sends SIGTERM. When the pod is drained
is `_pod_drain_rules`' business: this worker's own record is one among those of its pod, as if it
was written now. How a worker drains is `_exit`'s. The door sends the answer.

A GET with the token can end the pod for good. Without the token every answer is the same 404, and
leaves no trace: whoever floods the path fills no log.

The surprising fact: a request that waits for the drain is in flight itself, for the server. For
the drain it is not, or two of them would wait for each other.
"""

from __future__ import annotations

import contextlib
import os
from hmac import compare_digest
from typing import TYPE_CHECKING, Final, final

import anyio

from healthkit._facts import HOLDS_NAMED, Facts
from healthkit._log import logger
from healthkit._model import Phase
from healthkit._pod_drain_log import counted
from healthkit._pod_drain_rules import Order, Sight, Stage, sight, told_at
from healthkit._render import METHOD_NOT_ALLOWED, NOT_FOUND, OK, complete
from healthkit._state_dir import Peer, View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from starlette.types import Receive, Scope

    from healthkit._life import Life
    from healthkit._render import Answer
    from healthkit._settings import Settings

#: Seconds between two looks at what is in flight.
TICK: Final = 0.05

#: To whoever has not the token, whatever was asked.
UNKNOWN_PATH: Final = complete(NOT_FOUND, "not found\n")

#: To whoever has it, for anything but GET (RFC 9110, 15.5.6: Allow is required).
WRONG_METHOD: Final = complete(METHOD_NOT_ALLOWED, "method not allowed\n", (b"allow", b"GET"))

AUTHORIZATION: Final = b"authorization"

_DELAY: Final = frozenset({Stage.DELAY})
_UNDER_WAY: Final = frozenset({Stage.DELAY, Stage.WAITING})


# -- who may ask: pure ----------------------------------------------------------------------------


def refusal(method: str, authorizations: Sequence[bytes], token: bytes) -> Answer | None:
    """Return what a request is to be told at once; None if it may drain the pod.

    Args:
        method: of the request.
        authorizations: the value of each of its Authorization headers. Several are wrong: which
            one counts would depend on who reads them.
        token: the right one.
    """
    if len(authorizations) != 1 or not _has_token(authorizations[0], token):
        return UNKNOWN_PATH
    return None if method == "GET" else WRONG_METHOD


def _has_token(authorization: bytes, token: bytes) -> bool:
    """Whether this is ``Bearer <token>``; the case of the scheme alone is free (RFC 9110, 11.1)."""
    scheme, _, credentials = authorization.partition(b" ")
    return compare_digest(credentials.strip(b" "), token) and scheme.lower() == b"bearer"


# -- when it is over ------------------------------------------------------------------------------


def look(life: Life, settings: Settings) -> Sight:
    """Say how far the drain of the pod is, from memory. Safe in any thread."""
    now = life.now()
    pod = life.pod()
    own = _alone(life, settings) if pod is None else pod.members[0].facts
    others = [] if pod is None else [member.source for member in pod.members]
    record = Peer("", own, fresh=True, body=b"%d %d\n" % (int(now * 1e9), own.pid))
    view = View((record, *(peer for peer in others if isinstance(peer, Peer))))
    # A hook that comes late gets no time of its own: SIGTERM would not wait for that either.
    told = told_at(view)
    return sight(Order(now if told is None else told), view, now)


def _alone(life: Life, settings: Settings) -> Facts:
    """Say how a worker stands that is in no pod: a drain of its own is the pod's."""
    moments = (life.told, life.lifecycle.entered.get(Phase.DRAINING))
    return Facts(
        pid=os.getpid(),
        app="",
        joined=0,
        told=min((moment for moment in moments if moment is not None), default=None),
        requests=life.traffic.in_flight,
        streams=life.traffic.streams,
        holds=tuple(life.traffic.holds),
        drain_delay=settings.drain_delay,
        drain_timeout=settings.drain_timeout,
    )


async def drained(life: Life, settings: Settings) -> str:
    """Drain the pod; return when it is drained, with what there is to say about it.

    On the life's loop. Bounded by delay and timeout, and by the life: when it ends, so does this.
    Cancelled, it leaves the drain to go on.
    """
    life.drain()
    await life.joined()  # a worker that is asked with its first request knows of no other yet
    await _past(_DELAY, life, settings)
    with life.watched():
        return said(await _past(_UNDER_WAY, life, settings))


async def _past(stages: frozenset[Stage], life: Life, settings: Settings) -> Sight:
    """Wait until the drain is past these stages, or the life is over."""
    while True:
        seen = look(life, settings)
        if seen.stage not in stages or life.phase is Phase.STOPPED:
            return seen
        await anyio.sleep(TICK)


def said(seen: Sight) -> str:
    """Say in a line how the drain has ended: in numbers, for a hold's name is for the log."""
    left = [*_in_flight([peer.facts for peer in seen.peers])]
    parts = [f"{' and '.join(left)} still in flight"] if left else []
    silent = sum(seen.is_silent(peer, 0.0) for peer in seen.peers)
    parts += [f"{counted(silent, 'worker')} not answering"] if silent else []
    return f"drained, with {' and '.join(parts)}" if parts else "drained"


def _in_flight(workers: Iterable[Facts]) -> Iterable[str]:
    requests, streams, holds, more = 0, 0, 0, False
    for facts in workers:
        requests += facts.requests
        streams += facts.streams
        holds += min(len(facts.holds), HOLDS_NAMED)
        more |= len(facts.holds) > HOLDS_NAMED  # a record names no more
    if requests:
        yield counted(requests, "request")
    if streams:
        yield counted(streams, "stream")
    if holds:
        yield f"{'more than ' * more}{counted(holds, 'hold')}"


# -- for the doors --------------------------------------------------------------------------------


@final
class PreStopDesk:
    """Where the pod is drained over HTTP. What it is asked it never tells at once."""

    def __init__(self, token: str, settings: Settings, life: Callable[[], Life]) -> None:
        """Open a desk.

        Args:
            token: what a client must know. It is in no repr, log or answer.
            settings: those in force.
            life: returns the life that is to be drained, and begins one if there is none.
        """
        self._token = token.encode()
        self._settings = settings
        self._life = life

    def __repr__(self) -> str:
        return f"<PreStopDesk {self._settings.prestop_path!r}>"

    def recall(self, scope: Scope) -> tuple[()]:
        """Return nothing: see `Desk.recall`."""
        del scope
        return ()

    def refusal(self, scope: Scope) -> Answer | None:
        """Return what a request is to be told at once; None if it may drain. Changes nothing."""
        headers = scope["headers"]
        given = [bytes(value) for name, value in headers if name.lower() == AUTHORIZATION]
        return refusal(scope["method"], given, self._token)

    async def drained(self) -> Answer:
        """Drain the pod; return the answer when it is drained. On the life's loop."""
        logger.info("a drain is asked for over HTTP")
        line = await drained(self._life(), self._settings)
        logger.info("the drain that was asked for over HTTP is over: %s", line)
        return complete(OK, f"{line}\n")

    async def hold(self, receive: Receive, give: Callable[[Answer], Awaitable[None]]) -> None:
        """Do the same for an ASGI request, and `give` the answer; end when its client goes away."""
        async with anyio.create_task_group() as group:
            group.start_soon(_until_gone, receive, group.cancel_scope)
            await give(await self.drained())
            group.cancel_scope.cancel()


async def _until_gone(receive: Receive, waiting: anyio.CancelScope) -> None:
    """Cancel what waits when the client has gone; do nothing if the server does not tell."""
    with contextlib.suppress(OSError):
        message = await receive()
        while message.get("more_body", False):
            message = await receive()
        if message["type"] == "http.request":
            message = await receive()
        if message["type"] == "http.request":
            return
    waiting.cancel()
