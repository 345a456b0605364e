"""The settings: keyword arguments of `Health`, overridden by ``HEALTHKIT_<NAME>`` variables.

The environment wins because the deployment, not the code, knows its grace period. A wrong value is
refused with its name, what was found and what was expected; an unknown variable is only warned
about, because a Kubernetes Service called ``healthkit`` injects names such as ``HEALTHKIT_PORT``
into every pod of its namespace (kubernetes.io, "Service", "Environment variables").
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from healthkit import _validate, timing
from healthkit._model import Probe
from healthkit._streams import reconnects
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import Scope

PREFIX: Final = "HEALTHKIT_"

#: The kubelet sets it in every container, with or without service links
#: (kubernetes 1.36 pkg/kubelet/kubelet_pods.go, getServiceEnvVarMap: the master services).
IN_KUBERNETES: Final = "KUBERNETES_SERVICE_HOST"

#: The convention for the number of workers; uvicorn's and gunicorn's default
#: (uvicorn 0.54 docs/settings.md, "--workers"; gunicorn 27 docs, "workers").
WEB_CONCURRENCY: Final = "WEB_CONCURRENCY"

#: More is a slip.
MOST_WORKERS: Final = 1_000

#: Measured on one node: new connections arrive up to 1.1 s after the deletion of a pod. Clusters
#: with more nodes and cloud load balancers are slower.
DRAIN_DELAY_IN_KUBERNETES: Final = 5.0

PRESETS: Final[Mapping[str, Mapping[Probe, str | None]]] = {
    "kubernetes": {
        Probe.LIVE: "/livez",
        Probe.READY: "/readyz",
        Probe.STARTUP: "/startupz",
        Probe.HEALTH: "/healthz",
    },
    # MicroProfile Health 4.0, "REST endpoints". Its /health is the sum of the other three.
    "microprofile": {
        Probe.LIVE: "/health/live",
        Probe.READY: "/health/ready",
        Probe.STARTUP: "/health/started",
        Probe.HEALTH: "/health",
    },
    # Spring Boot's "Kubernetes Probes" have two groups; a third is called like the probe.
    "spring": {
        Probe.LIVE: "/actuator/health/liveness",
        Probe.READY: "/actuator/health/readiness",
        Probe.STARTUP: "/actuator/health/startup",
        Probe.HEALTH: "/actuator/health",
    },
    # mozilla-services/Dockerflow: the first is for load balancers and asks no backing service, the
    # second does. It has no others; liveness is 200 during the start, so it serves as both.
    "dockerflow": {
        Probe.LIVE: "/__lbheartbeat__",
        Probe.READY: "/__heartbeat__",
        Probe.STARTUP: None,
        Probe.HEALTH: None,
    },
}

#: Whoever asks here asks for liveness; no other probe may answer (see `_path_table`).
LIVENESS_PATH: Final = "/livez"

#: Where the pod is drained over HTTP, unless the settings say otherwise.
PRESTOP_PATH: Final = "/prestop"

#: What an empty variable says of `prestop_path`, and what it makes of it: off, token or not. Of
#: `readiness_gate` it says the same.
_EMPTY: Final = object()
_OFF: Final = "off"  # which is no path


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. Seconds are floats; see `Health` for what each one does."""

    drain_delay: float
    #: Whether nobody has said the delay: then it depends on where a life begins.
    delay_is_open: bool
    drain_timeout: float
    grace_period: float
    readyz_while_draining: int
    #: ``path -> probe``, without the probes that are switched off.
    paths: Mapping[str, Probe]
    reject_while_starting: bool
    retry_after: int
    metrics_path: str | None
    state_dir: str | None
    #: With how many workers the pod begins; None if nobody says.
    workers: int | None
    #: What a drain closes WebSockets with, and over how long it spreads the ends of streams.
    websocket_close_code: int
    stream_jitter: float
    #: Where the pod is drained over HTTP, by whoever has the token; None, both: nowhere.
    prestop_path: str | None
    prestop_token: str | None = field(repr=False)
    #: The type of the Pod's condition that is published, where the deployment says so; empty where
    #: it says that none is; None if it says nothing.
    readiness_gate: str | None
    #: What is to be logged once at the first start: level and line.
    notes: tuple[tuple[int, str], ...]
    #: Tells a long-lived stream by its scope.
    is_stream: Callable[[Scope], bool]


def _readyz_while_draining(what: str, value: object) -> int:
    if isinstance(value, int) and value in {200, 503}:
        return value
    raise _validate.refuse(what, value, "503 or 200")


def _path(what: str, value: object) -> str:
    expected = "a path such as '/livez': beginning with '/', printable, without space ? # or %"
    if not isinstance(value, str):
        raise _validate.refuse(what, value, expected)
    if not value.startswith("/") or not value.isprintable() or set(value) & set(" ?#%"):
        raise _validate.refuse(what, value, expected)
    return value


def _state_dir(what: str, value: object) -> str | None:
    """Return the directory's path. Absolute: workers and commands may run in different places."""
    if value is None:
        return None
    expected = "the absolute path of a directory that all workers of the pod share"
    path: object = (
        os.fspath(cast("os.PathLike[str]", value)) if hasattr(value, "__fspath__") else value
    )
    if not isinstance(path, str) or not path.startswith("/") or not path.isprintable():
        raise _validate.refuse(what, value, expected)
    return os.path.normpath(path)


def _workers(what: str, value: object) -> int | None:
    if value is None:
        return None
    return _validate.whole(what, value, least=1, most=MOST_WORKERS)


def _close_code(what: str, value: object) -> int:
    """Return a code that an endpoint may send (RFC 6455, 7.4; the IANA registry for the rest)."""
    code = _validate.whole(what, value, least=1000, most=4999)
    if code in {1004, 1005, 1006, 1015} or 1015 < code < 3000:  # noqa: PLR2004  # as above
        raise _validate.refuse(
            what, value, "a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999"
        )
    return code


def _maybe_path(what: str, value: object) -> str | None:
    return None if value is None else _path(what, value)


def _prestop_path(what: str, value: object) -> str | None:
    return _OFF if value is _EMPTY else _maybe_path(what, value)


def _prestop_token(what: str, value: object) -> str | None:
    return None if value is None else _validate.secret(what, value)


def _readiness_gate(what: str, value: object) -> str | None:
    return None if value is None else "" if value is _EMPTY else _validate.condition(what, value)


def _path_table(what: str, value: object) -> Mapping[str, Probe]:
    """Turn a preset's name or a mapping of probe to path into ``path -> probe``."""
    wanted: dict[Probe, str | None] = dict(PRESETS["kubernetes"])
    if isinstance(value, Mapping):
        for probe, path in cast("Mapping[object, object]", value).items():
            if not isinstance(probe, str) or probe not in list(Probe):
                raise _validate.refuse(f"{what} key", probe, f"one of {', '.join(Probe)}")
            wanted[Probe(probe)] = None if path is None else _path(f"{what}[{str(probe)!r}]", path)
    elif isinstance(value, str) and value in PRESETS:
        wanted = dict(PRESETS[value])
    else:
        expected = f"a preset ({', '.join(PRESETS)}) or, in code, a mapping of probe to path"
        raise _validate.refuse(what, value, expected)
    return MappingProxyType(_by_path(what, wanted))


def _by_path(what: str, wanted: Mapping[Probe, str | None]) -> Mapping[str, Probe]:
    table: dict[str, Probe] = {}
    for probe, path in wanted.items():
        if path is None:
            continue
        if path in table:
            message = f"{what}: {table[path]} and {probe} overlap at {path!r}: expected a path each"
            raise ConfigError(message)
        # Below a root path too: /api/livez is liveness behind the root path /api.
        if path.endswith(LIVENESS_PATH) and probe is not Probe.LIVE:
            message = f"{what}: {probe} at {path!r}: expected only liveness there, for a check must"
            raise ConfigError(message + " never get a container killed; choose another path")
        table[path] = probe
    return table


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of setting is read from a variable's text, and how a value of it is checked."""

    from_text: Callable[[str], object]
    check: Callable[[str, object], object]


def _number(text: str) -> object:
    """Read a number; what is none stays text, for the check to refuse with the right words."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


_WORDS: Final = {"true": True, "yes": True, "on": True, "1": True}
_WORDS.update({"false": False, "no": False, "off": False, "0": False})

_SECONDS = _Kind(_number, lambda what, value: _validate.seconds(what, value, zero=True))
_POSITIVE = _Kind(_number, lambda what, value: _validate.seconds(what, value, zero=False))
_SECONDS_TO_RETRY = _Kind(
    _number, lambda what, value: _validate.whole(what, value, least=0, most=86_400)
)
_FLAG = _Kind(lambda text: _WORDS.get(text.lower(), text), _validate.flag)

#: Every setting that may be a variable; ``HEALTHKIT_DRAIN_DELAY`` is ``drain_delay``.
_KINDS: Final[Mapping[str, _Kind]] = {
    "drain_delay": _SECONDS,
    "drain_timeout": _SECONDS,
    "grace_period": _POSITIVE,
    "readyz_while_draining": _Kind(_number, _readyz_while_draining),
    "paths": _Kind(str, _path_table),
    "reject_while_starting": _FLAG,
    "retry_after": _SECONDS_TO_RETRY,
    # An empty variable switches the metrics off.
    "metrics_path": _Kind(lambda text: text or None, _maybe_path),
    # An empty variable: every worker speaks for itself.
    "state_dir": _Kind(lambda text: text or None, _state_dir),
    "workers": _Kind(_number, _workers),
    "websocket_close_code": _Kind(_number, _close_code),
    "stream_jitter": _SECONDS,
    # An empty variable, either of them, switches the drain over HTTP off.
    "prestop_path": _Kind(lambda text: text or _EMPTY, _prestop_path),
    "prestop_token": _Kind(lambda text: text or None, _prestop_token),
    # No argument of `Health`: see `healthkit.kubernetes`. An empty variable switches the gate off.
    "readiness_gate": _Kind(lambda text: text or _EMPTY, _readiness_gate),
}

#: What nobody may read anywhere.
_SECRET: Final = frozenset({"prestop_token"})


def read(
    code: Mapping[str, object],
    environ: Mapping[str, str],
    is_stream: Callable[[Scope], bool] = reconnects,
) -> Settings:
    """Merge what the code says with what the environment says, and check both.

    Args:
        code: what the code says.
        environ: the environment.
        is_stream: tells a long-lived stream by its scope.

    Raises:
        ConfigError: a value is wrong, whether or not it would have been overridden.
    """
    kubernetes = IN_KUBERNETES in environ
    values: dict[str, object] = dict(code)
    is_open = values["drain_delay"] is None and f"{PREFIX}DRAIN_DELAY" not in environ
    if values["drain_delay"] is None:
        values["drain_delay"] = DRAIN_DELAY_IN_KUBERNETES if kubernetes else 0.0
    notes: list[tuple[int, str]] = []
    checked: dict[str, object] = {}
    for name, kind in _KINDS.items():
        checked[name] = kind.check(name, values[name])
        variable = PREFIX + name.upper()
        text = environ.get(variable)
        if text is not None:
            checked[name] = kind.check(variable, kind.from_text(text))
            said = variable if name in _SECRET else f"{variable}={text!r}"
            notes.append((logging.INFO, f"{said} is set and wins over the code"))
    notes += _prestop(checked)
    _refuse_shadowing(checked, environ)
    notes += _unknown(environ)
    notes += _expect(checked, environ)
    settings = Settings(notes=(), delay_is_open=is_open, is_stream=is_stream, **checked)  # type: ignore[arg-type]  # _KINDS checked each type
    return replace(settings, notes=(*notes, *_grace(settings)))


def placed(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return the settings for a life that begins in an environment.

    A `Health` may be made outside of a pod and live in one: by a test that plays the pod's life.
    """
    if not settings.delay_is_open:
        return settings
    delay = DRAIN_DELAY_IN_KUBERNETES if IN_KUBERNETES in environ else 0.0
    return settings if delay == settings.drain_delay else replace(settings, drain_delay=delay)


def _expect(checked: dict[str, object], environ: Mapping[str, str]) -> list[tuple[int, str]]:
    """Find out with how many workers the pod begins; return what there is to say about it."""
    if checked["state_dir"] is None:
        several = checked["workers"] not in {None, 1}
        line = f"workers={checked['workers']} without state_dir: each worker speaks for itself only"
        return [(logging.WARNING, f"{line}; set both, or neither")] if several else []
    text = environ.get(WEB_CONCURRENCY)
    if checked["workers"] is not None or text is None:
        unknown = "state_dir without workers: at first the pod is ready when all that have joined "
        unknown += f"are; set workers (or {WEB_CONCURRENCY}) to the server's number of them"
        return [(logging.WARNING, unknown)] if checked["workers"] is None else []
    try:
        checked["workers"] = _workers(WEB_CONCURRENCY, _number(text))
    except ConfigError as exc:
        return [(logging.WARNING, f"ignored: {exc}")]
    return [(logging.INFO, f"{WEB_CONCURRENCY}={text!r}: the pod begins with that many workers")]


def _prestop(checked: dict[str, object]) -> list[tuple[int, str]]:
    """Find out where the pod is drained over HTTP; return what there is to say about it."""
    path, token = checked["prestop_path"], checked["prestop_token"]
    if path == _OFF or token is None:
        checked["prestop_path"] = checked["prestop_token"] = None
    elif path is None:
        checked["prestop_path"] = PRESTOP_PATH
    if token is not None or path in {None, _OFF}:
        return []
    line = f"prestop_path={path!r} without prestop_token: the drain over HTTP is off; set both"
    return [(logging.WARNING, line)]


def _refuse_shadowing(checked: Mapping[str, object], environ: Mapping[str, str]) -> None:
    """Refuse a path that a probe, or another endpoint, has or that asks for liveness below a root.

    Whoever asks there would get an answer to another question.
    """
    paths = cast("Mapping[str, Probe]", checked["paths"])
    taken = {path: f"the {probe} probe" for path, probe in paths.items()}
    for name, owner in (("metrics_path", "the metrics"), ("prestop_path", "the drain")):
        path = checked[name]
        if not isinstance(path, str):
            continue
        if path in taken or path.endswith(LIVENESS_PATH):
            said_by = PREFIX + name.upper() if PREFIX + name.upper() in environ else name
            expected = f"a path of its own, not that of {taken.get(path, 'the live probe')}"
            raise _validate.refuse(said_by, path, expected)
        taken[path] = owner


def _unknown(environ: Mapping[str, str]) -> list[tuple[int, str]]:
    """Warn about each variable that looks like ours and is none, with the nearest that is one."""
    known = [PREFIX + name.upper() for name in _KINDS]
    strangers = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    hints = [
        f"{name} (the nearest setting is {difflib.get_close_matches(name, known, 1, 0.0)[0]})"
        for name in strangers
    ]
    if not hints:
        return []
    return [(logging.WARNING, f"ignored, no settings of healthkit: {', '.join(hints)}")]


def _grace(settings: Settings) -> list[tuple[int, str]]:
    """Warn when the drain can outlast the grace period: the kubelet would kill work in flight."""
    needed = timing.grace_needed(settings.drain_delay, settings.drain_timeout)
    if needed <= settings.grace_period:
        return []
    line = (
        f"drain_delay={settings.drain_delay:g} + drain_timeout={settings.drain_timeout:g} + "
        f"{timing.EXIT_RESERVE:g} s for the exit = {needed:g} s do not fit grace_period="
        f"{settings.grace_period:g}: raise terminationGracePeriodSeconds (and grace_period), or "
        "lower the drain; else the kubelet kills what is in flight"
    )
    return [(logging.WARNING, line)]
