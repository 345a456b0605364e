"""The app whose pods the suite watches. It does what it is told, over HTTP.

Runs in the cluster, out of a ConfigMap: it imports healthkit and the standard library, and nothing
else. Flags are files, so that every worker sees them; they lie in an emptyDir, so that they are
still there when the container was restarted.

``E2E_WAITS`` names what waits for its flag: ``start`` (start-up work), ``warm`` (a warm-up), both
with a comma between them, or nothing. ``E2E_VERSION`` is told with every answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

#: Seconds between two looks at a flag.
LOOK: Final = 0.05

FLAGS: Final = Path(os.environ.get("E2E_FLAGS", tempfile.gettempdir()))
WAITS: Final = frozenset(os.environ.get("E2E_WAITS", "").split(","))
VERSION: Final = os.environ.get("E2E_VERSION", "1")

health = Health()

if os.environ.get("HEALTHKIT_READINESS_GATE"):
    from healthkit.kubernetes import ReadinessGate

    gate = ReadinessGate(health)


async def _raised(name: str) -> None:
    """Wait for a flag, if this app is one that waits for it."""
    while name in WAITS and not (FLAGS / name).exists():  # noqa: ASYNC110  # a file has no event
        await asyncio.sleep(LOOK)


@health.startup()
async def schema() -> None:
    """Stand for start-up work."""
    await _raised("start")


@health.warmup()
async def catalogue() -> None:
    """Stand for a cache that is warmed."""
    await _raised("warm")


@health.check(interval=0.5)
def disk() -> bool:
    """Fail while the flag ``broken`` is up."""
    return not (FLAGS / "broken").exists()


def _raise_flag(name: str) -> None:
    (FLAGS / name).touch()


def _lower_flag(name: str) -> None:
    (FLAGS / name).unlink(missing_ok=True)


#: What ``/do/WHAT/WORD`` does with the word.
DOES: Final[dict[str, Callable[[str], None]]] = {
    "raise": _raise_flag,
    "lower": _lower_flag,
    "pause": health.pause,
    "resume": lambda _: health.resume(),
    "fail-liveness": health.fail_liveness,
    "exit": lambda code: os._exit(int(code)),
}


async def told(scope: Scope, _receive: Receive, send: Send) -> None:
    """Do what the path says, and tell who answers."""
    if scope["type"] != "http":
        message = f"found a scope of type {scope['type']!r}, expected http"
        raise NotImplementedError(message)
    match scope["path"].strip("/").split("/"):
        case ["do", what, word] if what in DOES:
            DOES[what](word)
        case ["sleep", seconds]:
            await asyncio.sleep(float(seconds))
        case _:
            pass
    body = json.dumps({"version": VERSION, "pid": os.getpid()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = HealthMiddleware(told, health=health)
