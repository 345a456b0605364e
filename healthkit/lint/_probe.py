"""Probes, as rules see them: with defaults, and never refused."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from healthkit.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose
    from healthkit.manifests._spec import ProbeKind

PROBES: Final[Mapping[ProbeKind, str]] = {
    "startup": "startupProbe",
    "liveness": "livenessProbe",
    "readiness": "readinessProbe",
}

HANDLERS: Final = ("exec", "grpc", "httpGet", "sleep", "tcpSocket")

#: The fields of a probe that are numbers, and what 0 or nothing means.
DEFAULTS: Final[Mapping[str, int]] = {
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 3,
}


class Probe:
    """One probe of one container."""

    def __init__(self, container: Container, kind: ProbeKind, at: Loose) -> None:
        self.container = container
        self.kind: ProbeKind = kind
        self.at = at

    def __repr__(self) -> str:
        return f"<{self.kind} probe of {self.container!r}>"

    @property
    def field(self) -> str:
        """What Kubernetes calls it: ``livenessProbe``."""
        return PROBES[self.kind]

    @cached_property
    def times(self) -> Timing:
        """Its numbers, with Kubernetes' defaults for 0, for nothing and for nonsense."""
        found = {name: (self.at / name).whole or 0 for name in DEFAULTS}
        numbers = [max(found[name], 0) or default for name, default in DEFAULTS.items()]
        return Timing(*numbers)

    @cached_property
    def handlers(self) -> list[str]:
        """What it does, by the fields that are there; more or less than one is refused."""
        return [name for name in HANDLERS if self.at / name]

    @cached_property
    def http(self) -> Loose:
        """Its HTTP request; false if it makes none."""
        return self.at / "httpGet"

    @cached_property
    def target(self) -> str:
        """What it asks for as it is sent, with its query; "" if it makes no HTTP request."""
        return f"/{(self.http / 'path').text.removeprefix('/')}" if self.http else ""

    @cached_property
    def path(self) -> str:
        """The path that it asks for, without its query; "" if it asks none.

        The kubelet puts a slash before one that has none (pkg/probe/http/request.go, formatURL).
        """
        return self.target.partition("?")[0].partition("#")[0]

    @cached_property
    def request(self) -> tuple[object, ...] | None:
        """What tells its request from another's; None if it makes no HTTP request."""
        if not self.http:
            return None
        headers = sorted(
            ((one / "name").text.lower(), (one / "value").text)
            for one in (self.http / "httpHeaders").items
        )
        scheme, host = (self.http / "scheme").text or "HTTP", (self.http / "host").text
        port = self.container.port_number((self.http / "port").value)
        return (scheme, host, port, self.target, *headers)

    @cached_property
    def command(self) -> tuple[str, ...]:
        """The command that it runs; none if it runs none."""
        return (self.at / "exec" / "command").texts

    @cached_property
    def port(self) -> Loose:
        """The port it connects to; false if it connects to none."""
        found = [self.at / name / "port" for name in ("httpGet", "tcpSocket", "grpc")]
        return next((one for one in found if one), found[0])

    @cached_property
    def port_number(self) -> object:
        """The port that it connects to, by its number; a name that no port has is left as it is."""
        return self.container.port_number(self.port.value)
