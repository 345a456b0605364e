"""The app that `healthkit simulate` plays: one that is described, or one that is imported.

What an app does while it is imported is its own: it may raise anything, and look at anything. It
finds the environment that its container would have, as far as the manifest says it in plain words.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from healthkit._validate import one_line, shown
from healthkit.errors import ConfigError
from healthkit.manifests import HttpGet
from healthkit.testing._described import Described, Life, Reply, Says
from healthkit.testing._kubelet import IN_CLUSTER

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

    Changes ``os.environ`` and ``sys.path`` of this process.

    Raises:
        ConfigError: there is no such module or app, or the import raises.
    """
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        raise ConfigError(f"--app={shown(name)}: expected MODULE:APP, as in main:app")
    os.environ.update([IN_CLUSTER], **container.env)
    sys.path.insert(0, str(Path.cwd()))
    found = _module(name, module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigError(
            f"--app={shown(name)}: found {shown(found)} as {path} in {module}, "
            "expected an ASGI application"
        )
    return cast("Asgi3", found)  # that it is one shows when it is called


def _module(name: str, module: str) -> object:
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as exc:
        raise ConfigError(
            f"--app={shown(name)}: importing {module} raised {said(exc)}; "
            "expected it to be imported as in its container"
        ) from exc


def said(error: BaseException) -> str:
    """Return an exception in one line: ``ValueError: no such table``."""
    try:
        text = one_line(str(error))
    except Exception:  # noqa: BLE001  # an exception's own text may raise anything
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
