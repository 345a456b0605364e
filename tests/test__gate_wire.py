"""One patch, and what becomes of it, without a network."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from healthkit import _gate_wire
from healthkit._gate_pod import InPod
from healthkit._gate_wire import PATCHED_WITHIN, Patch, PatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "https://10.96.0.1:443/api/v1/namespaces/shop/pods/shop-1/status"


def _trusting(_pod: InPod) -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InPod:
    """Return a Pod with a token; any CA will do."""
    (tmp_path / "token").write_text("secret-token")
    monkeypatch.setattr(InPod, "trust", _trusting)
    return InPod(URL, "shop-1", "shop", tmp_path)


@dataclass
class Answering:
    """An API server in memory."""

    status: int = 200
    headers: dict[str, str] | None = None
    asked: httpx.Request | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.asked = request
        return httpx.Response(self.status, headers=self.headers, json={"kind": "Pod"})


def a_patch(pod: InPod, handler: Callable[[httpx.Request], httpx.Response]) -> Patch:
    """Make what patches by this handler."""
    return Patch(pod, httpx.MockTransport(handler))


async def test_the_request_is_what_the_api_server_expects(pod: InPod) -> None:
    """Method, path, content type, body and credentials."""
    server = Answering()
    patch = a_patch(pod, server)
    await patch(b"{}")
    asked = server.asked
    assert asked is not None
    assert (asked.method, str(asked.url), asked.content) == (
        "PATCH",
        URL.replace(":443", ""),
        b"{}",
    )
    assert asked.headers["content-type"] == "application/strategic-merge-patch+json"
    assert asked.headers["authorization"] == "Bearer secret-token"
    assert asked.headers["user-agent"] == "healthkit"
    assert repr(patch) == f"<Patch {URL}>"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (400, "expected a patch that it understands; a bug in healthkit"),
        (401, "expected a token that it accepts"),
        (403, "expected a Role that allows patch of pods/status"),
        (404, "expected a Pod of this name; set POD_NAME"),
        (409, "expected no conflict"),
        (415, "expected a strategic merge patch"),
        (422, "expected a condition that it accepts"),
        (429, "expected to be served"),
        (500, "expected 200; it is sent again"),
        (307, "expected 200; it is sent again"),
    ],
)
async def test_an_answer_is_said_with_what_to_do(status: int, line: str, pod: InPod) -> None:
    """In one line, with the Pod's name, and without the token."""
    with pytest.raises(PatchError, match=f"^{status} for Pod shop/shop-1: {line}") as raised:
        await a_patch(pod, Answering(status))(b"{}")
    assert raised.value.kind == str(status)
    assert raised.value.retry_after is None
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3.0), ("0", 0.0), ("9" * 30, 60.0), ("soon", None), ("-1", None), ("\u0663", None)],
)
async def test_retry_after_is_seconds_and_capped(
    text: str, expected: float | None, pod: InPod
) -> None:
    """Nobody waits for a year."""
    assert _gate_wire._seconds(text) == expected
    if text.isascii():
        with pytest.raises(PatchError) as raised:
            await a_patch(pod, Answering(429, {"Retry-After": text}))(b"{}")
        assert raised.value.retry_after == expected


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            httpx.ConnectError("[SSL] bad\ncertificate"),
            r"ConnectError \(\[SSL\] bad certificate\):",
        ),
        (httpx.RemoteProtocolError("secret"), "RemoteProtocolError: expected the API server's"),
        (httpx.ReadTimeout("secret"), "ReadTimeout: expected"),
    ],
)
async def test_a_foreign_error_is_translated(error: Exception, line: str, pod: InPod) -> None:
    """Only why there was no connection is shown."""

    def fail(_request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(PatchError, match=line) as raised:
        await a_patch(pod, fail)(b"{}")
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is error


async def test_httpx_logs_no_patch(pod: InPod, caplog: pytest.LogCaptureFixture) -> None:
    """What is tried again for an hour is said once, by healthkit."""
    caplog.set_level("INFO")
    with pytest.raises(PatchError):
        await a_patch(pod, Answering(403))(b"{}")
    assert caplog.text == ""


async def test_a_server_that_hangs_is_given_up(pod: InPod) -> None:
    """After the whole time, whatever trickles in."""

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError(request)

    began = anyio.current_time()
    with pytest.raises(PatchError, match="no answer within 5 s") as raised:
        await Patch(pod, Hanging())(b"{}")
    assert anyio.current_time() - began == pytest.approx(PATCHED_WITHIN)
    assert raised.value.kind == "timeout"


def test_what_is_needed_can_be_loaded_before() -> None:
    """Where a thread can't import it."""
    _gate_wire.load()
