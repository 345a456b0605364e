"""The words for a container's end."""

from __future__ import annotations

import pytest

from healthkit.explain import Ending, Told, explain
from healthkit.explain._ends import rows, title, verdict
from healthkit.manifests import Container, Exec, Hook, HttpGet, Probe, Sleep
from tests.explain.pods import LIVE, pod, told

PROBE = Probe(LIVE)


def deletion(container: Container, *, grace: int = 30) -> tuple[Told, Ending]:
    """Return a container, and its end by a deletion."""
    found = told(container, grace=grace)
    return found, found.endings[0]


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (Sleep(10), "The hook fits: it takes 10 s of 30 s."),
        (Sleep(1), ("The hook fits: it takes 1 s of 30 s. "
         "It is over before kube-proxy has stopped sending.")),
        (Sleep(30), "The hook does not fit: it takes 30 s of 30 s, and SIGTERM gets 2 s, no more."),
        (Exec(("./drain",)),
         "Nobody can tell how long the hook takes: SIGTERM comes when it ends."),
        (Exec(("sh", "-c", "sleep 9; ./drain")),
         "Nobody can tell how long the hook takes: SIGTERM comes when it ends."),
        (Exec(("sh", "-c", "sleep 60; ./drain")),
         ("The hook does not fit: it takes at least 60 s of 30 s, and SIGTERM gets 2 s, no more.")),
        (None, "No preStop hook: the app has to take new connections for 1.1 s after SIGTERM."),
    ],
)  # fmt: skip
def test_a_deletion_comes_to_something(hook: Hook | None, words: str) -> None:
    """Whether the hook fits, and what SIGTERM gets."""
    _, ending = deletion(Container("a", pre_stop=hook))
    assert verdict(ending) == words
    assert title(ending) == "When the pod is deleted, with a grace period of 30 s"


def test_a_kill_comes_to_something_too() -> None:
    """There is no kube-proxy to wait for."""
    _, bare = told(Container("a", liveness=PROBE)).endings
    _, short = told(Container("a", liveness=PROBE, pre_stop=Sleep(1))).endings
    assert verdict(bare) == "There is no preStop hook."
    assert verdict(short) == "The hook fits: it takes 1 s of 30 s."
    assert title(bare) == "When liveness kills it, with a grace period of 30 s"


def test_a_sidecar_is_told_to_wait() -> None:
    """For the containers beside it."""
    sidecar = Container("s", restart_policy="Always")
    _, found = explain(pod(Container("a"), first=(sidecar,))).containers
    assert verdict(found.endings[0]) == (
        "A sidecar gets SIGTERM when the containers beside it have ended. There is no preStop hook."
    )


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (Container("a"), "deleted: its endpoint is terminating"),
        (Container("a", liveness=PROBE), "deleted: its endpoint is terminating, liveness stops"),
        (Container("a", startup=PROBE, liveness=PROBE, readiness=PROBE),
         ("deleted: its endpoint is terminating, startup and liveness stop, "
         "readiness is still asked")),
    ],
)  # fmt: skip
def test_a_deletion_says_which_probes_stop(container: Container, words: str) -> None:
    """Of those that there are."""
    assert next(rows(*deletion(container))) == ("t+0", words)


def test_the_moments_are_a_table() -> None:
    """With the seconds from the deletion on."""
    assert list(rows(*deletion(Container("a", pre_stop=Sleep(5)), grace=20)))[1:] == [
        ("t+0", "preStop begins: sleep 5 s"),
        ("t+1.1", "the last new connection that kube-proxy sends, on one node"),
        ("t+5", "SIGTERM; 15 s are left"),
        ("t+20", "SIGKILL, if it still runs"),
    ]
    unknown = list(rows(*deletion(Container("a", pre_stop=Exec(("./drain",))))))
    assert unknown[-2:] == [
        ("by t+30", "SIGTERM; 2 s are left at least"),
        ("by t+32", "SIGKILL, if it still runs"),
    ]


def test_a_kill_says_that_requests_go_on() -> None:
    """While readiness passes, or until the container has ended; and what comes then."""
    both = told(Container("a", startup=PROBE, liveness=PROBE, readiness=PROBE))
    _, live, startup = ([text for _, text in rows(both, one)] for one in both.endings)
    assert live[0] == "liveness has failed; it stays in the endpoints while readiness passes"
    assert live[-1] == "SIGKILL, if it still runs; then it is started again"
    assert startup[0] == "the startup probe has failed; it is in no endpoints yet"
    lost = told(Container("a", liveness=PROBE, readiness=Probe(HttpGet("/", "web"))))
    assert next(rows(lost, lost.endings[1]))[1] == "liveness has failed; it is in no endpoints"
    once = told(Container("a", liveness=PROBE, restart_policy="Never"))
    words = [text for _, text in rows(once, once.endings[1])]
    assert words[0] == "liveness has failed; it stays in the endpoints until it has ended"
    assert words[-1] == "SIGKILL, if it still runs"
