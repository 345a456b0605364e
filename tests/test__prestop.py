"""The drain over HTTP: who may ask for it, when it is over, and that nobody else learns of it."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import Health, HealthMiddleware, Phase
from healthkit._facts import Facts
from healthkit._pod_drain_rules import Sight
from healthkit._prestop import TICK, UNKNOWN_PATH, WRONG_METHOD, PreStopDesk, refusal, said
from healthkit._workers import CALM, HURRIED
from tests.pods import Board, a_peer
from tests.servers import Exchange, ask, http_scope, lifespan_of, plain_app, receive_nothing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from types import FrameType

    from starlette.types import Message, Receive, Scope, Send

    from healthkit._place import Note

TOKEN: Final = "correct-horse-battery"  # noqa: S105  # the one to look for
RIGHT: Final = b"Bearer " + TOKEN.encode()
OTHER: Final = b"Bearer " + b"incorrect-horse-battery"
METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"]

#: By how much an answer may come later than the drain is over: two looks.
LATE: Final = 2 * TICK


def bearing(*values: bytes, **more: object) -> dict[str, object]:
    """Return what a request has that sends these Authorization headers."""
    return {"headers": [(b"authorization", value) for value in values], **more}


async def sleepy_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Sleep for the seconds that the path names; have no lifespan."""
    if scope["type"] == "http":
        await anyio.sleep(float(scope["path"][1:]))
    await plain_app(scope, receive, send)


async def untouched_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Be an app that no request reaches."""
    assert scope["type"] == "lifespan"
    await plain_app(scope, receive, send)


class Client:
    """A client that waits for its answer, and may go away."""

    def __init__(self, body: Sequence[Message] = ()) -> None:
        self._said = [*body] or [{"type": "http.request", "body": b"", "more_body": False}]
        self._gone = anyio.Event()

    async def receive(self) -> Message:
        """Say what it sends; then wait until it goes away."""
        if self._said:
            return self._said.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        """Go away."""
        self._gone.set()


class Hook:
    """A preStop hook: a request under way, and when it was answered."""

    def __init__(self, app: HealthMiddleware, receive: Receive | None = None) -> None:
        self.exchange = Exchange()
        self.began = anyio.current_time()
        self.took = 0.0
        self.task = asyncio.create_task(self._ask(app, receive or Client().receive))

    async def _ask(self, app: HealthMiddleware, receive: Receive) -> None:
        scope = http_scope("/prestop", **bearing(RIGHT))
        await app(scope, receive, self.exchange.send)
        self.took = anyio.current_time() - self.began

    async def answer(self) -> tuple[int, str, float]:
        """Wait for the answer; return its status, its text, and how long it took."""
        await self.task
        return self.exchange.status, self.exchange.text, self.took


@asynccontextmanager
async def serving(health: Health) -> AsyncGenerator[HealthMiddleware]:
    """Serve the sleepy app until the phase is serving, and to the end."""
    app = HealthMiddleware(sleepy_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        yield app


def within(least: float) -> object:
    """Be equal to what is not less than that, and not late."""
    return pytest.approx(least + LATE / 2, abs=LATE / 2 + 0.001)


@pytest.fixture
def terminated() -> Iterator[list[float]]:
    """Be a server that notes when SIGTERM reached it."""
    moments: list[float] = []
    before = signal.getsignal(signal.SIGTERM)

    def note(_signum: int, _frame: FrameType | None) -> None:
        moments.append(anyio.current_time())

    signal.signal(signal.SIGTERM, note)
    yield moments
    signal.signal(signal.SIGTERM, before)


# -- who may ask: pure ----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"beArEr"])
@pytest.mark.parametrize("spaces", [b" ", b"   "])
def test_the_token_admits(scheme: bytes, spaces: bytes) -> None:
    """The case of the scheme is free, and there may be spaces behind it."""
    assert refusal("GET", [scheme + spaces + TOKEN.encode()], TOKEN.encode()) is None


@pytest.mark.parametrize(
    "given",
    [
        pytest.param([], id="none"),
        pytest.param([b""], id="empty"),
        pytest.param([TOKEN.encode()], id="no scheme"),
        pytest.param([b" " + TOKEN.encode()], id="an empty scheme"),
        pytest.param([b"Bearer"], id="no token"),
        pytest.param([b"Bearer "], id="an empty token"),
        pytest.param([b"Basic " + TOKEN.encode()], id="another scheme"),
        pytest.param([b"Bearer:" + TOKEN.encode()], id="no space"),
        pytest.param([b"Bearer\t" + TOKEN.encode()], id="a tab"),
        pytest.param([OTHER], id="another token"),
        pytest.param([RIGHT[:-1]], id="a part of it"),
        pytest.param([RIGHT + b"x"], id="more than it"),
        pytest.param([RIGHT.upper()], id="in capitals"),
        pytest.param([RIGHT + b" x"], id="and something else"),
        pytest.param([RIGHT + b", " + RIGHT], id="twice in one"),
        pytest.param([RIGHT, RIGHT], id="twice"),
        pytest.param([RIGHT, OTHER], id="first of two"),
        pytest.param([OTHER, RIGHT], id="second of two"),
        pytest.param([b"Bearer \xff\xfe\x00"], id="no text"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_anything_else_does_not(given: list[bytes], method: str) -> None:
    """Whatever the method: the same answer, so that nobody learns what is right about it."""
    assert refusal(method, given, TOKEN.encode()) is UNKNOWN_PATH


@pytest.mark.parametrize("method", [one for one in METHODS if one != "GET"])
def test_whoever_has_the_token_may_know_the_method(method: str) -> None:
    """HEAD would be a drain without an answer."""
    assert refusal(method, [RIGHT], TOKEN.encode()) is WRONG_METHOD


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.just(RIGHT), st.just(OTHER)), max_size=3),
    st.sampled_from(METHODS),
)
def test_one_right_header_admits_and_nothing_else(given: list[bytes], method: str) -> None:
    """Of all there is to send."""
    answer = refusal(method, given, TOKEN.encode())
    if given != [RIGHT]:
        assert answer is UNKNOWN_PATH
    else:
        assert answer is (None if method == "GET" else WRONG_METHOD)


def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As bytes, whatever else is wrong."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("healthkit._prestop.compare_digest", compare)
    for value in (RIGHT, b"Basic abc", b""):
        assert refusal("GET", [value], TOKEN.encode()) is UNKNOWN_PATH
    assert compared == [(found, TOKEN.encode()) for found in (TOKEN.encode(), b"abc", b"")]


# -- what is said: pure ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "holds", "line"),
    [
        (0, 0, "drained"),
        (1, 0, "drained, with 1 request still in flight"),
        (2, 0, "drained, with 2 requests still in flight"),
        (0, 1, "drained, with 1 hold still in flight"),
        (3, 2, "drained, with 3 requests and 2 holds still in flight"),
        (0, 21, "drained, with more than 20 holds still in flight"),
    ],
)
def test_what_is_left_is_said_in_numbers(requests: int, holds: int, line: str) -> None:
    """No hold's name, which is for the log; a record names twenty."""
    names = tuple("hold 'customer 4711'" for _ in range(holds))
    facts = Facts(pid=1, app="", joined=0, told=0.0, requests=requests, holds=names)
    assert said(Sight(20.0, (a_peer(facts, written=19.0),), 5.0, 20.0)) == line


def test_streams_that_are_left_are_said_apart() -> None:
    """They end last."""
    facts = Facts(pid=1, app="", joined=0, told=0.0, requests=1, streams=2)
    line = said(Sight(20.0, (a_peer(facts, written=19.0),), 5.0, 20.0))
    assert line == "drained, with 1 request and 2 streams still in flight"


def test_a_worker_that_does_not_answer_is_said() -> None:
    """What it has in flight is not known."""
    busy = a_peer(Facts(pid=1, app="", joined=0, told=0.0, requests=1), written=19.0)
    deaf = a_peer(Facts(pid=2, app="", joined=0), written=19.0)
    hung = a_peer(Facts(pid=3, app="", joined=0, told=0.0), written=4.0)
    line = said(Sight(20.0, (busy, deaf, hung), 5.0, 20.0))
    assert line == "drained, with 1 request still in flight and 2 workers not answering"
    assert said(Sight(20.0, (hung,), 5.0, 20.0)) == "drained, with 1 worker not answering"


# -- one worker -----------------------------------------------------------------------------------


async def test_the_answer_is_held_for_the_delay() -> None:
    """Unready at once, serving all the time, answered when the delay is over."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        hook = Hook(app)
        await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.001)
        assert (await ask(app, "/readyz")).text == "draining\n"
        await anyio.sleep(4.99)
        assert not hook.task.done()
        assert (await ask(app, "/0")).status == 200
        assert await hook.answer() == (200, "drained\n", within(5))
        assert hook.exchange.headers == {
            b"content-type": b"text/plain; charset=utf-8",
            b"content-length": b"8",
            b"cache-control": b"no-store",
            b"x-content-type-options": b"nosniff",
            b"connection": b"close",
        }


@pytest.mark.parametrize("path", ["/prestop", "/internal/drain", "/readyz/drain", "/"])
async def test_the_path_is_the_one_that_is_set(path: str) -> None:
    """Also below readiness, where components are."""
    app = HealthMiddleware(untouched_app, health=Health(prestop_token=TOKEN, prestop_path=path))
    async with lifespan_of(app):
        assert (await ask(app, path, **bearing(RIGHT))).text == "drained\n"


@pytest.mark.parametrize("root_path", ["/api", "/api/"])
@pytest.mark.parametrize("path", ["/prestop", "/api/prestop"])
async def test_it_answers_below_a_root_path_too(root_path: str, path: str) -> None:
    """Servers do not agree on whether the path has it."""
    health = Health(prestop_token=TOKEN)
    app = HealthMiddleware(untouched_app, health=health)
    async with lifespan_of(app):
        wrong = await ask(app, path, root_path=root_path, **bearing(OTHER))
        assert (wrong.status, health.phase) == (404, Phase.SERVING)
        right = await ask(app, path, root_path=root_path, **bearing(RIGHT))
        assert (right.status, health.phase) == (200, Phase.DRAINING)


@pytest.mark.parametrize("version", ["2", "3"])
async def test_other_versions_of_http_have_no_connection_header(version: str) -> None:
    """It is a header of HTTP/1."""
    app = HealthMiddleware(untouched_app, health=Health(prestop_token=TOKEN))
    async with lifespan_of(app):
        answer = await ask(app, "/prestop", http_version=version, **bearing(RIGHT))
        assert b"connection" not in answer.headers


@pytest.mark.parametrize(
    "settings",
    [{}, {"prestop_path": "/prestop"}],
    ids=["nothing is set", "a path without a token"],
)
async def test_off_the_path_is_the_apps(settings: dict[str, str]) -> None:
    """Whoever asks."""
    health = Health(**settings)  # type: ignore[arg-type]  # pytest fills it in
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        assert (await ask(app, "/prestop", **bearing(RIGHT))).text == "app"
        assert health.phase is Phase.SERVING


async def test_it_waits_for_what_is_in_flight() -> None:
    """A request that began in the delay, and a hold."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        hook = Hook(app)
        await anyio.sleep(4)
        slow = asyncio.create_task(ask(app, "/3"))
        await anyio.sleep(3.01)
        assert not hook.task.done() or slow.done()
        assert await hook.answer() == (200, "drained\n", within(7))
        assert slow.done()


async def test_it_waits_for_holds_and_callbacks() -> None:
    """As every drain does."""
    health = Health(prestop_token=TOKEN, drain_delay=1)
    left: list[float] = []

    @health.on_drain
    async def leave() -> None:
        await anyio.sleep(6)
        left.append(anyio.current_time())

    async with serving(health) as app:
        async with health.hold("checkout job"):
            hook = Hook(app)
            await anyio.sleep(3)
            assert not hook.task.done()
        assert await hook.answer() == (200, "drained\n", within(6))
        assert left


async def test_it_gives_up_at_the_drain_timeout() -> None:
    """And says what is left, without the names."""
    health = Health(prestop_token=TOKEN, drain_delay=2, drain_timeout=3)
    async with serving(health) as app:
        slow = asyncio.create_task(ask(app, "/600"))
        with health.hold("customer 4711"):
            answer = await Hook(app).answer()
        line = "drained, with 1 request and 1 hold still in flight\n"
        assert answer == (200, line, within(5))
        slow.cancel()
        await asyncio.wait([slow])


async def test_a_drain_that_is_under_way_is_not_begun_again() -> None:
    """Four seconds of five have passed."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        health.drain()
        await anyio.sleep(4)
        assert await Hook(app).answer() == (200, "drained\n", within(1))
        assert await Hook(app).answer() == (200, "drained\n", within(0))


async def test_a_drain_by_sigterm_counts_too(terminated: list[float]) -> None:
    """The hook is no reason to wait for longer than SIGTERM does."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        signal.raise_signal(signal.SIGTERM)
        sent = anyio.current_time()
        await anyio.sleep(4)
        assert await Hook(app).answer() == (200, "drained\n", within(1))
        assert terminated == [pytest.approx(sent + 5)]


async def test_a_drain_that_has_given_up_is_not_waited_for_again() -> None:
    """The limit counts from the drain's beginning: SIGTERM would wait no longer either."""
    health = Health(prestop_token=TOKEN, drain_delay=1, drain_timeout=3)
    async with serving(health) as app:
        with health.hold("for ever"):
            health.drain()
            await anyio.sleep(3)
            answer = await Hook(app).answer()
            assert answer == (200, "drained, with 1 hold still in flight\n", within(1))
            assert (await Hook(app).answer())[2] == within(0)


async def test_a_request_that_waits_for_the_drain_is_not_in_flight() -> None:
    """Two at once do not wait for each other; both are held and answered."""
    health = Health(prestop_token=TOKEN, drain_delay=2)
    async with serving(health) as app:
        first = Hook(app)
        await anyio.sleep(1)
        second = Hook(app)
        await anyio.sleep(0.5)
        assert health.life.traffic.in_flight == 0
        assert not first.task.done()
        assert not second.task.done()
        assert await first.answer() == (200, "drained\n", within(2))
        assert await second.answer() == (200, "drained\n", within(1))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param([], id="no body"),
        pytest.param(
            [
                {"type": "http.request", "body": b"x", "more_body": True},
                {"type": "http.request", "body": b"y"},
            ],
            id="a body",
        ),
    ],
)
async def test_a_client_that_goes_away_is_not_answered(body: list[Message]) -> None:
    """The coroutine ends, the drain goes on."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        client = Client(body)
        hook = Hook(app, client.receive)
        other = Hook(app)
        await anyio.sleep(1)
        client.leave()
        await hook.task
        assert hook.took == pytest.approx(1)
        assert hook.exchange.messages == []
        assert health.phase is Phase.DRAINING
        assert await other.answer() == (200, "drained\n", within(5))


@pytest.mark.parametrize("when", ["before its body", "at once"])
async def test_a_client_that_has_gone_already_drains_all_the_same(when: str) -> None:
    """The kubelet may have given up; what it wanted is clear. A server may raise, too."""

    async def receive() -> Message:
        if when == "at once":
            raise ConnectionResetError
        return {"type": "http.disconnect"}

    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        hook = Hook(app, receive)
        await hook.task
        assert hook.exchange.messages == []
        assert health.phase is Phase.DRAINING


async def test_a_server_that_does_not_tell_is_not_asked_for_ever() -> None:
    """Its client is answered."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        assert await Hook(app, receive_nothing).answer() == (200, "drained\n", within(5))


async def test_a_server_may_cancel_it() -> None:
    """Nothing is left behind, and the drain goes on."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        before = asyncio.all_tasks()
        hook = Hook(app)
        await anyio.sleep(1)
        hook.task.cancel()
        await asyncio.wait([hook.task])
        assert hook.task.cancelled()
        assert {task.get_name() for task in asyncio.all_tasks() - before} == {"healthkit streams"}
        assert health.phase is Phase.DRAINING


async def test_it_works_before_the_start_up_is_complete() -> None:
    """A pod whose startup probe never passed gets its hook too."""
    health = Health(prestop_token=TOKEN, drain_delay=2)
    health.startup(anyio.Event().wait, name="schema")
    app = HealthMiddleware(untouched_app, health=health)
    async with lifespan_of(app):
        assert health.phase is Phase.STARTING
        assert await Hook(app).answer() == (200, "drained\n", within(2))
        assert "draining" in (await ask(app, "/readyz")).text


async def test_it_works_inside_the_apps_own_start_up() -> None:
    """Some servers serve requests then already."""
    health = Health(prestop_token=TOKEN, drain_delay=2, reject_while_starting=True)

    async def asking(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        assert await Hook(app).answer() == (200, "drained\n", within(2))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    app = HealthMiddleware(asking, health=health)
    async with lifespan_of(app):
        assert health.phase is Phase.DRAINING


async def test_it_works_while_warming() -> None:
    """The warm-up is not waited for."""
    health = Health(prestop_token=TOKEN, drain_delay=2)
    health.warmup(anyio.Event().wait, name="schema")
    app = HealthMiddleware(untouched_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("warming")
        assert await Hook(app).answer() == (200, "drained\n", within(2))


async def test_without_a_lifespan_it_begins_a_life() -> None:
    """As every request does; only with the token."""
    health = Health(prestop_token=TOKEN, drain_delay=2)
    app = HealthMiddleware(untouched_app, health=health)
    assert (await ask(app, "/prestop", **bearing(OTHER))).status == 404
    assert (await ask(app, "/prestop", method="POST", **bearing(RIGHT))).status == 405
    assert not health.life.begun
    assert await Hook(app).answer() == (200, "drained\n", within(2))
    assert health.phase is Phase.DRAINING


async def test_the_end_of_the_life_ends_the_wait() -> None:
    """A server that closes the lifespan before its requests have ended is not held up."""
    health = Health(prestop_token=TOKEN, drain_delay=60)
    async with serving(health) as app:
        hook = Hook(app)
        await anyio.sleep(1)
    assert await hook.answer() == (200, "drained\n", within(1))
    assert health.phase is Phase.STOPPED


async def test_after_the_end_there_is_nothing_to_wait_for() -> None:
    """The server is just ending it."""
    health = Health(prestop_token=TOKEN, drain_delay=60)
    hooks: list[tuple[int, str, float]] = []

    async def asking(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        hooks.append(await Hook(app).answer())
        await send({"type": "lifespan.shutdown.complete"})

    app = HealthMiddleware(asking, health=health)
    async with lifespan_of(app):
        pass
    assert hooks == [(200, "drained\n", within(0))]


# -- the SIGTERM after it -------------------------------------------------------------------------


async def test_sigterm_after_the_drain_waits_for_nothing(terminated: list[float]) -> None:
    """The hook has waited for the delay, and for what was in flight."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        hook = Hook(app)
        slow = asyncio.create_task(ask(app, "/7"))
        assert await hook.answer() == (200, "drained\n", within(7))
        assert slow.done()
        signal.raise_signal(signal.SIGTERM)
        sent = anyio.current_time()
        await anyio.sleep(1)
        assert terminated == [pytest.approx(sent, abs=0.001)]


async def test_sigterm_after_a_drain_that_gave_up_waits_for_nothing(
    terminated: list[float],
) -> None:
    """The work that is left has had its time."""
    health = Health(prestop_token=TOKEN, drain_delay=2, drain_timeout=3)
    async with serving(health) as app:
        with health.hold("for ever"):
            assert (await Hook(app).answer())[2] == within(5)
            signal.raise_signal(signal.SIGTERM)
            sent = anyio.current_time()
            await anyio.sleep(1)
            assert terminated == [pytest.approx(sent, abs=0.001)]


async def test_sigterm_in_the_middle_waits_for_the_rest(terminated: list[float]) -> None:
    """The hook does not hold it up: it is not in flight."""
    health = Health(prestop_token=TOKEN, drain_delay=5)
    async with serving(health) as app:
        hook = Hook(app)
        await anyio.sleep(3)
        signal.raise_signal(signal.SIGTERM)
        await anyio.sleep(5)
        assert terminated == [pytest.approx(hook.began + 5, abs=0.001)]
        assert await hook.answer() == (200, "drained\n", within(5))


# -- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [[], [OTHER], [RIGHT, RIGHT]], ids=["none", "wrong", "two"])
@pytest.mark.parametrize("method", METHODS)
async def test_a_stranger_sees_a_path_that_is_not_there(method: str, given: list[bytes]) -> None:
    """Small, constant, and never the app's."""
    app = HealthMiddleware(untouched_app, health=Health(prestop_token=TOKEN))
    async with lifespan_of(app):
        answer = await ask(app, "/prestop", method=method, **bearing(*given))
        assert (answer.status, answer.text) == (404, "" if method == "HEAD" else "not found\n")
        assert answer.headers == dict(UNKNOWN_PATH.headers)


async def test_whoever_has_the_token_is_told_the_method() -> None:
    """405 with Allow, and nothing is drained."""
    health = Health(prestop_token=TOKEN)
    app = HealthMiddleware(untouched_app, health=health)
    async with lifespan_of(app):
        answer = await ask(app, "/prestop", method="POST", **bearing(RIGHT))
        assert (answer.status, answer.headers[b"allow"]) == (405, b"GET")
        assert health.phase is Phase.SERVING


async def test_a_header_in_capitals_is_one_too() -> None:
    """ASGI wants lower case; a second header must not hide behind a server that forgets it."""
    app = HealthMiddleware(untouched_app, health=Health(prestop_token=TOKEN))
    async with lifespan_of(app):
        headers = [(b"authorization", RIGHT), (b"Authorization", OTHER)]
        assert (await ask(app, "/prestop", headers=headers)).status == 404
        assert (await ask(app, "/prestop", headers=[(b"Authorization", RIGHT)])).status == 200


async def test_a_flood_of_wrong_tokens_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """No log line, no state, no metric; the answers to probes are kept."""
    caplog.set_level(logging.DEBUG)
    health = Health(prestop_token=TOKEN, metrics_path="/metrics")
    app = HealthMiddleware(untouched_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        before = (await ask(app, "/metrics")).text
        caplog.clear()
        tasks, told = asyncio.all_tasks(), health.life.told
        kept = health.answering._version
        for method in METHODS * 100:
            await ask(app, "/prestop", method=method, **bearing(OTHER))
        assert caplog.records == []
        assert (health.phase, health.life.told) == (Phase.SERVING, told)
        assert health.life.traffic.in_flight == 0
        assert asyncio.all_tasks() == tasks
        assert health.answering._version is kept
        assert (await ask(app, "/metrics")).text == before


async def test_a_websocket_at_the_path_is_the_apps() -> None:
    """As with probes: only requests are answered."""
    reached: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        reached.append(scope["type"])

    outer = HealthMiddleware(app, health=Health(prestop_token=TOKEN))
    scope = {"type": "websocket", "path": "/prestop", "headers": [(b"authorization", RIGHT)]}
    await outer(scope, Client().receive, Exchange().send)
    assert reached == ["websocket"]


# -- the token is a secret ------------------------------------------------------------------------


@pytest.mark.parametrize("by_variable", [False, True], ids=["in code", "by a variable"])
async def test_the_token_is_shown_nowhere(
    by_variable: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In no repr, log, metric or answer."""
    caplog.set_level(logging.DEBUG)
    if by_variable:
        monkeypatch.setenv("HEALTHKIT_PRESTOP_TOKEN", TOKEN)
    health = Health(
        prestop_token=None if by_variable else TOKEN, metrics_path="/metrics", drain_delay=1
    )
    app = HealthMiddleware(sleepy_app, health=health)
    seen: list[str] = []
    async with lifespan_of(app):
        await health.wait_for("serving")
        hook = Hook(app)
        for path in ("/metrics", "/livez", "/readyz", "/readyz/x", "/prestop"):
            for query in (b"", b"verbose"):
                answer = await ask(app, path, query_string=query)
                seen.append(f"{answer.messages!r} {answer.text}")
        await hook.task
        seen.append(repr(hook.exchange))
        held = (app, health, health.life, health.answering, *app._desks.values())
        seen += [repr(one) for one in (*held, health._settings)]
    said = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert any("a drain is asked for over HTTP" in line for line in said)
    assert any("HEALTHKIT_PRESTOP_TOKEN" in line for line in said) == by_variable
    assert not [line for line in (*seen, *said) if TOKEN in line or "horse" in line]


def test_the_desks_repr_names_its_path() -> None:
    """And nothing else."""
    (desk,) = Health(prestop_token=TOKEN).prestop_desks.values()
    assert isinstance(desk, PreStopDesk)
    assert repr(desk) == "<PreStopDesk '/prestop'>"


# -- several workers ------------------------------------------------------------------------------


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    """A directory in memory, which every new Health gets."""
    board = Board()
    monkeypatch.setattr("healthkit._clerk.Clerk", board.clerk)
    return board


@asynccontextmanager
async def pod(*settings: dict[str, float]) -> AsyncGenerator[list[tuple[Health, HealthMiddleware]]]:
    """Run workers with these settings beside each other."""
    workers: list[tuple[Health, HealthMiddleware]] = []
    for own in settings:
        more = {"drain_delay": 5.0, **own}
        health = Health(state_dir="/run/pod", workers=2, prestop_token=TOKEN, **more)  # type: ignore[arg-type]
        workers.append((health, HealthMiddleware(sleepy_app, health=health)))
    async with AsyncExitStack() as stack:
        for _, app in workers:
            await stack.enter_async_context(lifespan_of(app))
        for health, _ in workers:
            await health.wait_for("serving")
        await anyio.sleep(2 * CALM)
        yield workers


#: How long it takes until one worker has heard of another's last request.
HEARD: Final = 3 * HURRIED


def about(least: float) -> object:
    """Be equal to what is not less than that, and as late as news may be."""
    return pytest.approx(least + HEARD / 2, abs=HEARD / 2 + 0.001)


@pytest.mark.usefixtures("board")
async def test_all_workers_of_the_pod_are_drained() -> None:
    """Whichever is asked; the answer waits for the request that another one serves."""
    async with pod({}, {}) as [(first, one), (second, other)]:
        hook = Hook(one)
        await anyio.sleep(HEARD)
        assert (first.phase, second.phase) == (Phase.DRAINING, Phase.DRAINING)
        await anyio.sleep(4)
        slow = asyncio.create_task(ask(other, "/3"))
        assert await hook.answer() == (200, "drained\n", about(4 + HEARD + 3))
        assert slow.done()


@pytest.mark.usefixtures("board")
async def test_the_pods_longest_delay_counts() -> None:
    """As with every drain of the pod."""
    async with pod({"drain_delay": 1.0}, {"drain_delay": 4.0}) as [(_, one), _other]:
        assert await Hook(one).answer() == (200, "drained\n", about(4))


@pytest.mark.usefixtures("board")
async def test_hooks_at_two_workers_are_both_answered() -> None:
    """Neither is in flight for the other."""
    async with pod({}, {}) as [(_, one), (_, other)]:
        first = Hook(one)
        await anyio.sleep(1)
        second = Hook(other)
        assert await first.answer() == (200, "drained\n", about(5))
        assert await second.answer() == (200, "drained\n", about(4))


@pytest.mark.usefixtures("board")
async def test_what_another_worker_has_left_is_said() -> None:
    """The pod's longest timeout counts."""
    async with pod({"drain_timeout": 1.0}, {"drain_timeout": 2.0}) as [(_, one), (second, _)]:
        with second.hold("for ever"):
            line = "drained, with 1 hold still in flight\n"
            assert await Hook(one).answer() == (200, line, about(7))


async def test_a_worker_that_has_written_nothing_since_is_waited_for(board: Board) -> None:
    """It may have taken a request in the delay's last moment: until the deadline, no longer."""
    async with pod({"drain_timeout": 3.0}, {"drain_timeout": 3.0}) as [(_, one), _other]:
        hook = Hook(one)
        await anyio.sleep(1)
        second = board.clerks[1]
        second.post = _nothing  # type: ignore[method-assign]  # it hangs
        line = "drained, with 1 worker not answering\n"
        assert await hook.answer() == (200, line, about(8))


def _nothing(note: Note) -> None:
    del note


async def test_a_worker_that_dies_is_not_waited_for(board: Board) -> None:
    """The kernel says that it is gone."""
    async with pod({}, {}) as [(_, one), (_, other)]:
        slow = asyncio.create_task(ask(other, "/600"))
        hook = Hook(one)
        await anyio.sleep(8)
        assert not hook.task.done()
        board.kill(2)
        assert await hook.answer() == (200, "drained\n", about(8))
        slow.cancel()
        await asyncio.wait([slow])


async def test_a_worker_that_joins_is_drained_too(board: Board) -> None:
    """And its requests are waited for."""
    async with pod({}, {}) as [(_, one), _other]:
        hook = Hook(one)
        await anyio.sleep(4)
        late = Health(state_dir="/run/pod", workers=2, drain_delay=5)
        app = HealthMiddleware(sleepy_app, health=late)
        async with lifespan_of(app):
            assert len(board.notes) == 3
            slow = asyncio.create_task(ask(app, "/3"))
            assert await hook.answer() == (200, "drained\n", about(7))
            assert slow.done()


async def test_a_worker_that_joins_with_the_hook_knows_the_others_first(board: Board) -> None:
    """Its first request is the hook, and there is no delay: another worker's request counts."""
    async with pod({"drain_delay": 0.0}, {"drain_delay": 0.0}) as [(first, one), _other]:
        slow = asyncio.create_task(ask(one, "/3"))
        await anyio.sleep(1)
        late = Health(state_dir="/run/pod", workers=2, drain_delay=0, prestop_token=TOKEN)
        app = HealthMiddleware(untouched_app, health=late)
        assert await Hook(app).answer() == (200, "drained\n", about(2))
        assert first.phase is Phase.DRAINING
        assert slow.done()
        late.life.abandon()
        assert len(board.notes) == 2
    await anyio.sleep(1)


async def test_the_others_are_looked_at_often_only_when_it_counts(board: Board) -> None:
    """After the delay, by the worker that holds an answer, until it has given it."""
    looked: list[float] = []
    async with pod({}, {}) as [(_, one), (_, other)]:
        post = board.clerks[0].post

        def noting(note: Note) -> None:
            looked.extend([anyio.current_time()] * note.look)
            post(note)

        board.clerks[0].post = noting  # type: ignore[method-assign]  # it listens
        hook = Hook(one)
        slow = asyncio.create_task(ask(other, "/8"))
        await anyio.sleep(1)
        began = len(looked)
        await anyio.sleep(3.9)
        assert len(looked) - began <= 5
        began = len(looked)
        await hook.answer()
        assert len(looked) - began > 0.8 * 3 / HURRIED
        began = len(looked)
        await anyio.sleep(3)
        assert len(looked) - began <= 4
        await slow


async def test_the_pod_does_not_wait_for_the_life_that_has_ended(board: Board) -> None:
    """Its hook is answered; the other worker is left to itself."""
    async with AsyncExitStack() as stack:
        workers: list[tuple[Health, HealthMiddleware]] = []
        for _ in range(2):
            health = Health(state_dir="/run/pod", workers=2, prestop_token=TOKEN, drain_delay=60)
            workers.append((health, HealthMiddleware(sleepy_app, health=health)))
        await stack.enter_async_context(lifespan_of(workers[1][1]))
        async with lifespan_of(workers[0][1]):
            await workers[0][0].wait_for("serving")
            hook = Hook(workers[0][1])
            await anyio.sleep(1)
        assert (await hook.answer())[:2] == (200, "drained\n")
        assert hook.took < 3
        assert len(board.notes) == 1
