"""What an app with healthkit inside says of itself, read from the app: for `lint` and `render`.

The app is imported and asked; none of it is run, and no life begins. What comes out are plain
values, and nothing of the engine goes with them. The commands do not call `read`: `_app_asked`
calls `answer`, in a process of its own.

The surprising fact: a warm-up has no longest time. It is tried until it succeeds, and its deadline
or timeout is what somebody expects of it, no bound.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn, cast

from healthkit import _importing
from healthkit._health import Health
from healthkit.errors import ConfigError
from healthkit.manifests._app import AppSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from healthkit._warmup import Work
    from healthkit.manifests._app import Endpoint

_EXPECTED: Final = (
    "a Health, or an app with healthkit's middleware: name the Health, as in main:health"
)

#: More apps than that are not within one another.
_DEEPEST: Final = 32

_STDOUT: Final = 1
_STDERR: Final = 2


def read(
    name: str,
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    option: str = "--app",
) -> AppSettings:
    """Return what an app says of itself in its container.

    Changes ``os.environ`` and ``sys.path`` of this process; see `_importing`.

    Args:
        name: ``main:health``, or an app: one that healthkit's middleware is around, ASGI or WSGI
            (``app.wsgi_app`` too), or one of Starlette's with the middleware added to it.
        environ: the container's variables; ``HEALTHKIT_*`` among them win over the code.
        option: what was given the name, for the message.

    Raises:
        ConfigError: there is no such module or app, the import raises, or there is no `Health` in
            what was found.
    """
    found = _importing.imported(option, name, environ, expected=_EXPECTED)
    health = _health_of(found)
    if health is None:
        raise _importing.not_expected(option, name, found, _EXPECTED)
    return _described(name, health)


def _described(name: str, health: Health) -> AppSettings:
    settings, registered = health.settings, health.registered
    paths: dict[Endpoint, str] = {probe.value: path for path, probe in settings.paths.items()}
    return AppSettings(
        name=name,
        paths=paths,
        drain_delay=settings.drain_delay,
        drain_timeout=settings.drain_timeout,
        grace_period=settings.grace_period,
        startup=_startup(registered.startups),
        warm_up=_warm_up(registered.warmups),
        state_dir=settings.state_dir,
        workers=settings.workers,
        metrics_path=settings.metrics_path,
        prestop_path=settings.prestop_path,
    )


def _startup(works: list[Work]) -> float | None:
    """Return the longest start-up work: all of it runs at once (`_duties`, start)."""
    longest = [work.longest for work in works]
    known = [one for one in longest if one is not None]
    return max(known) if known and len(known) == len(longest) else None


def _warm_up(works: list[Work]) -> float | None:
    """Return the longest deadline, else timeout, of what readiness waits for."""
    expected = [work.deadline or work.timeout for work in works if work.required]
    return max((one for one in expected if one is not None), default=None)


# -- the Health of an app --------------------------------------------------------------------------


def _health_of(found: object) -> Health | None:
    """Return the Health of an app: its own, or that of an app within it."""
    for app in _within(found):
        healths = [one for one in (app, *_attributes(app)) if isinstance(one, Health)]
        if healths:
            return healths[0]
    return None


def _attributes(app: object) -> Iterator[object]:
    """Yield what may be a Health: the middleware's, or that of a middleware that is added.

    Starlette 1.0 applications.py: `user_middleware` holds what `add_middleware` was given, and the
    apps are put around each other at the first request.
    """
    yield _attribute(app, "health")
    added = _attribute(app, "user_middleware")
    for one in cast("list[object]", added) if isinstance(added, list) else []:
        given = _attribute(one, "kwargs")
        if isinstance(given, dict):
            yield cast("dict[object, object]", given).get("health")


def _within(found: object) -> Iterator[object]:
    """Yield an app, and those within it, by the names that frameworks have for that."""
    waiting = [found]
    for _ in range(_DEEPEST):
        if not waiting:
            return
        app = waiting.pop(0)
        yield app
        inner = [_attribute(app, name) for name in ("app", "asgi_app", "wsgi_app")]
        waiting += [one for one in inner if callable(one)]


def _attribute(found: object, name: str) -> object:
    """Return an attribute; None if there is none, or if it says no in its own way."""
    try:
        return getattr(found, name, None)
    except Exception:  # noqa: BLE001  # a property of somebody's app may raise anything
        return None


# -- in a process of its own -----------------------------------------------------------------------


def answer(question: Mapping[str, object]) -> NoReturn:
    """Write what an app says of itself, or the error, as one line to stdout, and end the process.

    Whatever the app prints goes to stderr. No thread of the app is waited for, and none of its
    exit handlers is called: some would never end.

    Args:
        question: ``name``, ``environ`` and ``option`` of `read`, as `_app_asked` writes them.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is the command's to tell of
    pipe = _aside()
    line = _line(question)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the app's own may be anything
            stream.flush()
    os.write(pipe, f"{line}\n".encode())
    os._exit(0)


def _aside() -> int:
    """Lead stdout to stderr, and return where it led before."""
    pipe = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    return pipe


def _line(question: Mapping[str, object]) -> str:
    environ = cast("Mapping[str, str]", question["environ"])
    try:
        found = read(str(question["name"]), environ, option=str(question["option"]))
    except ConfigError as exc:
        return json.dumps({"error": str(exc)})
    return json.dumps(asdict(found))
