"""Real servers, scraped over HTTP; promtool finds nothing to complain of, Prometheus reads it.

``PROMTOOL`` names promtool if it is not in ``PATH``; prometheus is looked for beside it.
``promtool.sh`` gets both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from examples.pod.server import Server
from healthkit._signals import SAME_SIGNAL
from tests.integration.measured import REASON
from tests.scrapes import FAMILIES, parsed_openmetrics, present, samples
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

APP: Final = "tests.integration.measured:app"

OPENMETRICS: Final = {"accept": "application/openmetrics-text; version=1.0.0"}

#: The state of a check.
CHECK: Final = 'healthkit_check_state{{check="database",state="{}"}}'

#: Seconds, each: for a state to be reached, and for a server to be up or to end.
PATIENCE: Final = 30.0
#: Serving on after SIGTERM, in seconds: a second one ends it.
DRAIN_DELAY: Final = 60.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


@pytest.fixture(scope="module")
def promtool() -> str:
    """Find promtool."""
    found = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool in PATH, and PROMTOOL names none: promtool.sh gets it")
    return found


def linted(promtool: str, exposition: str) -> dict[str, float]:
    """Return the series of a scrape of which promtool says nothing at all."""
    ran = subprocess.run(  # noqa: S603  # the user's own
        [promtool, "check", "metrics"],
        input=exposition,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), exposition
    return samples(exposition)


class Scraped:
    """A server, scraped in both formats: promtool reads the one, the reference parser the other.

    (OpenMetrics names a counter without ``_total``; to promtool 2.42 that is one without help.)
    """

    def __init__(self, promtool: str, http: httpx.AsyncClient) -> None:
        self._promtool = promtool
        self._http = http

    async def now(self) -> dict[str, float]:
        """Scrape; return the series."""
        text = await self._http.get("/metrics", headers={"accept": "*/*"})
        found = linted(self._promtool, text.text)
        openmetrics = await self._http.get("/metrics", headers=OPENMETRICS)
        assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
        families = {family.name for family in parsed_openmetrics(openmetrics.text)}
        assert set(FAMILIES) < families
        assert set(samples(openmetrics.text)) >= {name for name in found if "_created" not in name}
        assert REASON.split()[0] not in text.text + openmetrics.text
        return found

    async def until(self, series: str, value: float) -> dict[str, float]:
        """Scrape until a series has a value."""
        deadline = time.monotonic() + PATIENCE
        while (found := await self.now()).get(series) != value:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)
        return found


async def test_promtool_has_no_complaint_in_any_state(promtool: str) -> None:
    """While warming, serving, with a failing check, and in the delay after SIGTERM."""
    settings = {"HEALTHKIT_DRAIN_DELAY": str(DRAIN_DELAY)}
    async with Server(APP, settings, print) as server:
        url = await server.url()
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as http:
            scraped = Scraped(promtool, http)
            progress = 'healthkit_work_progress_ratio{kind="warmup",work="catalogue"}'
            found = await scraped.until(progress, 0.25)
            assert present(found, "phase") == "warming"
            await http.get("/warm")
            found = await scraped.until('healthkit_phase{phase="serving"}', 1)
            assert found['orders_total{shop="main"}'] == 1
            assert [(await http.get("/readyz")).status_code for _ in range(7)] == [200] * 7
            found = await scraped.until(
                'healthkit_check_state{check="database",state="passing"}', 1
            )
            assert found['healthkit_probe_answers_total{code="200",probe="ready"}'] == 7
            await http.get("/break")
            found = await scraped.until(
                'healthkit_check_state{check="database",state="failing"}', 1
            )
            assert found['healthkit_probe_success{probe="ready"}'] == 0
            before = time.time()
            server.terminate()
            found = await scraped.until('healthkit_phase{phase="draining"}', 1)
            assert before - 1 < found["healthkit_drain_start_time_seconds"] <= time.time()
            assert 0 <= found["healthkit_drain_duration_seconds"] < DRAIN_DELAY
            last = await http.get("/metrics")
            assert last.headers["connection"] == "close"
            assert (await http.get("/livez")).status_code == 200
            await asyncio.sleep(max(0.0, SAME_SIGNAL - found["healthkit_drain_duration_seconds"]))
            server.terminate()
        assert await server.ended(PATIENCE) == -signal.SIGTERM


# -- Prometheus -----------------------------------------------------------------------------------


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
def running(folder: Path, *command: str, **environ: str) -> Generator[subprocess.Popen[bytes]]:
    """Run a command in a group of processes of its own, which ends with the block."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter, or the user's prometheus
            command,
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def until(holds: Callable[[], bool], folder: Path) -> None:
    """Wait until something holds, of a server that may not be up yet."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(httpx.TransportError):
            if holds():
                return
        assert time.monotonic() < deadline, (folder / "log").read_text(errors="replace")
        time.sleep(0.05)


PROMETHEUS_YML: Final = """\
scrape_configs:
  - job_name: pod
    scrape_interval: 1s
    static_configs: [targets: ["{target}"]]
"""


async def test_prometheus_scrapes_it(promtool: str, tmp_path: Path) -> None:
    """As OpenMetrics, which it prefers; the phase can be asked for in its own language."""
    prometheus = Path(promtool).with_name("prometheus")
    if not prometheus.exists():
        pytest.skip(f"no prometheus beside promtool, which is {promtool}")
    async with Server(APP, {}, print) as server:
        url = httpx.URL(await server.url())
        config = tmp_path / "prometheus.yml"
        config.write_text(PROMETHEUS_YML.format(target=url.netloc.decode()))
        await asyncio.to_thread(_has_been_scraped_by, str(prometheus), tmp_path)


def _has_been_scraped_by(prometheus: str, folder: Path) -> None:
    with scraping(prometheus, folder) as http:

        def result(query: str) -> list[dict[str, Any]]:
            answer = http.get("/query", params={"query": query})
            found: list[dict[str, Any]] = answer.json()["data"]["result"]
            return found

        # A scrape may take a second: a busy machine may miss one.
        until(lambda: [one["value"][1] for one in result("up")] == ["1"], folder)
        until(lambda: bool(result("healthkit_phase == 1")), folder)
        found = result("last_over_time(healthkit_phase[1m]) == 1")
        assert [one["metric"]["phase"] for one in found] == ["warming"]
        known: dict[str, list[dict[str, str]]] = http.get("/metadata").json()["data"]
        types = {name: known[name][0]["type"] for name in FAMILIES}
        assert types == FAMILIES  # the names of OpenMetrics: the text format's have _total


@contextlib.contextmanager
def scraping(prometheus: str, folder: Path) -> Generator[httpx.Client]:
    """Run a Prometheus by a folder's ``prometheus.yml``; be a client of its API."""
    with free_port() as port:
        address = f"127.0.0.1:{port}"
        options = ["--config.file=prometheus.yml", f"--web.listen-address={address}"]
        options += ["--storage.tsdb.path=data", "--log.level=warn"]
        with (
            running(folder, prometheus, *options),
            httpx.Client(
                base_url=f"http://{address}/api/v1", trust_env=False, timeout=PATIENCE
            ) as http,
        ):
            until(lambda: http.get("/status/config").is_success, folder)
            yield http


# -- several workers ------------------------------------------------------------------------------

#: The recipe for an app with metrics of its own in several workers.
README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

#: The README's recipe: the lines of the app, and gunicorn's configuration.
RECIPE, GUNICORN_CONF = re.findall(r"^```py\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

#: The recipe as an app.
MAIN: Final = f"""\
import os

from prometheus_client import Gauge
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware

{RECIPE}

open_carts = Gauge("open_carts", "Carts.", multiprocess_mode="livesum")


async def order(request):
    orders.inc()
    open_carts.set(1)
    return PlainTextResponse(str(os.getpid()))


app = HealthMiddleware(Starlette(routes=[Route("/order", order)]), health=health)
"""


#: What an emptyDir may still hold: it outlives the container.
LEFT_OVER: Final = "counter_999999999.db"


class Shop:
    """A gunicorn with two workers, and what they have been asked."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self.orders = 0
        self.workers: set[int] = set()

    def get(self, path: str) -> httpx.Response:
        """Ask on a connection of its own: any worker may answer."""
        close = {"connection": "close"}
        return httpx.get(f"{self._url}{path}", trust_env=False, headers=close, timeout=PATIENCE)

    def order(self) -> bool:
        """Order something from whoever answers; return whether two workers have answered."""
        worker = int(self.get("/order").text)
        self.orders += 1
        self.workers.add(worker)
        return len(self.workers) == 2

    def order_from_two(self) -> None:
        """Order until both workers have taken an order."""
        self.workers.clear()
        until(self.order, self._folder)


@contextlib.contextmanager
def two_workers(folder: Path) -> Generator[Shop]:
    """Serve the recipe's app."""
    (folder / "main.py").write_text(MAIN)
    (folder / "gunicorn.conf.py").write_text(GUNICORN_CONF)
    (folder / "metrics").mkdir()
    (folder / "metrics" / LEFT_OVER).write_bytes(b"of a worker of the container's last start")
    with free_port() as port:
        options = ["-k", "asgi", "-w", "2", "--no-control-socket", "-b", f"127.0.0.1:{port}"]
        command = [sys.executable, "-m", "gunicorn", "main:app", *options]
        with running(folder, *command, PROMETHEUS_MULTIPROC_DIR=str(folder / "metrics")):
            shop = Shop(f"http://127.0.0.1:{port}", folder)
            until(lambda: shop.get("/readyz").is_success, folder)
            yield shop


def test_the_metrics_of_an_app_in_two_workers(promtool: str, tmp_path: Path) -> None:
    """The app's are summed, also over a worker that is gone; healthkit's are there once."""
    pytest.importorskip("gunicorn")
    with two_workers(tmp_path) as shop:
        assert not (tmp_path / "metrics" / LEFT_OVER).exists()
        shop.order_from_two()
        for _ in range(10):
            found = linted(promtool, shop.get("/metrics").text)
            assert found["orders_total"] == shop.orders
            assert found["open_carts"] == 2
            assert present(found, "phase") == "serving"
        gone = min(shop.workers)
        os.kill(gone, signal.SIGTERM)
        until(lambda: not list((tmp_path / "metrics").glob(f"gauge_live*_{gone}.db")), tmp_path)
        shop.order_from_two()
        found = linted(promtool, shop.get("/metrics").text)
        assert gone not in shop.workers
        assert found["orders_total"] == shop.orders
        assert found["open_carts"] == 2
