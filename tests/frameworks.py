"""Each framework, and what a user has written before the line that the README gives for it.

The programs are run by `test_readme`, each in a process of its own: Django is configured only once.
Where a framework has a host check, it is on: the kubelet's probes must never meet it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Framework:
    """What is around the line."""

    #: What must be installed.
    module: str
    #: What a user has written before. The line itself comes next.
    before: str
    #: What the line has made is called so.
    made: str = "app"
    wsgi: bool = False
    #: What the app itself answers to a client that asks for the pod's address.
    stranger: int = 400


_DJANGO: Final = """
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
settings.configure(
    ALLOWED_HOSTS=["shop.example"], ROOT_URLCONF=__name__, SECRET_KEY="not a secret",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
def hello(request):
    return HttpResponse("hello")
urlpatterns = [path("", hello)]
"""

FRAMEWORKS: Final = {
    "FastAPI": Framework(
        "fastapi",
        """
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
app = FastAPI()
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])
@app.get("/", response_class=PlainTextResponse)
async def hello():
    return "hello"
""",
    ),
    "Starlette": Framework(
        "starlette",
        """
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
async def hello(request):
    return PlainTextResponse("hello")
routes = [Route("/", hello)]
others = [Middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])]
""",
    ),
    "Litestar": Framework(
        "litestar",
        """
from litestar import Litestar, get
from litestar.config.allowed_hosts import AllowedHostsConfig
@get("/", media_type="text/plain")
async def hello() -> str:
    return "hello"
web = Litestar([hello], allowed_hosts=AllowedHostsConfig(["shop.example"]))
""",
    ),
    "Quart": Framework(
        "quart",
        """
from quart import Quart
web = Quart(__name__)
@web.get("/")
async def hello():
    return "hello"
""",
        stranger=200,
    ),
    "Django ASGI": Framework(
        "django", f"{_DJANGO}from django.core.asgi import get_asgi_application\n", "application"
    ),
    "Django WSGI": Framework(
        "django",
        f"{_DJANGO}from django.core.wsgi import get_wsgi_application\n",
        "application",
        wsgi=True,
    ),
    "Flask": Framework(
        "flask",
        """
from flask import Flask
web = Flask(__name__)
web.config["TRUSTED_HOSTS"] = ["shop.example"]
@web.get("/")
def hello():
    return "hello"
""",
        wsgi=True,
    ),
    "bare ASGI": Framework(
        "starlette",
        """
async def web(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
""",
        stranger=200,
    ),
}

#: Asks what was made, as the kubelet and as clients do. `stranger` and `app` are there.
_ASK: Final = """
    deadline = time.monotonic() + 20
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
    for path in ("/livez", "/startupz", "/healthz"):
        assert client.get(path).status_code == 200, path
    assert client.get("/", headers={"Host": "shop.example"}).text == "hello"
    assert client.get("/").status_code == stranger, client.get("/")
    health.drain()
    while health.phase != "draining":
        assert time.monotonic() < deadline
    assert client.get("/readyz").text == "draining\\n"
"""

_ASGI: Final = """
from starlette.testclient import TestClient
with TestClient(app, base_url="http://10.1.2.3:8000") as client:
"""

_WSGI: Final = """
import httpx
with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://10.1.2.3:8000") as client:
"""


def program(framework: Framework, line: str) -> str:
    """Return a program that has the line, and ends well if the line does what it should."""
    door = "healthkit.wsgi" if framework.wsgi else "healthkit"
    return "\n".join(
        [
            "import time",
            "from healthkit import Health",
            f"from {door} import HealthMiddleware",
            "health = Health()",
            framework.before,
            line,
            f"app, stranger = {framework.made}, {framework.stranger}",
            f"{_WSGI if framework.wsgi else _ASGI}{_ASK}",
        ]
    )
