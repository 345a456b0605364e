"""A described app does what is said of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from healthkit.errors import ConfigError
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Ran, Reply, Says
from healthkit.testing._process import Answer, Process, Request

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = Answer(200, body=b"ok")


class Run:
    """One process that is played, and what it says."""

    def __init__(self, life: Life, app: Described | None = None) -> None:
        self.clock = Schedule()
        self.exits: list[tuple[float, int]] = []
        self.answers: list[tuple[float, Answer]] = []
        self.ended: list[tuple[float, int, str]] = []
        app = app or Described(life)
        self.process: Process = app.start(
            self.clock, lambda code: self.exits.append((self.clock.now(), code))
        )

    def ask(
        self, moment: float, path: str = "/x", timeout: float | None = 1, port: int = 80
    ) -> None:
        """Send a request at a moment."""
        self.clock.run_until(moment)
        self.process.request(
            Request(path, port),
            timeout,
            lambda answer: self.answers.append((self.clock.now(), answer)),
        )

    def execute(self, moment: float, *command: str) -> None:
        """Run a command at a moment."""
        self.clock.run_until(moment)
        self.process.execute(
            command, lambda code, output: self.ended.append((self.clock.now(), code, output))
        )


def test_before_it_listens_it_refuses() -> None:
    """From the moment on at which it does, it answers 200."""
    run = Run(Life(listens_at=2))
    run.ask(1.9)
    run.ask(2)
    assert run.answers == [(1.9, Answer(error="refused")), (2, GOOD)]


def test_only_its_ports_are_open() -> None:
    """All, if it has none."""
    run = Run(Life(listens_at=0, ports=frozenset({80})))
    assert run.process.listens(80)
    assert not run.process.listens(81)
    assert Run(Life(listens_at=0)).process.listens(81)


def test_what_began_last_counts() -> None:
    """In whatever order it is written; from its moment on, not before."""
    run = Run(
        Life(
            listens_at=0,
            says=(Says("/x", Reply(500), 5), Says("/x", Reply(503), 1), Says("/y", Reply(404))),
        )
    )
    for moment in (0.5, 1, 5):
        run.ask(moment)
    assert [answer.status for _, answer in run.answers] == [200, 503, 500]


def test_a_path_may_be_said_with_its_query() -> None:
    """Without one it is that path, whatever is asked; another path is another."""
    run = Run(Life(listens_at=0, says=(Says("/x", Reply(500)), Says("/x?deep=1", Reply(503), 0.1))))
    for path in ("/x", "/x?deep=0", "/x?deep=1", "/xx"):
        run.ask(1, path)
    assert [answer.status for _, answer in run.answers] == [500, 500, 503, 200]


@pytest.mark.parametrize(
    ("reply", "timeout", "moment", "answer"),
    [
        (Reply(204, 0.5, body=b"x"), 1, 1.5, Answer(204, body=b"x")),
        (Reply(200, 1.0), 1, 2.0, GOOD),
        (Reply(200, 1.1), 1, 2.25, Answer(error="timeout")),
        (Reply(200, 1.1), None, 2.1, GOOD),
        (Reply(broken="eof", delay=0.5), 1, 1.5, Answer(error="eof")),
        (Reply(broken="reset"), 1, 1.0, Answer(error="reset")),
        (Reply(broken="slow body"), 1, 2.25, Answer(200, "slow body")),
        (Reply(broken="slow body", delay=3), 1, 2.25, Answer(error="timeout")),
        (Reply(broken="short body", delay=0.5), 1, 1.5, Answer(200, "short body", body=b"ok")),
    ],
)
def test_how_an_exchange_goes(
    reply: Reply, timeout: float | None, moment: float, answer: Answer
) -> None:
    """A late status is a timeout, a late body has had one; both take the overhead more."""
    run = Run(Life(listens_at=0, says=(Says("/x", reply),), timeout_overhead=0.25))
    run.ask(1, timeout=timeout)
    run.clock.run_until(10)
    assert run.answers == [(moment, answer)]


def test_a_body_that_nobody_gives_up_never_ends() -> None:
    """But with the process."""
    run = Run(Life(listens_at=0, says=(Says("/x", Reply(broken="slow body")),), exits_at=5000))
    run.ask(1, timeout=None)
    run.clock.run_until(4999)
    assert run.answers == []
    run.clock.run_until(5000)
    assert run.answers == [(5000, Answer(error="reset"))]


def test_what_is_said_from_outside_comes_first() -> None:
    """In all its processes, until it is taken back."""
    app = Described(Life(listens_at=0, says=(Says("/x", Reply(500)),)))
    run = Run(Life(), app)
    app.answer("/x", 503)
    run.ask(1, "/x?y")
    app.answer("/x", Reply(418))
    run.ask(2)
    app.answer("/x", None)
    app.answer("/x", None)
    run.ask(3)
    assert [answer.status for _, answer in run.answers] == [503, 418, 500]


@pytest.mark.parametrize(("at", "exits"), [(2.5, (2.5, 4)), (3, (3, 4)), (3.5, (3, 0))])
def test_an_end_by_itself_comes_before_that_of_a_slower_sigterm(
    at: float, exits: tuple[float, int]
) -> None:
    """The port is closed all the same; it ends once."""
    run = Run(Life(listens_at=0, exits_after_sigterm=2, exits_at=at, exit_code=4))
    run.clock.run_until(1)
    run.process.sigterm()
    run.clock.run_until(2)
    assert not run.process.listens(80)
    run.clock.run_until(10)
    assert run.exits == [exits]


def test_sigterm_closes_the_port_and_ends_it() -> None:
    """In its own time; a second one changes nothing."""
    run = Run(Life(listens_at=0, closes_after_sigterm=0.5, exits_after_sigterm=2, exits_at=100))
    run.clock.run_until(1)
    run.process.sigterm()
    run.clock.run_until(1.4)
    assert run.process.listens(80)
    run.process.sigterm()
    run.clock.run_until(1.5)
    assert not run.process.listens(80)
    run.clock.run_until(200)
    assert run.exits == [(3, 0)]


@pytest.mark.parametrize(
    "life",
    [
        Life(listens_at=5),
        Life(listens_at=0, handles_sigterm_at=5),
        Life(listens_at=0, exits_after_sigterm=None),
    ],
)
def test_sigterm_that_is_not_handled_is_ignored(life: Life) -> None:
    """Before there is a handler; it is the first process of its container."""
    run = Run(life)
    run.clock.run_until(4)
    run.process.sigterm()
    run.clock.run_until(60)
    assert run.exits == []
    run.process.sigkill()
    run.process.sigkill()
    assert run.exits == [(60, 137)]
    assert not run.process.listens(80)


def test_it_may_end_by_itself() -> None:
    """With its exit code; what it was at is cut off."""
    run = Run(Life(listens_at=0, exits_at=3, exit_code=4, says=(Says("/x", Reply(delay=2)),)))
    run.ask(2, timeout=9)
    run.execute(2, "true")
    run.clock.run_until(9)
    assert run.exits == [(3, 4)]
    assert run.answers == [(3, Answer(error="reset"))]
    run.ask(9)
    assert [answer.error for _, answer in run.answers] == ["reset", "refused"]
    assert [code for _, code, _ in run.ended] == [0]


def test_commands_run_in_the_container() -> None:
    """They take their time, end with the container, and don't run in one that is over."""
    slow, quick = Ran(5, 0), Ran(0.5, 2, "no")
    run = Run(Life(runs={("slow",): slow, ("quick",): quick}, exits_at=3))
    run.execute(1, "quick")
    run.execute(1, "slow")
    run.clock.run_until(4)
    run.execute(4, "quick")
    assert run.ended == [(1.5, 2, "no"), (3, 137, ""), (4, 137, "")]


def test_each_start_is_the_next_life() -> None:
    """The last one is repeated; without any it is one that is well after two seconds."""
    app = Described(Life(exits_at=1), Life(exits_at=2))
    ends = [Run(Life(), app) for _ in range(3)]
    for run in ends:
        run.clock.run_until(9)
    assert [run.exits[0][0] for run in ends] == [1, 2, 2]
    assert repr(app) == "<Described, started 3 times>"
    plain = Run(Life(), Described())
    plain.ask(1.9)
    plain.ask(2)
    assert [answer.status for _, answer in plain.answers] == [None, 200]


def test_a_twin_has_lives_of_its_own() -> None:
    """They begin anew; what is said from outside holds for both."""
    app = Described(Life(listens_at=0, exits_at=1), Life(listens_at=0, exits_at=2))
    Run(Life(), app)
    twin = app.twin()
    app.answer("/x", 503)
    run = Run(Life(), twin)
    run.ask(0.5)
    run.clock.run_until(9)
    assert run.answers == [(0.5, Answer(503, body=b"ok"))]
    assert run.exits == [(1, 0)]


def test_a_draining_app_may_say_something_else() -> None:
    """From SIGTERM on, if it heeds that; what is not said then is as before."""
    drains = (Says("/x", Reply(500), 1), Says("/x", Reply(503), 2))
    life = Life(
        listens_at=0,
        says=(Says("/x", Reply(204)), Says("/y", Reply(404))),
        says_draining=drains,
        exits_after_sigterm=9,
        closes_after_sigterm=9,
    )
    run = Run(life)
    run.ask(3)
    run.process.sigterm()
    for moment, path in ((3.5, "/x"), (4, "/x"), (5, "/x?y"), (5, "/y")):
        run.ask(moment, path)
    assert [answer.status for _, answer in run.answers] == [204, 204, 500, 503, 404]


def test_its_repr_says_whether_it_runs() -> None:
    """Of the process."""
    run = Run(Life())
    assert repr(run.process) == "<described process, running>"
    run.process.sigkill()
    assert repr(run.process) == "<described process, over>"


@pytest.mark.parametrize(
    ("make", "values", "error"),
    [
        (Life, {"listens_at": -1}, "listens_at=-1: expected seconds"),
        (Life, {"exits_after_sigterm": math.nan}, "exits_after_sigterm=nan: expected seconds"),
        (Life, {"exits_at": "9"}, "exits_at='9': expected seconds"),
        (Ran, {"takes": math.inf}, "takes=inf: expected seconds"),
        (Reply, {"status": 42}, "status=42: expected a whole number from 100 to 599"),
        (Reply, {"delay": -0.5}, "delay=-0.5: expected seconds"),
    ],
)
def test_what_cannot_be_is_refused(
    make: Callable[..., object], values: dict[str, Any], error: str
) -> None:
    """Where it is written, and not in the middle of a simulation."""
    with pytest.raises(ConfigError, match=error):
        make(**values)
