"""The public API as a type checker sees it. Never run: test_typing.py has mypy read it.

Right uses must type-check. Wrong ones are marked, and an unused mark is an error of its own: so
each mark proves that the use on its line is refused. pyright reads the same marks.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, assert_type

from healthkit import (
    CheckFailed,
    ConfigError,
    Health,
    HealthkitError,
    HealthMiddleware,
    KubernetesError,
    LifecycleError,
    Outcome,
    Phase,
    Probe,
    Progress,
    StateDirError,
    wsgi,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for any ASGI app."""


class Pool:
    """Something with methods."""

    async def ping(self) -> None:
        """Ask the server."""

    def query(self, sql: str) -> bool:
        """Ask the server for something."""
        return bool(sql)


def admits(scope: Scope) -> bool:
    """Say who may read reasons."""
    return bool(scope["client"])


async def admits_later(scope: Scope) -> bool:
    """Say it too late."""
    return bool(scope["client"])


# -- settings --------------------------------------------------------------------------------------

health = Health()
Health(
    drain_delay=5,
    drain_timeout=15.0,
    grace_period=30,
    readyz_while_draining=200,
    paths={"live": "/alive", "ready": "/ready", Probe.STARTUP: None, "health": None},
    reject_while_starting=True,
    retry_after=5,
)
Health(show_reasons=admits)
Health(websocket_close_code=1001, stream_jitter=0.5)
Health(long_lived=lambda scope: scope["path"] == "/watch")
Health(long_lived=lambda scope: False if scope["path"] == "/game" else None)
Health(show_reasons=lambda scope: scope["client"] is not None)
Health(show_reasons=None)
Health(drain_delay=None, readyz_while_draining=503, paths="kubernetes")

# -- registering: functions keep their types -------------------------------------------------------


@health.check
async def bare() -> None:
    """Ask something."""


@health.check()
def empty() -> bool:
    """Ask something."""
    return True


@health.check(name="database", interval=5, timeout=0.5, required=False)
async def database() -> bool:
    """Ask something."""
    raise CheckFailed("replication lag")


@health.check(failure_threshold=3, success_threshold=2, max_age=60, unknown=ConnectionError)
async def queue() -> None:
    """Ask something."""


@health.check(max_age=None, unknown=())
def disk() -> bool:
    """Ask something."""
    return True


@health.startup
def schema() -> None:
    """Do something once."""


@health.startup(name="queues", timeout=10, attempts=3)
async def declare_queues(progress: Progress, state: Mapping[str, object]) -> None:
    """Do something once."""
    progress(len(state))


@health.warmup
async def catalogue(progress: Progress) -> int:
    """Load something."""
    progress(1, 2.5)
    return 1


@health.warmup(name="images", timeout=120, deadline=300.0, required=False)
def load_images() -> str:
    """Load something."""
    return "done"


@health.on_drain
def close_consumers() -> None:
    """Stop taking work."""


assert_type(empty(), bool)
assert_type(disk(), bool)
load: Callable[[Progress], Coroutine[object, object, int]] = catalogue
assert_type(load_images(), str)
assert_type(close_consumers(), None)

health.check(Pool().ping, name="ping", interval=1)
health.check(partial(Pool().query, "select 1"), name="query")
health.check(lambda: True, name="lambda")
health.check(Pool().ping, name="slow", failure_threshold=3, max_age=60.5)
health.check(Pool().ping, name="own", unknown=(OSError, ValueError))
health.startup(Pool().ping, name="pool")
health.warmup(partial(Pool().query, "select 1"), name="cache")
health.on_drain(Pool().ping)

# -- using -----------------------------------------------------------------------------------------


async def use() -> None:
    """Call everything once."""
    health.pause("maintenance")
    health.resume()
    health.drain()
    await health.draining()
    health.fail_liveness("deadlock")
    async with health.hold("checkout job"):
        pass
    with health.hold("export"):
        pass
    await health.wait_for("serving")
    await health.wait_for(Phase.DRAINING, timeout=1)
    assert_type(health.phase, Phase)


def compare(outcome: Outcome) -> bool:
    """Words are strings."""
    return health.phase == "serving" and outcome == "success"


def catch() -> HealthkitError:
    """Every error is one of healthkit's."""
    errors: list[HealthkitError] = [ConfigError("x"), LifecycleError("x"), StateDirError("x")]
    errors += [CheckFailed("x"), KubernetesError("x")]
    return errors[0]


HealthMiddleware(app, health=health)
HealthMiddleware(app=HealthMiddleware(app, health=health), health=Health())

# -- wrong, and refused before it runs -------------------------------------------------------------


def check_for_liveness() -> None:
    """No keyword lets a check reach liveness."""
    health.check(schema, liveness=True)  # type: ignore[call-overload]
    health.check(schema, probe="live")  # type: ignore[call-overload]
    health.check(schema, "live")  # type: ignore[call-overload]


# Each in a function of its own: what follows such a class in the same scope is never reached.


def own_health() -> None:
    """Final: an override could give a check a way to liveness."""

    class OwnHealth(Health):  # type: ignore[misc]
        pass


def own_middleware() -> None:
    """Final, for the same reason."""

    class OwnMiddleware(HealthMiddleware):  # type: ignore[misc]
        pass


def wrong_doors() -> None:
    """The middleware needs a health, by its name."""
    HealthMiddleware(app)  # type: ignore[call-arg]
    HealthMiddleware(app, health)  # type: ignore[call-arg]


def wrong_settings() -> None:
    """Values that the settings refuse at the start."""
    Health(readyz_while_draining=204)  # type: ignore[arg-type]
    Health(paths="springboot")  # type: ignore[arg-type]
    Health(paths={"liveness": "/livez"})  # type: ignore[dict-item]
    Health(drain_delay="5")  # type: ignore[arg-type]
    Health(5)  # type: ignore[call-arg]
    Health(show_reasons=True)  # type: ignore[arg-type]
    Health(long_lived="/watch")  # type: ignore[arg-type]
    Health(websocket_close_code="restart")  # type: ignore[arg-type]
    Health(show_reasons=admits_later)  # type: ignore[arg-type]
    Health(show_reasons=lambda: True)  # type: ignore[arg-type, misc]


def wrong_work() -> None:
    """Parameters of one kind of work are none of another."""
    health.check(schema, deadline=5)  # type: ignore[call-overload]
    health.warmup(schema, attempts=3)  # type: ignore[call-overload]
    health.startup(schema, required=False)  # type: ignore[call-overload]
    health.check("postgres://db")  # type: ignore[call-overload]
    health.check(schema, failure_threshold=1.5)  # type: ignore[call-overload]
    health.check(schema, max_age="60")  # type: ignore[call-overload]
    health.check(schema, unknown=OSError())  # type: ignore[call-overload]
    health.check(schema, unknown=[OSError])  # type: ignore[call-overload]
    health.check(schema, unknown="OSError")  # type: ignore[call-overload]
    health.warmup(schema, unknown=OSError)  # type: ignore[call-overload]


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stand for any WSGI app."""
    raise NotImplementedError


def check_wsgi(health: Health) -> None:
    """The WSGI door takes a WSGI app, and is one."""
    door: WSGIApplication = wsgi.HealthMiddleware(wsgi_app, health=health)
    wsgi.HealthMiddleware(door, health=health).start()
    wsgi.HealthMiddleware(door, health=health).stop()
    wsgi.HealthMiddleware(app, health=health)  # type: ignore[arg-type]
    wsgi.HealthMiddleware(wsgi_app, health)  # type: ignore[call-arg]
    wsgi.post_worker_init(object())
    wsgi.worker_exit(object(), object())
