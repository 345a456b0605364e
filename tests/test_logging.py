"""The filter for access logs: what it hides, and that it hides nothing else."""

from __future__ import annotations

import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from healthkit import ConfigError, Health, HealthMiddleware
from healthkit.logging import ProbeFilter

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

#: How a server makes a record's arguments of method, decoded path, query and status.
Shape = Callable[[str, str, str, int], tuple[object, ...]]


class Message:
    """A message that must not be formatted: whoever turns it into text fails."""

    def __str__(self) -> str:
        raise AssertionError


class Atoms(dict[str, object]):
    """What is not in it is ``-``, as in gunicorn's SafeAtoms and hypercorn's AccessLogAtoms."""

    def __missing__(self, key: str) -> str:
        return "-"


def uvicorn(method: str, path: str, query: str, status: int) -> tuple[object, ...]:
    """Of uvicorn 0.54.0, protocols/http/h11_impl.py and utils.py (get_path_with_query_string)."""
    target = f"{quote(path)}?{query}" if query else quote(path)
    return ("127.0.0.1:40000", method, target, "1.1", status)


def gunicorn(method: str, path: str, query: str, status: int) -> tuple[object, ...]:
    """Of gunicorn 27.0.1, glogging.py (atoms), with the ASGI worker."""
    return (Atoms(h="127.0.0.1", m=method, s=status, U=path, q=query, H="HTTP/1.1"),)


def gunicorn_wsgi(method: str, path: str, query: str, status: int) -> tuple[object, ...]:
    """Of gunicorn 27.0.1, glogging.py (atoms), with the sync or gthread worker: status as text."""
    return (Atoms(h="127.0.0.1", m=method, s=str(status), U=path, q=query, H="HTTP/1.1"),)


def hypercorn(method: str, path: str, query: str, status: int) -> tuple[object, ...]:
    """Of hypercorn 0.18.0, logging.py (AccessLogAtoms)."""
    both = f"{path}?{query}" if query else path
    return (Atoms(h="127.0.0.1:40000", m=method, s=str(status), U=path, Uq=both, q=query),)


def granian(method: str, path: str, query: str, status: int) -> tuple[object, ...]:
    """Of granian 2.8.7, log.py (log_request_builder)."""
    names = {"addr": "127.0.0.1", "status": status, "path": path, "query_string": query}
    return ({**names, "method": method, "scheme": "http", "protocol": "HTTP/1.1"},)


SHAPES: Final = [uvicorn, gunicorn, gunicorn_wsgi, hypercorn, granian]

every_shape = pytest.mark.parametrize("shape", SHAPES)


def record(*args: object) -> logging.LogRecord:
    """Make a record the way a logger does: a single mapping becomes the arguments."""
    message = Message()
    return logging.LogRecord("server.access", logging.INFO, "", 0, message, args, None)


def shows(probe_filter: ProbeFilter, *args: object) -> bool:
    """Whether a record with these arguments stays in the log."""
    return probe_filter.filter(record(*args))


# -- what is hidden -------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("query", ["", "verbose", "next=/shop"])
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/healthz", "/readyz/database"])
def test_probes_are_hidden(shape: Shape, path: str, query: str, status: int, method: str) -> None:
    """Whatever they ask, and whichever of its two usual answers healthkit gives."""
    for probe_filter in (ProbeFilter(Health()), ProbeFilter()):
        assert not shows(probe_filter, *shape(method, path, query, status))


@every_shape
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/livezz",
        "/livez/",
        "/livez/database",
        "/readyz/",
        "/readyz/database/table",
        "/readyzz/database",
        "/database",
        "/LIVEZ",
        "livez",
        "/shop/livez",
        "/shop/readyz/database",
        "/shop?next=/livez",
        "/livez?verbose",
        "http://shop/livez",
    ],
)
def test_ordinary_requests_stay(shape: Shape, path: str) -> None:
    """A path that merely looks like a probe's is the app's own."""
    for probe_filter in (ProbeFilter(Health()), ProbeFilter()):
        assert shows(probe_filter, *shape("GET", path, "", 200))


@every_shape
@pytest.mark.parametrize("status", [101, 204, 301, 400, 404, 405, 500, 502])
def test_answers_that_healthkit_does_not_give_as_a_matter_of_course_stay(
    shape: Shape, status: int
) -> None:
    """Somebody has to act on them."""
    assert shows(ProbeFilter(), *shape("GET", "/readyz", "", status))


@every_shape
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "get", "-"])
def test_other_methods_stay(shape: Shape, method: str) -> None:
    """The kubelet asks with GET, balancers also with HEAD."""
    assert shows(ProbeFilter(), *shape(method, "/livez", "", 200))


@every_shape
def test_the_paths_are_those_of_the_health(shape: Shape) -> None:
    """Also where the server quotes them, and not where a probe is switched off."""
    paths = {"live": "/alive:é", "ready": None}
    probe_filter = ProbeFilter(Health(paths={**paths}))  # type: ignore[dict-item]
    assert not shows(probe_filter, *shape("GET", "/alive:é", "", 200))
    assert not shows(probe_filter, *shape("GET", "/startupz", "", 200))
    for path in ("/livez", "/readyz", "/readyz/database", "/alive:é/database"):
        assert shows(probe_filter, *shape("GET", path, "", 200))


@every_shape
def test_below_readiness_is_below_its_own_path(shape: Shape) -> None:
    """Wherever the Health has it."""
    probe_filter = ProbeFilter(Health(paths={"ready": "/health/ready"}))
    assert not shows(probe_filter, *shape("GET", "/health/ready/database", "", 200))
    assert shows(probe_filter, *shape("GET", "/health/readiness", "", 200))


@every_shape
@pytest.mark.parametrize("root_path", ["/api", "/api/"])
def test_a_root_path_may_stand_in_front(shape: Shape, root_path: str) -> None:
    """As in the middleware, a probe is one with it and without it; others stay."""
    probe_filter = ProbeFilter(Health(), root_path=root_path)
    for path in ("/livez", "/api/livez", "/readyz/database", "/api/readyz/database"):
        assert not shows(probe_filter, *shape("GET", path, "verbose", 200))
    for path in ("/api", "/api/", "/api/api/livez", "/apilivez", "/shop/livez", "/shop/api/livez"):
        assert shows(probe_filter, *shape("GET", path, "verbose", 200))


@every_shape
def test_a_probe_below_its_own_root_path(shape: Shape) -> None:
    """A path that begins like the root path is matched whole, too."""
    probe_filter = ProbeFilter(Health(paths={"live": "/api/livez"}), root_path="/api")
    assert not shows(probe_filter, *shape("GET", "/api/livez", "", 200))
    assert not shows(probe_filter, *shape("GET", "/api/api/livez", "", 200))
    assert shows(probe_filter, *shape("GET", "/livez", "", 200))


# -- what it does not understand ------------------------------------------------------------------


@pytest.mark.parametrize(
    "atoms",
    [
        {"U": "/livez"},
        {"U": "/livez", "m": None, "s": None},
        {"U": "/livez", "m": "GET"},
        {"U": "/livez", "s": "503"},
        {"path": "/livez"},
        {"path": "/livez", "method": "HEAD"},
    ],
)
def test_without_method_or_status_the_rest_decides(atoms: Mapping[str, object]) -> None:
    """A server, or a subclass of its logger, may leave them out."""
    assert not shows(ProbeFilter(), atoms)


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("/livez",),
        ("GET", "/livez", 200),
        ("127.0.0.1:40000", "GET", "/livez", "1.1"),
        ("127.0.0.1:40000", "GET", "/livez", "1.1", 200, "more"),
        ("127.0.0.1:40000", "GET", "/livez", "1.1", "200"),
        ("127.0.0.1:40000", "GET", b"/livez", "1.1", 200),
        ("127.0.0.1:40000", None, "/livez", "1.1", 200),
        ({},),
        ({"url": "/livez", "m": "GET", "s": 200},),
        ({"U": b"/livez", "m": "GET", "s": 200},),
        ({"U": None, "path": "/livez"},),
        ({"path": ["/livez"]},),
        ({"U": "/livez", "m": "GET", "s": "-"},),
        ({"U": "/livez", "m": ["GET"], "s": 200},),
        ({"path": "/livez", "method": "GET", "status": b"200"},),
    ],
)
def test_a_record_of_another_shape_stays(args: tuple[object, ...]) -> None:
    """Rather a probe too many in the log than one line of something else too few."""
    assert shows(ProbeFilter(), *args)


def test_a_message_is_not_looked_into() -> None:
    """It may be the text of a probe's line; only arguments count."""
    text = '127.0.0.1:40000 - "GET /livez HTTP/1.1" 200'
    assert ProbeFilter().filter(logging.LogRecord("a", logging.INFO, "", 0, text, None, None))


class Hostile(Mapping[str, object]):
    """A mapping that says it has something and fails when it is asked."""

    def __getitem__(self, key: str) -> object:
        raise RuntimeError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1


def test_it_never_raises() -> None:
    """An exception in a filter would end in the server, and cost the request its answer."""
    assert shows(ProbeFilter(), Hostile())


# -- how it is made -------------------------------------------------------------------------------


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Be an app, for something that is no Health."""
    del scope, receive, send


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ("uvicorn.access", "'uvicorn.access'"),
        (Health, "<class 'healthkit._health.Health'>"),
        (False, "False"),
        (
            HealthMiddleware(app, health=Health()),
            "<HealthMiddleware <Health starting in_flight=0>>",
        ),
    ],
)
def test_what_is_no_health_is_refused(wrong: object, found: str) -> None:
    """At once, and in one line."""
    with pytest.raises(ConfigError) as refused:
        ProbeFilter(wrong)  # type: ignore[arg-type]
    expected = "expected a Health, made by Health(), or None"
    assert str(refused.value) == f"ProbeFilter health={found}: {expected}"


@pytest.mark.parametrize("wrong", ["api", "api/", " /api", None, b"/api", 1])
def test_what_is_no_root_path_is_refused(wrong: object) -> None:
    """At once, and in one line."""
    with pytest.raises(ConfigError) as refused:
        ProbeFilter(root_path=wrong)  # type: ignore[arg-type]
    expected = "expected '', or a path such as '/api' that begins with '/'"
    assert str(refused.value) == f"ProbeFilter root_path={wrong!r}: {expected}"


def test_repr_says_what_is_hidden() -> None:
    """In one line, in an order that does not change."""
    probe_filter = ProbeFilter(Health(paths={"health": None}), root_path="/api/")
    assert repr(probe_filter) == "<ProbeFilter root_path='/api' /livez /readyz /startupz>"


class Kept(logging.Handler):
    """A handler that keeps what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(record.getMessage())


@pytest.fixture
def access() -> Iterator[logging.Logger]:
    """A logger of the test's own, as it was before."""
    logger = logging.getLogger("tests.access")
    yield logger
    logger.filters.clear()
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def config(**arguments: object) -> dict[str, object]:
    """Make a logging configuration that names the class."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"probes": {"()": "healthkit.logging.ProbeFilter", **arguments}},
        "loggers": {"tests.access": {"level": "INFO", "filters": ["probes"], "propagate": False}},
    }


def log_two(access: logging.Logger) -> list[str]:
    """Log a probe and a request; return what a handler saw."""
    access.addHandler(kept := Kept())
    for target in ("/api/livez", "/api/shop"):
        access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:4", "GET", target, "1.1", 200)
    return kept.lines


def test_a_logging_configuration_can_name_the_class(access: logging.Logger) -> None:
    """With its arguments; no code is needed."""
    logging.config.dictConfig(config(root_path="/api"))
    assert [repr(each) for each in access.filters] == [repr(ProbeFilter(root_path="/api"))]
    assert log_two(access) == ['127.0.0.1:4 - "GET /api/shop HTTP/1.1" 200']


def test_without_the_filter_the_probe_is_logged(access: logging.Logger) -> None:
    """This is what the test above would catch."""
    logging.config.dictConfig({**config(), "filters": {"probes": {"name": ""}}})
    assert len(log_two(access)) == 2


def test_a_wrong_argument_in_a_configuration_is_refused() -> None:
    """logging.config wraps our line in its own exception."""
    with pytest.raises(ValueError, match="^Unable to configure filter 'probes'$") as refused:
        logging.config.dictConfig(config(root_path="api"))
    assert isinstance(refused.value.__cause__, ConfigError)


def test_a_filter_survives_a_logger_that_is_set_up_after_it(access: logging.Logger) -> None:
    """Some servers set up their loggers after they have imported the app."""
    probe_filter = ProbeFilter(Health())
    access.addFilter(probe_filter)
    loggers = {"tests.access": {"level": "INFO", "propagate": False}}
    logging.config.dictConfig({**config(), "loggers": loggers})
    assert access.filters == [probe_filter]


def test_importing_it_brings_neither_the_engine_nor_asyncio() -> None:
    """A log configuration is read before the app; and the name shadows nothing."""
    code = "import healthkit.logging, logging, sys; print(logging.Filter.__module__, *sys.modules)"
    environ = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    command = [sys.executable, "-c", f"{code}; healthkit.logging.ProbeFilter()"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    own, *modules = done.stdout.split()
    assert own == "logging"
    assert not {"asyncio", "anyio", "starlette", "healthkit._health"} & set(modules)
