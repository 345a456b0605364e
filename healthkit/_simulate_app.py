"""The app that `healthkit simulate` plays: one that is described, or one that is imported."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from healthkit import _importing, _validate
from healthkit._validate import shown
from healthkit.errors import ConfigError
from healthkit.lint._facts.own import own_command
from healthkit.manifests import Exec, HttpGet
from healthkit.testing._described import Described, Life, Ran, Reply, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit._simulate_options import Options
    from healthkit.manifests import Container
    from healthkit.testing._clock import Clock
    from healthkit.testing._exchange import Asgi3

_UNAVAILABLE: Final = 503

#: Seconds from the end of a drain to the exit.
_LAST: Final = 0.1

_DELAY: Final = "HEALTHKIT_DRAIN_DELAY"


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
    drain, hook = _drain(options, container), _drain_command(container)
    last = _LAST + (0.0 if hook else drain)
    return Described(
        Life(
            listens_at=options.boot,
            says=says,
            says_draining=tuple(_unready(container)) if drain else (),
            exits_after_sigterm=last,
            closes_after_sigterm=last,
            runs={hook: Ran(takes=drain)} if hook else {},
        )
    )


def _drain(options: Options, container: Container) -> float:
    """Return how long the described app serves on when it is told to end, in seconds."""
    said = container.env.get(_DELAY)
    if options.drain is not None or not said:
        return options.drain or 0.0
    return _validate.duration(_DELAY, said)


def _drain_command(container: Container) -> tuple[str, ...]:
    """Return the preStop hook that is ``healthkit drain``: SIGTERM comes after the drain then."""
    match container.pre_stop:
        case Exec(command) if own_command(command) == "drain":
            return command
        case _:
            return ()


def _unready(container: Container) -> Iterator[Says]:
    """Yield what an app that drains says to its readiness probe."""
    if container.readiness is not None and isinstance(container.readiness.handler, HttpGet):
        yield Says(path_of(container, "readiness", "--drain"), Reply(_UNAVAILABLE))


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
