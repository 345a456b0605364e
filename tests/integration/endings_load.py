"""What is in the middle of something when a server is told to end, beside the many small requests.

A slow request, a stream, two uploads and a WebSocket, each on a connection of its own. Each counts
as one request in the load's tally, and is lost unless all of it went well: a stream needs its whole
body, an upload the answer with its size, a WebSocket an answer to every message and a close with a
code. None of them is ever sent elsewhere: all begin before the Service has forgotten the pod.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx
import websockets

from tests.integration.endings_body import PIECES, piece

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from examples.pod.load import Load

#: What an upload sends at a time, and how often.
PART: Final = b"x" * 2_048
PARTS: Final = 40
#: Seconds between two messages on the WebSocket.
PAUSE: Final = 0.02
#: Service restart (IANA's registry), and what it is called where the server can't send that.
GOODBYES: Final = frozenset({1012, 4012})


class Callers:
    """Starts long calls, and counts them in a load. Use it in one event loop.

    Args:
        load: where they are counted.
        port: where the pod listens.
    """

    def __init__(self, load: Load, port: int) -> None:
        self._load = load
        self._port = port
        self._tasks: list[asyncio.Task[None]] = []
        #: What the WebSocket was closed with; None if there was none, or no word of goodbye.
        self.close_code: int | None = None
        self.messages = 0

    def __repr__(self) -> str:
        return f"<Callers {[task.get_name() for task in self._tasks if not task.done()]}>"

    def slow(self, seconds: float) -> None:
        """Send a request that takes so long. Returns at once, like all of these."""
        self._begin("slow", self._get(f"/sleep/{seconds:g}", "slept"))

    def stream(self, seconds: float) -> None:
        """Ask for an answer that takes so long to be sent."""
        body = "".join(piece(number) for number in range(PIECES))
        self._begin("stream", self._get(f"/stream/{seconds:g}", body))

    def uploads(self, seconds: float) -> None:
        """Begin two uploads that take so long: one chunked, one that says its length before."""
        size = str(len(PART) * PARTS)
        self._begin("upload", self._post(seconds, {}))
        self._begin("upload", self._post(seconds, {"content-length": size}))

    def websocket(self) -> None:
        """Talk until the server says goodbye."""
        self._begin("websocket", self._talk())

    async def finish(self) -> None:
        """Wait until all have ended. Bounded by the load's patience."""
        await asyncio.gather(*self._tasks)

    async def abandon(self) -> None:
        """Drop those that have not ended. Harmless after `finish`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, kind: str, call: Coroutine[object, object, str | None]) -> None:
        task = asyncio.get_running_loop().create_task(self._count(kind, call), name=kind)
        self._tasks.append(task)

    async def _count(self, kind: str, call: Coroutine[object, object, str | None]) -> None:
        """Await a call, and count it with the reason for which it is lost, if it is."""
        try:
            async with asyncio.timeout(self._load.patience):
                reason = await call
        except (httpx.HTTPError, OSError, TimeoutError, websockets.WebSocketException) as exc:
            reason = f"{type(exc).__name__} {exc}".strip()
        self._load.record(kind, reason)

    def _client(self) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{self._port}"
        return httpx.AsyncClient(base_url=url, timeout=self._load.patience, trust_env=False)

    async def _get(self, path: str, body: str) -> str | None:
        async with self._client() as http:
            return _complaint(await http.get(path), body)

    async def _post(self, seconds: float, headers: dict[str, str]) -> str | None:
        async with self._client() as http:
            answer = await http.post("/upload", content=_parts(seconds), headers=headers)
            return _complaint(answer, str(len(PART) * PARTS))

    async def _talk(self) -> str | None:
        """Send messages, and have each of them back, until the close."""
        url = f"ws://127.0.0.1:{self._port}/echo"
        async with websockets.connect(url, proxy=None, close_timeout=1) as websocket:
            try:
                while True:
                    sent = str(self.messages)
                    await websocket.send(sent)
                    if (came := await websocket.recv()) != sent:
                        return f"sent {sent}, got {came!r}"
                    self.messages += 1
                    await asyncio.sleep(PAUSE)
            except websockets.ConnectionClosed as exc:
                self.close_code = None if exc.rcvd is None else exc.rcvd.code
        if self.close_code not in GOODBYES:
            return f"closed with {self.close_code or 1006}"
        return None


async def _parts(seconds: float) -> AsyncIterator[bytes]:
    """Send the body of an upload, so slowly. One part that is late makes no other late."""
    clock = asyncio.get_running_loop().time
    began = clock()
    for number in range(1, PARTS + 1):
        await asyncio.sleep(max(0.0, began + seconds * number / PARTS - clock()))
        yield PART


def _complaint(answer: httpx.Response, body: str) -> str | None:
    """Say what is wrong with an answer, or None."""
    if not answer.is_success:
        return f"status {answer.status_code}"
    if answer.text != body:
        return f"{len(answer.text)} of {len(body)} characters"
    return None
