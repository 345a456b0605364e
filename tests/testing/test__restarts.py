"""When the next container starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from healthkit.testing._restarts import Restart, Restarts
from healthkit.testing._rules import LOOKS_AGAIN, RESTARTING

if TYPE_CHECKING:
    from healthkit.manifests._spec import RestartPolicy


def crashed(restarts: Restarts, number: int, now: float) -> Restart | None:
    """Let the n-th container start, and end by itself at once."""
    restarts.started(number)
    restarts.ended(1, now)
    return restarts.after_exit(now)


def killed(restarts: Restarts, number: int, now: float) -> Restart | None:
    """Let the n-th container start, and be killed at once."""
    restarts.started(number)
    restarts.ended(0, now)
    return restarts.after_kill(now)


def test_the_first_crash_is_forgiven_the_second_waits() -> None:
    """A crash counts from its own end."""
    restarts = Restarts("Always")
    assert crashed(restarts, 1, 1) == Restart(1 + RESTARTING)
    assert crashed(restarts, 2, 2) == Restart(2 + 10 * LOOKS_AGAIN, 10)
    assert crashed(restarts, 3, 15) == Restart(15 + 20 * LOOKS_AGAIN, 20)


def test_two_kills_are_forgiven_the_third_waits() -> None:
    """A kill counts from the end of the container before the one that is killed."""
    restarts = Restarts("Always")
    assert killed(restarts, 1, 1) == Restart(1 + RESTARTING)
    assert killed(restarts, 2, 2) == Restart(2 + RESTARTING)
    assert killed(restarts, 3, 3) == Restart(3 + 10 * LOOKS_AGAIN, 10)


def test_a_kill_long_after_the_last_end_does_not_wait() -> None:
    """The container before ended 10 s ago; the back-off grows all the same."""
    restarts = Restarts("Always")
    killed(restarts, 1, 1)
    killed(restarts, 2, 20)
    assert killed(restarts, 3, 40) == Restart(40 + RESTARTING)
    assert killed(restarts, 4, 41) == Restart(41 + 20 * LOOKS_AGAIN, 20)


@pytest.mark.parametrize(
    ("policy", "code", "after_exit", "after_kill"),
    [
        ("Always", 0, True, True),
        ("OnFailure", 0, False, True),
        ("OnFailure", 1, True, True),
        ("Never", 1, False, False),
    ],
)
def test_a_kill_restarts_whatever_the_exit_code_is(
    policy: RestartPolicy, code: int, after_exit: bool, after_kill: bool
) -> None:
    """Unless the policy is Never: the decision is older than the exit."""
    restarts = Restarts(policy)
    restarts.started(1)
    restarts.ended(code, 1.0)
    assert restarts.code == code
    assert (restarts.after_kill(1.0) is not None) is after_kill
    assert (restarts.after_exit(1.0) is not None) is after_exit


def test_its_repr_says_how_long_the_backoff_is() -> None:
    """And the policy."""
    restarts = Restarts("OnFailure")
    crashed(restarts, 1, 1)
    assert repr(restarts) == "<Restarts OnFailure, back-off 10 s>"
