"""The server ends as uvicorn does: ports, requests, the lifespan, and the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import pytest

from tests.testing.played import Played, lifespan, sleepy

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def test_it_listens_when_the_start_up_is_complete() -> None:
    """Until then a connection is refused, at once."""
    pod = Played(lifespan(sleepy, start=lambda: asyncio.sleep(3)), name="web")
    assert repr(pod.process) == "<AsgiProcess web starting in_flight=0>"
    await pod.until(2.9)
    assert (await pod.ask()).error == "refused"
    assert not pod.process.listens(8000)
    await pod.until(3.1)
    assert (await pod.ask()).status == 200
    assert pod.process.listens(8000)
    assert repr(pod.process) == "<AsgiProcess web listening in_flight=0>"
    assert repr(pod.process._server) == "<Server listening in_flight=0>"
    pod.process.sigkill()


async def test_it_listens_on_its_ports() -> None:
    """Any, if it was not told which."""
    one, any_ = Played(sleepy, ports=[80, 8080]), Played(sleepy)
    await one.until(1)
    assert [one.process.listens(port) for port in (80, 8080, 8000)] == [True, True, False]
    assert any_.process.listens(1)
    assert (await one.ask()).error == "refused"
    for pod in (one, any_):
        pod.process.sigkill()


async def test_an_idle_server_ends_at_its_next_look() -> None:
    """It looks every 0.1 s, and leaves its connections another 0.1 s."""
    stopped: list[float] = []
    pod = Played(lifespan(sleepy, stop=lambda: stopped.append(pod.clock.now())))
    await pod.until(10.03)
    pod.process.sigterm()
    assert repr(pod.process) == "<AsgiProcess app ending in_flight=0>"
    await pod.until(10.09)
    assert (await pod.ask()).status == 200
    await pod.until(10.11)
    assert (await pod.ask()).error == "refused"
    await pod.until(11)
    assert pod.exits == [(10.2, 0)]
    assert stopped == [pytest.approx(10.2)]
    assert repr(pod.process) == "<AsgiProcess app exited 0>"


async def test_what_happens_at_the_moment_of_a_look_is_seen_by_the_next() -> None:
    """Whatever the floats say."""
    pod = Played(sleepy)
    await pod.until(5)
    pod.process.sigterm()
    await pod.until(6)
    assert pod.exits == [(5.2, 0)]


async def test_the_requests_in_flight_are_waited_for() -> None:
    """They are answered, their connections closed, and only then does the app hear of the end."""
    stopped: list[float] = []
    pod = Played(lifespan(sleepy, stop=lambda: stopped.append(pod.clock.now())))
    await pod.until(1)
    first, second = pod.send("/4", None, headers=()), pod.send("/2", None, headers=())
    done = await pod.ask("/0", headers=())
    pod.process.sigterm()
    await pod.until(4)
    assert (await second).closes
    assert not done.closes
    assert stopped == []
    assert (await first).status == 200
    assert pod.exits == []
    await pod.until(9)
    assert pod.exits == [(5.1, 0)]
    assert stopped == [pytest.approx(5.1)]


async def test_a_task_whose_client_is_gone_is_waited_for_as_well() -> None:
    """A request that has timed out is still work."""
    pod = Played(sleepy)
    await pod.until(1)
    assert (await pod.ask("/5", timeout=1)).error == "timeout"
    pod.process.sigterm()
    await pod.until(9)
    assert pod.exits == [(6.1, 0)]


async def test_a_limit_cancels_what_is_in_flight() -> None:
    """Its client gets a 500, as uvicorn's does, and the app its shutdown."""
    stopped: list[float] = []
    app = lifespan(sleepy, stop=lambda: stopped.append(pod.clock.now()))
    pod = Played(app, timeout_graceful_shutdown=3)
    await pod.until(1)
    slow = pod.send("/60", None)
    pod.process.sigterm()
    await pod.until(10)
    assert (await slow).status == 500
    assert pod.exits == [(4.2, 0)]
    assert stopped == [pytest.approx(4.2)]


async def test_a_request_that_refuses_its_cancellation_is_waited_for() -> None:
    """`asyncio.run` waits for it, until the kubelet does no more."""

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        assert scope["type"] == "http"
        for _ in range(10):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(5)

    pod = Played(deaf, timeout_graceful_shutdown=0)
    await pod.until(1)
    slow = pod.send("/", None)
    pod.process.sigterm()
    await pod.until(20)
    assert pod.exits == []
    pod.process.sigkill()
    assert pod.exits == [(20, 137)]
    assert (await slow).error == "reset"


async def test_a_second_sigterm_changes_nothing_and_a_sigint_does() -> None:
    """Ctrl-C twice waits for nobody: no request, no shutdown."""
    stopped: list[float] = []
    pod = Played(lifespan(sleepy, stop=lambda: stopped.append(1)))
    await pod.until(1)
    slow = pod.send("/60", None)
    for _ in range(2):
        pod.process.sigterm()
        await asyncio.sleep(5)
    assert pod.exits == []
    pod.process.send_signal(signal.SIGINT)
    assert (await slow).status == 500
    await pod.until(20)
    assert pod.exits == [(11.1, 0)]
    assert stopped == []


async def test_a_first_sigint_is_a_sigterm() -> None:
    """It ends in order."""
    pod = Played(sleepy)
    await pod.until(1)
    slow = pod.send("/3", None)
    pod.process.send_signal(signal.SIGINT)
    assert (await slow).status == 200
    await pod.until(10)
    assert pod.exits == [(4.1, 0)]


async def test_a_sigterm_during_the_start_up_waits_for_it() -> None:
    """It looks only afterwards; nothing is served in between."""
    pod = Played(lifespan(sleepy, start=lambda: asyncio.sleep(30)))
    await pod.until(2)
    pod.process.sigterm()
    await pod.until(29)
    assert pod.exits == []
    await pod.until(30.05)
    assert not pod.process.listens(8000)
    await pod.until(40)
    assert pod.exits == [(30.1, 0)]


async def _fails(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await asyncio.sleep(2)
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def _raises(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await asyncio.sleep(2)
        raise OSError
    await sleepy(scope, receive, send)


async def test_a_failed_start_up_exits_with_3() -> None:
    """It has never listened."""
    pod = Played(_fails)
    await pod.until(5)
    assert pod.exits == [(2, 3)]
    assert not pod.process.listens(8000)


async def test_an_exception_is_a_failure_only_if_there_must_be_a_lifespan() -> None:
    """With ``--lifespan auto`` uvicorn serves such an app without one."""
    auto, on = Played(_raises), Played(_raises, lifespan="on")
    await auto.until(5)
    assert (await auto.ask()).status == 200
    assert on.exits == [(2, 3)]
    auto.process.sigkill()


async def test_without_a_lifespan_there_is_no_lifespan() -> None:
    """Not even the scope of one."""
    scopes: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope["type"])
        await sleepy(scope, receive, send)

    pod = Played(app, lifespan="off")
    await pod.until(1)
    assert (await pod.ask()).status == 200
    pod.process.sigterm()
    await pod.until(2)
    assert pod.exits == [(1.2, 0)]
    assert scopes == ["http"]
