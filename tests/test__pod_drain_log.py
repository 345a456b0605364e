"""What the drain of a pod says; when it does, tests/test__pod_drain.py plays."""

from __future__ import annotations

from dataclasses import replace

from healthkit._facts import Facts
from healthkit._pod_drain_log import Log, end, in_flight, printable
from healthkit._pod_drain_rules import Sight
from tests.drains import a_record


def test_holds_are_named_and_the_rest_is_counted() -> None:
    """Five in one line, with their worker; each in one line and of some length."""
    holds = [f"hold {number}" for number in range(4)] + ["on_drain 'flush\n\x1b[2J'", "x" * 99, "y"]
    facts = Facts(pid=12, app="", joined=0, requests=2, holds=tuple(holds))
    assert in_flight([a_record(facts, 1.0)]) == (
        "2 requests, hold 0 (worker 12), hold 1 (worker 12), hold 2 (worker 12), "
        "hold 3 (worker 12), on_drain 'flush??[2J' (worker 12), 2 more"
    )
    assert printable("x" * 80, 80) == "x" * 80
    assert printable("x" * 81, 80) == "x" * 77 + "..."
    assert in_flight([a_record(replace(facts, requests=0, holds=()), 1.0)]) == ""


def test_what_changes_all_the_time_is_said_once_a_second() -> None:
    """And what is said is how it stands then; what does not change is not said again."""
    said: list[tuple[float, str]] = []
    log = Log("/pod", lambda line: said.append((now, line)))
    for tick in range(24):
        now = tick / 4
        requests = min(tick, 15) + 1
        facts = Facts(pid=12, app="", joined=0, told=0.0, requests=requests)
        log.tell(Sight(now, (a_record(facts, now + 1),), delay_ends=0.0, deadline=99.0), now)
    assert said == [
        (0, "draining 1 worker"),
        (0, "waiting for 1 request"),
        (1, "waiting for 5 requests"),
        (2, "waiting for 9 requests"),
        (3, "waiting for 13 requests"),
        (4, "waiting for 16 requests"),
    ]


def test_nobody_is_there_or_nobody_any_more() -> None:
    """Who was there may be replaced: until the delay is over there is nothing to say."""
    for awaited, now, lines in [
        (False, 0.0, ["no worker lives in /pod: nothing to drain"]),
        (True, 4.9, []),
        (True, 5.0, ["all workers have ended"]),
    ]:
        said: list[str] = []
        log = Log("/pod", said.append)
        log.tell(Sight(now, (), delay_ends=5.0, deadline=9.0, awaited=awaited), now)
        assert said == lines


def test_whoever_comes_and_whoever_is_silent_is_named_once() -> None:
    """And those of another version, whom nobody can tell."""
    said: list[str] = []
    log = Log("/pod", said.append)
    first, late = (a_record(Facts(pid=pid, app="", joined=0), 0.0) for pid in (11, 12))
    log.stranger(None)
    for now, peers in [(0.0, (first,)), (1.5, (first, late)), (4.0, (first, late))]:
        log.stranger("worker-9-ab is of version 2")
        log.tell(Sight(now, peers, delay_ends=5.0, deadline=9.0), now)
    assert said == [
        "worker-9-ab is of version 2: not told, expected one version of healthkit in all workers",
        "draining 1 worker, serving on for 5 s",
        "worker 12 joined: told as well",
        "worker 11 does not answer",
        "worker 12 does not answer",
    ]


def test_the_end_says_what_is_left() -> None:
    """In flight, of the delay, and who has not answered; or nothing of all that."""
    idle = a_record(Facts(pid=11, app="", joined=0, told=0.0), 5.1)
    busy = a_record(Facts(pid=12, app="", joined=0, told=0.0, requests=1), 5.1)
    deaf = a_record(Facts(pid=13, app="", joined=0), 5.1)
    early = Sight(3.0, (busy,), delay_ends=5.0, deadline=3.0)
    late = Sight(9.0, (idle, busy, deaf), delay_ends=5.0, deadline=9.0)
    assert end(Sight(6.0, (idle,), delay_ends=5.0, deadline=9.0), (), 6.0) == "drained in 6 s"
    assert end(Sight(6.0, (), delay_ends=5.0, deadline=9.0), (), 6.0) == "all workers have ended"
    assert end(early, (), 3.0) == (
        "gave up after 3 s with 1 request still in flight and 2 s of the delay to go"
    )
    assert end(late, (idle,), 9.0) == (
        "gave up after 9 s with 1 request still in flight and worker 11 not answering "
        "and worker 13 not answering"
    )
