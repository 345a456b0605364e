"""The WSGI door: the same answers, and a count of requests that comes back to zero."""

from __future__ import annotations

import gc
import io
import json
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, cast
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import anyio
import pytest

from healthkit import ConfigError, Health, _home
from healthkit import HealthMiddleware as AsgiMiddleware
from healthkit.wsgi import HealthMiddleware, post_worker_init, worker_exit
from tests.servers import ask as ask_asgi
from tests.servers import plain_app as plain_asgi_app
from tests.test__home import homes as _homes
from tests.test__home import in_a_thread, until
from tests.wsgi_servers import Exchange, ask, close, environ_of, plain_app, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from starlette.types import Scope

homes = _homes

PROBES = ["/livez", "/readyz", "/startupz", "/healthz"]

pytestmark = pytest.mark.usefixtures("homes")


def statuses(app: HealthMiddleware) -> list[int]:
    """Ask the four probes in the order of PROBES."""
    return [ask(app, path).status for path in PROBES]


def reaches(health: Health, phase: str) -> None:
    """Wait for a phase."""
    until(lambda: health.phase == phase)


# -- answers ---------------------------------------------------------------------------------------


def test_the_answers_of_a_whole_life() -> None:
    """The same table as for ASGI, phase by phase."""
    health = Health(drain_delay=0)
    begun, warm = threading.Event(), threading.Event()
    health.startup(begun.wait, name="migrate")
    health.warmup(warm.wait, name="catalogue")
    with served(health) as app:
        assert statuses(app) == [200, 503, 503, 503]
        assert ask(app, "/readyz").text == "starting: migrate\n"
        begun.set()
        reaches(health, "warming")
        assert statuses(app) == [200, 503, 200, 503]
        warm.set()
        reaches(health, "serving")
        assert statuses(app) == [200, 200, 200, 200]
        health.pause("by hand")
        assert statuses(app) == [200, 503, 200, 200]
        health.resume()
        assert statuses(app) == [200, 200, 200, 200]
        health.drain()
        reaches(health, "draining")
        assert statuses(app) == [200, 503, 200, 503]
    assert health.phase == "stopped"


async def test_the_answers_are_those_of_the_asgi_door() -> None:
    """Status, headers and body, whatever is asked."""

    async def disk() -> None:
        """Pass."""

    def made() -> Health:
        health = Health(metrics_path="/metrics")
        health.check(disk, interval=60)
        return health

    accept = "application/json"
    questions: list[tuple[str, str, str, str]] = [
        (method, path, query, how)
        for method in ("GET", "HEAD", "POST")
        for path in (*PROBES, "/readyz/disk", "/readyz/lifespan", "/readyz/tape")
        for query in ("", "verbose", "exclude=disk", "verbose&exclude=tape")
        for how in ("*/*", "text/html")
    ]
    questions += [("GET", "/livez", "", accept), ("POST", "/metrics", "", accept)]
    other = made()
    asgi = AsgiMiddleware(plain_asgi_app, health=other)
    with served(made()) as app:
        until(lambda: ask(app, "/readyz").status == 200)
        await ask_asgi(asgi, "/readyz")
        while (await ask_asgi(asgi, "/readyz")).status != 200:  # noqa: ASYNC110  # virtual time
            await anyio.sleep(0.1)
        for method, path, query, how in questions:
            there = await ask_asgi(
                asgi,
                path,
                method=method,
                query_string=query.encode(),
                headers=[(b"accept", how.encode())],
            )
            here = ask(app, path, REQUEST_METHOD=method, QUERY_STRING=query, HTTP_ACCEPT=how)
            headers = {name.decode(): value.decode() for name, value in there.headers.items()}
            assert (here.status, here.headers, here.text) == (there.status, headers, there.text)


def test_json_for_whom_asks_for_it() -> None:
    """By the Accept header."""
    with served(Health()) as app:
        until(lambda: ask(app, "/readyz").status == 200)
        answer = ask(app, "/readyz", HTTP_ACCEPT="application/health+json")
        assert json.loads(answer.text)["status"] == "pass"
        assert answer.headers["content-type"] == "application/health+json"


@pytest.mark.parametrize(
    ("script", "path"),
    [
        ("", "/readyz"),
        ("/shop", "/readyz"),
        ("/shop", "/readyz/lifespan"),
        ("", "/readyz/lifespan"),
    ],
)
def test_a_probe_has_a_script_name_or_none(script: str, path: str) -> None:
    """Wherever the app is mounted."""
    with served(Health()) as app:
        until(lambda: ask(app, "/readyz").status == 200)
        assert ask(app, path, SCRIPT_NAME=script).text == "ok\n"
        assert ask(app, path, SCRIPT_NAME=script, REQUEST_METHOD="PUT").status == 405


def test_a_path_may_name_the_mount_and_any_letter() -> None:
    """An environ holds a path's bytes, each as a character."""
    health = Health(paths={"ready": "/büro/bereit", "live": None})
    with served(health) as app:
        until(lambda: health.phase == "serving")
        mount, path = "/büro".encode().decode("latin-1"), "/bereit"
        assert ask(app, mount + path).text == "ok\n"
        assert ask(app, path, SCRIPT_NAME=mount).text == "ok\n"
        assert ask(app, f"{path}/lifespan", SCRIPT_NAME=mount).text == "ok\n"
        assert ask(app, "/livez").text == "app"
        assert ask(app, "/bereit").text == "app"


def test_without_readiness_there_are_no_components() -> None:
    """What would be below it is the app's."""
    with served(Health(paths={"ready": None})) as app:
        assert ask(app, "/readyz/disk").text == "app"


def test_metrics_are_served() -> None:
    """With the count of answers, which threads can't confuse."""
    health = Health(metrics_path="/metrics")

    def ask_often() -> None:
        for _ in range(200):
            ask(app, "/livez")

    with served(health) as app:
        askers = [threading.Thread(target=ask_often) for _ in range(8)]
        for one in askers:
            one.start()
        for one in askers:
            one.join()
        text = ask(app, "/metrics").text
    assert 'healthkit_probe_answers_total{code="200",probe="live"} 1600.0' in text


def test_reasons_for_whom_may_read_them() -> None:
    """The predicate is given the request in the words of ASGI."""
    scopes: list[Scope] = []

    def admits(scope: Scope) -> bool:
        scopes.append(scope)
        return (b"x-debug", b"on") in scope["headers"]

    def broken() -> None:
        message = "no route to db"
        raise OSError(message)

    health = Health(show_reasons=admits)
    health.check(broken, name="db")
    with served(health) as app:
        until(lambda: "failing" in ask(app, "/readyz").text)
        assert not scopes
        plain = ask(app, "/readyz", QUERY_STRING="verbose")
        told = ask(
            app,
            "/readyz",
            SCRIPT_NAME="/shop",
            QUERY_STRING="verbose",
            HTTP_X_DEBUG="on",
            CONTENT_TYPE="text/plain",
            CONTENT_LENGTH="",
            REMOTE_ADDR="10.1.2.3",
            REMOTE_PORT="4711",
        )
    assert "no route" not in plain.text
    assert "no route to db" in told.text
    assert scopes[0]["client"] is None
    assert {**scopes[1], "headers": sorted(scopes[1]["headers"])} == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/shop/readyz",
        "root_path": "/shop",
        "query_string": b"verbose",
        "headers": [(b"content-type", b"text/plain"), (b"host", b"127.0.0.1"), (b"x-debug", b"on")],
        "client": ("10.1.2.3", 4711),
        "server": ("127.0.0.1", 80),
    }


def test_a_server_without_a_port_has_no_address() -> None:
    """A Unix socket."""
    scopes: list[Scope] = []

    def look(scope: Scope) -> bool:
        scopes.append(scope)
        return False

    health = Health(show_reasons=look)
    with served(health) as app:
        ask(app, "/readyz", QUERY_STRING="verbose", SERVER_PORT="", SERVER_NAME="")
        ask(app, "/readyz", QUERY_STRING="verbose", SERVER_PORT="http")
    assert [scope["server"] for scope in scopes] == [None, None]


# -- what is in flight -----------------------------------------------------------------------------


class Closing:
    """A body that notes what becomes of it."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        """Note it."""
        self.closed += 1


def answering(body: Iterable[bytes]) -> WSGIApplication:
    """Make an app with this body."""

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    return app


def count(health: Health) -> int:
    """Return how many requests are in flight."""
    return health.life.traffic.in_flight


@pytest.mark.parametrize("iterated", [True, False])
def test_a_request_is_in_flight_until_its_body_is_closed(iterated: bool) -> None:
    """Whether the server has read it or not; to close it twice is harmless."""
    health = Health()
    inner = Closing(b"a", b"b")
    with served(health, answering(inner)) as app:
        body = app(environ_of(), Exchange().start_response)
        assert count(health) == 1
        if iterated:
            assert list(body) == [b"a", b"b"]
        assert count(health) == 1
        close(body)
        assert (count(health), inner.closed) == (0, 1)
        close(body)
        assert count(health) == 0


def test_a_probe_is_not_in_flight() -> None:
    """While it is answered nothing is counted."""
    seen: list[int] = []

    def look(_scope: Scope) -> bool:
        seen.append(count(health))
        return False

    health = Health(show_reasons=look)
    with served(health) as app:
        ask(app, "/readyz", QUERY_STRING="verbose")
    assert seen == [0]


def test_a_body_that_is_a_list_still_has_its_length() -> None:
    """A server makes a Content-Length of it."""
    health = Health()
    with served(health, answering([b"whole"])) as app:
        body = app(environ_of(), Exchange().start_response)
        assert len(cast("list[bytes]", body)) == 1
        close(body)
        assert count(health) == 0
    with served(Health(), answering(iter([b"part"]))) as app:
        body = app(environ_of(), Exchange().start_response)
        assert not hasattr(body, "__len__")
        close(body)


def test_an_app_that_raises_has_left() -> None:
    """Before its body, in its body, and when that is closed."""
    health = Health()

    def raises(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        raise SystemExit

    def breaks(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"part"
        raise ValueError

    class Sticky(Closing):
        def close(self) -> None:
            raise OSError

    with served(health, raises) as app, pytest.raises(SystemExit):
        ask(app)
    assert count(health) == 0
    with served(health, breaks) as app, pytest.raises(ValueError):  # noqa: PT011  # its own
        ask(app)
    assert count(health) == 0
    with served(health, answering(Sticky())) as app, pytest.raises(OSError):  # noqa: PT011  # its own
        ask(app)
    assert count(health) == 0


def test_a_server_that_forgets_to_close_is_forgiven() -> None:
    """What nobody has any more is not in flight."""
    health = Health()
    with served(health) as app:
        body = app(environ_of(), Exchange().start_response)
        assert count(health) == 1
        del body
        gc.collect()
        assert count(health) == 0


def test_a_file_is_read_and_closed() -> None:
    """The wrapper of the server's is wrapped like any body."""
    health = Health()
    file = io.BytesIO(b"x" * 20_000)
    with served(health, answering(FileWrapper(file))) as app:
        assert len(ask(app).text) == 20_000
    assert file.closed
    assert count(health) == 0


def test_what_is_no_body_is_handed_on() -> None:
    """Gevent's servers compare it with a mark of theirs."""
    mark = cast("Iterable[bytes]", object())
    health = Health()
    with served(health, answering(mark)) as app:
        assert app(environ_of(), Exchange().start_response) is mark
        assert count(health) == 0


def test_a_body_may_be_a_sequence_of_the_old_kind() -> None:
    """With ``__getitem__`` only."""

    class Old:
        def __getitem__(self, index: int) -> bytes:
            return [b"a", b"b"][index]

    health = Health()
    with served(health, answering(cast("Iterable[bytes]", Old()))) as app:
        assert ask(app).text == "ab"
    assert count(health) == 0


@pytest.mark.parametrize("draining", [False, True])
def test_write_and_exc_info_pass_through(draining: bool) -> None:
    """What `start_response` returns works, and its third argument arrives."""

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        write(b"written, ")
        try:
            raise ValueError  # noqa: TRY301  # for its traceback
        except ValueError:
            start_response(
                "500 Internal Server Error", [], cast("tuple[None, None, None]", sys.exc_info())
            )
        return [b"returned"]

    health = Health()
    with served(health, app) as middleware:
        if draining:
            health.drain()
            reaches(health, "draining")
        exchange = ask(middleware)
    assert (exchange.text, exchange.status) == ("written, returned", 500)
    assert isinstance(cast("tuple[object, object]", exchange.exc_info)[1], ValueError)


def test_both_sides_keep_to_the_standard() -> None:
    """wsgiref.validate looks at what the server gets and at what the app gets."""
    health = Health()
    with served(health, validator(plain_app)) as app:
        checked = validator(app)
        for draining in (False, True):
            if draining:
                health.drain()
                reaches(health, "draining")
            for path in ("/", "/livez", "/readyz", "/readyz/lifespan", "/nowhere"):
                for method in ("GET", "HEAD", "POST"):
                    assert ask(checked, path, REQUEST_METHOD=method).status in {200, 405, 503}
    assert count(health) == 0


# -- the drain -------------------------------------------------------------------------------------


def test_while_draining_the_connection_is_closed() -> None:
    """In place of what the app says about it, and after a probe too."""
    health = Health()
    with served(health) as app:
        assert ask(app).headers["connection"] == "keep-alive"
        health.drain()
        reaches(health, "draining")
        assert ask(app).headers["connection"] == "close"
        assert ask(app, "/readyz").headers["connection"] == "close"
        assert "connection" not in ask(app, "/readyz", SERVER_PROTOCOL="HTTP/2.0").headers


def test_an_upgrade_is_left_alone() -> None:
    """The app has its reasons."""

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("101 Switching Protocols", [("connection", "Upgrade")])
        return []

    health = Health()
    with served(health, app) as middleware:
        health.drain()
        reaches(health, "draining")
        assert ask(middleware).headers == {"connection": "Upgrade"}


@pytest.mark.parametrize("server", ["WSGIServer/0.2 CPython/3.11", "waitress", "", "Apache"])
def test_servers_that_refuse_the_header_are_spared(server: str) -> None:
    """PEP 3333 forbids it, and some answer it with 500."""
    health = Health()
    with served(health) as app:
        health.drain()
        reaches(health, "draining")
        assert ask(app, SERVER_SOFTWARE=server).headers["connection"] == "keep-alive"
        assert "connection" not in ask(app, "/livez", SERVER_SOFTWARE=server).headers


def test_the_standard_library_s_server_serves_a_drain() -> None:
    """It asserts that an app says nothing of connections."""
    health = Health()

    def quiet(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"app"]

    with served(health, quiet) as app:
        health.drain()
        reaches(health, "draining")
        said: dict[str, list[bytes]] = {}
        for path in ("/", "/readyz"):
            out, environ = io.BytesIO(), environ_of(path, SERVER_SOFTWARE="WSGIServer/0.2")
            SimpleHandler(io.BytesIO(), out, io.StringIO(), environ).run(app)
            said[path] = out.getvalue().split(b"\r\n")
    assert said["/"][0].endswith(b" 200 OK")
    assert b"Content-Length: 3" in said["/"]
    assert said["/readyz"][0].endswith(b" 503 Service Unavailable")


def test_the_end_waits_for_a_request() -> None:
    """And is woken by its close, in another thread."""
    health = Health(drain_timeout=60)
    with served(health) as app:
        body = app(environ_of(), Exchange().start_response)
        stopping = threading.Thread(target=app.stop)
        stopping.start()
        reaches(health, "draining")
        assert health.phase == "draining"
        in_a_thread(lambda: close(body))
        stopping.join(30)
        assert not stopping.is_alive()
    assert health.phase == "stopped"


# -- the beginning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/readyz", "/readyz/lifespan"])
def test_a_request_begins_what_nobody_has_begun(path: str) -> None:
    """A probe or another; and again after an end."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    for _ in range(2):
        assert health.phase in {"starting", "stopped"}
        assert ask(app, path).status == 200
        assert health.life.running
        reaches(health, "serving")
        app.stop()


def test_the_hook_begins_and_ends_all() -> None:
    """Every middleware of the process, whoever holds it."""
    first, second = (HealthMiddleware(plain_app, health=Health()) for _ in range(2))
    post_worker_init(object())
    for app in (first, second):
        reaches(app._health, "serving")
    worker_exit(object(), object())
    assert [app._health.phase for app in (first, second)] == ["stopped", "stopped"]


def test_requests_are_rejected_while_starting_if_that_is_wanted() -> None:
    """With the answer of the startup probe."""
    begun = threading.Event()
    health = Health(reject_while_starting=True)
    health.startup(begun.wait, name="migrate")
    with served(health) as app:
        rejected = ask(app)
        assert (rejected.status, rejected.text) == (503, "starting: migrate\n")
        assert rejected.headers["retry-after"] == "5"
        assert count(health) == 0
        begun.set()
        reaches(health, "serving")
        assert ask(app).text == "app"


def test_a_middleware_that_nobody_has_is_gone() -> None:
    """As long as it was not started."""
    app = HealthMiddleware(plain_app, health=Health())
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None
    assert not list(_home._HOMES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: HealthMiddleware(plain_app, health=cast("Health", None)),
            "HealthMiddleware health=None: expected a Health, made by Health()",
        ),
        (
            lambda: HealthMiddleware(cast("WSGIApplication", 1), health=Health()),
            "HealthMiddleware app=1: expected a WSGI app",
        ),
    ],
)
def test_what_is_wrong_is_refused(make: Callable[[], object], message: str) -> None:
    """In one line, before anything serves."""
    with pytest.raises(ConfigError, match=f"^{message}"):
        make()


def test_the_class_is_final() -> None:
    """An override could give a check a way to liveness."""
    with pytest.raises(ConfigError, match=r"^class Mine\(HealthMiddleware\): expected no subclass"):
        type("Mine", (HealthMiddleware,), {})


def test_its_repr_shows_the_state() -> None:
    """In one line."""
    app = HealthMiddleware(plain_app, health=Health())
    assert repr(app) == "<HealthMiddleware <Health starting in_flight=0>>"


# -- the drain over HTTP ---------------------------------------------------------------------------

TOKEN = "sixteen-characters-and-more"  # noqa: S105  # it is none
BEARER = f"Bearer {TOKEN}"
THREADS = {"wsgi.multithread": True}


def test_a_hook_is_held_until_the_pod_is_drained() -> None:
    """By a request that is served meanwhile; the hook itself is not in flight."""
    health = Health(prestop_token=TOKEN, drain_delay=0.1)
    ended = threading.Event()

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ended.wait(30)
        return plain_app(environ, start_response)

    with served(health, slow) as app:
        request = threading.Thread(target=ask, args=(app, "/slow"))
        request.start()
        until(lambda: health.life.traffic.in_flight == 1)
        answers: list[str] = []

        def hook() -> None:
            answers.append(ask(app, "/prestop", HTTP_AUTHORIZATION=BEARER, **THREADS).text)

        hooks = [threading.Thread(target=hook) for _ in range(2)]
        for thread in hooks:
            thread.start()
        until(lambda: health.phase == "draining")
        assert ask(app, "/readyz").status == 503
        time.sleep(0.3)
        assert answers == []
        ended.set()
        for thread in [*hooks, request]:
            thread.join(30)
        assert answers == ["drained\n", "drained\n"]


@pytest.mark.parametrize("given", [{}, {"HTTP_AUTHORIZATION": "Bearer no"}])
def test_for_anybody_else_there_is_no_such_path(given: dict[str, str]) -> None:
    """Nothing begins, and the app is not asked."""
    health = Health(prestop_token=TOKEN)
    app = HealthMiddleware(plain_app, health=health)
    assert ask(app, "/prestop", **given).status == 404
    assert not health.life.begun


def test_a_hook_of_another_method_is_refused() -> None:
    """As at the ASGI door."""
    app = HealthMiddleware(plain_app, health=Health(prestop_token=TOKEN))
    asked = ask(app, "/prestop", HTTP_AUTHORIZATION=BEARER, REQUEST_METHOD="POST")
    assert (asked.status, asked.headers["allow"]) == (405, "GET")


def test_a_hook_that_the_workers_end_overtakes_is_answered() -> None:
    """It has nothing to wait for any more."""
    health = Health(prestop_token=TOKEN, drain_delay=60)
    answers: list[str] = []
    with served(health) as app:
        hook = threading.Thread(
            target=lambda: answers.append(
                ask(app, "/prestop", HTTP_AUTHORIZATION=BEARER, **THREADS).text
            )
        )
        hook.start()
        until(lambda: health.phase == "draining")
    hook.join(30)
    assert answers[0] in {"drained\n", "the worker ends\n"}


def test_a_hook_without_a_thread_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no drain where there can be no thread, and nothing to wait for."""

    def refuse(_target: object, _name: str) -> threading.Thread:
        thread = threading.Thread()
        monkeypatch.setattr(thread, "start", fail)
        return thread

    def fail() -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    monkeypatch.setattr("healthkit._real.thread", refuse)
    app = HealthMiddleware(plain_app, health=Health(prestop_token=TOKEN))
    asked = ask(app, "/prestop", HTTP_AUTHORIZATION=BEARER, **THREADS)
    assert (asked.status, asked.text) == (200, "the worker ends\n")


# -- one request at a time -------------------------------------------------------------------------


@pytest.mark.parametrize("multithread", [True, False])
def test_a_server_says_whether_it_serves_one_request_at_a_time(*, multithread: bool) -> None:
    """Then what waits in its socket is waited for: see `Flight.landed`."""
    health = Health()
    with served(health) as app:
        ask(app, "/", **{"wsgi.multithread": multithread})
        assert health.life.traffic.flight.one_at_a_time is not multithread
        assert health.life.traffic.flight.arrivals == 1


def test_a_hook_is_not_held_by_a_worker_of_one_thread() -> None:
    """It would serve nobody else meanwhile; what is left of the drain is SIGTERM's to wait for."""
    health = Health(prestop_token=TOKEN, drain_delay=60)
    app = HealthMiddleware(plain_app, health=health)
    asked = ask(app, "/prestop", HTTP_AUTHORIZATION=BEARER)
    assert (asked.status, asked.text.partition(";")[0]) == (200, "draining")
    reaches(health, "draining")
    assert ask(app, "/readyz").status == 503
    app.stop()


def test_a_hook_whose_drain_fails_is_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of healthkit's must not hold a server's thread for ever."""

    async def fail(_life: object, _settings: object) -> str:
        raise ValueError

    monkeypatch.setattr("healthkit._prestop.drained", fail)
    with served(Health(prestop_token=TOKEN)) as app:
        asked = ask(app, "/prestop", HTTP_AUTHORIZATION=BEARER, **THREADS)
    assert asked.text == "the worker ends\n"
    assert "work for a request has failed" in caplog.text


# -- streams ---------------------------------------------------------------------------------------

SSE = {"HTTP_ACCEPT": "text/event-stream"}


def ticking(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Send an event all the time."""
    del environ
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    while True:
        time.sleep(0.01)
        yield b"data: tick\n\n"


def test_a_stream_ends_when_the_delay_is_over() -> None:
    """Between two parts; it counts apart, and holds up nothing."""
    health = Health(drain_delay=0.2)
    with served(health, ticking) as app:
        answers: list[str] = []
        client = threading.Thread(target=lambda: answers.append(ask(app, "/", **SSE).text))
        client.start()
        until(lambda: health.traffic.streams == 1)
        assert health.traffic.in_flight == 0
        began = time.monotonic()
        health.drain()
        client.join(30)
        assert not client.is_alive()
        assert time.monotonic() - began > 0.15
        assert answers[0].endswith("data: tick\n\n")
        assert health.life.traffic.streams == 0


def test_a_stream_ends_at_once_with_the_worker() -> None:
    """Nobody is left to serve on."""
    health = Health(drain_delay=60)
    with served(health, ticking) as app:
        client = threading.Thread(target=ask, args=(app, "/"), kwargs=SSE)
        client.start()
        until(lambda: health.traffic.streams == 1)
        assert not health.life.exit.ends_streams
    client.join(30)
    assert not client.is_alive()


def test_an_ordinary_request_pays_for_no_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """One header tells; only an app with a rule of its own is asked about each."""
    asked: list[str] = []

    def rule(scope: Scope) -> bool | None:
        asked.append(scope["path"])
        return None

    with served(Health(long_lived=rule)) as app:
        assert ask(app, "/own").status == 200
    assert asked == ["/own"]
    monkeypatch.delattr("healthkit.wsgi._scope_of")
    with served(Health()) as app:
        assert ask(app, "/plain", HTTP_ACCEPT="text/html").status == 200


def test_a_stream_may_end_by_itself() -> None:
    """With all that it had to say."""
    health = Health()

    def two(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        plain_app(environ, start_response)
        return iter([b"one", b"two"])

    with served(health, two) as app:
        assert ask(app, "/", **SSE).text == "onetwo"
        assert health.life.traffic.streams == 0


def test_other_responses_are_never_cut() -> None:
    """A download would look complete."""
    health = Health(drain_delay=0)
    body = [b"one", b"two", b"three"]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        plain_app(environ, start_response)
        health.drain()
        reaches(health, "draining")
        return iter(body)

    with served(health, app) as middleware:
        assert ask(middleware, "/").text == "onetwothree"
