"""Real servers with their access logs on: the documented line keeps probes out, and only those.

Each server runs a module written for the test. It has the line that the documentation gives for
the server, or not, and that is all the difference.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
import pytest

import healthkit.logging

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

#: The module that the server imports; readiness is off, so that its answer is 503.
APP: Final = """\
import logging

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from healthkit import Health, HealthMiddleware
from healthkit.logging import ProbeFilter

health = Health()
{line}
health.pause("to be asked and say 503")
pages = Starlette(routes=[Mount("/", PlainTextResponse("page"))])
app = HealthMiddleware(pages, health=health)
"""

#: A configuration of logging for uvicorn that names the class.
CONFIG: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"probes": {"()": "healthkit.logging.ProbeFilter"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
    "loggers": {"uvicorn.access": {"level": "INFO", "filters": ["probes"], "handlers": ["out"]}},
}

PROBES: Final = {
    "GET /livez": 200,
    "HEAD /livez": 200,
    "GET /readyz": 503,
    "GET /readyz?verbose": 503,
    "GET /startupz": 200,
    "GET /healthz": 200,
}
ORDINARY: Final = {"GET /": 200, "GET /livezz": 200, "GET /shop/livez": 200, "POST /livez": 405}

#: Seconds, each. gunicorn's own ASGI worker looks once a second whether it should end.
UP_WITHIN: Final = 40.0
LOGGED_WITHIN: Final = 20.0
ENDS_WITHIN: Final = 30.0

#: Variables from which a server reads options, or healthkit its settings.
FOREIGN: Final = ("HEALTHKIT_", "UVICORN_", "GUNICORN_", "GRANIAN_", "WEB_CONCURRENCY")

#: All access logs have method and target like this, some with a query.
REQUEST: Final = re.compile(r'"([A-Z]+ /[^ ?]*)\S* ')


@dataclass(frozen=True)
class Setup:
    """How a server is started, and the line that its documentation gives."""

    #: The server's module first, then what else must be installed.
    modules: tuple[str, ...]
    logger: str
    options: str

    def command(self, port: int) -> list[str]:
        """Make the command line."""
        options = self.options.format(bind=f"127.0.0.1:{port}", port=port)
        return [sys.executable, "-m", self.modules[0], "main:app", *options.split()]


UVICORN: Final = Setup(
    ("uvicorn",), "uvicorn.access", "--host 127.0.0.1 --port {port} --loop asyncio"
)
GUNICORN: Final = "--bind {bind} --access-logfile - --no-control-socket --worker-class "

SETUPS: Final = {
    "uvicorn": UVICORN,
    "gunicorn-asgi": Setup(("gunicorn",), "gunicorn.access", f"{GUNICORN} asgi"),
    "gunicorn-uvicorn": Setup(
        ("gunicorn", "uvicorn_worker"),
        "uvicorn.access",
        f"{GUNICORN} uvicorn_worker.UvicornWorker",
    ),
    "hypercorn": Setup(("hypercorn",), "hypercorn.access", "--bind {bind} --access-logfile -"),
    "granian": Setup(
        ("granian",),
        "granian.access",
        "--interface asgi --host 127.0.0.1 --port {port} --access-log",
    ),
}

every_server = pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)


class Served:
    """A server that is up, its log, and how to ask it."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self._url = url
        self._process = process
        self._log = log

    def said(self) -> str:
        """Return all that it has printed so far."""
        return self._log.read_text(errors="replace")

    def logged(self) -> list[str]:
        """Return method and path of each request in the access log, in order."""
        return REQUEST.findall(self.said())

    def ask(self, request: str) -> int:
        """Send a request on a connection of its own; return the status, 0 without an answer."""
        method, target = request.split()
        try:
            with httpx.Client(trust_env=False, verify=False, timeout=20) as client:  # noqa: S501  # plain HTTP
                headers = {"connection": "close"}
                return client.request(method, self._url + target, headers=headers).status_code
        except httpx.TransportError:
            return 0

    def wait_for(self, what: str, holds: Callable[[], bool], within: float) -> None:
        """Wait until something holds; fail with the server's log if it does not in time."""
        deadline = time.monotonic() + within
        while not holds():
            ended = self._process.poll()
            assert ended is None, f"the server ended with {ended}; it said: {self.said()}"
            assert time.monotonic() < deadline, f"not {what}; the server said: {self.said()}"
            time.sleep(0.01)

    def end(self) -> None:
        """Send SIGTERM and wait for the end: from then on nobody writes to the log."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(ENDS_WITHIN)


@contextlib.contextmanager
def free_port() -> Generator[int]:
    """Reserve a port: bound here but not listening, it is given to nobody who does not name it."""
    with socket.socket() as reserved:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            reserved.setsockopt(socket.SOL_SOCKET, option, 1)
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        yield port


@contextlib.contextmanager
def serving(setup: Setup, folder: Path, line: str, *options: str) -> Generator[Served]:
    """Serve the app with a line in it; whatever happens in the block, the server ends."""
    for module in setup.modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed; the dev extra has it")
    (folder / "main.py").write_text(APP.format(line=line))
    (folder / "log.json").write_text(json.dumps(CONFIG))
    environ = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    log = folder / "server.log"
    with free_port() as port, log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter
            [*setup.command(port), *options],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with process:
            try:
                served = Served(f"http://127.0.0.1:{port}", process, log)
                served.wait_for("up", lambda: served.ask("GET /livez") == 200, UP_WITHIN)
                yield served
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def access_log(setup: Setup, folder: Path, line: str, *options: str, root: str = "") -> list[str]:
    """Send probes, then ordinary requests; return what the access log has in the end."""
    with serving(setup, folder, line, *options) as served:
        for request, status in {**PROBES, **ORDINARY}.items():
            assert served.ask(request) == status
        ordinary = {request.replace("/", f"{root}/", 1) for request in ORDINARY}
        served.wait_for("logged", lambda: ordinary <= set(served.logged()), LOGGED_WITHIN)
        served.end()
        return served.logged()


@every_server
def test_the_documented_line_keeps_probes_out(setup: Setup, tmp_path: Path) -> None:
    """Each ordinary request is in the log once, also what looks like a probe; probes are not."""
    line = f'logging.getLogger("{setup.logger}").addFilter(ProbeFilter(health))'
    assert line in str(healthkit.logging.__doc__)
    assert sorted(access_log(setup, tmp_path, line)) == sorted(ORDINARY)


@every_server
def test_without_the_line_probes_are_logged(setup: Setup, tmp_path: Path) -> None:
    """The same server, app and requests: this is what the test above would catch."""
    logged = access_log(setup, tmp_path, "")
    assert {request.partition("?")[0] for request in [*PROBES, *ORDINARY]} == set(logged)


def test_behind_a_root_path(tmp_path: Path) -> None:
    """A root path, which uvicorn logs in front of each path, is told to the filter."""
    line = 'logging.getLogger("uvicorn.access").addFilter(ProbeFilter(health, root_path="/api"))'
    logged = access_log(UVICORN, tmp_path, line, "--root-path", "/api", root="/api")
    assert sorted(logged) == sorted(request.replace("/", "/api/", 1) for request in ORDINARY)


def test_a_logging_configuration_without_code(tmp_path: Path) -> None:
    """It is read before the app is imported; the filter then knows the default paths."""
    logged = access_log(UVICORN, tmp_path, "", "--log-config", "log.json")
    assert sorted(logged) == sorted(ORDINARY)
