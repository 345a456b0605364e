"""What is measured: an app, the request that it gets, and the answer that it must give.

Owns the words that worker and report share. Contestants live in four catalogues, so that a worker
loads only what it measures: `floors`, `ours`, `middlewares` and `peers`. ``ours.live`` is a key.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Scope

#: What a kubelet 1.36 sends with each probe.
KUBELET: Final = (
    (b"host", b"10.0.0.1:8000"),
    (b"user-agent", b"kube-probe/1.36"),
    (b"accept", b"*/*"),
    (b"connection", b"close"),
)

#: What a client sends with a small ordinary request.
CLIENT: Final = (
    (b"host", b"shop.example"),
    (b"user-agent", b"client/1.0"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip"),
    (b"x-request-id", b"4f9c2b7e"),
)

#: Seconds that a check takes, and that one takes that hangs.
TAKES: Final = 0.1
FOR_EVER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """One app with one question."""

    #: How the report calls it.
    label: str
    #: Makes the app, inside a running loop.
    make: Callable[[], ASGIApp]
    path: str = "/"
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = KUBELET
    #: The answer: 204 is a success to the kubelet too.
    status: int = 200
    #: Whether a lifespan is opened first, as every server but daphne does.
    lifespan: bool = False
    #: Asked until its answer begins so, before anything is measured.
    ready: tuple[str, bytes] | None = None
    #: Imported before anything is measured, so that it is done once.
    modules: tuple[str, ...] = ()

    def scope(self) -> Scope:
        """Make a fresh scope, as a server does for each request."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "scheme": "http",
            "method": "GET",
            "root_path": "",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "headers": list(self.headers),
            "state": {},
        }

    def look(self, path: str) -> Scope:
        """Make the scope of a kubelet that asks this app for something else."""
        return replace(self, path=path, headers=KUBELET).scope()


def find(key: str) -> Contestant:
    """Return the contestant of a key such as ``ours.live``."""
    catalogue, _, name = key.partition(".")
    module = importlib.import_module(f"tests.benchmarks.{catalogue}")
    contestants = cast("Mapping[str, Contestant]", module.CONTESTANTS)
    return contestants[name]


def get(module: str, name: str) -> Any:  # noqa: ANN401  # whatever a peer has there
    """Look up what a peer's module calls so."""
    return getattr(importlib.import_module(module), name)


def as_app(made: object) -> ASGIApp:
    """Take what an untyped peer has made for the app that it is."""
    return cast("ASGIApp", made)
