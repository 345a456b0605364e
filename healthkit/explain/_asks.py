"""What probes and hooks do, in a few words, and whether the kubelet can do it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from healthkit._validate import one_line
from healthkit.manifests import Exec, Grpc, HttpGet, TcpSocket

if TYPE_CHECKING:
    from healthkit.manifests import Container, Handler, Hook

#: How much of a command, or of a path, is shown; in characters.
_SHOWN: Final = 100


def asks(handler: Handler | Hook) -> str:
    """Say what a probe or a hook does, in one line."""
    match handler:
        case HttpGet(path, port, scheme, host):
            how = " by HTTPS" if scheme == "HTTPS" else ""
            path = path if path.startswith("/") else f"/{path}"
            return f"GET {_short(path)} on {_place(port, host)}{how}"
        case TcpSocket(port, host):
            return f"a connection to {_place(port, host)}"
        case Grpc(port, service):
            of = f" of {_short(service)}" if service else ""
            return f"gRPC health check{of} on port {port}"
        case Exec(command):
            return f"run {_short(shlex.join(command))}"
        case _:
            return f"sleep {handler.seconds} s"


def is_lost(handler: Handler | Hook, container: Container) -> bool:
    """Whether the container declares no port of the name that is asked.

    Such a probe errors before it asks anything (pkg/kubelet/prober/prober.go, runProbe), and its
    worker throws the result away: nothing ever comes of it.
    """
    port = getattr(handler, "port", 0)
    return isinstance(port, str) and port not in {one.name for one in container.ports}


def _place(port: int | str, host: str | None) -> str:
    return f"port {port}" if host is None else f"port {port} of {_short(host)}"


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
