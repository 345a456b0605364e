"""One probe, from the question to the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from healthkit.manifests._spec import Container, Exec, Grpc, HttpGet, Port, Probe, TcpSocket
from healthkit.testing import _verdict
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Ran, Reply, Says
from healthkit.testing._prober import Prober, Sent
from healthkit.testing._process import Answer

if TYPE_CHECKING:
    from healthkit.manifests._spec import Handler
    from healthkit.testing._verdict import Verdict

CONTAINER = Container("app", ports=(Port(8080, "web"),))


@dataclass
class Asked:
    """What came of one probe."""

    sent: list[tuple[Sent, str]] = field(default_factory=list[tuple[Sent, str]])
    judged: list[tuple[float, Verdict]] = field(default_factory=list["tuple[float, Verdict]"])


def asked(handler: Handler, life: Life, *, timeout: int = 1, until: float = 100.0) -> Asked:
    """Ask once, at 10 s."""
    clock = Schedule(start=10.0)
    process = Described(life).start(clock, lambda _code: None)
    prober = Prober(CONTAINER, Probe(handler, timeout=timeout), clock)
    found = Asked()
    prober.ask(
        process,
        lambda sent, verdict: found.sent.append((sent, verdict.result)),
        lambda verdict: found.judged.append((clock.now(), verdict)),
    )
    clock.run_until(until)
    return found


def says(*replies: tuple[str, Reply]) -> Life:
    """Return a life that listens from its start and answers so."""
    return Life(listens_at=0, says=tuple(Says(path, reply) for path, reply in replies))


def leads(location: str, **more: float) -> Reply:
    """Return a redirect."""
    return Reply(302, headers=(("location", location),), **more)  # type: ignore[arg-type]  # a delay


def test_an_answer_in_time_is_judged_when_it_comes() -> None:
    """What is shown has the moment at which it was sent."""
    found = asked(HttpGet("/x", 8080), says(("/x", Reply(503, delay=0.5))))
    assert [(at, verdict.result) for at, verdict in found.judged] == [(10.5, "failure")]
    assert found.sent == [(Sent(10.0, Answer(503, body=b"ok"), None), "failure")]


def test_a_good_answer_is_a_success_at_once() -> None:
    """One request, one verdict."""
    found = asked(HttpGet("/x", "web"), says())
    assert found.judged == [(10.0, _verdict.SUCCESS)]
    assert found.sent == [(Sent(10.0, Answer(200, body=b"ok"), None), "success")]


@pytest.mark.parametrize(
    ("broken", "moments"), [("slow body", [10, 11, 12]), ("short body", [10] * 3)]
)
def test_a_broken_body_is_tried_three_times_and_thrown_away(
    broken: str, moments: list[float]
) -> None:
    """At once; each attempt is shown with its number."""
    reply = Reply(200, broken=broken)  # type: ignore[arg-type]  # one of the two
    found = asked(HttpGet("/x", 8080), says(("/x", reply)))
    assert [(sent.at, sent.attempt, result) for sent, result in found.sent] == [
        (moment, number, "discarded") for number, moment in enumerate(moments, 1)
    ]
    assert [verdict.result for _, verdict in found.judged] == ["discarded"]
    assert found.judged[0][0] == (13 if broken == "slow body" else 10)


def test_a_second_attempt_that_succeeds_counts() -> None:
    """It is the last one, and shown as the second."""
    life = Life(
        listens_at=0,
        says=(Says("/x", Reply(200, broken="slow body")), Says("/x", Reply(204), since=0.5)),
    )
    found = asked(HttpGet("/x", 8080), life)
    assert [(sent.attempt, result) for sent, result in found.sent] == [
        (1, "discarded"),
        (2, "success"),
    ]
    assert found.judged == [(11.0, _verdict.SUCCESS)]


def test_redirects_are_one_probe() -> None:
    """The last answer counts, the first moment is shown."""
    life = says(("/a", leads("/b", delay=0.2)), ("/b", leads("/c", delay=0.2)), ("/c", Reply(500)))
    found = asked(HttpGet("/a", 8080), life)
    assert [(sent.at, sent.answer.status) for sent, _ in found.sent] == [(10.0, 500)]
    assert found.judged[0][0] == pytest.approx(10.4)


def test_redirects_share_one_timeout() -> None:
    """Three answers of 0.4 s are too late together."""
    late = [(f"/{n}", leads(f"/{n + 1}", delay=0.4)) for n in range(5)]
    found = asked(HttpGet("/0", 8080), says(*late))
    assert found.judged[0][0] == pytest.approx(11.0)
    assert "Client.Timeout" in found.judged[0][1].message


def test_ten_requests_are_sent_and_no_more() -> None:
    """Nine redirects lead on to a good answer, ten do not: net/http counts the requests."""
    nine = says(*((f"/{n}", leads(f"/{n + 1}")) for n in range(9)))
    assert asked(HttpGet("/0", 8080), nine).judged == [(10.0, _verdict.SUCCESS)]
    ten = says(*((f"/{n}", leads(f"/{n + 1}")) for n in range(10)))
    verdict = asked(HttpGet("/0", 8080), ten).judged[0][1]
    assert verdict == _verdict.Verdict("failure", 'Get "/10": stopped after 10 redirects')


@pytest.mark.parametrize("handler", [HttpGet("/x", "nope"), TcpSocket("nope")])
def test_a_port_name_that_is_not_declared_is_thrown_away(handler: Handler) -> None:
    """Nothing is sent, nothing ever counts."""
    found = asked(handler, says())
    assert found.sent == []
    assert [verdict.result for _, verdict in found.judged] == ["discarded"]


@pytest.mark.parametrize(
    ("handler", "result"),
    [
        (TcpSocket(8080), "success"),
        (TcpSocket("web"), "success"),
        (TcpSocket(9), "failure"),
        (Grpc(8080), "success"),
        (Grpc(9), "failure"),
    ],
)
def test_an_open_port_is_enough(handler: Handler, result: str) -> None:
    """For TCP; and for gRPC, which is not spoken here."""
    found = asked(handler, Life(listens_at=0, ports=frozenset({8080})))
    assert [verdict.result for _, verdict in found.judged] == [result]
    assert [shown for _, shown in found.sent] == [result]


def test_a_handlers_host_is_named() -> None:
    """In the event of a failure."""
    found = asked(TcpSocket(9, host="10.9.9.9"), Life(listens_at=99))
    assert found.judged[0][1].message.startswith("dial tcp 10.9.9.9:9")


@pytest.mark.parametrize(
    ("ran", "moment", "result"),
    [
        (Ran(0.5, 0), 10.5, "success"),
        (Ran(0.5, 3, "why"), 10.5, "failure"),
        (Ran(5, 0), 12.0, "failure"),
    ],
)
def test_a_command_has_its_timeout(ran: Ran, moment: float, result: str) -> None:
    """Then it is given up; its end is no news any more."""
    life = Life(listens_at=0, runs={("check",): ran})
    found = asked(Exec(("check",)), life, timeout=2)
    assert [(at, verdict.result) for at, verdict in found.judged] == [(moment, result)]
    expected = Answer(error="timeout") if moment == 12 else Answer(ran.exit_code)
    assert [(sent.at, sent.answer) for sent, _ in found.sent] == [(10.0, expected)]
