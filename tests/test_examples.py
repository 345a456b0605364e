"""The examples do what they say: each is imported as uvicorn would, and lived through."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from rich.console import Console
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from examples.pod import app as pod
from examples.pod.load import Load, Tally, complaint
from examples.pod.play import Judge, conclude
from examples.pod.probes import ENDPOINTS, Sight
from examples.pod.stage import Stage
from healthkit import Health
from healthkit.testing import run as play

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from starlette.types import ASGIApp

EXAMPLES = Path(__file__).parents[1] / "examples"
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

#: Each runnable example, what it needs beside healthkit, and the name its app goes by.
PROGRAMS = [
    pytest.param("01_minimal", "starlette", "http://pod/"),
    pytest.param("02_fastapi", "fastapi", "http://pod/prices/3"),
    pytest.param("03_django", "django", "http://shop.example/"),
    pytest.param("04_quart", "quart", "http://pod/"),
    pytest.param("05_bare_asgi", "starlette", "http://pod/"),
    pytest.param("06_prestop", "starlette", "http://pod/"),
    pytest.param("08_checks", "starlette", "http://pod/"),
    pytest.param("09_workers", "starlette", "http://pod/"),
    pytest.param("12_litestar", "litestar", "http://shop.example/"),
    pytest.param("13_streams", "starlette", "http://pod/"),
]

#: The same of those that speak WSGI.
WSGI_PROGRAMS = [
    pytest.param(
        "10_flask",
        "flask",
        "http://pod/prices/3",
        ["103 cents", "[+]lifespan ok", "[+]price_list ok", "ready check passed", "404", "stopped"],
    ),
    pytest.param(
        "11_django_wsgi",
        "django",
        "http://shop.example/",
        ["hello", "[+]lifespan ok", "[+]database ok", "ready check passed", "400", "stopped"],
    ),
]

#: Lives through one of them, in a process of its own: Django can be configured only once.
LIVE = """
import importlib, sys, time, httpx
sys.path.insert(0, sys.argv[1])
module = importlib.import_module(sys.argv[2])
health, url = module.health, sys.argv[3]
client = httpx.Client(transport=httpx.WSGITransport(module.app), base_url="http://10.1.2.3:8000")

def statuses():
    return [client.get(path).status_code for path in ("/startupz", "/livez", "/readyz", "/healthz")]

assert statuses()[:2] == [200, 200]
deadline = time.monotonic() + 20
while statuses() != [200] * 4 or "[!]" in client.get("/readyz?verbose").text:
    assert time.monotonic() < deadline  # a check's first run may take too long on a busy machine
    time.sleep(0.01)
print(client.get(url).text + client.get("/readyz?verbose").text, end="")
health.drain()
while health.phase != "draining":
    assert time.monotonic() < deadline
assert statuses() == [200, 200, 503, 503]
assert client.get(url).status_code == 200
print(client.get("/").status_code)
module.app.stop()
print(health.phase)
"""


@functools.cache
def example(name: str, framework: str = "starlette") -> ModuleType:
    """Import an example by its file, once: Django can be configured only once."""
    pytest.importorskip(framework, reason=f"{framework} is not installed: {name} needs it")
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def parts(module: ModuleType) -> tuple[ASGIApp, Health]:
    """Return an example's app and its health."""
    app: ASGIApp = module.app
    assert isinstance(module.health, Health)
    return app, module.health


def wait(client: TestClient, health: Health, phase: str) -> None:
    """Wait for a phase on the app's own loop."""
    assert client.portal is not None
    client.portal.call(health.wait_for, phase, 30)


def until(holds: Callable[[], bool]) -> None:
    """Look again until something holds that checks bring about in threads and in real time."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def with_rests(module: ModuleType, rest: Callable[[float], object]) -> SimpleNamespace:
    """Return a module in which a sleep is the test's: it lasts until the test has looked."""
    return SimpleNamespace(**{**vars(module), "sleep": rest})


def statuses(client: TestClient) -> dict[str, int]:
    """Ask the four endpoints."""
    return {endpoint: client.get(endpoint).status_code for endpoint in ENDPOINTS}


@pytest.mark.parametrize(("name", "framework", "url"), PROGRAMS)
def test_an_example_lives_and_ends(name: str, framework: str, url: str) -> None:
    """Each app serves what is its own, and answers the endpoints through its whole life."""
    app, health = parts(example(name, framework))
    with TestClient(app, base_url="http://pod") as client:
        wait(client, health, "serving")
        # Its checks have had a result; one that came too late is followed by another.
        until(lambda: statuses(client) == dict.fromkeys(ENDPOINTS, 200))
        assert client.get(url).status_code == 200
        health.drain()
        wait(client, health, "draining")
        draining = {"/startupz": 200, "/livez": 200, "/readyz": 503, "/healthz": 503}
        assert statuses(client) == draining
        assert client.get(url).headers["connection"] == "close"
    assert health.phase == "stopped"


@pytest.mark.parametrize(("name", "framework", "url", "said"), WSGI_PROGRAMS)
def test_a_wsgi_example_lives_and_ends(
    name: str, framework: str, url: str, said: list[str]
) -> None:
    """Each app serves what is its own; probes pass with any host, Django's view does not."""
    pytest.importorskip(framework, reason=f"{framework} is not installed: {name} needs it")
    command = [sys.executable, "-c", LIVE, str(EXAMPLES), name, url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # our own interpreter
    assert ran.stdout.splitlines() == said, ran.stdout + ran.stderr


def test_a_rollout_is_played(capsys: pytest.CaptureFixture[str]) -> None:
    """The good version comes, the bad one doesn't, and no request is lost in either."""
    play(example("15_rollout").main)
    said = capsys.readouterr().out.splitlines()
    steps = [line.partition(" s  ")[2] for line in said[::3]]
    done = 'deployment "shop" successfully rolled out'
    failed = 'error: deployment "shop" exceeded its progress deadline'
    assert steps == [done, done, failed, done]
    assert [line.count(" ready") - line.count("not ready") for line in said[1::3]] == [3] * 4
    assert all(line.endswith("requests, 0 lost") for line in said[2::3])
    assert int(said[-1].split()[0]) > 1000


def test_fastapi_tells_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the price list is read, the app has started, and readiness says how far it is."""
    module = example("02_fastapi", "fastapi")
    app, health = parts(module)
    looked = threading.Event()

    async def rest(_seconds: float) -> None:
        while not looked.is_set():  # noqa: ASYNC110  # set in another thread
            await asyncio.sleep(0.005)

    monkeypatch.setattr(module, "asyncio", with_rests(asyncio, rest))
    with TestClient(app) as client:
        wait(client, health, "warming")
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.text.startswith("warming: price_list")
        assert client.get("/startupz").status_code == 200
        looked.set()
        wait(client, health, "serving")


def test_fastapi_does_not_forget_a_mail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An end waits for the mail of an order that was taken, and tells others of the drain."""
    module = example("02_fastapi", "fastapi")
    app, _ = parts(module)
    caplog.set_level(logging.INFO)

    async def rest(seconds: float) -> None:
        while seconds == module.MAILING and "waiting for hold" not in caplog.text:  # noqa: ASYNC110  # a text
            await asyncio.sleep(0.005)

    monkeypatch.setattr(module, "asyncio", with_rests(asyncio, rest))
    with TestClient(app) as client:
        assert client.post("/orders").status_code == 202
        assert len(module.mails) == 1
    assert not module.mails
    assert "waiting for hold 'confirmation mail', on_drain 'announce'" in caplog.text
    assert "no more work for this pod, please" in caplog.text


def test_django_is_probed_by_address() -> None:
    """Probes pass with any host; Django's own host check is as strict as before."""
    module = example("03_django", "django")
    app, _ = parts(module)
    assert module.settings.ALLOWED_HOSTS == ["shop.example"]
    with TestClient(app, base_url="http://10.1.2.3:8000") as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/").status_code == 400
        assert client.get("/", headers={"Host": "shop.example"}).text == "hello\n"


def test_quart_starts_up_by_itself() -> None:
    """Quart's own start-up has run before anything else."""
    app, health = parts(example("04_quart", "quart"))
    with TestClient(app) as client:
        wait(client, health, "warming")
        assert client.get("/").text == "hello\n"


def test_litestar_starts_up_by_itself_and_is_probed_by_address() -> None:
    """Its own start-up has run before anything else; its host check is as strict as before."""
    app, health = parts(example("12_litestar", "litestar"))
    with TestClient(app, base_url="http://10.1.2.3:8000") as client:
        wait(client, health, "warming")
        assert client.get("/livez").status_code == 200
        assert client.get("/").status_code == 400
        assert client.get("/", headers={"Host": "shop.example"}).text == "hello\n"


def test_prestop_wants_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the token there is no hook; with it, the pod drains, once for many calls."""
    monkeypatch.setenv("HEALTHKIT_PRESTOP_TOKEN", "correct-horse-battery-staple")
    monkeypatch.setenv("HEALTHKIT_DRAIN_DELAY", "0")
    app, health = parts(example.__wrapped__("06_prestop"))
    with TestClient(app) as client:
        assert client.get("/prestop").status_code == 404
        wrong = {"Authorization": "Bearer wrong-horse-battery-staple"}
        assert client.get("/prestop", headers=wrong).status_code == 404
        wait(client, health, "serving")
        assert health.phase == "serving"
        right = {"Authorization": "Bearer correct-horse-battery-staple"}
        for _ in range(2):
            assert client.get("/prestop", headers=right).text == "drained\n"
            assert health.phase == "draining"


def test_without_a_token_there_is_no_prestop() -> None:
    """Unless the environment has one, the path is the app's."""
    app, _ = parts(example("06_prestop"))
    with TestClient(app) as client:
        assert client.get("/prestop").text == "Not Found"


def test_a_stream_ends_and_another_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The events end complete with the drain; the echo answers until it has said goodbye."""
    module = example("13_streams")
    app, health = parts(module)
    monkeypatch.setattr(module, "PACE", 0.01)
    answered = threading.Event()

    async def rest(seconds: float) -> None:
        while seconds == module.LAST_WORDS and not answered.is_set():  # noqa: ASYNC110  # a thread's
            await anyio.sleep(0.005)
        await anyio.sleep(module.PACE)

    monkeypatch.setattr(module, "anyio", with_rests(anyio, rest))
    with (
        TestClient(app) as client,
        ThreadPoolExecutor() as pool,
        client.websocket_connect("/echo") as websocket,
    ):
        accept = {"Accept": "text/event-stream"}
        events = pool.submit(client.get, "/events", headers=accept)
        until(lambda: health.life.traffic.streams == 1)
        assert health.life.traffic.in_flight == 1, "the echo counts as a request"
        websocket.send_text("one")
        assert websocket.receive_text() == "one"
        health.drain()
        assert websocket.receive_text() == "this pod ends: last words, please"
        websocket.send_text("two")
        assert websocket.receive_text() == "two"
        answered.set()
        assert events.result(30).text.startswith("data: tick 0\n\n")
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
    assert (closed.value.code, closed.value.reason) == (1012, "connect again")


def test_a_client_of_the_echo_may_leave() -> None:
    """Then nobody waits for the drain any more."""
    app, health = parts(example("13_streams"))
    with TestClient(app) as client:
        with client.websocket_connect("/echo") as websocket:
            websocket.send_text("one")
            assert websocket.receive_text() == "one"
        until(lambda: health.life.traffic.in_flight == 0)


def test_the_checks_are_listed_as_the_readme_shows_them() -> None:
    """A database that is not there is a warning; who may read why is told, and nobody else."""
    app, health = parts(example("08_checks"))
    shown = re.search(r"^```text\n(\[\+\]lifespan ok\n.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert shown is not None
    with TestClient(app, base_url="http://pod") as client:
        wait(client, health, "serving")
        until(lambda: client.get("/readyz/database").text == "failing: database\n")
        until(lambda: client.get("/readyz?verbose").text == shown[1])  # the loop may have lagged
        debug = {"x-debug": "on"}
        assert "Connect" in client.get("/readyz/database?verbose", headers=debug).text
        state = 'healthkit_check_state{check="database",state="failing"} 1.0'
        assert state in client.get("/metrics").text
        assert (
            client.get("/readyz", headers={"accept": "application/json"}).json()["status"] == "warn"
        )


def test_the_example_of_tests_passes() -> None:
    """What we show as a test is one."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(  # noqa: S603  # our own interpreter on our own file
        [*command, EXAMPLES / "07_test_your_app.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_the_catalogue_warms_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The app of the demo starts, warms up from a file it has made, serves, and keeps the file."""
    checked, read = threading.Event(), threading.Event()
    checking = pod.SECONDS * pod.CHECK_SHARE / pod.CHECK_STEPS

    def rest(seconds: float) -> None:
        (checked if seconds == checking else read).wait(30)

    monkeypatch.setattr(pod, "time", with_rests(time, rest))
    monkeypatch.setenv("CATALOGUE_DIR", str(tmp_path))
    with TestClient(pod.app) as client:
        assert statuses(client) == {
            "/startupz": 503,
            "/livez": 200,
            "/readyz": 503,
            "/healthz": 503,
        }
        checked.set()
        wait(client, pod.health, "warming")
        # Its first step is told a moment later.
        until(lambda: client.get("/readyz").text.startswith("warming: catalogue "))
        read.set()
        wait(client, pod.health, "serving")
        assert client.get("/products/7").json() == {"id": 7, "name": "product 7", "cents": 107}
        assert client.get("/products/5001").status_code == 404
    assert [file.name for file in tmp_path.iterdir()] == ["catalogue.sqlite3"]


def test_the_plain_catalogue_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without healthkit the same app is warm when it has started, and takes long where it does."""
    monkeypatch.setattr(pod, "SECONDS", 0.1)
    monkeypatch.setattr(pod, "SLOW", 0.01)
    monkeypatch.setattr(pod, "STREAM", 0.01)
    with TestClient(pod.plain) as client:
        assert client.get("/products/5000").status_code == 200
        assert client.get("/slow").text == "slow, but complete\n"
        assert client.get("/stream").text.endswith("chunk 25 of 25\n")
        assert client.get("/livez").status_code == 404


def test_load_stays_on_this_machine() -> None:
    """Nobody else's server is ever asked."""
    with pytest.raises(ValueError, match="expected a server on this machine"):
        Load("http://shop.example")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, content=b"ok"), None),
        (httpx.Response(204, headers={"content-length": "0"}), None),
        (httpx.Response(200, headers={"transfer-encoding": "chunked"}), None),
        (httpx.Response(503, content=b"busy"), "status 503"),
        (httpx.Response(307, headers={"content-length": "0"}), "status 307"),
        (httpx.Response(200), "a body of unknown length"),
    ],
)
def test_only_a_complete_2xx_is_an_answer(answer: httpx.Response, expected: str | None) -> None:
    """Any other status is a loss, and so is a body that may have been cut."""
    assert complaint(answer) == expected


def tally(*, requests: int = 500, lost: int = 0) -> Tally:
    """Make a count."""
    reasons = {"keep-alive: ReadError": lost} if lost else {}
    return Tally(requests, lost, reasons, 0, {}, 0, 0, 0, 0)


SERVING = Sight((200, 200, 200, 200), "ok")
DRAINING = Sight((200, 200, 503, 503), "draining")
STILL_READY = "/readyz answered 200 more than 1 s after SIGTERM"


@pytest.mark.parametrize(
    ("sight", "since", "broken"),
    [
        (SERVING, None, []),
        (SERVING, 0.5, []),
        (SERVING, 1.5, [STILL_READY]),
        (DRAINING, 1.5, []),
        (Sight((200, 503, 503, 503), "draining"), 1.5, ["/livez answered 503 to a live process"]),
        (Sight(), 1.5, ["/livez answered nothing to a live process"]),
        (Sight(), 3.5, []),
    ],
)
def test_the_demo_judges_each_look(
    monkeypatch: pytest.MonkeyPatch, sight: Sight, since: float | None, broken: list[str]
) -> None:
    """A dead liveness or a late readiness is noted, once; at the very end nothing is owed."""
    monkeypatch.setattr("examples.pod.play.time.monotonic", lambda: 100.0)
    judge = Judge(plain=False)
    if since is not None:
        judge.terminated()
        monkeypatch.setattr("examples.pod.play.time.monotonic", lambda: 100.0 + since)
    judge.look(sight)
    judge.look(sight)
    assert judge.broken == broken


@pytest.mark.parametrize(
    ("counted", "code", "exit_code"),
    [
        (tally(), -15, 0),
        (tally(lost=1), -15, 1),
        (tally(requests=0), -15, 1),
        (tally(), 1, 1),
    ],
)
def test_the_demo_can_fail(
    capsys: pytest.CaptureFixture[str], counted: Tally, code: int, exit_code: int
) -> None:
    """A lost request, no request at all, or an unusual exit: each makes it exit 1."""
    judge = Judge(plain=False)
    judge.ended(code)
    assert conclude(Stage(Console()), judge, counted) == exit_code
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"requests: {counted.requests}, lost: {counted.lost}"


def test_the_readiness_gate_is_published() -> None:
    """False while it warms up, True when it is ready, False when it drains; and nothing else."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: the example can't make a certificate")
    ran = subprocess.run(  # noqa: S603  # our own interpreter on our own file
        [sys.executable, str(EXAMPLES / "16_readiness_gate.py")],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    statuses = re.findall(r"^shop.example/cache-warm is (True|False): ", ran.stdout, re.MULTILINE)
    assert statuses == ["False", "True", "False"]
    assert len(ran.stdout.splitlines()) == len(statuses)
