"""Where healthkit's own endpoints are, as data: nothing here may import the engine.

What answers there is the outermost middleware, so nothing in the app redirects or refuses it: if
it is there. Half of all apps have a ``/healthz`` of their own, so that a path like this says
nothing by itself. A test holds this list against the engine's own presets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.inside import inside

if TYPE_CHECKING:
    from healthkit.lint._workload import Container

#: The paths of the presets; but for ``/health``, which half of all apps have too.
OWN_PATHS: Final = (
    "/livez",
    "/readyz",
    "/startupz",
    "/healthz",
    "/health/live",
    "/health/ready",
    "/health/started",
    "/actuator/health/liveness",
    "/actuator/health/readiness",
    "/actuator/health/startup",
    "/actuator/health",
    "/__lbheartbeat__",
    "/__heartbeat__",
)

#: Those where healthkit answers if nobody says otherwise, and few others do.
DEFAULT_PATHS: Final = ("/livez", "/readyz", "/startupz")

#: By these a query says that it doesn't want what it names.
_NO: Final = frozenset({"0", "false", "no", "off"})

#: The parts of a path by which it says itself that a startup probe is to ask there. The presets'
#: startup paths each have one.
STARTUP_WORDS: Final = frozenset({"start", "started", "startup", "startupz"})


def path_words(path: str) -> list[str]:
    """Return what a path is made of, in small letters: ``health`` and ``ready``."""
    return re.split(r"[/\-_.]", path.lower())


def query_words(target: str) -> list[str]:
    """Return the names in a query: ``full`` of ``?full=1``, and not of ``?full=false``."""
    asked = (part.partition("=") for part in target.partition("?")[2].split("&"))
    return [
        word for name, _, value in asked if value.lower() not in _NO for word in path_words(name)
    ]


def is_for_startup(path: str) -> bool:
    """Whether a path says itself that a startup probe is to ask there."""
    return not STARTUP_WORDS.isdisjoint(path_words(path))


def is_own(path: str, container: Container) -> bool:
    """Whether healthkit answers at a path, behind a root path too: ``/api/livez``."""
    if path.endswith(DEFAULT_PATHS):
        return True
    app = container.workload.manifests.app_of(container)
    own = OWN_PATHS if app is None else (*OWN_PATHS, *app.paths.values())
    return path.endswith(tuple(own)) and inside(container) is not None
