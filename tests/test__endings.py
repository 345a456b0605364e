"""How a drain ends one stream, seen from the server and from the app."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

import anyio
import anyio.lowlevel
import pytest

from healthkit._endings import (
    Conversation,
    Outgoing,
    StreamEndedError,
    closing,
    end,
)
from tests.servers import Exchange, receive_nothing
from tests.virtual import ON_ASYNCIO
from tests.virtual import on_both as anyio_backend

if TYPE_CHECKING:
    from starlette.types import Message

__all__ = ["anyio_backend"]

ACCEPT: Message = {"type": "websocket.accept"}
TEXT: Message = {"type": "websocket.send", "text": "tick"}
CLOSE: Message = {"type": "websocket.close", "code": 1000}
CLOSED: Message = {"type": "websocket.close", "code": 1012, "reason": "service restart"}
GONE: Message = {"type": "websocket.disconnect", "code": 1012, "reason": None}

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"tick", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class Server(Exchange):
    """The server's side of a WebSocket: what it was sent, and what it has to say."""

    def __init__(self) -> None:
        super().__init__()
        self.to_app, self._inbox = anyio.create_memory_object_stream["Message"](10)
        #: How long a close takes.
        self.closes_in = 0.0
        #: What it raises when it is sent something.
        self.refusal: BaseException | None = None

    async def send(self, message: Message) -> None:
        """Take a message."""
        if self.refusal is not None:
            raise self.refusal
        if message["type"] == "websocket.close":
            await anyio.sleep(self.closes_in)
        await super().send(message)

    async def receive(self) -> Message:
        """Say what there is to say."""
        return await self._inbox.receive()

    async def says(self, text: str) -> None:
        """Have a client's message arrive."""
        await self.to_app.send({"type": "websocket.receive", "text": text})

    async def hangs_up(self) -> None:
        """Have the client be gone."""
        await self.to_app.send({"type": "websocket.disconnect", "code": 1001})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.to_app.close()
        self._inbox.close()


def conversation(server: Server) -> Conversation:
    """Stand before an app."""
    return Conversation(server.receive, server.send, 1012)


# -- WebSockets ------------------------------------------------------------------------------------


async def test_an_open_websocket_is_closed() -> None:
    """With the code of the settings; the app is told the same."""
    with Server() as server:
        talk = Conversation(server.receive, server.send, 4321)
        await talk(ACCEPT)
        assert await end(talk)
        assert server.messages == [ACCEPT, {**CLOSED, "code": 4321}]
        assert await talk.receive() == {**GONE, "code": 4321}


async def test_to_be_told_again_is_harmless() -> None:
    """One close frame."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        assert [await end(talk), await end(talk), await end(talk)] == [True] * 3
        assert server.messages == [ACCEPT, CLOSED]


async def test_a_handshake_is_not_refused() -> None:
    """It is a request, and gets its answer; afterwards it can be closed."""
    with Server() as server:
        talk = conversation(server)
        assert not await end(talk)
        assert not talk.over
        await server.says("hello")
        assert (await talk.receive())["text"] == "hello"
        await talk(ACCEPT)
        assert await end(talk)
        assert server.messages == [ACCEPT, CLOSED]


async def test_an_accept_that_is_under_way_is_no_open_websocket() -> None:
    """A close that overtakes it would be refused by the server, and the client never closed."""
    accepting = anyio.Event()
    with Server() as server:

        async def send(message: Message) -> None:
            await accepting.wait()
            await server.send(message)

        talk = Conversation(server.receive, send, 1012)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk, ACCEPT)
            await anyio.sleep(0.1)
            assert not await end(talk)
            accepting.set()
            await anyio.sleep(0.1)
            assert await end(talk)
        assert server.messages == [ACCEPT, CLOSED]


async def test_a_refused_handshake_stays_refused() -> None:
    """Nothing was opened, nothing is to be closed."""
    with Server() as server:
        talk = conversation(server)
        await talk(CLOSE)
        assert not await end(talk)
        assert server.messages == [CLOSE]


async def test_an_accept_that_fails_opens_nothing() -> None:
    """The app hears why."""
    with Server() as server:
        server.refusal = OSError()
        talk = conversation(server)
        with pytest.raises(OSError):  # noqa: PT011  # the server's own
            await talk(ACCEPT)
        assert not await end(talk)


async def test_what_the_app_has_closed_is_not_closed_again() -> None:
    """Nor is what the client has left."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        await talk(CLOSE)
        assert not await end(talk)
        assert server.messages == [ACCEPT, CLOSE]
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        await server.hangs_up()
        assert (await talk.receive())["code"] == 1001
        assert not await end(talk)
        assert server.messages == [ACCEPT]


async def test_an_app_that_sends_on_is_refused() -> None:
    """By an `OSError`, as if the client had gone away; each time."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        await talk(TEXT)
        await end(talk)
        for message in (TEXT, CLOSE):
            with pytest.raises(OSError, match="the drain has ended this stream"):
                await talk(message)
        assert server.messages == [ACCEPT, TEXT, CLOSED]


async def test_whoever_waits_for_a_message_hears_of_the_end() -> None:
    """At once; and again, as often as it asks."""
    heard: list[Message] = []
    with Server() as server:
        talk = conversation(server)

        async def app() -> None:
            await talk(ACCEPT)
            heard.extend([await talk.receive() for _ in range(4)])

        before = anyio.current_time() + 1
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app)
            await server.says("hello")
            await anyio.sleep(1)
            assert await end(talk)
        assert anyio.current_time() == pytest.approx(before)
        assert heard == [{"type": "websocket.receive", "text": "hello"}, GONE, GONE, GONE]


async def test_a_message_that_arrives_in_the_same_turn_is_not_lost() -> None:
    """It comes before the end or stays with the server, and nothing comes twice."""
    heard: list[Message] = []
    with Server() as server:
        talk = conversation(server)

        async def app() -> None:
            await talk(ACCEPT)
            while not heard or heard[-1]["type"] != "websocket.disconnect":
                heard.append(await talk.receive())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app)
            await anyio.sleep(1)
            server.to_app.send_nowait({"type": "websocket.receive", "text": "last"})
            assert await end(talk)
        assert heard == [{"type": "websocket.receive", "text": "last"}, GONE]


async def test_nobody_waits_for_a_message_while_the_close_is_sent() -> None:
    """A server may not do both at once; the app is told when it is sent, and not before."""
    listening: list[bool] = [False]
    seen: list[object] = []

    async def receive() -> Message:
        listening[0] = True
        try:
            return await server.receive()
        finally:
            listening[0] = False

    async def send(message: Message) -> None:
        seen.append((message["type"], listening[0]))
        await anyio.sleep(0.5)

    with Server() as server:
        talk = Conversation(receive, send, 1012)
        await talk(ACCEPT)

        async def app() -> None:
            seen.append(await talk.receive())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app)
            await anyio.sleep(1)
            assert listening == [True]
            assert await end(talk)
    assert seen == [("websocket.accept", False), ("websocket.close", False), GONE]


async def test_what_the_app_waits_for_elsewhere_is_left_alone() -> None:
    """An earlier `receive` is over: nothing of it is cancelled."""
    done: list[str] = []
    with Server() as server:
        talk = conversation(server)

        async def app() -> None:
            await talk(ACCEPT)
            await talk.receive()
            await anyio.sleep(5)
            done.append("work")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app)
            await server.says("hello")
            await anyio.sleep(1)
            assert await end(talk)
    assert done == ["work"]


@pytest.mark.parametrize("does", ["receives", "sends"])
async def test_an_app_that_goes_on_for_ever_lets_others_have_their_turn(does: str) -> None:
    """It ignores what it is told: the loop must turn, or no deadline would ever come."""
    rounds = 0

    async def app() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            if does == "receives":
                await talk.receive()
                continue
            with contextlib.suppress(OSError):
                await talk(TEXT)

    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        await end(talk)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app)
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert 1 <= rounds < 20


async def test_a_close_that_blocks_is_not_waited_for() -> None:
    """A client that reads nothing: the app is told all the same."""
    with Server() as server:
        server.closes_in = 3600
        talk = conversation(server)
        await talk(ACCEPT)
        before = anyio.current_time()
        heard: list[Message] = []
        async with anyio.create_task_group() as tasks:

            async def app() -> None:
                heard.append(await talk.receive())

            tasks.start_soon(app)
            await anyio.lowlevel.checkpoint()
            await end(talk)
        assert anyio.current_time() == pytest.approx(before + 1)
        assert (heard, talk.over) == ([GONE], True)
        assert await end(talk)


async def test_an_app_that_sends_to_a_client_which_reads_nothing_is_let_go() -> None:
    """Its `send` would last for ever, and with it the drain."""
    with Server() as server:
        blocked = anyio.Event()

        async def full(message: Message) -> None:
            if message["type"] == "websocket.send":
                await blocked.wait()
            await server.send(message)

        talk = Conversation(server.receive, full, 1012)
        await talk(ACCEPT)
        async with anyio.create_task_group() as tasks:

            async def app() -> None:
                with pytest.raises(StreamEndedError):
                    await talk(TEXT)

            tasks.start_soon(app)
            await anyio.sleep(1)
            assert await end(talk)
        assert server.messages == [ACCEPT, CLOSED]


async def test_a_server_that_refuses_the_close_changes_nothing() -> None:
    """Its connection is lost: the stream is over, and nobody hears of what was raised."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        server.refusal = RuntimeError("connection lost")
        assert not await end(talk)
        assert await end(talk)
        assert await talk.receive() == GONE


@pytest.mark.parametrize(("code", "sent"), [(1012, 4012), (1001, 4001)])
async def test_a_server_that_knows_few_codes_is_given_a_private_one(code: int, sent: int) -> None:
    """daphne's; by 1000 a client would take it that nobody wants it back."""
    with Server() as server:

        async def few(message: Message) -> None:
            if message.get("code", 1000) != 1000 and message["code"] < 3000:
                raise ValueError(message["code"])
            await server.send(message)

        talk = Conversation(server.receive, few, code)
        await talk(ACCEPT)
        assert await end(talk)
        assert server.messages[-1] == {**CLOSED, "code": sent}
        assert await talk.receive() == {**GONE, "code": sent}


async def test_a_code_that_is_private_already_is_tried_once() -> None:
    """There is no other to fall back on."""
    with Server() as server:
        talk = Conversation(server.receive, server.send, 4999)
        await talk(ACCEPT)
        server.refusal = ValueError("4999")
        assert not await end(talk)
        server.refusal = None
        assert server.messages == [ACCEPT]


async def test_a_stream_that_was_ended_waits_for_the_clients_answer() -> None:
    """After what the client had sent before; a server that ends at once would cut it off."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        await end(talk)
        await server.says("too late")
        before = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.settled)
            await anyio.sleep(0.3)
            await server.hangs_up()
        assert anyio.current_time() == pytest.approx(before + 0.3)


async def test_a_client_that_does_not_answer_is_not_waited_for() -> None:
    """Nor one that nobody has closed, nor a server that has nothing more to say."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        before = anyio.current_time()
        await talk.settled()
        assert anyio.current_time() == pytest.approx(before)
        await end(talk)
        await talk.settled()
        assert anyio.current_time() == pytest.approx(before + 1)
        server.to_app.close()
        await talk.settled()
        assert anyio.current_time() == pytest.approx(before + 1)


async def test_an_app_that_is_cancelled_hears_of_that() -> None:
    """By the server, in the turn of the end or before it: a cancellation is never swallowed."""
    heard: list[Message] = []
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        before = anyio.current_time() + 1
        with anyio.CancelScope() as connection:
            async with anyio.create_task_group() as tasks:

                async def app() -> None:
                    heard.append(await talk.receive())
                    await anyio.sleep(60)
                    heard.append(TEXT)

                tasks.start_soon(app)
                await anyio.sleep(1)
                connection.cancel()
                with anyio.CancelScope(shield=True):
                    assert await end(talk)
        assert anyio.current_time() == pytest.approx(before)
    assert TEXT not in heard


@ON_ASYNCIO
@pytest.mark.parametrize("first", ["server", "drain"])
async def test_a_task_that_its_server_cancels_in_the_same_turn_ends(first: str) -> None:
    """As uvicorn does it: by the task, and not by a scope."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)

        async def app() -> None:
            await talk.receive()
            await anyio.sleep(60)

        task = asyncio.create_task(app())
        await anyio.sleep(1)
        before = anyio.current_time()
        if first == "server":
            task.cancel()
        assert await end(talk)
        if first == "drain":
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert anyio.current_time() == pytest.approx(before)


@ON_ASYNCIO
async def test_a_cancellation_that_is_nobodys_ends_no_other_ending() -> None:
    """A server's own task was cancelled, and its `send` says so."""
    with Server() as server:
        talk = conversation(server)
        await talk(ACCEPT)
        server.refusal = asyncio.CancelledError()
        assert not await end(talk)
        assert talk.over


# -- responses that somebody must look at ----------------------------------------------------------


async def test_a_response_that_has_not_started_cannot_be_ended_yet() -> None:
    """It is retried; then the last part is sent once."""
    exchange = Exchange()
    outgoing = Outgoing(exchange.send, closes=False)
    assert not await end(outgoing)
    await outgoing(START)
    await outgoing(PART)
    assert [await end(outgoing), await end(outgoing)] == [True, True]
    assert exchange.messages == [START, PART, LAST]


async def test_an_endless_response_is_refused_after_its_end() -> None:
    """By an `OSError`, as the specification has it from 2.4 on."""
    exchange = Exchange()
    outgoing = Outgoing(exchange.send, closes=False)
    await outgoing(START)
    await end(outgoing)
    for _ in range(2):
        with pytest.raises(StreamEndedError):
            await outgoing(PART)
    assert exchange.messages == [START, LAST]


@pytest.mark.parametrize("last", [LAST, {"type": "http.response.body"}])
async def test_a_response_that_is_complete_needs_no_end(last: Message) -> None:
    """What the app does afterwards is its own, and so is what it raises."""
    exchange = Exchange()
    outgoing = Outgoing(exchange.send, closes=False)
    await outgoing(START)
    await outgoing(last)
    assert not await end(outgoing)
    assert not outgoing.over
    assert exchange.messages == [START, last]


async def test_other_messages_pass() -> None:
    """Trailers, early hints and what else an extension has: not ours."""
    exchange = Exchange()
    outgoing = Outgoing(exchange.send, closes=True)
    hint: Message = {"type": "http.response.early_hint", "links": []}
    await outgoing(hint)
    assert not await end(outgoing)
    assert exchange.messages == [hint]


async def test_a_refused_last_part_ends_it_all_the_same() -> None:
    """The connection is lost: the app hears of it by its next `send`."""

    async def send(message: Message) -> None:
        if message == LAST:
            raise RuntimeError

    outgoing = Outgoing(send, closes=False)
    await outgoing(START)
    assert not await end(outgoing)
    assert await end(outgoing)
    with pytest.raises(StreamEndedError):
        await outgoing(PART)


@pytest.mark.parametrize("closes", [True, False])
async def test_the_connection_ends_if_it_is_to(closes: bool) -> None:
    """And the app's own message is left alone."""
    exchange = Exchange()
    message: Message = {**START, "headers": [(b"connection", b"keep-alive")]}
    await Outgoing(exchange.send, closes=closes)(message)
    assert exchange.headers == {b"connection": b"close" if closes else b"keep-alive"}
    assert message["headers"] == [(b"connection", b"keep-alive")]


def test_headers_may_be_any_iterable() -> None:
    """A generator is one."""
    assert closing(pair for pair in [[b"a", b"b"]]) == [(b"a", b"b"), (b"connection", b"close")]


# -- responses as they are -------------------------------------------------------------------------


async def test_a_plain_response_gets_its_last_part() -> None:
    """In a message of its own: what a server does to it ends with it."""
    exchange = Exchange()
    assert await end(exchange.send)
    exchange.messages[0]["body"] = b"broken"
    assert await end(exchange.send)
    assert exchange.messages[1] == LAST


async def test_a_server_that_refuses_is_asked_again() -> None:
    """The response has not started: there is nothing to end yet."""
    started: list[bool] = []

    async def send(_message: Message) -> None:
        if not started:
            raise RuntimeError

    assert not await end(send)
    started.append(True)
    assert await end(send)


async def test_a_client_that_does_not_read_is_not_waited_for() -> None:
    """For longer than a second; then it is tried again."""

    async def send(_message: Message) -> None:
        await anyio.sleep_forever()

    before = anyio.current_time()
    assert not await end(send)
    assert anyio.current_time() == pytest.approx(before + 1)


async def test_receive_is_the_servers_until_the_end() -> None:
    """Whatever it says."""
    talk = Conversation(receive_nothing, Exchange().send, 1012)
    assert await talk.receive() == await receive_nothing()
