"""The WSGI door: answer probes, count requests, for Flask, Django and any other WSGI app.

A WSGI server has no event loop and no lifespan. healthkit's own work (checks, warm-ups, the drain)
runs on a loop in a thread of its own (`_home`), which is started after the server has forked: by
gunicorn's hook, by `start`, or by the first request. Probes are answered in the server's threads,
from memory, and wait for nothing. Each answer is made where the ASGI door's are made: the environ
is put into the form of an ASGI scope for that.

How it differs from the ASGI door:

1. A request is in flight from the call until its response is closed: the server reads the body
   after the app has returned. For that the app's iterable is wrapped, a ``wsgi.file_wrapper``
   too, which the server does not recognise any more: it reads the file instead of using sendfile.
   A count that is right comes first; big files are for a web server in front.
2. While draining, ``Connection: close`` is sent only through servers that are known to take it
   from an app. PEP 3333 forbids hop-by-hop headers, and wsgiref and waitress answer them with 500.
   gunicorn takes it, drops it, and closes by itself after its own SIGTERM.
3. A drain ends a long-lived stream (`_streams`) between two parts of its body. One that is silent
   can't be ended: it is waited for until the limits, the drain's and the server's.
4. Functions of the user's that the ASGI door calls on the loop (`show_reasons`, the collectors of
   `metrics_registry`) are called in the request's thread, several at once.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NoReturn, final

from healthkit import _home, _validate
from healthkit._drain import Detour
from healthkit._health import Health
from healthkit._home import Home
from healthkit._log import logger
from healthkit._model import Probe
from healthkit._prestop import PreStopDesk
from healthkit._render import OK, complete
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from starlette.types import Scope

    from healthkit._desk import Desk
    from healthkit._life import Life
    from healthkit._render import Answer

    Headers = list[tuple[str, str]]
    #: What `start_response` may be given as its third argument.
    ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

__all__ = ["HealthMiddleware", "post_worker_init", "worker_exit"]

#: How ``SERVER_SOFTWARE`` begins where an app may say ``Connection: close``; in lower case.
CLOSING: Final = ("gunicorn", "granian", "gevent")

_CLOSE: Final = ("Connection", "close")

#: To a preStop hook of a worker that serves one request at a time: to hold it would be all that it
#: does. The kubelet goes on with SIGTERM, and the gate waits for what is left of the drain.
_NOT_HELD: Final = complete(OK, "draining; not held, for this worker serves one at a time\n")

#: To a preStop hook when the drain was cut short by the end of the worker.
_ENDED: Final = complete(OK, "the worker ends\n")


@final
class HealthMiddleware:
    """WSGI middleware that answers the probes of one `Health`. Put it outermost.

    Host checks, redirects to HTTPS and authentication must not see probes: the kubelet sends the
    pod's address as host, plain HTTP and no credentials.

    Nothing is started here. Checks and warm-ups begin with `start`, in healthkit's own thread; with
    gunicorn by a line in ``gunicorn.conf.py``, before the worker's first request::

        from healthkit.wsgi import post_worker_init

    Without it the first request starts them, in each worker; and in a thread that is not the main
    one SIGTERM can't be held back, which is said in the log.

    Coroutine functions run on that thread's loop, not on one of the app's. `show_reasons` is given
    the request as an ASGI scope: method, path, headers and so on, and is called in its thread.

    Args:
        app: any WSGI app.
        health: what the endpoints speak for. One per app.

    Raises:
        ConfigError: there is no app, or no Health.
    """

    def __init__(self, app: WSGIApplication, *, health: Health) -> None:
        _refuse_others(app, health)
        self._app = app
        self._health = health
        self._answering = health.answering
        desks: dict[str, Desk | PreStopDesk] = {**health.desks, **health.prestop_desks}
        self._desks = {_native(path): desk for path, desk in desks.items()}
        #: What is below it asks for one component by name. No path holds a lone surrogate.
        self._below = next(
            (f"{_native(p)}/" for p, probe in health.paths.items() if probe is Probe.READY),
            "\ud800",
        )
        self._home = Home(health)

    def __init_subclass__(cls) -> NoReturn:
        """Refuse subclasses: an override could give a check a way to liveness."""
        message = f"class {cls.__name__}(HealthMiddleware): expected no subclass; liveness must not"
        raise ConfigError(f"{message} depend on checks, wrap the middleware instead")

    def __repr__(self) -> str:
        return f"<HealthMiddleware {self._health!r}>"

    @property
    def health(self) -> Health:
        """What the endpoints speak for."""
        return self._health

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a probe; pass everything else on to the app, and count it until it is closed."""
        answer = self._answer(environ)
        if answer is not None:
            return self._reply(answer, environ, start_response)
        flight = self._health.traffic.flight
        if flight.detour is Detour.BEGIN:
            self.start()
            flight = self._health.traffic.flight
        if flight.detour is Detour.REJECT:
            plain = self._answering.plain(Probe.STARTUP)
            return self._reply(plain, environ, start_response)
        if self._closes(environ):
            start_response = _closing(start_response)
        return self._counted(environ, start_response)

    def start(self) -> None:
        """Begin checks and warm-ups in a thread of healthkit's, unless they have begun.

        Call it after the server has forked, in the main thread: from there SIGTERM is held back
        until the drain is over. gunicorn's hook does it. Safe in any thread. Waits a second at
        most, and only where there is a state directory that is slow.
        """
        self._home.start()

    def stop(self) -> None:
        """End what `start` has begun, in order: for tests, and servers that tell of their end.

        At the interpreter's exit that happens by itself. Work in flight, holds and the drain's
        callbacks get 2 seconds if there was no drain before. Safe in any thread but healthkit's
        own. After it, `start` or a request begins anew.
        """
        _home.stop(self._home)

    # -- probes -----------------------------------------------------------------------------------

    def _answer(self, environ: WSGIEnvironment) -> Answer | None:
        """Answer a probe, with or without the script's name; None if it is the app's to answer."""
        path: str = environ.get("PATH_INFO", "")
        if path not in self._desks and not path.startswith(self._below):
            path = environ.get("SCRIPT_NAME", "") + path
        desk = self._desks.get(path)
        if desk is None and not path.startswith(self._below):
            return None
        scope = _scope_of(environ)
        if isinstance(desk, PreStopDesk):
            return desk.refusal(scope) or self._drained(desk, environ)
        if not self._health.life.running:
            self.start()
        if desk is None:
            return self._answering.component(path.removeprefix(self._below), scope)
        return desk.answer(scope)

    def _drained(self, desk: PreStopDesk, environ: WSGIEnvironment) -> Answer:
        """Drain the pod, and hold the answer until then; not where that would stop the serving."""
        if environ["wsgi.multithread"]:
            return self._home.wait_for(desk.drained) or _ENDED
        self.start()
        self._health.drain()
        logger.info(
            "a drain is asked for over HTTP; the hook is not held by a worker of one thread"
        )
        return _NOT_HELD

    def _reply(
        self, answer: Answer, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
        ]
        if self._closes(environ):
            headers.append(_CLOSE)
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    # -- the app's requests -----------------------------------------------------------------------

    def _counted(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request; it is in flight until its body is closed."""
        life = self._health.life
        is_stream = self._is_stream(environ)
        one_at_a_time = not environ["wsgi.multithread"]
        leave = life.traffic.enter(one_at_a_time=one_at_a_time, is_stream=is_stream)
        try:
            body = self._app(environ, start_response)
        except BaseException:
            leave()
            raise
        if is_stream and hasattr(body, "__iter__"):
            return _StreamBody(body, leave, life)
        if hasattr(body, "__len__"):
            return _SizedBody(body, leave)
        if hasattr(body, "__iter__") or hasattr(body, "__getitem__"):
            return _Body(body, leave)
        leave()  # no body, but a sign to the server that the app has taken the connection over
        return body

    def _is_stream(self, environ: WSGIEnvironment) -> bool:
        """Whether a request is for a long-lived stream.

        One header tells most that are not. Only an app with a rule of its own pays for a scope.
        """
        traffic = self._health.traffic
        accepted = environ.get("HTTP_ACCEPT", "").lower()
        if not traffic.has_own_rule and "event-stream" not in accepted:
            return False
        return traffic.is_stream(_scope_of(environ))

    def _closes(self, environ: WSGIEnvironment) -> bool:
        """Whether the connection is to be closed after the answer: HTTP/1.x while draining."""
        if self._health.traffic.flight.detour is not Detour.CLOSE:
            return False
        server = str(environ.get("SERVER_SOFTWARE", "")).lower()
        return server.startswith(CLOSING) and _http_version(environ).startswith("1")


class _Body:
    """An app's response, which is in flight until it is closed, or lost."""

    def __init__(self, body: Iterable[bytes], leave: Callable[[], None]) -> None:
        self._body = body
        self._leave = leave

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the app's response, and count it out."""
        try:
            close: Callable[[], object] | None = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._leave()

    def __del__(self) -> None:
        self._leave()  # a server that never closes; again is harmless


class _StreamBody(_Body):
    """One that goes on for as long as the client listens, unless a drain ends it."""

    def __init__(self, body: Iterable[bytes], leave: Callable[[], None], life: Life) -> None:
        super().__init__(body, leave)
        self._life = life

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            yield part
            if self._life.exit.ends_streams:
                return


class _SizedBody(_Body):
    """One of known length: from a single part a server learns the length of the whole."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # whoever made it has looked


def post_worker_init(worker: object) -> None:
    """Start every HealthMiddleware of this process: gunicorn's hook, for ``gunicorn.conf.py``.

    gunicorn calls it in the main thread of a new worker, when the app is loaded and before the
    first request, with ``--preload`` too. Have a hook of your own? Call this one in it.
    """
    del worker
    _home.start_all()


def worker_exit(server: object, worker: object) -> None:
    """Stop every HealthMiddleware of this process: gunicorn's hook, for ``gunicorn.conf.py``.

    Optional: the interpreter's exit does the same a moment later. But since Python 3.12 no thread
    can be started then, and a plain function that `on_drain` has registered may need one, if the
    worker ends without a drain (``max_requests``, SIGINT).
    """
    del server, worker
    _home.stop_all()


def _refuse_others(app: object, health: object) -> None:
    """Refuse what is no app or no `Health`, whatever a type checker was told."""
    if not isinstance(health, Health):
        raise _validate.refuse("HealthMiddleware health", health, "a Health, made by Health()")
    if not callable(app):
        raise _validate.refuse("HealthMiddleware app", app, "a WSGI app")


def _closing(start_response: StartResponse) -> StartResponse:
    """Wrap `start_response` to ask for the connection's end, in place of what the app says."""

    def closing(
        status: str, headers: Headers, exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        said = [value.lower() for name, value in headers if name.lower() == "connection"]
        if not any("upgrade" in value for value in said):
            others = [header for header in headers if header[0].lower() != "connection"]
            headers = [*others, _CLOSE]
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    return closing


# -- an environ as a scope ------------------------------------------------------------------------


def _native(path: str) -> str:
    """Return a path as an environ holds it: its bytes, each as a character (PEP 3333)."""
    return path.encode().decode("latin-1")


def _text(native: str) -> str:
    """Return what an environ holds as the text that it stands for."""
    return _bytes(native).decode(errors="replace")


def _bytes(native: str) -> bytes:
    return native.encode("latin-1", "replace")


def _http_version(environ: WSGIEnvironment) -> str:
    return str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")).removeprefix("HTTP/")


def _scope_of(environ: WSGIEnvironment) -> Scope:
    """Say in the words of ASGI what the environ says of the request (asgiref, HTTP scope)."""
    root: str = environ.get("SCRIPT_NAME", "")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": _http_version(environ),
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": _text(root + environ.get("PATH_INFO", "")),
        "root_path": _text(root),
        "query_string": _bytes(environ.get("QUERY_STRING", "")),
        "headers": _headers_of(environ),
        "client": _address(environ, "REMOTE_ADDR", "REMOTE_PORT"),
        "server": _address(environ, "SERVER_NAME", "SERVER_PORT"),
    }


def _headers_of(environ: WSGIEnvironment) -> list[tuple[bytes, bytes]]:
    return [
        (_bytes(key.removeprefix("HTTP_").replace("_", "-").lower()), _bytes(str(value)))
        for key, value in environ.items()
        if key.startswith("HTTP_") or (key in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    ]


def _address(environ: WSGIEnvironment, host: str, port: str) -> tuple[str, int] | None:
    """Return an address, or None if there is none: a Unix socket has no port."""
    name, number = str(environ.get(host, "")), str(environ.get(port, "") or "0")
    return (name, int(number)) if name and number.isdecimal() else None
