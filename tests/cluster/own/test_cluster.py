"""kubectl and helm are called as they must be, and what they do wrong is one line.

A fake kubectl stands in for the real one: a script that says how it was called, and does what its
test wants.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

import pytest

from tests.cluster import cluster as module
from tests.cluster.cluster import Cluster, CommandError, bracketed, never, until
from tests.cluster.hand import Hand
from tests.cluster.release import Release
from tests.cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Writes how it was called beside itself, then goes on with what its test gave it.
FAKE = f"""#!{sys.executable}
import json, pathlib, sys, time, os
words, given = sys.argv[1:], sys.stdin.read()
here = pathlib.Path(__file__).with_name("calls")
with here.open("a") as calls:
    calls.write(json.dumps([words, given, os.environ["KUBECONFIG"]]) + "\\n")
"""


class Fake(Protocol):
    """Makes a cluster whose kubectl and helm run a few lines of Python."""

    def __call__(self, lines: str) -> Cluster:
        """Return the cluster."""
        ...


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Write a fake kubectl, which is helm too."""

    def make(lines: str) -> Cluster:
        script = tmp_path / "kubectl"
        script.write_text(FAKE + lines, encoding="utf-8")
        script.chmod(0o755)
        given = Settings(
            kubeconfig="/k", kubectl=str(script), helm=str(script), repository="r", tag="1"
        )
        return Cluster(given, "space")

    return make


def _called(folder: Path) -> list[tuple[list[str], str, str]]:
    lines = (folder / "calls").read_text(encoding="utf-8").splitlines()
    return [tuple(json.loads(line)) for line in lines]


def test_a_command_has_its_namespace_and_its_input(fake: Fake, tmp_path: Path) -> None:
    """And the cluster that the suite was given, whatever else there is."""
    fake("").apply({"kind": "Pod"})
    ((words, given, kubeconfig),) = _called(tmp_path)
    assert words == ["-n", "space", "apply", "-f", "-"]
    assert (json.loads(given), kubeconfig) == ({"kind": "Pod"}, "/k")


def test_a_release_is_installed_from_its_values(fake: Fake, tmp_path: Path) -> None:
    """The values are in a file that is there when helm reads it."""
    fake("print(pathlib.Path(words[-1]).read_text())").install("shop", {"replicaCount": 2})
    ((words, _, _),) = _called(tmp_path)
    assert words[:5] == ["-n", "space", "upgrade", "--install", "shop"]


def test_a_command_that_fails_is_one_line(fake: Fake) -> None:
    """Which one, its exit code, and what it said."""
    found = fake("sys.stderr.write('no such\\nthing\\n'); sys.exit(3)")
    with pytest.raises(CommandError) as caught:
        found.kubectl("get", "pods")
    assert str(caught.value) == "kubectl -n space get pods: exit code 3, no such thing"


def test_a_command_that_hangs_is_ended(fake: Fake) -> None:
    """Each has a limit."""
    with pytest.raises(CommandError, match="took more than 0.3 s"):
        fake("time.sleep(60)").kubectl("get", "pods", limit=0.3)


def test_a_tool_that_is_not_there_is_one_line() -> None:
    """No traceback of subprocess."""
    nowhere = Settings(kubeconfig="", kubectl="/nowhere/kubectl", helm="", repository="r", tag="1")
    with pytest.raises(CommandError, match="No such file"):
        Cluster(nowhere, "space").kubectl("version")


def test_an_eviction_that_the_budget_forbids(fake: Fake) -> None:
    """It is no failure; another one is."""
    forbidden = "Cannot evict pod as it would violate the pod's disruption budget."
    assert not fake(f'sys.exit("{forbidden}")').evict("shop-1")
    assert fake("").evict("shop-1")
    with pytest.raises(CommandError, match="not found"):
        fake("sys.exit('not found')").evict("shop-1")


def test_a_right_is_a_yes(fake: Fake) -> None:
    """`kubectl auth can-i` exits with 1 for no."""
    assert fake("print('yes')").may("shop", "patch", "pods", "status")
    assert not fake("print('no'); sys.exit(1)").may("shop", "patch", "pods", "status")


def test_a_failure_is_told_with_all_there_is(fake: Fake) -> None:
    """What can't be had says why, and the rest is told."""
    lines = """
if words[2:4] == ["get", "pods"]:
    print("pod/shop-1")
elif "--previous" in words:
    sys.exit("there was none")
else:
    print("told of", *words[2:])
"""
    told = fake(lines).told()
    assert "told of describe pods" in told
    assert "told of logs pod/shop-1 --tail=60" in told
    assert "there was none" in told


def test_the_client_pod_is_reached_by_proxy(fake: Fake, tmp_path: Path) -> None:
    """By the API server's, with a URL that is quoted."""
    hand = Hand(fake('print(json.dumps({"here": 1, "status": 200, "headers": {}, "body": "ok"}))'))
    assert hand.is_there()
    assert hand.ask("http://[fd00::1]:8000/readyz?verbose").text == "ok"
    words = _called(tmp_path)[-1][0]
    path = "/api/v1/namespaces/space/pods/client:8080/proxy/ask?url=http%3A%2F%2F%5Bfd00%3A%3A1%5D"
    assert words[2:4] == ["get", "--raw"]
    assert words[4].startswith(path)


def test_the_client_pod_is_reached_by_exec_where_there_is_no_proxy(fake: Fake) -> None:
    """It is found out once."""
    hand = Hand(fake("sys.exit('no route') if '--raw' in words else print('{\"here\": 1}')"))
    assert hand.is_there()
    assert repr(hand) == "<Hand by kubectl exec>"


def test_the_proxy_is_preferred_when_the_client_pod_has_just_begun(
    fake: Fake, tmp_path: Path
) -> None:
    """It refuses at first, and `kubectl exec`, which takes longer, is answered."""
    lines = """
first = len(here.read_text().splitlines()) == 1
sys.exit("refused") if first else print('{"here": 1}')
"""
    hand = Hand(fake(lines))
    assert hand.is_there()
    assert repr(hand) == "<Hand by proxy>"
    assert ["--raw" in words for words, _, _ in _called(tmp_path)] == [True, False, True]


def test_several_questions_are_one_call(fake: Fake, tmp_path: Path) -> None:
    """The answers come in the order of the questions."""
    seen = '{"status": n, "headers": {}, "body": "ok\\n"}'
    hand = Hand(fake(f'print(json.dumps({{"answers": [{seen} for n in (200, 503)]}}))'))
    assert [one.status for one in hand.asks(["http://a/", "http://b/"])] == [200, 503]
    ((words, _, _),) = _called(tmp_path)
    assert words[-1].endswith(
        f"/asks?{urlencode({'urls': json.dumps(['http://a/', 'http://b/'])})}"
    )


def test_failed_hooks_are_those_of_pods_that_are_gone_too(fake: Fake, tmp_path: Path) -> None:
    """After a rollout there is no pod left that could have failed: the events are asked."""
    event = {"message": "hook", "involvedObject": {"name": "shop-6d-x1"}}
    found = fake(f"print(json.dumps({{'items': [{event}]}}))")
    release = Release(found, Hand(found), "shop")
    assert release.failed_hooks() == ["shop-6d-x1: hook"]
    assert len(_called(tmp_path)) == 1


def test_a_client_pod_that_is_not_there(fake: Fake) -> None:
    """Neither way leads to it; what it can't do is an error."""
    assert not Hand(fake("sys.exit('no')")).is_there()
    with pytest.raises(CommandError, match="nothing is called"):
        Hand(fake('print(json.dumps({"error": "nothing is called x"}))')).tally("x")


class Clock:
    """What is used of the module `time`; nobody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the moment."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have the suite's own time."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.mark.usefixtures("clock")
def test_what_is_waited_for_in_vain_is_said() -> None:
    """And what the last command said."""

    def failing() -> bool:
        raise CommandError("refused")

    with pytest.raises(AssertionError, match="waited 60 s in vain for a pod; at last: refused"):
        until("a pod", failing, 60)
    answers = iter([None, False, "", "here"])
    assert until("an answer", lambda: next(answers), 60) == "here"


@pytest.mark.usefixtures("clock")
def test_a_look_that_fails_is_no_answer() -> None:
    """What must never be is looked at again; a cluster that is gone is told."""
    broken = iter([True, False])

    def ask(fails: Callable[[], bool]) -> bool:
        if fails():
            raise CommandError("refused")
        return False

    never("ready", lambda: ask(lambda: next(broken, False)), 60)
    with pytest.raises(CommandError, match="refused"):
        never("ready", lambda: ask(lambda: True), 60)


def test_what_must_never_be_is_said(clock: Clock) -> None:
    """With what it was; and it is looked at for the whole time."""
    with pytest.raises(AssertionError, match="ready: True"):
        never("ready", lambda: True, 60)
    looks: list[float] = []
    never("ready", lambda: looks.append(clock.now), 60)
    assert looks[0] == 0
    assert looks[-1] >= 60
    assert len(looks) >= 60 / module.LOOK


def test_addresses_in_urls() -> None:
    """IPv6 has brackets."""
    assert (bracketed("10.0.0.1"), bracketed("fd00::1")) == ("10.0.0.1", "[fd00::1]")
