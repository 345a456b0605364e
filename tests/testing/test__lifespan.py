"""A lifespan is spoken as uvicorn speaks it: what an app does is done to both."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest
from uvicorn import Config

from healthkit.testing._lifespan import Lifespan

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from uvicorn.lifespan.off import LifespanOff
    from uvicorn.lifespan.on import LifespanOn

Mode = Literal["auto", "on", "off"]

RECEIVE = "receive"
UP = "lifespan.startup.complete"
DOWN = "lifespan.shutdown.complete"


def does(*steps: str | BaseException) -> ASGIApp:
    """Make an app that receives, sends or raises these."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        scope["state"]["pool"] = 1
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            if step == RECEIVE:
                await receive()
            else:
                await send({"type": step, "message": "why"})

    return app


ODD = RuntimeError("odd")
APPS: dict[str, ASGIApp] = {
    "right": does(RECEIVE, UP, RECEIVE, DOWN),
    "none": does(ODD),
    "none, and says so late": does(RECEIVE, ODD),
    "cancelled": does(RECEIVE, asyncio.CancelledError()),
    "fails": does(RECEIVE, "lifespan.startup.failed"),
    "fails and raises": does(RECEIVE, "lifespan.startup.failed", ODD),
    "returns at once": does(),
    "returns after its start": does(RECEIVE, UP),
    "raises after its start": does(RECEIVE, UP, ODD),
    "raises at the shutdown": does(RECEIVE, UP, RECEIVE, ODD),
    "fails at the shutdown": does(RECEIVE, UP, RECEIVE, "lifespan.shutdown.failed", ODD),
    "starts twice": does(RECEIVE, UP, UP),
    "ends before it starts": does(RECEIVE, DOWN),
    "ends twice": does(RECEIVE, UP, RECEIVE, DOWN, DOWN),
    "starts after its end": does(RECEIVE, UP, RECEIVE, DOWN, UP),
    "speaks of something else": does(RECEIVE, "http.response.start"),
    "has no end to its word": does(RECEIVE, "lifespan.startup"),
}


async def of_uvicorn(app: ASGIApp, mode: Mode) -> tuple[bool, dict[str, Any]]:
    """Have uvicorn speak it; return whether the app is served."""
    config = Config(cast("Any", app), lifespan=mode, log_config=None)
    config.load()
    lifespan = cast("LifespanOn | LifespanOff", config.lifespan_class(config))
    await lifespan.startup()
    served = not lifespan.should_exit
    if served:
        await lifespan.shutdown()
    return served, lifespan.state


async def of_ours(app: ASGIApp, mode: Mode) -> tuple[bool, dict[str, Any]]:
    """Speak it; return the same."""
    lifespan = Lifespan(app, mode)
    assert repr(lifespan) == "<Lifespan starting>"
    task = asyncio.create_task(lifespan.run()) if mode != "off" else None
    served = await lifespan.startup()
    if served:
        await lifespan.shutdown()
    if task is not None:
        await task
    return served, lifespan.state


@pytest.mark.parametrize("mode", ["auto", "on", "off"])
@pytest.mark.parametrize("name", APPS)
async def test_an_app_is_served_if_uvicorn_serves_it(name: str, mode: Mode) -> None:
    """Whatever it does in its lifespan; the shutdown hangs in neither."""
    theirs, ours = [await asyncio.wait_for(of(APPS[name], mode), 5) for of in (of_uvicorn, of_ours)]
    assert ours == theirs


async def test_a_lifespan_says_how_far_it_is() -> None:
    """In its repr."""
    lifespan = Lifespan(APPS["right"], "auto")
    task = asyncio.create_task(lifespan.run())
    await lifespan.startup()
    assert repr(lifespan) == "<Lifespan started>"
    await lifespan.shutdown()
    await task
    assert repr(lifespan) == "<Lifespan stopped>"
    failed = Lifespan(APPS["fails"], "auto")
    task = asyncio.create_task(failed.run())
    assert not await failed.startup()
    assert repr(failed) == "<Lifespan failed>"
    await task


async def test_the_scope_is_uvicorns() -> None:
    """Its state is what requests get."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(dict(scope))
        await does(RECEIVE, UP, RECEIVE, DOWN)(scope, receive, send)

    await of_uvicorn(app, "auto")
    await of_ours(app, "auto")
    assert scopes[0] == scopes[1]


@pytest.mark.parametrize(
    ("name", "mode", "levels"),
    [
        ("none", "auto", [logging.INFO]),
        ("none", "on", [logging.ERROR]),
        ("fails and raises", "auto", [logging.ERROR]),
        ("cancelled", "on", []),
    ],
)
async def test_what_went_wrong_is_in_the_log(
    name: str, mode: Mode, levels: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Once."""
    caplog.set_level(logging.INFO, "healthkit.testing")
    await of_ours(APPS[name], mode)
    assert [record.levelno for record in caplog.records] == levels


async def test_after_its_servers_death_an_app_hears_nothing() -> None:
    """A shutdown that is on its way is taken back."""
    heard: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(await receive())
        await send({"type": UP})
        await asyncio.sleep(5)
        heard.append(await receive())

    lifespan = Lifespan(app, "auto")
    task = asyncio.create_task(lifespan.run())
    await lifespan.startup()
    ending = asyncio.create_task(lifespan.shutdown())
    await asyncio.sleep(1)
    lifespan.die()
    await asyncio.sleep(10)
    assert heard == [{"type": "lifespan.startup"}]
    for forsaken in (task, ending):
        forsaken.cancel()


async def test_a_lifespan_that_is_thrown_away_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A loop that is closed takes it along."""
    caplog.set_level(logging.INFO, "healthkit.testing")
    work = Lifespan(does(RECEIVE), "on").run()
    work.send(None)
    work.close()
    assert caplog.records == []


async def test_ctrl_c_is_the_developers() -> None:
    """It is no failure of a start-up."""
    work = Lifespan(does(RECEIVE, KeyboardInterrupt()), "on")
    starting = asyncio.create_task(work.startup())
    await asyncio.sleep(0)
    with pytest.raises(KeyboardInterrupt):
        work.run().send(None)
    await starting
