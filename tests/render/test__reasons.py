"""The comments: each number with its arithmetic."""

from __future__ import annotations

import re

import pytest

from healthkit.lint._facts.servers import Server
from healthkit.render import Wanted, _wanted, manifest


def comments(wanted: Wanted) -> str:
    """Return all comments, in one line."""
    lines = [line.strip() for line in manifest(wanted).splitlines()]
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("# "))


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Wanted(), "By healthkit render, for Kubernetes 1.36 and later."),
        (Wanted(app="main:health"), "1.36 and later, by the settings of main:health."),
        (
            Wanted(boot=90),
            (
                "(46 - 1) * 2 s = 90 s: the boot of 90 s, guaranteed. What never starts is killed "
                "after 94 s at the latest."
            ),
        ),
        (
            Wanted(boot=30, startup=10, warm_up=60),
            (
                "(46 - 1) * 2 s = 90 s: the boot of 30 s + a warm-up of 60 s (beside start-up work "
                "of 10 s), guaranteed. What never starts is killed after 94 s at the latest. "
                "/startupz does not wait for warm-ups: this costs no start anything."
            ),
        ),
        (
            Wanted(boot=30, startup=10, warm_up=5),
            "(21 - 1) * 2 s = 40 s: the boot of 30 s + start-up work of 10 s, guaranteed. What",
        ),
        (
            Wanted(boot=900),
            (
                "913 s for the latest start, 120 s for the image, 2 s until readiness is asked, "
                "10 s of it: Kubernetes' default of 600 s would call such a rollout failed."
            ),
        ),
        (
            Wanted(),
            (
                "(3 - 1) * 10 s + 3 s = 23 s: a hang is killed 23 to 33 s after it began, and "
                "readiness has failed by then."
            ),
        ),
        (
            Wanted(drain_delay=5),
            (
                "2 * 2 s = 4 s, and 1.2 s of kube-proxy: 5.2 s at most until a pod that says 503 "
                "gets no new connection."
            ),
        ),
        (
            Wanted(),
            (
                "5 s of drain delay + 15 s for the longest request + 5 s for the exit = 25 s; 30 s "
                "is the default."
            ),
        ),
        (
            Wanted(drain_delay=10.5, longest_request=20),
            "10.5 s of drain delay + 20 s for the longest request + 5 s for the exit = 35.5 s.",
        ),
        (
            Wanted(drain_delay=12, pre_stop="sleep"),
            (
                "12 s asleep + 1 s of drain delay + 15 s for the longest request + 5 s for the "
                "exit = 33 s."
            ),
        ),
        (
            Wanted(),
            (
                "All workers turn unready and serve on for 5 s, then until nothing is in flight, "
                "for 15 s at most. Then SIGTERM comes."
            ),
        ),
        (
            Wanted(pre_stop="sleep"),
            "The pod is out of its Service when SIGTERM comes, after 5 s.",
        ),
        (Wanted(), "The preStop hook begins the drain: the app serves on for so long."),
        (
            Wanted(pre_stop="sleep", drain_delay=0.5),
            "SIGTERM comes after 1 s; new connections come for 1.1 s.",
        ),
        (Wanted(pre_stop="none"), "SIGTERM begins the drain: the app serves on for so long."),
        (
            Wanted(pre_stop="sleep"),
            "The kubelet has slept already; this is for kept connections to be told to close.",
        ),
    ],
)
def test_a_number_has_its_arithmetic(wanted: Wanted, text: str) -> None:
    """In a comment above it."""
    assert text in comments(wanted)


def test_sums_are_right() -> None:
    """Whoever adds up finds what is written."""
    for boot in (1, 30, 119.5, 500, 2000):
        sums = re.findall(r"\((\d+) - 1\) \* (\d+) s = (\d+) s", comments(Wanted(boot=boot)))
        ((failures, period, total),) = sums
        assert (int(failures) - 1) * int(period) == int(total) >= boot


def test_a_comment_is_no_wider_than_a_screen() -> None:
    """Wherever it stands."""
    text = manifest(Wanted(boot=900, warm_up=1200, drain_delay=60, app="a.b.c:health"))
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (30, "32 s for the exit (gunicorn may wait for 30 s) = 52 s."),
        (3, "5 s for the exit = 25 s"),
    ],
)
def test_a_server_that_waits_longer_is_named(
    limit: float, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grace period is longer for it."""

    def started(_words: object, _env: object) -> Server:
        return Server(name="gunicorn", graceful_timeout=limit)

    monkeypatch.setattr(_wanted, "server", started)
    assert text in comments(Wanted())
