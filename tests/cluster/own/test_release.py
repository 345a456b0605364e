"""A release is waited for as it must be, and what can't work ends the run with one line."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, cast

import pytest

from tests.cluster import cluster as module
from tests.cluster.promises import Seen, Tally
from tests.cluster.release import UNDER_WAY, loaded
from tests.cluster.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.hand import Hand

#: A kubectl that finds a cluster, whose pods can import nothing.
BARE = """
words = " ".join(sys.argv)
if "import=" in words:
    print(json.dumps({"why": "ModuleNotFoundError No module named"}))
elif "/proxy/" in words:
    print(json.dumps({"here": True}))
elif "ignore-not-found" not in words:
    print("{}")
"""


class Late:
    """A client pod whose Service refuses the first requests, as kube-proxy does at first."""

    def __init__(self, refused: int) -> None:
        self._refused = refused
        #: What was asked for, in order.
        self.did: list[str] = []

    def ask(self, _url: str) -> Seen:
        """Refuse some."""
        self.did.append("ask")
        refused = self.did.count("ask") <= self._refused
        return Seen(0, {}, "refused") if refused else Seen(200, {}, "")

    def load(self, _name: str, _url: str) -> None:
        """Begin."""
        self.did.append("load")

    def tally(self, _name: str) -> Tally:
        """Say that it is under way."""
        return Tally(UNDER_WAY, UNDER_WAY, 0, 0, 0, {}, ())


def test_load_waits_until_the_service_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice that names a pod is no rule of kube-proxy yet: its refusals are nobody's loss."""
    monkeypatch.setattr(module, "LOOK", 0.001)
    hand = Late(refused=2)
    loaded(cast("Hand", hand), "shop", "http://10.0.0.1:80")
    assert hand.did == ["ask", "ask", "ask", "load"]


def _ran(folder: Path, kubectl: str) -> tuple[int, list[str]]:
    """Run a test of a cluster with a kubectl of ours; return the exit code, and why it ended."""
    script, config = folder / "kubectl", folder / "config"
    script.write_text(f"#!{sys.executable}\nimport json, sys\n{kubectl}", encoding="utf-8")
    script.chmod(0o755)
    config.touch()
    program = str(script)
    given = {"KUBECONFIG": str(config), "HEALTHKIT_E2E_IMAGE": "shop:1"}
    command = [sys.executable, "-m", "pytest", "tests/cluster/test_gate.py", "-q"]
    ran = subprocess.run(  # noqa: S603  # this Python
        command,
        cwd=ROOT,
        env={**os.environ, **given, "KUBECTL": program, "HELM4": program},
        capture_output=True,
        text=True,
        timeout=600,  # seconds; it takes three
        check=False,
    )
    return ran.returncode, [line for line in ran.stdout.splitlines() if "can't run" in line]


@pytest.mark.chart
@pytest.mark.parametrize(
    ("kubectl", "said"),
    [
        ('sys.exit("connection refused")', "/version: exit code 1, connection refused"),
        (BARE, "image shop:1, as user 10001: can't import healthkit (ModuleNotFoundError"),
    ],
)
def test_what_cannot_work_ends_the_run(tmp_path: Path, kubectl: str, said: str) -> None:
    """At once, with one line for all tests; not each of them after a while."""
    code, lines = _ran(tmp_path, kubectl)
    assert code == 1
    (line,) = lines
    assert said in line
