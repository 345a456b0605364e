"""What the server's own ways mean for a manifest."""

from __future__ import annotations

import pytest

from healthkit.errors import ConfigError
from healthkit.lint._facts.servers import Server
from healthkit.render import PreStop, Wanted
from healthkit.render._server import check, limit, reserve


def refusal(wanted: Wanted, server: Server) -> str:
    """Return the one line that is said of a command."""
    with pytest.raises(ConfigError) as caught:
        check(wanted, server)
    return str(caught.value)


@pytest.mark.parametrize(
    ("said", "default", "found"), [(None, None, None), (None, 30, 30), (7, 30, 7), (0, 30, 0)]
)
def test_a_limit_is_what_is_said_or_the_default(
    said: float | None, default: float | None, found: float | None
) -> None:
    """0 is said, too."""
    server = Server(name="gunicorn", graceful_timeout=said, default_graceful_timeout=default)
    assert limit(server) == found


@pytest.mark.parametrize(
    ("name", "limit_", "pre_stop", "seconds"),
    [
        ("uvicorn", None, "exec", 5),
        ("uvicorn", 5, "none", 7),
        ("gunicorn", 30, "exec", 32),
        ("gunicorn", 30, "none", 12),
        ("gunicorn", 30, "sleep", 16),
        ("granian", 20, "none", 5),
    ],
)
def test_the_exit_may_take_as_long_as_the_server_waits(
    name: str, limit_: float | None, pre_stop: PreStop, seconds: float
) -> None:
    """From the drain's end on, or from SIGTERM on, where the drain begins there."""
    server = Server(name=name, graceful_timeout=limit_)
    assert reserve(Wanted(pre_stop=pre_stop), server) == seconds


def test_behind_healthkit_run_sigterm_comes_late() -> None:
    """When the drain is over: the limit counts from there."""
    server = Server(name="gunicorn", graceful_timeout=10, in_healthkit_run=True)
    assert reserve(Wanted(pre_stop="none"), server) == 12
    check(Wanted(pre_stop="none"), server)


@pytest.mark.parametrize("pre_stop", ["exec", "sleep", "none"])
def test_a_shell_that_keeps_sigterm_is_refused(pre_stop: PreStop) -> None:
    """The server would be killed when the grace is over."""
    assert refusal(Wanted(pre_stop=pre_stop), Server(name="uvicorn", in_shell=True)) == (
        "found a command whose shell keeps SIGTERM from uvicorn: expected exec before it, as in "
        "sh -c 'exec uvicorn ...', or no shell"
    )


@pytest.mark.parametrize("pre_stop", ["sleep", "none"])
def test_a_master_that_keeps_sigterm_needs_a_hook(pre_stop: PreStop) -> None:
    """Or `healthkit run`."""
    line = refusal(Wanted(pre_stop=pre_stop), Server(name="hypercorn"))
    assert line == (
        f"found pre-stop={pre_stop} and a command of hypercorn, whose workers get no SIGTERM: "
        "expected pre-stop=exec, or healthkit run -- before it"
    )
    check(Wanted(), Server(name="hypercorn"))
    check(Wanted(pre_stop=pre_stop), Server(name="hypercorn", in_healthkit_run=True))


@pytest.mark.parametrize("words", ["-w 0", "-w0", "--workers 0", "--workers=0"])
def test_without_workers_there_is_no_master(words: str) -> None:
    """The process that gets SIGTERM is the app's."""
    command = ("hypercorn", "main:app", *words.split())
    check(Wanted(pre_stop="none", command=command), Server(name="hypercorn"))
    line = refusal(Wanted(pre_stop="none", command=("0", *command[:-1])), Server(name="hypercorn"))
    assert "whose workers get no SIGTERM" in line


@pytest.mark.parametrize(("pre_stop", "needed"), [("none", "20"), ("sleep", "16")])
def test_a_limit_that_cuts_the_drain_is_refused(pre_stop: PreStop, needed: str) -> None:
    """One that counts from SIGTERM on."""
    wanted = Wanted(pre_stop=pre_stop)
    assert refusal(wanted, Server(name="gunicorn", graceful_timeout=5)) == (
        f"found gunicorn with a limit of 5 s from SIGTERM on: expected at least {needed} s for a "
        "drain that begins there, or pre-stop=exec"
    )
    check(wanted, Server(name="gunicorn", graceful_timeout=float(needed)))
    check(wanted, Server(name="uvicorn", graceful_timeout=5))
    check(wanted, Server(name="granian"))
    check(Wanted(), Server(name="gunicorn", graceful_timeout=5))
