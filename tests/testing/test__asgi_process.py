"""One run of an app: it is asked, told to end, killed, and has commands run beside it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from healthkit.errors import ConfigError
from healthkit.testing._process import Answer, Request
from tests.testing.played import Played, lifespan, sleepy

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


# -- requests -----------------------------------------------------------------------------------


def answers(*messages: Message, delay: float = 0, pause: float = 0) -> ASGIApp:
    """Make an app that sends these messages, with a pause before the second."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        del receive
        await asyncio.sleep(delay)
        for number, message in enumerate(messages):
            await asyncio.sleep(pause if number else 0)
            await send(dict(message))

    return app


def head(status: int, **headers: str) -> Message:
    """Make the message that begins an answer."""
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}


def tail(body: bytes = b"ok") -> Message:
    """Make the message that ends it."""
    return {"type": "http.response.body", "body": body}


#: What was seen on a real node (Kubernetes 1.36.2), as far as the exchange itself is concerned.
ROWS: dict[str, tuple[ASGIApp, int | None, str | None]] = {
    "200": (answers(head(200), tail()), 200, None),
    "204": (answers(head(204), tail(b"")), 204, None),
    "302": (answers(head(302, location="/other"), tail(b"")), 302, None),
    "304": (answers(head(304), tail(b"")), 304, None),
    "399": (answers(head(399), tail()), 399, None),
    "400": (answers(head(400), tail()), 400, None),
    "404": (answers(head(404), tail()), 404, None),
    "500": (answers(head(500), tail()), 500, None),
    "503": (answers(head(503), tail()), 503, None),
    "200-big-body": (answers(head(200), tail(b"x" * 2_000_000)), 200, None),
    "headers-late": (answers(head(200), tail(), delay=3), None, "timeout"),
    "body-late": (answers(head(200), tail(), pause=3), 200, "slow body"),
    "closed-without-answer": (answers(head(999), tail()), None, "eof"),
    "body-short": (answers(head(200, content_length="9"), tail()), 200, "short body"),
}


@pytest.mark.parametrize("limit", [None, 10_240])
@pytest.mark.parametrize("row", ROWS)
async def test_an_answer_is_what_the_kubelet_met(row: str, limit: int | None) -> None:
    """Statuses, broken bodies, and what comes too late for a timeout of a second."""
    app, status, error = ROWS[row]
    pod = Played(app, lifespan="off")
    await pod.until(1)
    answer = await pod.ask(body_limit=limit)
    assert (answer.status, answer.error) == (status, error)
    late = row.endswith("-late")
    assert pod.clock.now() == pytest.approx(2 if late else 1, abs=0.03)
    pod.process.sigkill()


async def test_what_is_no_http_is_answered_by_the_server() -> None:
    """The app does not see it."""
    pod = Played(sleepy)
    await pod.until(1)
    answer = await pod.ask("/a b")
    assert (answer.status, answer.body) == (400, b"Invalid HTTP request received.")
    pod.process.sigkill()


async def test_a_request_has_the_lifespans_state_and_the_clients_address() -> None:
    """Each has a copy of the one, and a port of its own."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["pool"] = []
        else:
            scopes.append(scope)
            scope["state"]["mine"] = 1
        await lifespan(sleepy)(scope, receive, send)

    pod = Played(app, address="10.244.0.9")
    await pod.until(1)
    await pod.ask(client="10.0.0.7")
    await pod.ask(scheme="https", method="HEAD")
    first, second = scopes
    assert first["state"] == second["state"] == {"pool": [], "mine": 1}
    assert first["state"]["pool"] is second["state"]["pool"]
    assert first["client"] == ("10.0.0.7", 32769)
    assert second["client"] == ("10.0.0.1", 32770)
    assert first["server"] == ("10.244.0.9", 8000)
    assert (second["scheme"], second["method"]) == ("https", "HEAD")
    pod.process.sigkill()


async def test_the_tasks_say_whose_they_are() -> None:
    """Who looks for what hangs finds it by name."""
    pod = Played(lifespan(sleepy), name="web-1")
    await pod.until(1)
    pod.send("/60?a=1", None)
    pod.process.execute(("sleep", "60"), print)
    await pod.until(2)
    names = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    wanted = {"server", "lifespan", "GET /60?a=1", "exec sleep 60"}
    assert {f"web-1 {what}" for what in wanted} <= names
    pod.process.sigkill()


async def test_a_client_that_goes_is_seen_by_the_app() -> None:
    """Also one that has all it wanted, if the app has more to say."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(head(200, content_length="2"))
        await send({**tail(), "more_body": True})
        seen.append(scope["path"] + " " + (await receive())["type"])

    pod = Played(app, lifespan="off")
    await pod.until(1)
    assert (await pod.ask("/once")).body == b"ok"
    assert (await pod.ask("/kept", keep_alive=True)).body == b"ok"
    await pod.until(5)
    assert seen == ["/once http.disconnect"]
    pod.process.sigkill()


async def test_whoever_is_answered_is_outside_of_the_app() -> None:
    """What he starts is not the process's, and what he raises is not the app's."""
    pod = Played(sleepy)
    await pod.until(1)
    loop = asyncio.get_running_loop()
    started: list[asyncio.Task[None]] = []
    raised: list[object] = []
    loop.set_exception_handler(lambda _loop, context: raised.append(context["exception"]))
    error = OSError()

    def answered(_answer: Answer) -> None:
        started.append(loop.create_task(asyncio.sleep(60)))
        raise error

    pod.process.request(Request("/", 8000), None, answered)
    await pod.until(2)
    pod.process.sigkill()
    await pod.until(3)
    assert not started[0].done()
    assert raised == [error]
    loop.set_exception_handler(None)
    started[0].cancel()


# -- the end ------------------------------------------------------------------------------------


async def test_sigkill_ends_everything_at_once() -> None:
    """Whoever waits gets a reset, the app hears of nothing, and nothing of it is left."""
    tasks = asyncio.all_tasks()
    events: list[str] = []
    background: list[asyncio.Task[None]] = []

    def start() -> None:
        background.append(asyncio.create_task(asyncio.sleep(1000)))

    pod = Played(lifespan(sleepy, start, lambda: events.append("down")))
    await pod.until(1)
    slow = pod.send("/60", None)
    hook: list[int] = []
    pod.process.execute(("sleep", "60"), lambda code, _: hook.append(code))
    await pod.until(2)
    pod.process.sigkill()
    pod.process.sigkill()
    assert (pod.exits, hook) == ([(2, 137)], [137])
    assert (await slow) == Answer(error="reset", closes=True)
    assert repr(pod.process) == "<AsgiProcess app exited 137>"
    await pod.until(3)
    assert background[0].cancelled()
    assert asyncio.all_tasks() == tasks
    assert events == []
    assert (await pod.ask()).error == "refused"
    refused: list[str] = []
    pod.process.execute(("true",), lambda code, output: refused.append(f"{code} {output}"))
    assert refused == ["126 the container is not running"]
    pod.process.sigterm()
    assert pod.exits == [(2, 137)]


async def test_a_kill_before_the_first_step_is_a_kill() -> None:
    """Nothing has begun yet."""
    pod = Played(lifespan(sleepy))
    pod.process.sigkill()
    assert pod.exits == [(0, 137)]
    await pod.until(1)
    assert pod.process.gone.is_set()


async def test_who_was_answered_at_the_moment_of_the_kill_has_his_answer() -> None:
    """In the order in which things happened, before the kill returns."""
    order: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sleepy(scope, receive, send)
        pod.process.sigkill()
        order.append("killed")

    pod = Played(app)
    await pod.until(1)
    pod.process.request(Request("/", 8000), None, lambda answer: order.append(answer.status))
    await pod.until(2)
    assert order == [200, "killed"]
    assert pod.exits == [(1, 137)]


async def test_what_runs_in_the_background_is_ended_with_the_process() -> None:
    """An end in order cancels it, and waits for it to tidy up."""
    ended: list[float] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(3)
            ended.append(pod.clock.now())

    tasks: list[asyncio.Task[None]] = []
    pod = Played(lifespan(sleepy, lambda: tasks.append(asyncio.create_task(work()))))
    await pod.until(1)
    pod.process.sigterm()
    await pod.until(10)
    assert ended == [pytest.approx(4.2)]
    assert pod.exits == [(4.2, 0)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SystemExit(), 0),
        (SystemExit(4), 4),
        (SystemExit(-1), 255),
        (SystemExit("no"), 1),
        (OSError(), 1),
    ],
)
async def test_a_handler_that_raises_ends_the_process(error: BaseException, code: int) -> None:
    """``sys.exit`` in a signal handler is an end without grace: requests are reset."""

    def handler(_number: int, _frame: object) -> None:
        raise error

    pod = Played(lifespan(sleepy, start=lambda: _discard(signal.signal(signal.SIGTERM, handler))))
    await pod.until(1)
    slow = pod.send("/60", None)
    await pod.until(2)
    pod.process.sigterm()
    assert (await slow).error == "reset"
    await pod.until(3)
    assert pod.exits == [(2, code)]


def _discard(_: object) -> None:
    """Return nothing that could be awaited."""


# -- commands -----------------------------------------------------------------------------------


async def test_a_command_takes_its_time_and_has_its_code() -> None:
    """And keeps nobody from ending."""
    pod = Played(sleepy)
    assert await pod.execute("sh", "-c", "sleep 5; exit 3") == 3
    assert pod.clock.now() == pytest.approx(5)
    later: list[int] = []
    pod.process.execute(("sleep", "60"), lambda code, _: later.append(code))
    await pod.until(6)
    pod.process.sigterm()
    await pod.until(10)
    assert (pod.exits, later) == ([(6.2, 0)], [137])


async def test_a_command_that_is_not_understood_is_refused() -> None:
    """`understands` says so before the simulation begins."""
    pod = Played(sleepy)
    assert pod.app.understands(("sleep", "5"))
    assert not pod.app.understands(("curl", "localhost"))
    with pytest.raises(
        ConfigError, match=r"\['curl'\] can't be played: expected .* give commands="
    ):
        pod.process.execute(("curl",), print)
    pod.process.sigkill()


async def test_the_users_commands_are_played() -> None:
    """What they raise ends the simulation: it is the test that is wrong."""

    async def commands(command: tuple[str, ...]) -> int:
        await asyncio.sleep(2)
        if command == ("fail",):
            raise OSError
        return len(command)

    pod = Played(sleepy, commands=commands)
    assert pod.app.understands(("curl", "localhost"))
    assert await pod.execute("curl", "localhost") == 2
    raised: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: raised.append(repr(context["exception"])))
    pod.process.execute(("fail",), print)
    await pod.until(10)
    loop.set_exception_handler(None)
    assert raised == ["OSError()"]
    pod.process.sigkill()


@pytest.mark.parametrize("error", [None, OSError()])
async def test_a_command_that_outlives_its_container_is_nobodys(error: OSError | None) -> None:
    """It has died with it, whatever it does."""

    async def commands(_command: tuple[str, ...]) -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        if error is not None:
            raise error
        return 0

    pod = Played(sleepy, commands=commands)
    await pod.until(1)
    codes: list[int] = []
    pod.process.execute(("drain",), lambda code, _: codes.append(code))
    await pod.until(2)
    pod.process.sigkill()
    await pod.until(10)
    assert codes == [137]
