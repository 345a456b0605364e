"""Probes and hooks: what the API server admits, with its defaults.

The rules are those of kubernetes 1.36 pkg/apis/core/validation/validation.go, the defaults those of
pkg/apis/core/v1/defaults.go (SetDefaults_Probe, SetDefaults_HTTPGetAction).

The surprising fact: an empty path is no error, it is ``/``; validation asks for a path, but after
the default has been set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast

from healthkit.manifests import _names
from healthkit.manifests._spec import Exec, Grpc, HttpGet, Probe, Sleep, TcpSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._document import Spot
    from healthkit.manifests._fields import Fields
    from healthkit.manifests._names import Problem
    from healthkit.manifests._spec import Handler, Hook, ProbeKind

#: The kinds of probes, by their fields, in the order that validateContainers goes by.
PROBES: Final[dict[ProbeKind, str]] = {
    "liveness": "livenessProbe",
    "readiness": "readinessProbe",
    "startup": "startupProbe",
}

#: In the order that the API server names them.
_SCHEMES: Final[dict[str, Literal["HTTP", "HTTPS"]]] = {"HTTP": "HTTP", "HTTPS": "HTTPS"}

#: The times of a probe and what 0 or nothing means. None may be negative (validateProbe).
_TIMES: Final = {
    "initialDelaySeconds": 0,
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}


def probe(fields: Fields, kind: ProbeKind) -> Probe:
    """Return a probe (validateProbe, validateLivenessProbe and its like)."""
    handler = cast("Handler", _handler(fields, grace=0))
    for name in _TIMES:
        not_negative(fields, name)
    grace = fields.whole("terminationGracePeriodSeconds", 0)
    if "terminationGracePeriodSeconds" in fields:
        _own_grace(fields / "terminationGracePeriodSeconds", grace, kind)
    times = [fields.whole(name, 0) or default for name, default in _TIMES.items()]
    if kind != "readiness" and times[3] != 1:
        raise (fields / "successThreshold").invalid(times[3], "must be 1")
    delay, timeout, period, successes, failures = times
    return Probe(handler, delay, period, timeout, successes, failures, grace or None)


def _own_grace(spot: Spot, grace: int, kind: ProbeKind) -> None:
    if grace <= 0:
        raise spot.invalid(grace, "must be greater than 0")
    if kind == "readiness":
        raise spot.invalid(grace, "must not be set for readinessProbes")


def hook(fields: Fields, grace: int) -> Hook:
    """Return a hook of the container's life (validateLifecycle).

    Args:
        fields: the hook's.
        grace: the pod's termination grace period in seconds; no sleep may be longer.
    """
    return cast("Hook", _handler(fields, grace))


def not_negative(fields: Fields, name: str) -> None:
    """Refuse a number below 0 (ValidateNonnegativeField)."""
    found = fields.whole(name, 0)
    if found < 0:
        raise (fields / name).invalid(found, "must be greater than or equal to 0")


def check(
    spot: Spot, found: str, rule: Callable[[str], Problem], *, named: Spot | None = None
) -> None:
    """Refuse a name that breaks a rule."""
    problem = rule(found)
    if problem is not None:
        raise spot.invalid(found, problem, named=named)


def _handler(fields: Fields, grace: int) -> Handler | Hook:
    """Return the one thing to do (validateHandler)."""
    found = [name for name in _HANDLERS if name in fields]
    if not found:
        raise fields.spot.required("must specify a handler type")
    first, *others = found
    handler = _HANDLERS[first](fields.some(first), grace)
    if others:
        raise (fields / others[0]).forbidden("may not specify more than 1 handler type")
    return handler


def _exec(fields: Fields, _grace: int) -> Exec:
    command = fields.texts("command")
    if not command:
        raise (fields / "command").required()
    return Exec(command)


def _http_get(fields: Fields, _grace: int) -> HttpGet:
    port, scheme = _port(fields), fields.text("scheme", "HTTP")
    if scheme not in _SCHEMES:
        raise (fields / "scheme").unsupported(scheme, _SCHEMES)
    headers = fields.many("httpHeaders")
    for one in headers:
        check(one / "name", one.text("name"), _names.header, named=fields / "httpHeaders")
    pairs = tuple((one.text("name"), one.text("value")) for one in headers)
    return HttpGet(
        fields.text("path", "/"), port, _SCHEMES[scheme], fields.text("host") or None, pairs
    )


def _tcp_socket(fields: Fields, _grace: int) -> TcpSocket:
    return TcpSocket(_port(fields), fields.text("host") or None)


def _grpc(fields: Fields, _grace: int) -> Grpc:
    port = _port(fields)
    return Grpc(int(port), fields.text("service"))


def _sleep(fields: Fields, grace: int) -> Sleep:
    """Return a sleep (validateSleepAction). A sleep as long as the grace period is admitted."""
    seconds = fields.whole("seconds", 0)
    if not 0 <= seconds <= grace:
        rule = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        raise fields.spot.invalid(seconds, rule)
    return Sleep(seconds)


def _port(fields: Fields) -> int | str:
    found = fields.port("port")
    problem = _names.port(found)
    if problem is not None:
        raise (fields / "port").invalid(found, problem)
    return found


#: In the order that validateHandler goes by.
_HANDLERS: Final[dict[str, Callable[[Fields, int], Handler | Hook]]] = {
    "exec": _exec,
    "httpGet": _http_get,
    "tcpSocket": _tcp_socket,
    "grpc": _grpc,
    "sleep": _sleep,
}
