"""Desks: what is told at once and to whom, when it expires, and the counts."""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import pytest

from healthkit._desk import Desk, ProbeDesk
from healthkit._model import Probe
from healthkit._render import WRONG_METHOD, complete
from tests.servers import http_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope

    from healthkit._render import Answer

GOOD: Final = complete(200, "ok\n")
BAD: Final = complete(503, "paused\n")
NOT_FOUND: Final = complete(404, "not found\n")

ANYTHING: Final = (b"accept", b"*/*")
#: What a kubelet sends.
KUBELET: Final = [(b"host", b"10.0.0.7:8000"), (b"user-agent", b"kube-probe/1.36"), ANYTHING]


class Clock:
    """Time that passes by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.now


class Asked:
    """What a desk asks: it takes note, and says the same until told otherwise."""

    def __init__(self) -> None:
        self.answer = GOOD
        self.scopes: list[tuple[Probe, Scope]] = []

    def __call__(self, probe: Probe, scope: Scope) -> Answer:
        """Return what is to be told now."""
        self.scopes.append((probe, scope))
        return self.answer


def a_desk(probe: Probe = Probe.READY) -> tuple[ProbeDesk, Asked]:
    """Make a desk, and what it asks."""
    asked = Asked()
    return ProbeDesk(probe, asked), asked


def told(desk: Desk, scope: Scope) -> tuple[int, bytes] | None:
    """Ask as the middleware does; return status and body of what is told at once, if it is."""
    for status, _, body in desk.recall(scope):
        return status, body
    return None


# -- who is told at once --------------------------------------------------------------------------


@pytest.mark.parametrize("probe", list(Probe))
def test_a_new_desk_has_nothing_to_tell_at_once(probe: Probe) -> None:
    """Everybody is looked at, and the counts are there from the start."""
    desk, _ = a_desk(probe)
    assert list(desk.at_once) == []
    assert told(desk, http_scope(headers=KUBELET)) is None
    assert desk.counts() == {200: 0, 503: 0}


@pytest.mark.parametrize(
    ("question", "at_once"),
    [
        pytest.param({"headers": KUBELET}, True, id="the kubelet"),
        pytest.param({"headers": [ANYTHING]}, True, id="curl"),
        pytest.param({"headers": (ANYTHING,)}, True, id="headers in a tuple"),
        pytest.param({"headers": [*KUBELET, (b"accept", b"text/plain")]}, True, id="two lines"),
        pytest.param({"headers": [ANYTHING], "query_string": b""}, True, id="empty query"),
        pytest.param({"headers": [ANYTHING], "query_string": b"verbose"}, False, id="query"),
        pytest.param({"headers": [ANYTHING], "query_string": b"x"}, False, id="any query"),
        pytest.param({"headers": [ANYTHING], "method": "HEAD"}, False, id="HEAD"),
        pytest.param({"headers": [ANYTHING], "method": "POST"}, False, id="POST"),
        pytest.param({"headers": [ANYTHING], "method": "get"}, False, id="get"),
        pytest.param({"headers": []}, False, id="no headers"),
        pytest.param({"headers": [(b"host", b"pod")]}, False, id="no accept"),
        pytest.param({"headers": [(b"accept", b"application/json")]}, False, id="JSON"),
        pytest.param({"headers": [(b"accept", b"text/html, */*")]}, False, id="a browser"),
        pytest.param({"headers": [(b"accept", b"*/*;q=0.8")]}, False, id="a weight"),
        pytest.param({"headers": [(b"accept", b" */*")]}, False, id="a blank"),
        pytest.param({"headers": [(b"x-accept", b"*/*")]}, False, id="another header"),
        pytest.param({"headers": [[b"accept", b"*/*"]]}, False, id="headers as lists"),
    ],
)
def test_who_is_told_at_once(question: dict[str, object], at_once: bool) -> None:
    """A plain GET by somebody who takes anything. All others are looked at more closely."""
    desk, asked = a_desk()
    desk.tell_at_once(GOOD, math.inf, None)
    scope = {**http_scope(), **question}
    assert told(desk, scope) == ((200, b"ok\n") if at_once else None)
    assert desk.counts()[200] == at_once
    assert asked.scopes == []


def test_a_scope_without_a_query_string_is_plain() -> None:
    """ASGI lets a server leave it out (spec 2.3, HTTP connection scope)."""
    desk, _ = a_desk()
    desk.tell_at_once(GOOD, math.inf, None)
    scope = http_scope(headers=KUBELET)
    del scope["query_string"]
    assert told(desk, scope) == (200, b"ok\n")


def test_what_is_told_is_the_answer() -> None:
    """Status, headers and body, and the last one only."""
    desk, _ = a_desk()
    desk.tell_at_once(GOOD, math.inf, None)
    desk.tell_at_once(BAD, math.inf, None)
    assert next(iter(desk.recall(http_scope(headers=KUBELET)))) == (503, BAD.headers, b"paused\n")


def test_it_expires() -> None:
    """At its moment, to the instant; a later answer is told again."""
    desk, _ = a_desk()
    clock = Clock()
    scope = http_scope(headers=KUBELET)
    desk.tell_at_once(GOOD, 10.0, clock)
    clock.now = 9.999
    assert told(desk, scope) is not None
    clock.now = 10.0
    assert told(desk, scope) is None
    desk.tell_at_once(BAD, 20.0, clock)
    assert told(desk, scope) == (503, b"paused\n")
    clock.now = 1e9
    assert told(desk, scope) is None
    desk.tell_at_once(GOOD, math.inf, None)
    assert told(desk, scope) == (200, b"ok\n")


def test_what_is_taken_away_is_told_to_nobody() -> None:
    """From the next request on."""
    desk, _ = a_desk()
    desk.tell_at_once(GOOD, math.inf, None)
    desk.at_once = ()
    assert told(desk, http_scope(headers=KUBELET)) is None


# -- who is looked at -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_is_looked_at(method: str) -> None:
    """By whom the desk asks, with the whole scope."""
    desk, asked = a_desk(Probe.HEALTH)
    scope = http_scope(method=method)
    assert desk.answer(scope) is GOOD
    assert asked.scopes == [(Probe.HEALTH, scope)]


@pytest.mark.parametrize("method", ["POST", "get", ""])
def test_other_methods_are_not_looked_at(method: str) -> None:
    """They are refused, and counted."""
    desk, asked = a_desk()
    assert desk.answer(http_scope(method=method)) is WRONG_METHOD
    assert asked.scopes == []
    assert desk.counts() == {200: 0, 503: 0, 405: 1}


class MadeAnew(Desk):
    """A desk that is not a probe's."""

    def _look(self, scope: Scope) -> Answer:
        del scope
        return GOOD


def test_a_desk_that_keeps_nothing_looks_each_time() -> None:
    """The metrics' own is one."""
    desk = MadeAnew()
    assert told(desk, http_scope(headers=KUBELET)) is None
    assert desk.answer(http_scope(headers=KUBELET)) is GOOD


# -- counts ---------------------------------------------------------------------------------------


def test_counts_are_exact_when_emptied_and_filled_again() -> None:
    """Told at once or looked at, the same answer or another: each is counted once."""
    desk, asked = a_desk()
    scope = http_scope(headers=KUBELET)
    expected = {200: 0, 503: 0}
    for number, answer in enumerate([GOOD, BAD, BAD, GOOD, GOOD, BAD]):
        desk.tell_at_once(answer, math.inf, None)
        for _ in range(number + 1):
            assert told(desk, scope) is not None
            expected[answer.status] += 1
            assert desk.counts() == expected
        desk.at_once = ()
        assert told(desk, scope) is None
        asked.answer = BAD if answer is GOOD else GOOD
        desk.answer(scope)
        expected[asked.answer.status] += 1
        assert desk.counts() == expected


def test_the_counts_are_the_caller_s_own() -> None:
    """What is done to them changes nothing here."""
    desk, _ = a_desk()
    desk.counts()[200] = 99
    assert desk.counts() == {200: 0, 503: 0}


def test_repr_shows_the_probe_and_its_counts() -> None:
    """In one line."""
    desk, _ = a_desk()
    desk.tell_at_once(BAD, math.inf, None)
    told(desk, http_scope(headers=KUBELET))
    assert repr(desk) == "<ProbeDesk ready {200: 0, 503: 1}>"


@pytest.fixture
def _switching() -> Iterator[None]:
    """Have the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching")
def test_no_count_ever_goes_down() -> None:
    """A thread that counts while the loop tells, empties and refills sees all of it or none."""
    desk, _ = a_desk()
    seen: list[int] = [0]
    fell: list[tuple[int, int]] = []
    over = threading.Event()

    def count() -> None:
        while not over.is_set():
            now = desk.counts()[200]
            if now < seen[0]:
                fell.append((seen[0], now))
            seen[0] = now

    thread = threading.Thread(target=count)
    thread.start()
    told_so_far = 0
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        desk.tell_at_once(GOOD, math.inf, None)
        for _ in range(50):
            next(iter(desk.at_once))
        told_so_far += 50
    over.set()
    thread.join()
    assert fell == []
    assert desk.counts() == {200: told_so_far, 503: 0}
