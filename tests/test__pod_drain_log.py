"""What the drain of a pod says; when it does, tests/test__pod_drain.py plays."""

from __future__ import annotations

from dataclasses import replace

from healthkit._facts import Facts
from healthkit._pod_drain_log import Log, in_flight, printable
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
