"""The logging door: a filter that keeps probes out of the server's access log.

A pod is probed about once a second. One line after ``health = Health()``, in the module that the
server imports, is enough; which one depends on the server:

    logging.getLogger("uvicorn.access").addFilter(ProbeFilter(health))
    logging.getLogger("gunicorn.access").addFilter(ProbeFilter(health))
    logging.getLogger("hypercorn.access").addFilter(ProbeFilter(health))
    logging.getLogger("granian.access").addFilter(ProbeFilter(health))

| server | logger | its access log is on with | what it logs with |
|---|---|---|---|
| uvicorn 0.54.0 | ``uvicorn.access`` | nothing: it is on | protocols/http/h11_impl.py |
| gunicorn 27.0.1 ``-k asgi`` | ``gunicorn.access`` | ``--access-logfile -`` | glogging.py |
| gunicorn, uvicorn-worker 0.4.0 | ``uvicorn.access`` | ``--access-logfile -`` | as uvicorn |
| hypercorn 0.18.0 | ``hypercorn.access`` | ``--access-logfile -`` | logging.py |
| granian 2.8.7 | ``granian.access`` | ``--access-log`` | log.py |

The servers set up their loggers before they import the app or after it. Either is right, because
setting a logger up replaces its handlers and leaves its filters (CPython 3.11 logging/config.py,
``common_logger_config``). Each worker process imports the app and so has its own filter.

This module reads a record's arguments, as the servers make them. It never formats or reads the
message, so the format of the log is the user's. A logger passes records of its own to its filters,
not those of the loggers below it: the root logger is the wrong place for this filter.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from healthkit import _validate
from healthkit._model import Probe
from healthkit._settings import PRESETS

if TYPE_CHECKING:
    from healthkit._health import Health

#: What a probe is asked with. None: the record does not say.
_METHODS: Final = (None, "GET", "HEAD")

#: What healthkit answers as a matter of course. None: the record does not say. Numbers, but text
#: from hypercorn (logging.py, ``AccessLogAtoms``) and from gunicorn's WSGI workers (glogging.py,
#: ``atoms``).
_STATUSES: Final = (None, 200, 503, "200", "503")

#: Under which keys a mapping has path, method and status: gunicorn's and hypercorn's atoms, and
#: granian's own (log.py, ``log_request_builder``).
_ATOMS: Final = ("U", "m", "s")
_GRANIAN: Final = ("path", "method", "status")

_DEFAULT_PATHS: Final[Mapping[str, Probe]] = {
    path: probe for probe, path in PRESETS["kubernetes"].items() if path is not None
}


class ProbeFilter(logging.Filter):
    """Hide the access log's records of the probes that healthkit answers, and of its metrics.

    Hidden is a GET or HEAD of a path that a `Health` answers, or of one segment below its readiness
    path (``/readyz/database``), when the answer was 200 or 503. Queries do not matter. An answer of
    503 is hidden as well: healthkit's own logger says once what has changed, and why.

    Everything else on such a path stays, because healthkit does not give it as a matter of course
    and somebody has to act on it: 405 is a probe, or a stranger, with the wrong method; 404 is a
    probe that is switched off, or a name below readiness that nobody has; 500 is a failure in front
    of healthkit; no status at all is a prober that gave up waiting (hypercorn logs ``-``). Where a
    record has no method or no status, the rest decides. A record of any other shape stays.

    A server's own 503 cannot be told from healthkit's. uvicorn's (``--limit-concurrency``) has a
    warning in ``uvicorn.error`` beside it, which stays.

    Args:
        health: the one whose paths are hidden. None, the default, hides the default paths
            (``/livez``, ``/readyz``, ``/startupz``, ``/healthz``), so that a logging configuration
            can name the class: ``{"()": "healthkit.logging.ProbeFilter"}``.
        root_path: what stands in front of the paths in the log: the server's ``--root-path``, which
            uvicorn logs with every path, or where the app is mounted; "" by default. A path is
            hidden with it and without it, just as `HealthMiddleware` answers both. It is never
            guessed: a record does not have it, and ``/shop/livez`` may be a page of the app's own.
            For several apps in one process add a filter for each.

    Raises:
        ConfigError: `health` is no Health, or `root_path` is no path.

    Safe in any thread: nothing in it changes once it is made. It does not block, and it never
    raises: what goes wrong inside leaves the record in the log.
    """

    def __init__(self, health: Health | None = None, *, root_path: str = "") -> None:
        _refuse_others(health, root_path)
        super().__init__()
        paths = _DEFAULT_PATHS if health is None else health.paths
        self._root = root_path.rstrip("/")
        metrics_path = None if health is None else health.metrics_path
        #: Paths to hide, whole.
        self._exact = frozenset((*paths, metrics_path) if metrics_path else paths)
        #: Paths to hide one segment below.
        self._above = frozenset(path for path, probe in paths.items() if probe is Probe.READY)

    def __repr__(self) -> str:
        return f"<ProbeFilter root_path={self._root!r} {' '.join(sorted(self._exact))}>"

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a probe's record, which hides it, and True for any other."""
        try:
            return not self._hides(record.args)
        except Exception:  # noqa: BLE001  # foreign objects; a log's filter must not fail a request
            return True

    def _hides(self, args: tuple[object, ...] | Mapping[str, object] | None) -> bool:
        request = _request(args)
        if request is None:
            return False
        path, method, status = request
        if method not in _METHODS or status not in _STATUSES:
            return False
        return self._answers(path) or self._answers(path.removeprefix(self._root))

    def _answers(self, path: str) -> bool:
        """Whether healthkit answers there."""
        above, _, name = path.rpartition("/")
        return path in self._exact or (above in self._above and name != "")


def _request(
    args: tuple[object, ...] | Mapping[str, object] | None,
) -> tuple[str, object, object] | None:
    """Return path, method and status from a record's arguments; None if they are not a request's.

    uvicorn logs client, method, quoted path with query, HTTP version, and status; gunicorn and
    hypercorn log one mapping of atoms; granian logs one mapping with keys of its own. The mappings'
    paths are decoded and have no query.
    """
    if isinstance(args, Mapping):
        path, method, status = map(args.get, _ATOMS if "U" in args else _GRANIAN)
        return (path, method, status) if isinstance(path, str) else None
    match args:
        case (_, str(method), str(target), _, int(status)):
            return unquote(target.partition("?")[0]), method, status
        case _:
            return None


def _refuse_others(health: object, root_path: object) -> None:
    """Refuse what is no `Health` or no root path, whatever a type checker was told."""
    if not isinstance(root_path, str) or not (root_path == "" or root_path.startswith("/")):
        expected = "'', or a path such as '/api' that begins with '/'"
        raise _validate.refuse("ProbeFilter root_path", root_path, expected)
    if health is None:
        return
    from healthkit._health import Health  # noqa: PLC0415  # brings asyncio; whoever has one has it

    if not isinstance(health, Health):
        raise _validate.refuse("ProbeFilter health", health, "a Health, made by Health(), or None")
