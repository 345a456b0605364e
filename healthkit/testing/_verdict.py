"""What the kubelet makes of an answer: a pure table, as measured on Kubernetes 1.36.2.

Success, failure, a success with a warning, or nothing at all: a diagnosis that breaks is thrown
away and changes no state, ever (pkg/kubelet/prober/worker.go, doProbe). The messages are those of
the pod's events, with the pod's address in them.

The surprising facts: a late status line is a failure, a late *body* is thrown away; a redirect that
is not followed is a success.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from healthkit.testing._process import Answer, Error

Result = Literal["success", "failure", "warning", "discarded"]

#: How much of a body the kubelet reads, in bytes (pkg/probe/http/http.go, maxRespBodyLength).
READ: Final = 10_240

#: Requests of one attempt: the tenth answer leads no further, so nine redirects are followed,
#: though the error says ten (pkg/probe/http/http.go, RedirectChecker; it counts requests).
MOST_REQUESTS: Final = 10

_ERRORED: Final = "probe errored and resulted in failure state: "
_WAITING_FOR_BODY: Final = (
    "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
)
_FAILURES: Final[dict[Error, str]] = {
    "refused": "dial tcp {address}: connect: connection refused",
    "timeout": "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    "eof": "EOF",
    "reset": "read tcp {address}: read: connection reset by peer",
}
_DISCARDED: Final[dict[Error, str]] = {
    "slow body": _WAITING_FOR_BODY,
    "short body": "unexpected EOF",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one probe came to."""

    result: Result
    #: What the pod's event says behind "Readiness probe failed: " or the like; empty: no event.
    message: str = ""

    @property
    def passes(self) -> bool:
        """Whether it counts as a success."""
        return self.result in {"success", "warning"}


SUCCESS: Final = Verdict("success")


def of_answer(answer: Answer, url: str, address: str) -> Verdict:
    """Judge the last answer of an HTTP probe, redirects followed.

    Args:
        answer: what came.
        url: what was asked for.
        address: the pod's, with the port.
    """
    if answer.error in _DISCARDED:
        return Verdict("discarded", _ERRORED + _DISCARDED[answer.error])
    if answer.error is not None:
        return Verdict(
            "failure", f'Get "{url}": ' + _FAILURES[answer.error].format(address=address)
        )
    status = answer.status or 0
    if not HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST:
        return Verdict("failure", f"HTTP probe failed with statuscode: {status}")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        body = answer.body[:READ].decode(errors="replace")
        return Verdict("warning", f"Probe terminated redirects, Response body: {body}")
    return SUCCESS


def of_redirects(location: str) -> Verdict:
    """Judge an answer that leads on once too often: its Location is shown as it came."""
    return Verdict("failure", f'Get "{location}": stopped after {MOST_REQUESTS} redirects')


def of_exit(code: int | None, output: str, timeout: int) -> Verdict:
    """Judge an exec probe: its output is shown, unlike an HTTP probe's body. None: no end."""
    if code == 0:
        return SUCCESS
    if code is None:
        return Verdict("failure", f"command timed out after {timeout}s")
    return Verdict("failure", output[:READ])


def of_connection(accepted: bool, address: str) -> Verdict:  # noqa: FBT001  # there or not
    """Judge a TCP probe."""
    if accepted:
        return SUCCESS
    return Verdict("failure", _FAILURES["refused"].format(address=address))


def discarded(why: str) -> Verdict:
    """Judge a probe that can't even be sent."""
    return Verdict("discarded", _ERRORED + why)
