"""The suite's hand inside the cluster: a pod that asks, watches and puts load on what it is told.

What the wire says is only to be seen from there: the API server's proxy takes hop-by-hop headers
away, and a client of it repeats what was answered 503 with Retry-After. So this pod asks, and says
what it was answered as JSON, always with status 200. It is asked by the API server's proxy, or by
`kubectl exec` with a command line: ``python3 -m tests.cluster.client '/ask?url=...'``.

Runs in the cluster, with the standard library only.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from tests.cluster.http1 import Connection, Target
from tests.cluster.load import FAILURES, Load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

#: Where it listens.
PORT: Final = 8080
#: Seconds between two looks of a watch.
LOOK: Final = 0.05

#: What is told: made of what `json` can write.
Told = dict[str, object]


async def ask(url: str) -> Told:
    """Send one GET on a connection of its own. Never raises: no answer is status 0."""
    connection = Connection(Target.of(url))
    try:
        answer = await connection.get()
    except FAILURES as exc:
        return {"status": 0, "headers": {}, "body": f"{type(exc).__name__} {exc}".strip()}
    finally:
        connection.close()
    body = answer.body.decode(errors="replace")
    return {"status": answer.status, "headers": dict(answer.headers), "body": body}


class Watch:
    """Asks a URL all the time, and keeps what changed: status and text, and from when to when."""

    def __init__(self, url: str) -> None:
        self._url = url
        #: Each with the seconds, on this pod's clock, of its first and its last answer.
        self.spans: list[Told] = []
        self._task = asyncio.get_running_loop().create_task(self._look(), name=f"watch {url}")

    async def stop(self) -> None:
        """Look no more."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _look(self) -> None:
        while True:
            asked = time.monotonic()
            seen = await ask(self._url)
            now = {"status": seen["status"], "text": str(seen["body"]).strip()}
            if not self.spans or {key: self.spans[-1][key] for key in now} != now:
                self.spans.append({**now, "first": asked})
            self.spans[-1]["last"] = asked
            await asyncio.sleep(LOOK)


class Hand:
    """Does what it is asked to, by path. Watches and loads have names, given by the suite."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}
        self._loads: dict[str, Load] = {}
        self._does: Mapping[str, Callable[[Mapping[str, str]], Awaitable[Told]]] = {
            "/": self._here,
            "/can": self._can,
            "/ask": lambda query: ask(query["url"]),
            "/asks": self._asks,
            "/watch": self._watch,
            "/seen": self._seen,
            "/load": self._load,
            "/tally": self._tally,
            "/stop": self._stop,
            "/quiet": self._quiet,
        }

    async def do(self, path: str) -> Told:
        """Do what a request's path says. What can't be done is told as ``error``."""
        parts = urlsplit(path)
        does = self._does.get(parts.path)
        if does is None:
            return {"error": f"found {parts.path}, expected one of {', '.join(self._does)}"}
        try:
            return await does(dict(parse_qsl(parts.query)))
        except KeyError as exc:
            return {"error": f"{parts.path}: nothing is called {exc}"}

    async def _here(self, _query: Mapping[str, str]) -> Told:
        return {"here": True}

    async def _can(self, query: Mapping[str, str]) -> Told:
        """Import a module, for whoever wants to know whether the pods can."""
        try:
            importlib.import_module(query["import"])
        except Exception as exc:  # noqa: BLE001  # whatever a module raises
            return {"why": f"{type(exc).__name__} {exc}"}
        return {"why": ""}

    async def _asks(self, query: Mapping[str, str]) -> Told:
        """Ask several URLs at once: so that all workers have to do with it, and it is quick."""
        urls: list[str] = json.loads(query["urls"])
        return {"answers": await asyncio.gather(*map(ask, urls))}

    async def _quiet(self, _query: Mapping[str, str]) -> Told:
        """Forget what a test that has failed left behind: no load of its is on the next one."""
        for load in self._loads.values():
            await load.cancel()
        for watch in self._watches.values():
            await watch.stop()
        self._loads.clear()
        self._watches.clear()
        return {"quiet": True}

    async def _watch(self, query: Mapping[str, str]) -> Told:
        self._watches[query["name"]] = Watch(query["url"])
        return {"watching": query["url"]}

    async def _seen(self, query: Mapping[str, str]) -> Told:
        watch = self._watches[query["name"]]
        if "stop" in query:
            await watch.stop()
        return {"spans": watch.spans}

    async def _load(self, query: Mapping[str, str]) -> Told:
        load = self._loads[query["name"]] = Load(query["url"])
        load.start()
        return {"loading": query["url"]}

    async def _tally(self, query: Mapping[str, str]) -> Told:
        return self._loads[query["name"]].tally.as_json()

    async def _stop(self, query: Mapping[str, str]) -> Told:
        """End a load; its summary goes to the log too."""
        tally = (await self._loads[query["name"]].stop()).as_json()
        sys.stdout.write(json.dumps({"load": query["name"], **tally}) + "\n")
        sys.stdout.flush()
        return tally


async def serve(hand: Hand, host: str | None, port: int) -> asyncio.Server:
    """Serve a hand over HTTP, one request for each connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*FAILURES, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = json.dumps(await hand.do(head.split(b" ")[1].decode())).encode()
            size = f"content-length: {len(body)}\r\n"
            line = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            writer.write(f"{line}{size}\r\n".encode() + body)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, host, port)


async def _serve_for_ever() -> None:
    # None is all addresses: the pod has one of one family, or of both.
    server = await serve(Hand(), None, PORT)
    async with server:
        await server.serve_forever()


async def _pass_on(path: str) -> None:
    connection = Connection(Target("localhost", PORT, path))
    answer = await connection.get()
    connection.close()
    sys.stdout.write(answer.body.decode())


if __name__ == "__main__":
    asyncio.run(_pass_on(sys.argv[1]) if sys.argv[1:] else _serve_for_ever())
