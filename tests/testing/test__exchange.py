"""One exchange is what uvicorn's would be: asked of uvicorn itself, without a socket."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

import h11
import pytest
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from healthkit.testing._exchange import BUFFER, RATE, Exchange, is_request, scope_of
from healthkit.testing._process import Answer, Request

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = (("Host", "10.244.0.2:8000"), ("User-Agent", "kube-probe/1.36"), ("Connection", "close"))


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("10.244.0.2", 8000), "peername": ("10.0.0.1", 32769)})
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.closed

    def resume_reading(self) -> None:
        """Do nothing."""


async def of_uvicorn(app: ASGIApp, request: Request) -> tuple[Answer, Scope]:
    """Have uvicorn serve a request; return what its client would get, and the scope."""
    scopes: list[Scope] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(dict(scope))
        return await app(scope, receive, send)

    config = Config(cast("Any", noting), lifespan="off", log_config=None, proxy_headers=False)
    config.load()
    wire = Wire()
    protocol = H11Protocol(config, state := ServerState(), {"pool": 1})
    protocol.connection_made(wire)
    client = h11.Connection(h11.CLIENT)
    headers = list(request.headers)
    question = h11.Request(method=request.method, target=request.path, headers=headers)
    protocol.data_received(client.send(question) + client.send(h11.EndOfMessage()))
    await asyncio.wait(state.tasks)
    protocol.timeout_keep_alive_handler()
    return _read(client, wire), scopes[0]


def _read(client: h11.Connection, wire: Wire) -> Answer:
    """Return what a client makes of the bytes."""
    client.receive_data(wire.written)
    client.receive_data(b"")
    status, body = None, b""
    try:
        while not isinstance(event := client.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError:
        error = "eof" if status is None else "short body"
        return Answer(status, cast("Any", error), body=body)
    return Answer(status, None if status else "eof", body=body)


async def of_ours(app: ASGIApp, request: Request) -> tuple[Answer, Scope]:
    """Have the exchange serve a request; return the same of it."""
    answers: list[Answer] = []
    scope = scope_of(request, 32769, ("10.244.0.2", 8000), {"pool": 1})
    seen = dict(scope)
    await Exchange(scope, request, answers.append).run(app)
    (answer,) = answers
    return answer, seen


def says(*messages: Message, raises: BaseException | None = None, result: object = None) -> ASGIApp:
    """Make an app that sends these messages, and then raises or returns."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        for message in messages:
            await send(dict(message))
        if raises is not None:
            raise raises
        return cast("None", result)

    return app


def start(status: int = 200, /, **headers: str) -> Message:
    """Make the message that begins an answer."""
    raw = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    """Make a message of the body."""
    return {"type": "http.response.body", "body": data, "more_body": more}


ODD = RuntimeError("odd")
APPS: dict[str, ASGIApp] = {
    "plain": says(start(content_length="2"), body(b"ok")),
    "chunked": says(start(), body(b"o", more=True), body(b"k")),
    "chunked by name": says(start(transfer_encoding="chunked"), body(b"ok")),
    "empty": says(start(), body()),
    "204": says(start(204), body()),
    "204 with a body": says(start(204), body(b"ok")),
    "304 with a length": says(start(304, content_length="9"), body()),
    "404": says(start(404), body(b"no")),
    "503": says(start(503), body(b"no")),
    "closes": says(start(connection="close"), body(b"ok")),
    "nothing": says(),
    "raises": says(raises=ODD),
    "raises after the start": says(start(), raises=ODD),
    "raises in the body": says(start(content_length="4"), body(b"ok", more=True), raises=ODD),
    "raises at the end": says(start(), body(b"ok"), raises=ODD),
    "is cancelled": says(raises=asyncio.CancelledError()),
    "exits": says(raises=SystemExit(1)),
    "only starts": says(start()),
    "stops in the body": says(start(), body(b"ok", more=True)),
    "has enough in the body": says(start(content_length="2"), body(b"ok", more=True)),
    "too little": says(start(content_length="3"), body(b"ok")),
    "too much": says(start(content_length="1"), body(b"ok")),
    "too much, later": says(start(content_length="2"), body(b"ok", more=True), body(b"!")),
    "body first": says(body(b"ok")),
    "starts twice": says(start(), start(), body(b"ok")),
    "ends twice": says(start(), body(b"ok"), body(b"ok")),
    "no status": says(start(99), body()),
    "100": says(start(100), body()),
    "600": says(start(600), body()),
    "two lengths": says(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"1"), (b"content-length", b"2")],
        }
    ),
    "no length": says(start(content_length="many"), body(b"ok")),
    "a header of two lines": says(start(x_a="1\r\nx-b: 2"), body(b"ok")),
    "a header without a name": says({**start(), "headers": [(b"", b"1")]}, body(b"ok")),
    "returns something": says(start(), body(b"ok"), result=1),
    "returns something only": says(result=1),
    "without a body": says(start(), {"type": "http.response.body"}),
    "without headers": says({"type": "http.response.start", "status": 200}, body(b"ok")),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", APPS)
async def test_an_answer_is_what_uvicorn_makes_of_it(name: str, method: str) -> None:
    """Whatever the app does: status, body, and how it breaks."""
    request = Request("/readyz?verbose", 8000, method, headers=HEADERS)
    (theirs, _), (ours, _) = [await of(APPS[name], request) for of in (of_uvicorn, of_ours)]
    expected = (theirs.status, theirs.error, theirs.body)
    if theirs.error == "eof":
        expected = (None, "eof", b"")
    assert (ours.status, ours.error, ours.body) == expected


@pytest.mark.parametrize(
    "request_",
    [
        Request("/", 8000, headers=HEADERS),
        Request("/a%20b/%C3%A9?q=%20&q=2", 8000, "HEAD", headers=HEADERS),
        Request("//a?", 8000, "POST", headers=(("HOST", "x"), ("X-A", "1"), ("x-a", "2"))),
    ],
    ids=lambda request: request.path,
)
async def test_a_scope_is_what_uvicorn_makes_of_it(request_: Request) -> None:
    """Byte by byte, headers in their order."""
    app = APPS["plain"]
    (_, theirs), (_, ours) = [await of(app, request_) for of in (of_uvicorn, of_ours)]
    assert ours == theirs


@pytest.mark.parametrize("path", ["", "/a b", "/\r\n", "/\N{SNOWMAN}"])
def test_what_is_no_target_is_no_request(path: str) -> None:
    """A server answers 400 to it."""
    assert not is_request(Request(path, 8000))


class Client:
    """One exchange, seen from both sides while it lasts."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401  # Request's own
        self.answers: list[Answer] = []
        request = Request("/", 8000, **more)
        scope = scope_of(request, 1, ("", 1), {})
        self.exchange = Exchange(scope, request, self.answers.append)

    def run(self, app: ASGIApp) -> asyncio.Task[None]:
        """Have it served."""
        return asyncio.create_task(self.exchange.run(app))


async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
    """Send for ever, without ever waiting for anything else."""
    await receive()
    await send(start())
    while True:
        await send(body(b"x" * 1024, more=True))


async def test_a_client_with_a_limit_is_content_with_it() -> None:
    """The kubelet reads 10 KiB, whatever there is."""
    client = Client(body_limit=10_240)
    task = client.run(endless)
    await asyncio.sleep(1)
    (answer,) = client.answers
    assert (answer.status, answer.error, answer.body) == (200, None, b"x" * 10_240)
    task.cancel()


async def test_a_limit_is_no_duty() -> None:
    """A shorter body is complete at its end."""
    client = Client(body_limit=10_240)
    await client.run(APPS["chunked"])
    assert client.answers[0].body == b"ok"


async def test_an_endless_answer_costs_time_and_no_memory() -> None:
    """Whoever sends without end is held up at the rate at which the client reads."""
    client = Client()
    task = client.run(endless)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.sleep(10)
    assert loop.time() - began < 11
    client.exchange.time_out()
    await asyncio.sleep(1)
    (answer,) = client.answers
    assert (answer.status, answer.error, len(answer.body)) == (200, "slow body", 16 * 1024)
    assert not task.done()
    task.cancel()


async def test_a_big_answer_takes_its_time() -> None:
    """2 MB are read in 20 ms; nothing is lost of them, and 16 KiB kept."""
    client = Client()
    began = asyncio.get_running_loop().time()
    size = 2_000_000
    await client.run(says(start(content_length=str(size)), body(b"x" * size)))
    took = asyncio.get_running_loop().time() - began
    assert took == pytest.approx(size / RATE, abs=BUFFER / RATE)
    assert (client.answers[0].error, len(client.answers[0].body)) == (None, 16 * 1024)


async def test_who_times_out_has_waited_for_the_status_or_for_the_body() -> None:
    """Only the second has a status; the app is told, and what it sends then is ignored."""
    told: list[Message] = []

    async def slow(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(1)
        await send(start())
        told.append(await receive())
        told.append(await receive())
        await send(body(b"ok"))
        await send(start())

    client = Client()
    task = client.run(slow)
    assert repr(client.exchange) == "<Exchange GET / no status waiting>"
    await asyncio.sleep(2)
    assert repr(client.exchange) == "<Exchange GET / 200 waiting>"
    client.exchange.time_out()
    client.exchange.time_out()
    await task
    (answer,) = client.answers
    assert (answer.status, answer.error, answer.closes) == (200, "slow body", True)
    assert told == [{"type": "http.disconnect"}] * 2
    assert repr(client.exchange) == "<Exchange GET / 200 answered>"
    early = Client()
    task = early.run(slow)
    early.exchange.time_out()
    await asyncio.sleep(2)
    assert early.answers == [Answer(error="timeout", closes=True)]
    await task


async def test_an_app_that_is_done_hears_that_the_client_goes() -> None:
    """`receive` after the answer is a disconnect, as in uvicorn."""
    client = Client()
    received: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"ok"))
        received.append(await receive())

    await client.run(app)
    client.exchange.disconnect()
    assert received == [{"type": "http.disconnect"}]


@pytest.mark.parametrize(
    ("request_headers", "headers", "closes"),
    [
        ((), {}, False),
        ((("Connection", "close"),), {}, True),
        ((("Connection", "keep-alive, Close"),), {}, True),
        ((), {"connection": "close"}, True),
        ((), {"connection": "keep-alive"}, False),
    ],
)
async def test_either_side_can_ask_for_the_connection_to_be_closed(
    request_headers: tuple[tuple[str, str], ...], headers: dict[str, str], *, closes: bool
) -> None:
    """By its header, alone or in a list."""
    client = Client(headers=request_headers)
    await client.run(says(start(200, **headers), body(b"ok")))
    assert client.answers[0].closes is closes


async def test_a_client_that_asks_for_it_is_told_that_the_connection_closes() -> None:
    """Once, also if the app says so itself."""
    for headers in ({}, {"connection": "close"}):
        client = Client(headers=HEADERS)
        await client.run(says(start(200, **headers), body(b"ok")))
        assert client.answers[0].headers == (("connection", "close"),)


async def test_a_server_that_ends_closes_after_the_answer() -> None:
    """Without saying so in a header: uvicorn does not."""
    client = Client()
    client.exchange.close_after()
    await client.run(says(start(X_A=" 1 "), body(b"ok")))
    assert client.answers == [Answer(200, None, (("x-a", "1"),), b"ok", closes=True)]


async def test_the_dead_do_not_answer() -> None:
    """The client gets a reset; what the app does about its end is nobody's business."""
    client = Client()
    raised: list[BaseException] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError as exc:
            raised.append(exc)
            await send(start())
            raise

    task = client.run(app)
    await asyncio.sleep(1)
    client.exchange.die()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.answers == [Answer(error="reset", closes=True)]
    assert len(raised) == 1


async def test_a_coroutine_that_is_thrown_away_answers_nothing() -> None:
    """A loop that is closed takes its requests along."""
    client = Client()

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        await receive()

    work = client.exchange.run(app)
    work.send(None)
    work.close()
    assert client.answers == []


async def test_ctrl_c_is_the_developers() -> None:
    """It ends the simulation, and not in an answer."""
    client = Client()
    work = client.exchange.run(says(raises=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        work.send(None)
    assert client.answers == []


async def test_what_an_app_raises_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, as a server would have it."""
    caplog.set_level(logging.ERROR, "healthkit.testing")
    await Client().run(APPS["raises"])
    await Client().run(APPS["nothing"])
    assert [record.exc_info is not None for record in caplog.records] == [True, False]
