"""How a container is stopped."""

from __future__ import annotations

import pytest

from healthkit.manifests._spec import Container, Exec, Hook, HttpGet, Port, Sleep, TcpSocket
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Ran, Reply, Says
from healthkit.testing._process import Answer
from healthkit.testing._stopping import Stopping

HOOK = Exec(("drain",))
ASKS = HttpGet("/stop", "web")


class Stop:
    """One stop, begun at 10 s, of an app that has listened from its start."""

    def __init__(self, life: Life, hook: Hook | None, grace: int = 30) -> None:
        self.clock = Schedule(start=10.0)
        self.seen: list[tuple[float, str]] = []
        container = Container("app", ports=(Port(8080, "web"),), pre_stop=hook)
        process = Described(life).start(self.clock, self._exited)
        self.stopping = Stopping(
            process, container, grace, self.clock, emit=self._emit, done=lambda: self._emit("done")
        )
        self.stopping.begin()

    def _emit(self, name: str, **details: object) -> None:
        self.seen.append((round(self.clock.now() - 10, 2), str(details.get("reason", name))))

    def _exited(self, code: int) -> None:
        self._emit(f"exit {code}")
        self.stopping.ended()

    def all(self) -> list[tuple[float, str]]:
        """Return everything that is seen, to the end."""
        self.clock.run_until(1000)
        return self.seen


def life(
    takes: float = 0,
    code: int = 0,
    *,
    exits: float | None = 1,
    by_itself: float | None = None,
    reply: Reply | None = None,
) -> Life:
    """Return an app whose hook takes so long, and which exits so long after SIGTERM."""
    return Life(
        listens_at=0,
        says=(Says("/stop", reply or Reply(200, takes)),),
        runs={("drain",): Ran(takes, code)},
        exits_after_sigterm=exits,
        exits_at=by_itself,
        ports=frozenset({8080}),
    )


def test_without_a_hook_sigterm_comes_at_once() -> None:
    """And SIGKILL when the grace period is over."""
    assert Stop(life(), None).all() == [(0, "sigterm"), (1, "exit 0"), (1, "done")]
    assert Stop(life(exits=None), None, 6).all() == [(0, "sigterm"), (6, "exit 137"), (6, "done")]


@pytest.mark.parametrize("hook", [None, HOOK, Sleep(5)])
def test_a_grace_of_nothing_runs_no_hook(hook: Hook | None) -> None:
    """Two seconds are left all the same."""
    seen = Stop(life(takes=5, exits=None), hook, 0).all()
    assert seen == [(0, "sigterm"), (2, "exit 137"), (2, "done")]


@pytest.mark.parametrize("hook", [HOOK, ASKS])
def test_sigterm_follows_the_hook(hook: Hook) -> None:
    """What the hook took is taken from the grace period."""
    assert Stop(life(takes=4, exits=None), hook, 10).all() == [
        (0, "prestop_begin"),
        (4, "prestop_end"),
        (4, "sigterm"),
        (10, "exit 137"),
        (10, "done"),
    ]


def test_a_sleep_is_not_seen_in_the_container() -> None:
    """SIGTERM follows it, without an event."""
    seen = Stop(life(), Sleep(4), 10).all()
    assert seen == [(4, "sigterm"), (5, "exit 0"), (5, "done")]


def test_part_of_a_second_is_given_back() -> None:
    """Whole seconds of the hook count."""
    seen = Stop(life(takes=3.5, exits=None), HOOK, 10).all()
    assert seen[-2] == (10.5, "exit 137")


@pytest.mark.parametrize("hook", [HOOK, ASKS])
def test_a_hook_longer_than_the_grace_is_left_alone(hook: Hook) -> None:
    """SIGTERM comes beside it, two seconds follow; that it failed is said after the end."""
    assert Stop(life(takes=60, exits=None), hook, 6).all() == [
        (0, "prestop_begin"),
        (6, "sigterm"),
        (8, "exit 137"),
        (8, "done"),
        (8.1, "FailedPreStopHook"),
    ]


def test_a_sleep_that_is_cut_off_has_not_failed() -> None:
    """Nothing in the container could tell."""
    seen = Stop(life(exits=None), Sleep(60), 6).all()
    assert seen == [(6, "sigterm"), (8, "exit 137"), (8, "done")]


def test_a_hook_as_long_as_the_grace_ends_in_time() -> None:
    """SIGTERM comes once; two seconds are left."""
    seen = Stop(life(exits=None), Sleep(6), 6).all()
    assert seen == [(6, "sigterm"), (8, "exit 137"), (8, "done")]


def test_a_late_hook_that_ends_well_has_not_failed() -> None:
    """It ended between SIGTERM and the exit."""
    seen = Stop(life(takes=7, exits=None), HOOK, 6).all()
    assert seen == [
        (0, "prestop_begin"),
        (6, "sigterm"),
        (7, "prestop_end"),
        (8, "exit 137"),
        (8, "done"),
    ]


def test_a_hook_that_fails_is_said_at_once() -> None:
    """SIGTERM does not wait."""
    assert Stop(life(takes=1, code=1), HOOK).all() == [
        (0, "prestop_begin"),
        (1, "prestop_end"),
        (1, "FailedPreStopHook"),
        (1, "sigterm"),
        (2, "exit 0"),
        (2, "done"),
    ]


@pytest.mark.parametrize("hook", [HttpGet("/stop", 9), HttpGet("/stop", "nope"), TcpSocket(8080)])
def test_a_hook_that_does_not_arrive_has_failed(hook: Hook) -> None:
    """A port that is closed, one that is not declared, and a TCP hook, which is none."""
    seen = Stop(life(), hook).all()
    assert seen == [(0, "FailedPreStopHook"), (0, "sigterm"), (1, "exit 0"), (1, "done")]


@pytest.mark.parametrize("reply", [Reply(500), Reply(302), Reply(broken="short body")])
def test_any_status_is_good_enough(reply: Reply) -> None:
    """The hook has arrived."""
    seen = Stop(life(reply=reply), ASKS).all()
    assert seen == [
        (0, "prestop_begin"),
        (0, "prestop_end"),
        (0, "sigterm"),
        (1, "exit 0"),
        (1, "done"),
    ]


@pytest.mark.parametrize("broken", ["eof", "reset"])
def test_no_status_at_all_is_a_failure(broken: str) -> None:
    """The connection was closed first."""
    seen = Stop(life(reply=Reply(broken=broken)), ASKS).all()  # type: ignore[arg-type]  # one of the two
    assert seen[:3] == [(0, "prestop_begin"), (0, "FailedPreStopHook"), (0, "sigterm")]


@pytest.mark.parametrize("hook", [HOOK, ASKS])
def test_a_process_that_ends_during_its_hook_ends_that_too(hook: Hook) -> None:
    """There is nobody to send SIGTERM to; the hook has failed."""
    assert Stop(life(takes=5, by_itself=2), hook).all() == [
        (0, "prestop_begin"),
        (2, "exit 0"),
        (2, "done"),
        (2.1, "FailedPreStopHook"),
    ]


@pytest.mark.parametrize(("grace", "over"), [(30, 5), (4, 4)])
def test_the_kubelet_sleeps_on_when_the_process_ends(grace: int, over: int) -> None:
    """To the end of the sleep, or of the grace period."""
    seen = Stop(life(by_itself=2), Sleep(5), grace).all()
    assert seen == [(2, "exit 0"), (over, "done")]


def test_what_comes_after_the_end_is_no_news() -> None:
    """An answer or an exit code that an app tells too late."""
    stop = Stop(life(takes=9, by_itself=1), HOOK)
    seen = list(stop.all())
    stop.stopping._answered(Answer(200))
    stop.stopping._command_ended(0, "")
    assert stop.all() == seen


def test_its_repr_says_how_far_it_is() -> None:
    """In the hook, after SIGTERM, or over."""
    stop = Stop(life(takes=4), HOOK)
    assert repr(stop.stopping) == "<Stopping app: preStop>"
    stop.clock.run_until(14.5)
    assert repr(stop.stopping) == "<Stopping app: SIGTERM>"
    stop.all()
    assert repr(stop.stopping) == "<Stopping app: over>"
