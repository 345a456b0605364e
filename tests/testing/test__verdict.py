"""What the kubelet makes of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from healthkit.testing import _verdict
from healthkit.testing._process import Answer

if TYPE_CHECKING:
    from healthkit.testing._process import Error
    from healthkit.testing._verdict import Result

URL = "http://10.0.1.7:8080/ready"
ADDRESS = "10.0.1.7:8080"


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (199, "failure"),
        (200, "success"),
        (299, "success"),
        (300, "warning"),
        (399, "warning"),
        (400, "failure"),
        (503, "failure"),
    ],
)
def test_the_status_decides(status: int, result: Result) -> None:
    """From 200 to 399 it passes, from 300 on with a warning."""
    verdict = _verdict.of_answer(Answer(status), URL, ADDRESS)
    assert verdict.result == result
    assert verdict.passes is (result != "failure")


def test_a_failing_status_is_shown_and_its_body_never() -> None:
    """A secret in a body does not come into the events."""
    verdict = _verdict.of_answer(Answer(503, body=b"secret"), URL, ADDRESS)
    assert verdict.message == "HTTP probe failed with statuscode: 503"


def test_the_body_of_a_redirect_that_is_not_followed_is_shown() -> None:
    """As much of it as was read: 10 KiB, whatever bytes they are."""
    verdict = _verdict.of_answer(Answer(302, body=b"\xff" + b"x" * 20_000), URL, ADDRESS)
    begin = "Probe terminated redirects, Response body: "
    assert verdict.message == begin + "\ufffd" + "x" * (_verdict.READ - 1)


@pytest.mark.parametrize(
    ("error", "result", "message"),
    [
        ("refused", "failure", "dial tcp 10.0.1.7:8080: connect: connection refused"),
        ("timeout", "failure", "(Client.Timeout exceeded while awaiting headers)"),
        ("eof", "failure", f'Get "{URL}": EOF'),
        ("reset", "failure", "read tcp 10.0.1.7:8080: read: connection reset by peer"),
        ("slow body", "discarded", "probe errored and resulted in failure state: context deadline"),
        ("short body", "discarded", "probe errored and resulted in failure state: unexpected EOF"),
    ],
)
def test_what_breaks(error: Error, result: Result, message: str) -> None:
    """A broken body is no result at all, whatever its status said; all else is a failure."""
    verdict = _verdict.of_answer(Answer(200 if "body" in error else None, error), URL, ADDRESS)
    assert verdict.result == result
    assert message in verdict.message
    assert not verdict.passes


def test_an_endless_redirect_fails() -> None:
    """After ten."""
    assert _verdict.of_redirects(URL).message == f'Get "{URL}": stopped after 10 redirects'
    assert _verdict.of_redirects(URL).result == "failure"


@pytest.mark.parametrize(
    ("code", "result", "message"),
    [(0, "success", ""), (1, "failure", "o" * 10_240), (None, "failure", "timed out after 3s")],
)
def test_a_command_is_judged_by_its_exit_code(
    code: int | None, result: Result, message: str
) -> None:
    """Its output is shown, 10 KiB of it; no end in time is a failure."""
    verdict = _verdict.of_exit(code, "o" * 20_000, 3)
    assert verdict.result == result
    assert verdict.message.endswith(message)
    assert len(verdict.message) <= _verdict.READ


def test_a_connection_is_enough() -> None:
    """For a TCP probe."""
    assert _verdict.of_connection(accepted=True, address=ADDRESS) == _verdict.SUCCESS
    refused = _verdict.of_connection(accepted=False, address=ADDRESS)
    assert refused.result == "failure"
    assert "connection refused" in refused.message


def test_what_can_not_be_sent_is_thrown_away() -> None:
    """It says why."""
    verdict = _verdict.discarded("couldn't find port: web")
    assert verdict.result == "discarded"
    assert verdict.message.endswith(": couldn't find port: web")
