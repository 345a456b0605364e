"""One probe, from the question to the verdict: the kubelet's HTTP client, exec and TCP.

Redirects within the host are followed; what breaks is tried three times at once, then thrown away.

Not played: HTTP/2 and certificates (with HTTPS the kubelet offers the one and verifies none of the
other: a server is taken to have them), and gRPC: such a probe passes if the port is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from healthkit.manifests._spec import Exec, Grpc, HttpGet, TcpSocket
from healthkit.testing import _requests, _verdict
from healthkit.testing._process import Answer, Request
from healthkit.testing._requests import POD, PortError
from healthkit.testing._rules import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import Container, Probe
    from healthkit.testing._clock import Clock
    from healthkit.testing._process import Process
    from healthkit.testing._verdict import Verdict

#: The usual answer, on a short way.
_OK: Final = 200
#: What is left of a timeout that redirects have used up, in seconds: more than nothing.
_LEAST: Final = 0.001


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a probe, to be shown: a discarded probe has several."""

    at: float
    answer: Answer
    #: From 1; None where there is one only.
    attempt: int | None


class Prober:
    """Asks one container's process, for one probe."""

    def __init__(self, container: Container, probe: Probe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._problem = ""
        self._request = Request("/", 0)
        handler = probe.handler
        self._port = 0
        host: str | None = None
        if isinstance(handler, HttpGet | TcpSocket):
            host = handler.host
            try:
                self._port = _requests.port_of(handler, container)
            except PortError as exc:
                self._problem = str(exc)
        if isinstance(handler, HttpGet):
            self._request = _requests.probe_request(handler, self._port)
        elif isinstance(handler, Grpc):
            self._port = handler.port
        self._address = f"{host or POD}:{self._port}"

    def ask(
        self,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        """Ask, now.

        Args:
            process: whom; one that has ended refuses.
            sent: told of each attempt and of what it came to, in order, when its answer is there.
            judged: told what it came to, once; maybe before this returns.
        """
        handler = self._probe.handler
        if self._problem:
            judged(_verdict.discarded(self._problem))
        elif isinstance(handler, HttpGet):
            _Exchange(self, process, sent, judged).attempt(1)
        elif isinstance(handler, Exec):
            self._execute(handler, process, sent, judged)
        else:
            self._connect(process, sent, judged)

    def _connect(
        self,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        accepted = process.listens(self._port)
        answer = Answer(status=0) if accepted else Answer(error="refused")
        verdict = _verdict.of_connection(accepted, self._address)
        sent(Sent(self._clock.now(), answer, None), verdict)
        judged(verdict)

    def _execute(
        self,
        handler: Exec,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        """Run a command; at the timeout it is given up, and its end is no news any more."""
        timeout = self._probe.timeout
        asked = self._clock.now()
        open_ = [True]

        def ended(code: int | None, output: str) -> None:
            if not open_:
                return
            open_.clear()
            timer.cancel()
            answer = Answer(error="timeout") if code is None else Answer(status=code)
            verdict = _verdict.of_exit(code, output, timeout)
            sent(Sent(asked, answer, None), verdict)
            judged(verdict)

        timer = self._clock.call_at(asked + timeout, lambda: ended(None, ""))
        process.execute(handler.command, ended)

    @property
    def probe(self) -> Probe:
        """What is asked."""
        return self._probe

    @property
    def request(self) -> Request:
        """The first request."""
        return self._request

    @property
    def address(self) -> str:
        """The pod's, with the port."""
        return self._address

    @property
    def clock(self) -> Clock:
        """The time."""
        return self._clock


class _Exchange:
    """The HTTP requests of one probe: redirects, and up to three attempts."""

    def __init__(
        self,
        prober: Prober,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        self._prober = prober
        self._process = process
        self._sent = sent
        self._judged = judged
        self._began = 0.0

    def attempt(self, number: int) -> None:
        """Begin the n-th attempt, now."""
        self._began = self._prober.clock.now()
        self._send(number, self._prober.request, 0)

    def _send(self, attempt: int, request: Request, redirects: int) -> None:
        spent = self._prober.clock.now() - self._began
        left = max(self._prober.probe.timeout - spent, _LEAST)
        self._process.request(request, left, partial(self._answered, attempt, request, redirects))

    def _answered(self, attempt: int, request: Request, redirects: int, answer: Answer) -> None:
        if answer.status == _OK and answer.error is None and attempt == 1:
            self._sent(Sent(self._began, answer, None), _verdict.SUCCESS)
            self._judged(_verdict.SUCCESS)
            return
        url = _requests.url_of(request, self._prober.address)
        onward = _requests.redirected(request, answer, url)
        if onward is not None and redirects + 1 < _verdict.MOST_REQUESTS:
            self._send(attempt, onward, redirects + 1)
            return
        verdict = (
            _verdict.of_answer(answer, url, self._prober.address)
            if onward is None
            else _verdict.of_redirects(_requests.location_of(answer))
        )
        repeated = verdict.result == "discarded"
        number = attempt if repeated or attempt > 1 else None
        self._sent(Sent(self._began, answer, number), verdict)
        if repeated and attempt < ATTEMPTS:
            self.attempt(attempt + 1)
        else:
            self._judged(verdict)
