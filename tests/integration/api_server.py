"""A small API server: it takes patches of one Pod's status over HTTPS, as strictly as the real one.

It runs in a thread of its own, with certificates made by openssl for the occasion. What it was
asked is kept in order; `ApiServer.faults` says how it goes wrong next.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import selectors
import shutil
import ssl
import subprocess
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

NAMESPACE: Final = "shop"
POD: Final = "shop-7d4b9c-x2x7q"
CONDITION: Final = "healthkit.dev/cache-warm"
MERGE: Final = "application/strategic-merge-patch+json"

#: What a server says by each status.
_REASONS: Final = {200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
#: A time as the API server reads it, in UTC.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

#: Conditions of others.
_KUBELETS: Final = {
    "Ready": {"type": "Ready", "status": "False"},
    "ContainersReady": {"type": "ContainersReady", "status": "True"},
}


def make_ca(directory: Path, name: str) -> tuple[Path, Path]:
    """Make a CA; return its certificate and key. Skips the test if there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: certificates can't be made")
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)),
    )
    return certificate, key


def make_certificate(directory: Path, ca: tuple[Path, Path]) -> Path:
    """Make a server's certificate, and its key, in one file."""
    request, key, made = (directory / f"server.{end}" for end in ("csr", "key", "pem"))
    _openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=kube-apiserver", "-keyout", str(key), "-out", str(request)),
    )
    names = directory / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost\n")
    _openssl(
        *("x509", "-req", "-in", str(request), "-CA", str(ca[0]), "-CAkey", str(ca[1])),
        *("-CAcreateserial", "-days", "2", "-extfile", str(names), "-out", str(made)),
    )
    made.write_text(made.read_text() + key.read_text())
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)  # noqa: S603, S607  # a test's own


@dataclass(frozen=True)
class Request:
    """One that has come in whole."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, str]:
        """The one condition in it."""
        (one,) = json.loads(self.body)["status"]["conditions"]
        return cast("dict[str, str]", one)


@dataclass(frozen=True)
class Fault:
    """How one request is answered in place of the right way."""

    status: int = 0
    retry_after: str | None = None
    #: Seconds before the answer.
    delay: float = 0.0
    #: In place of an answer; empty is a closed connection.
    raw: bytes | None = None


HANG: Final = Fault(delay=3600)
CLOSE: Final = Fault(raw=b"")
GARBAGE: Final = Fault(raw=b"\x00\xff nothing of HTTP\r\n\r\n")


@dataclass
class ApiServer:
    """The server. All fields may be read and set in any thread."""

    directory: Path
    certificate: Path
    token: str = "token-1"  # noqa: S105  # of this server
    #: Whether the account has the Role.
    permitted: bool = True
    conditions: dict[str, dict[str, str]] = field(default_factory=lambda: dict(_KUBELETS))
    requests: list[Request] = field(default_factory=list[Request])
    #: What was answered, with the status: 0 if it was nothing of HTTP.
    answered: list[tuple[Request, int]] = field(default_factory=list["tuple[Request, int]"])
    #: For the next requests, the first first; what stays is for all.
    faults: deque[Fault] = field(default_factory=deque[Fault])
    fault: Fault | None = None
    port: int = 0

    @property
    def account(self) -> Path:
        """The ServiceAccount's volume."""
        return self.directory / "account"

    @property
    def environment(self) -> dict[str, str]:
        """What the kubelet would set in the pod."""
        return {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.port),
            "POD_NAME": POD,
            "POD_NAMESPACE": NAMESPACE,
        }

    @property
    def says(self) -> list[str]:
        """The statuses that were taken, in order."""
        return [request.said["status"] for request, status in self.answered if status == 200]

    @property
    def statuses(self) -> list[int]:
        """How requests were answered, in order."""
        return [status for _request, status in self.answered]

    @property
    def status(self) -> str | None:
        """The condition of now."""
        return self.conditions.get(CONDITION, {}).get("status")

    def rotate(self, token: str) -> None:
        """Accept another token only, and put it in the old one's place, as the kubelet does."""
        new = self.account / "..token"
        new.write_text(token + "\n")
        new.replace(self.account / "token")
        self.token = token

    # -- one request ------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close. Its end is no error, which Python 3.11 would log."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read(reader)
        fault = self.faults.popleft() if self.faults else self.fault
        self.requests.append(request)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        raw = self._answer(request, fault)
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _answer(self, request: Request, fault: Fault | None) -> bytes:
        if fault is not None and fault.raw is not None:
            self.answered.append((request, 0))
            return fault.raw
        status = fault.status if fault is not None and fault.status else self._judge(request)
        self.answered.append((request, status))
        more = f"Retry-After: {fault.retry_after}\r\n" if fault and fault.retry_after else ""
        body = json.dumps({"kind": "Status" if status > 299 else "Pod", "status": {}}).encode()
        head = f"HTTP/1.1 {status} {_REASONS.get(status, 'Other')}\r\n{more}"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _judge(self, request: Request) -> int:
        """Do as kube-apiserver does: who, what, whether, how, and what follows."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{POD}/status"
        if not self.permitted or not request.path.startswith(f"/api/v1/namespaces/{NAMESPACE}/"):
            return 403
        if request.path != path:
            return 404
        if request.method != "PATCH":
            return 405
        if request.headers.get("content-type") != MERGE:
            return 415
        return self._merge(request.body)

    def _merge(self, body: bytes) -> int:
        """Merge the conditions by their type."""
        try:
            patch = json.loads(body)
        except ValueError:
            return 400
        if set(patch) != {"status"} or set(patch["status"]) != {"conditions"}:
            return 422
        for one in patch["status"]["conditions"]:
            if "/" not in one["type"] or one["status"] not in {"True", "False", "Unknown"}:
                return 422
            if _TIME.fullmatch(one["lastTransitionTime"]) is None:
                return 400
            self.conditions[one["type"]] = {**self.conditions.get(one["type"], {}), **one}
        return 200


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _version = first.split(" ")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(time.monotonic(), method, path, headers, body)


@contextmanager
def api_server(directory: Path) -> Generator[ApiServer]:
    """Run a server, for as long as the block lasts; its ServiceAccount's volume is there, too."""
    ca = make_ca(directory, "cluster-ca")
    server = ApiServer(directory, make_certificate(directory, ca))
    server.account.mkdir()
    shutil.copy(ca[0], server.account / "ca.crt")
    (server.account / "namespace").write_text(NAMESPACE)
    server.rotate("token-1")
    with _running(server):
        yield server
    gc.collect()  # a connection that was left open is this test's, and not a later one's


@contextmanager
def _running(server: ApiServer) -> Generator[None]:
    selector = selectors.DefaultSelector()
    loop = asyncio.SelectorEventLoop(selector)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.certificate)
    listening = loop.run_until_complete(
        asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    )
    server.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.run_until_complete(_end(asyncio.all_tasks(loop), selector))
        loop.close()


async def _end(tasks: set[asyncio.Task[object]], selector: selectors.BaseSelector) -> None:
    """End what is under way, and let the loop close each connection: no test has to hear of it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(30):
        while len(selector.get_map()) > 1:  # noqa: ASYNC110  # the loop's own is left
            await asyncio.sleep(0.005)
