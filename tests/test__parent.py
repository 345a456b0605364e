"""What the parent does with its signals, in virtual time and without processes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _parent
from healthkit._parent import TRANSITIONS, Event, Parent, Stage
from healthkit._run import CAUGHT
from healthkit._signals import SAME_SIGNAL
from healthkit.errors import LifecycleError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: When the play begins, in seconds: nothing may depend on a clock that begins at 0.
START = 1000.0
#: The exit status of the server, and of the parent.
STATUS = 7


class Play:
    """A server, its drain, and whoever sends signals; time jumps to whatever comes next."""

    def __init__(
        self,
        *events: tuple[float, int],
        drain_takes: float = 0.0,
        server_takes: float = 1.0,
        server_heeds: Sequence[int] = (signal.SIGTERM, signal.SIGINT),
    ) -> None:
        """Write a play.

        Args:
            events: when which signal is sent to the parent, in seconds after the start. SIGCHLD
                means that the server has died by itself.
            drain_takes: seconds from its begin.
            server_takes: seconds to its end, after a signal that it heeds.
            server_heeds: which those are.
        """
        self.events = sorted((START + moment, signum) for moment, signum in events)
        self.clock = START
        self.drain_takes = drain_takes
        self.server_takes = server_takes
        self.server_heeds = server_heeds
        self.ends_at: float | None = next((when for when, s in self.events if s == 17), None)
        self.began: float | None = None
        self.log: list[tuple[float, str]] = []
        self.said: list[str] = []
        self.looks = 0
        self.parent = Parent(self, self, self, self.said.append, lambda: self.clock)

    def note(self, what: str) -> None:
        """Note what has been done, and when."""
        self.log.append((round(self.clock - START, 3), what))

    # -- the signals

    def wait(self, timeout: float | None) -> int | None:
        """Return the next signal, or let the time pass."""
        if self.events and (timeout is None or self.events[0][0] <= self.clock + timeout):
            moment, signum = self.events.pop(0)
            self.clock = max(self.clock, moment)
            return signum
        assert timeout is not None, "the parent waits for ever"
        self.clock += timeout
        return None

    # -- the server

    def send(self, signum: int) -> None:
        """Take a signal; end some time after it."""
        self.note(signal.Signals(signum).name)
        if signum in self.server_heeds and self.ends_at is None:
            self.ends_at = self.clock + self.server_takes
            self.events = sorted([*self.events, (self.ends_at, signal.SIGCHLD)])

    def resume(self) -> None:
        """Go on."""
        self.note("resumed")

    def reap(self) -> int | None:
        """Return the status if the server has ended."""
        return STATUS if self.ends_at is not None and self.clock >= self.ends_at else None

    # -- the drain

    def begin(self) -> None:
        """Begin."""
        self.began = self.clock
        self.note("begin")

    def step(self) -> bool:
        """Return whether it is over."""
        self.looks += 1
        assert self.began is not None
        return self.clock - self.began >= self.drain_takes - 1e-6  # many small sums

    def end(self) -> None:
        """End."""
        self.note("end")

    def run(self) -> list[tuple[float, str]]:
        """Play it, and return what was done when."""
        assert self.parent.run() == STATUS
        return self.log


TERM, INT, HUP, CHLD, CONT = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGCONT,
)


def test_a_server_gets_its_sigterm_when_the_drain_is_over() -> None:
    """SIGTERM begins the drain; the server hears of it when nothing more is to be waited for."""
    play = Play((2, TERM), drain_takes=5)
    assert play.run() == [(2, "begin"), (7, "SIGTERM"), (8, "end")]
    assert play.said == ["SIGTERM: draining", "passing SIGTERM on"]
    assert play.looks == 101  # at once, then every 50 ms


def test_without_a_living_worker_sigterm_is_passed_on_at_once() -> None:
    """A server that still imports has no worker yet: it ends as if nobody stood before it."""
    assert Play((0, TERM)).run() == [(0, "begin"), (0, "SIGTERM"), (1, "end")]


@pytest.mark.parametrize("echo", [0.0, 0.001, 0.5, 0.999])
def test_a_second_sigterm_within_a_second_is_the_same(echo: float) -> None:
    """A process group, or a supervisor, delivers two: the drain is not cut short."""
    play = Play((0, TERM), (echo, TERM), drain_takes=5)
    assert play.run() == [(0, "begin"), (5, "SIGTERM"), (6, "end")]


def test_a_later_sigterm_ends_the_waiting() -> None:
    """Whoever repeats himself does not want to wait. The drain is given up."""
    play = Play((0, TERM), (1, TERM), drain_takes=60)
    assert play.run() == [(0, "begin"), (1, "SIGTERM"), (2, "end")]


def test_the_echo_of_the_last_sigterm_is_none_for_the_server() -> None:
    """A supervisor that signals twice each time ends the waiting with one signal, not two."""
    play = Play((0, TERM), (0.01, TERM), (9, TERM), (9.01, TERM), drain_takes=60)
    assert play.run() == [(0, "begin"), (9, "SIGTERM"), (10, "end")]


def test_an_ending_server_gets_every_further_sigterm() -> None:
    """It may need two; that is its own affair."""
    play = Play((0, TERM), (3, TERM), (5, TERM), drain_takes=1, server_takes=9)
    assert [done for done in play.run() if done[1] == "SIGTERM"] == [
        (1, "SIGTERM"),
        (3, "SIGTERM"),
        (5, "SIGTERM"),
    ]


def test_sigint_is_passed_on_without_delay() -> None:
    """Whoever presses Ctrl-C does not wait for a load balancer."""
    assert Play((2, INT)).run() == [(2, "SIGINT"), (3, "end")]


def test_sigint_is_passed_on_during_the_drain() -> None:
    """It ends the server, and with it the drain, when the server wants."""
    play = Play((0, TERM), (2, INT), drain_takes=60)
    assert play.run() == [(0, "begin"), (2, "SIGINT"), (3, "end")]


@pytest.mark.parametrize("signum", sorted(CAUGHT & set(signal.Signals) - {TERM, INT, CHLD, CONT}))
def test_every_other_signal_is_passed_on(signum: int) -> None:
    """Before, during and after the drain: servers reload, resize and dump by signals."""
    play = Play((1, signum), (2, TERM), (3, signum), (4.5, signum), drain_takes=2, server_takes=2)
    name = signal.Signals(signum).name
    assert [moment for moment, done in play.run() if done == name] == [1, 3, 4.5]


def test_sigcont_lets_the_whole_job_go_on() -> None:
    """The server's group may have been stopped with the parent's."""
    assert Play((1, CONT), (2, TERM)).run()[0] == (1, "resumed")


def test_other_children_that_end_end_nothing() -> None:
    """Orphans of PID 1 are reaped; the server goes on."""
    play = Play((3, TERM), server_takes=0.5)
    play.events = [(START + 1, CHLD), *play.events]
    assert play.run() == [(3, "begin"), (3, "SIGTERM"), (3.5, "end")]


def test_a_server_that_dies_first_ends_the_parent() -> None:
    """There is nothing left to drain."""
    assert Play((4, CHLD)).run() == [(4, "end")]


def test_a_server_may_have_died_before_anybody_listened() -> None:
    """Its SIGCHLD may be gone; its status is not."""
    play = Play()
    play.ends_at = START
    assert play.run() == [(0, "end")]


def test_a_server_that_dies_in_the_drain_ends_the_parent_and_gets_no_signal() -> None:
    """Its process id may already be another's."""
    play = Play((0, TERM), (2, CHLD), drain_takes=2.01)
    assert play.run() == [(0, "begin"), (2, "end")]


def test_a_storm_of_signals_does_not_keep_the_drain_from_being_eighths() -> None:
    """There is always another signal before 50 ms are over."""
    storm = [(0.01 * n, HUP) for n in range(400)]
    play = Play((0, TERM), *storm, drain_takes=2)
    [moment] = [moment for moment, done in play.run() if done == "SIGTERM"]
    assert 2 <= moment < 2 + 2 * _parent.LOOK_EVERY


class BrokenPlay(Play):
    """A play whose drain raises."""

    def __init__(self, where: str) -> None:
        super().__init__((0, TERM), drain_takes=60)
        self.where = where

    def begin(self) -> None:
        """Begin, or fail."""
        super().begin()
        if self.where == "begin":
            raise RuntimeError(self.where)

    def step(self) -> bool:
        """Look, or fail."""
        if self.where == "step":
            raise RuntimeError(self.where)
        return True


@pytest.mark.parametrize("where", ["begin", "step"])
def test_a_drain_that_fails_is_said_and_not_waited_for(where: str) -> None:
    """PID 1 takes the container with it: it does not die of a drain."""
    play = BrokenPlay(where)
    assert play.run() == [(0, "begin"), (0, "SIGTERM"), (1, "end")]
    assert f"the drain failed: RuntimeError({where!r})" in play.said


def test_the_request_is_taken_away_whatever_happens() -> None:
    """Even when the parent itself is broken."""
    play = Play()
    with pytest.raises(AssertionError, match="waits for ever"):
        play.run()
    assert play.log == [(0, "end")]


def test_an_event_that_the_table_lacks_changes_nothing() -> None:
    """Such as the end of a drain that has not begun."""
    parent = Play().parent
    with pytest.raises(LifecycleError, match="drained while serving"):
        parent._happened(Event.DRAINED)
    assert parent.stage is Stage.SERVING


def test_the_table_leads_from_every_stage_to_the_end() -> None:
    """A SIGTERM always means something, and each stage is reached."""
    assert {stage for stage, event in TRANSITIONS if event is Event.TERMINATED} == set(Stage)
    assert set(TRANSITIONS.values()) == {Stage.DRAINING, Stage.ENDING}


def test_repr_shows_the_stage() -> None:
    """One line for a debugger."""
    assert repr(Play().parent) == "<Parent serving>"


def passed_on(moments: list[float], drain_takes: float) -> list[float]:
    """Return when the server should get a SIGTERM: the slow obvious way, in whole looks."""
    meant: list[float] = []
    for moment in moments:
        if not meant or moment - meant[-1] >= SAME_SIGNAL:
            meant.append(moment)
    first, *more = meant
    over = first
    while over - first < drain_takes - 1e-6 and not (more and more[0] <= over):
        over += _parent.LOOK_EVERY
    if more and more[0] <= over:
        return more
    return [over, *more]


@given(
    eighths=st.lists(st.integers(0, 400), min_size=1, max_size=12).map(sorted),
    drain_takes=st.integers(0, 80).map(lambda n: n / 8),
)
def test_what_the_server_gets_follows_from_when_it_was_asked(
    eighths: list[int], drain_takes: float
) -> None:
    """Any number of SIGTERMs at any time: the same as in the slow obvious model."""
    first, *more = eighths
    # 1/32: so that none of them comes in the very moment of a look
    moments = [first / 8, *(n / 8 + 1 / 32 for n in more)]
    play = Play(*((m, TERM) for m in moments), drain_takes=drain_takes, server_heeds=[INT])
    play.events.append((START + 1000, INT))
    got = [moment for moment, done in play.run() if done == "SIGTERM"]
    assert got == pytest.approx(passed_on(moments, drain_takes), abs=0.002)
