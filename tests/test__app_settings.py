"""What an app with healthkit inside says of itself."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from healthkit import _app_settings
from healthkit._app_settings import read
from healthkit.errors import ConfigError
from healthkit.manifests._app import AppSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Write = Callable[[str], int]

HEAD = "from healthkit import Health, HealthMiddleware\nhealth = Health()\n"
PLAIN = "async def plain(scope, receive, send):\n    pass\n"


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Have a module `shop` in the working directory; leave no trace of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    yield (tmp_path / "shop.py").write_text
    sys.modules.pop("shop", None)


def test_an_app_with_the_defaults_says_those_of_a_cluster(shop: Write) -> None:
    """The delay is what it is in Kubernetes; of times that nobody has said there are none."""
    shop(HEAD)
    paths = {"live": "/livez", "ready": "/readyz", "startup": "/startupz", "health": "/healthz"}
    assert read("shop:health") == AppSettings(
        name="shop:health",
        paths=paths,  # type: ignore[arg-type]  # a dict of such strings
        drain_delay=5.0,
        drain_timeout=15.0,
        grace_period=30.0,
    )


def test_all_settings_are_said(shop: Write, tmp_path: Path) -> None:
    """What is switched off is not there."""
    shop(
        "from healthkit import Health\n"
        "health = Health(drain_delay=7, drain_timeout=20, grace_period=45, workers=4,\n"
        f"    state_dir={str(tmp_path)!r}, metrics_path='/metrics', paths='dockerflow',\n"
        "    prestop_token='correct-horse-battery-staple')\n"
    )
    assert read("shop:health") == AppSettings(
        name="shop:health",
        paths={"live": "/__lbheartbeat__", "ready": "/__heartbeat__"},
        drain_delay=7.0,
        drain_timeout=20.0,
        grace_period=45.0,
        state_dir=str(tmp_path),
        workers=4,
        metrics_path="/metrics",
        prestop_path="/prestop",
    )


def test_the_containers_variables_win(shop: Write) -> None:
    """As they would in the container."""
    shop("from healthkit import Health\nhealth = Health(drain_delay=7, grace_period=45)\n")
    environ = {"HEALTHKIT_DRAIN_DELAY": "1", "HEALTHKIT_PATHS": "spring"}
    found = read("shop:health", environ)
    assert (found.drain_delay, found.grace_period) == (1.0, 45.0)
    assert found.paths["live"] == "/actuator/health/liveness"


@pytest.mark.parametrize(
    ("works", "startup"),
    [
        ("", None),
        ("health.startup(print, name='a')", None),
        ("health.startup(print, name='a', timeout=5)", 5.0),
        ("health.startup(print, name='a', timeout=5, attempts=3)", 3 * 5 + 1 + 2),
        ("health.startup(print, name='a', timeout=5, attempts=9)", 9 * 5 + 63 + 60 + 60),
        (
            (
                "health.startup(print, name='a', timeout=5)\n"
                "health.startup(print, name='b', timeout=8, attempts=2)\n"
            ),
            2 * 8 + 1,
        ),
        ("health.startup(print, name='a', timeout=5)\nhealth.startup(print, name='b')", None),
        ("health.warmup(print, name='a', timeout=5)", None),
    ],
)
def test_start_up_work_takes_what_its_attempts_take(
    works: str, startup: float | None, shop: Write
) -> None:
    """All of it at once, each with the longest waits in between: 1 s, doubled up to 60 s."""
    shop(f"{HEAD}{works}\n")
    assert read("shop:health").startup == startup


@pytest.mark.parametrize(
    ("works", "warm_up"),
    [
        ("", None),
        ("health.warmup(print, name='a')", None),
        ("health.warmup(print, name='a', timeout=5)", 5.0),
        ("health.warmup(print, name='a', timeout=5, deadline=60)", 60.0),
        ("health.warmup(print, name='a', timeout=5, required=False)", None),
        ("health.warmup(print, name='a', timeout=5)\nhealth.warmup(print, name='b')", 5.0),
        (
            (
                "health.warmup(print, name='a', timeout=90)\n"
                "health.warmup(print, name='b', timeout=1, deadline=60)\n"
            ),
            90.0,
        ),
        ("health.startup(print, name='a', timeout=5)", None),
    ],
)
def test_a_warm_up_takes_what_is_expected_of_it(
    works: str, warm_up: float | None, shop: Write
) -> None:
    """The longest deadline, else timeout, of those that readiness waits for."""
    shop(f"{HEAD}{works}\n")
    assert read("shop:health").warm_up == warm_up


APPS = {
    "asgi": f"{PLAIN}app = HealthMiddleware(plain, health=health)",
    "wrapped": f"""\
{PLAIN}
class Other:
    def __init__(self, app):
        self.app = app
    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)
app = Other(Other(HealthMiddleware(plain, health=health)))""",
    "wsgi": """\
from healthkit.wsgi import HealthMiddleware
app = HealthMiddleware(lambda environ, start_response: [], health=health)""",
    "flask": """\
import flask
from healthkit.wsgi import HealthMiddleware
app = flask.Flask("shop")
app.wsgi_app = HealthMiddleware(app.wsgi_app, health=health)""",
    "quart": """\
import quart
app = quart.Quart("shop")
app.asgi_app = HealthMiddleware(app.asgi_app, health=health)""",
    "starlette": """\
from starlette.applications import Starlette
from starlette.middleware import Middleware
app = Starlette(middleware=[Middleware(object), Middleware(HealthMiddleware, health=health)])""",
    "fastapi": """\
from fastapi import FastAPI
app = FastAPI()
app.add_middleware(HealthMiddleware, health=health)""",
}


@pytest.mark.parametrize("app", APPS)
def test_the_health_of_an_app_is_found(app: str, shop: Write) -> None:
    """Where the frameworks' own ways have put it."""
    shop(HEAD.replace("Health()", "Health(grace_period=77)") + APPS[app])
    assert read("shop:app").grace_period == 77


@pytest.mark.parametrize(
    "app",
    [
        "app = 7",
        "app = Health",
        "app = print",
        "class app:\n    user_middleware = [7]\n    health = 'ok'",
        "class Deep:\n    def __call__(self): pass\napp = Deep()\napp.app = app",
        "class Sour:\n    @property\n    def app(self): raise RuntimeError\napp = Sour()",
    ],
)
def test_an_app_without_a_health_is_refused(app: str, shop: Write) -> None:
    """In one line that says what to name."""
    shop(f"{HEAD}{app}\n")
    with pytest.raises(ConfigError) as caught:
        read("shop:app", option="--against")
    line = str(caught.value)
    assert line.startswith("--against='shop:app': found ")
    assert line.endswith(
        " as app in shop, expected a Health, or an app with healthkit's middleware: "
        "name the Health, as in main:health"
    )
    assert "\n" not in line


def test_a_wrong_setting_is_one_line(shop: Write) -> None:
    """In the words of the setting."""
    shop("from healthkit import Health\nhealth = Health(drain_delay=-1)\n")
    with pytest.raises(ConfigError, match="importing shop raised ConfigError: drain_delay=-1: "):
        read("shop:health")


def test_nothing_begins(shop: Write) -> None:
    """An app that is asked is not run: no life, no work."""
    shop(f"{HEAD}@health.startup(timeout=1)\ndef start():\n    raise SystemExit\n")
    assert read("shop:health").startup == 1.0
    assert not sys.modules["shop"].health.life.begun


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (f"import os; os.write(1, b'hello')\n{HEAD}", '"name": "shop:health", "paths": {'),
        ("import sys\nsys.stdout = None\n", '{"error": "--app=\'shop:health\': found no health in'),
    ],
)
def test_the_answer_is_one_line_and_all_there_is(
    source: str,
    said: str,
    shop: Write,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What the app prints goes elsewhere, and the process ends at once."""
    shop(source)

    def ended(code: int) -> NoReturn:
        raise KeyboardInterrupt(code)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(os, "_exit", ended)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back, whatever the app does
    with pytest.raises(KeyboardInterrupt, match="0"):
        _app_settings.answer({"name": "shop:health", "environ": {}, "option": "--app"})
    signal.signal(signal.SIGINT, before)
    line = capfd.readouterr().out
    assert said in line
    assert line.endswith("}\n")
    assert "hello" not in line
