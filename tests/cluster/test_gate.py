"""The readiness gate, on and off: the app's own verdict as a condition of its pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.cluster.cluster import never, until
from tests.cluster.objects import DRAIN_DELAY
from tests.cluster.release import HEARD

if TYPE_CHECKING:
    from tests.cluster.conftest import Install
    from tests.cluster.facts import Pod
    from tests.cluster.release import Release

pytestmark = pytest.mark.cluster

CONDITION: Final = "healthkit.dev/cache-warm"

#: Seconds for a restart after a crash: the first comes at once.
RESTARTED = 30.0
#: Seconds for which a pod is seen not to get Ready.
A_WHILE = 10.0


def test_the_condition_follows_the_app(install: Install) -> None:
    """False until warm, True then, False again in a new container, and when it drains."""
    release = _with_gate(install, "gate")
    pod = release.running()
    _says(release, pod, "False")
    assert release.admitted() == frozenset()
    release.do(pod, "raise", "warm")
    _says(release, pod, "True")
    release.ready()
    release.do(pod, "lower", "warm")
    release.do(pod, "exit", "1")
    again = release.restarted(pod, RESTARTED)
    _says(release, again, "False")
    release.do(again, "raise", "warm")
    _says(release, again, "True")
    release.ready()
    release.cluster.delete("pod", pod.name)
    _says(release, again, "False", within=DRAIN_DELAY)


def test_without_the_role_it_serves_and_says_why(install: Install) -> None:
    """Never Ready, for nobody sets the condition; the app answers, and logs the reason once."""
    release = _with_gate(install, "roleless", waits="")
    (first,) = release.ready()
    _without_role(release)
    release.cluster.delete("pod", first.name)
    release.gone(first)
    pod = release.running()
    release.promised("serving", pod)
    never("Ready without the condition", lambda: release.again(pod).ready, A_WHILE)
    assert release.again(pod).conditions.get(CONDITION) != "True"
    assert release.hand.ask(release.url(pod)).status == 200
    log = release.cluster.logs(pod.name)
    assert len([line for line in log.splitlines() if "403 for Pod" in line]) == 1, log


def test_without_a_gate_there_is_no_condition(install: Install) -> None:
    """Off is the default, and the pod has no token then."""
    release = install("gateless")
    (pod,) = release.ready()
    assert CONDITION not in pod.conditions
    path = "jsonpath={.items[*].spec.volumes[*].projected}"
    words = ("get", "pods", "-l", "app.kubernetes.io/instance=gateless", "-o", path)
    assert release.cluster.kubectl(*words) == ""


def _with_gate(install: Install, name: str, waits: str = "warm") -> Release:
    release = install(name, {"E2E_WAITS": waits}, readinessGate={"enabled": True})
    assert release.hand.why_not("httpx") == "", "the gate needs httpx in HEALTHKIT_E2E_IMAGE"
    return release


def _says(release: Release, pod: Pod, status: str, within: float = HEARD) -> None:
    """Wait until the condition has a status."""

    def as_said() -> bool:
        return release.again(pod).conditions.get(CONDITION) == status

    until(f"{CONDITION}={status} on {pod.name}", as_said, within)


def _without_role(release: Release) -> None:
    """Take the chart's Role away; where nobody asks for rights, there is nothing to test."""
    selector = f"app.kubernetes.io/instance={release.name}"
    release.cluster.kubectl("delete", "role,rolebinding", "-l", selector)
    account = release.name

    def forbidden() -> bool:
        return not release.cluster.may(account, "patch", "pods", "status")

    try:
        until("a right that is gone", forbidden, HEARD)
    except AssertionError:
        pytest.skip("this cluster lets every ServiceAccount patch pods/status: it has no RBAC")
