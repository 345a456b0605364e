"""The app that `healthkit simulate` plays: one that is described, or one that is imported."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from healthkit import _importing
from healthkit._validate import shown
from healthkit.errors import ConfigError
from healthkit.manifests import HttpGet
from healthkit.testing._described import Described, Life, Reply, Says

if TYPE_CHECKING:
    from healthkit._simulate_options import Options
    from healthkit.manifests import Container
    from healthkit.testing._clock import Clock
    from healthkit.testing._exchange import Asgi3

_UNAVAILABLE: Final = 503


def described(options: Options, container: Container) -> Described:
    """Return the app that the options describe.

    Raises:
        ConfigError: it is to fail, or to pass late, a probe that is no HTTP request.
    """
    ready_at = options.boot + options.warm_up
    says: tuple[Says, ...] = ()
    if options.warm_up:
        path = path_of(container, "readiness", "--warm-up")
        says = (Says(path, Reply(_UNAVAILABLE)), Says(path, Reply(), ready_at))
    return Described(Life(listens_at=options.boot, says=says))


def arrange_faults(app: Described, options: Options, container: Container, clock: Clock) -> None:
    """Have a described app fail its probes when the options say.

    Raises:
        ConfigError: there is no such probe, or it is no HTTP request.
    """
    for fault in options.faults:
        path = path_of(container, fault.probe, "--fail")
        clock.call_at(fault.start, partial(app.answer, path, _UNAVAILABLE))
        clock.call_at(fault.end, partial(app.answer, path, None))


def path_of(container: Container, probe: str, option: str) -> str:
    """Return the path that a probe asks for, without its query."""
    found = {
        "startup": container.startup,
        "liveness": container.liveness,
        "readiness": container.readiness,
    }[probe]
    handler = None if found is None else found.handler
    if not isinstance(handler, HttpGet):
        what = "no" if handler is None else f"a {type(handler).__name__}"
        raise ConfigError(
            f"{option}: found {what} {probe} probe in container {shown(container.name)}, "
            "expected one with httpGet"
        )
    return handler.path.partition("?")[0]


def imported(name: str, container: Container) -> Asgi3:
    """Import an app as its container would: from here, with its environment.

    Raises:
        ConfigError: there is no such module or app, or the import raises.
    """
    expected = "an ASGI application"
    found = _importing.imported("--app", name, container.env, expected=expected)
    if not callable(found):
        raise _importing.not_expected("--app", name, found, expected)
    return cast("Asgi3", found)  # that it is one shows when it is called
