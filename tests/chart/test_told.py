"""What the chart tells, and what the README tells of it: NOTES.txt, commands, refusals, fragments.

NOTES.txt is no part of what ``helm template`` renders: ``helm install --dry-run=client`` prints it,
and helm 4 asks no cluster for that.
"""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from hypothesis import given, settings

from healthkit import explain, manifests, timing
from tests.chart.numbers import IMAGE, Case, cases, expected
from tests.chart.render import CHART, RELEASE, Fields, helm, template
from tests.chart.rules import alerts
from tests.chart.tools import ROOT, needs

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = needs("helm4")

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")

#: ``helm install`` without a cluster takes a Kubernetes of its own, a newer one.
_WITHOUT_SLEEP: Final = "1.29"


def chapter(title: str) -> str:
    """Return a chapter of the README."""
    (found,) = re.findall(rf"^## {title}\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


def blocks(language: str, text: str) -> list[str]:
    """Return the blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def notes(values: Mapping[str, object] | None = None, *words: str) -> str:
    """Return what ``helm install`` ends with."""
    options = ["--dry-run=client", *words, "--values", "-"]
    done = helm("helm4", "install", RELEASE, CHART, *options, values=values or IMAGE)
    assert done.code == 0, done.error
    return done.text.partition("NOTES:\n")[2]


# -- NOTES.txt -------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(cases().filter(lambda case: case.kube_version != _WITHOUT_SLEEP))
def test_the_notes_have_the_budgets(case: Case) -> None:
    """By the arithmetic of healthkit.timing, whatever the values are and whatever ends the pod."""
    numbers = expected(case)
    said = " ".join(notes(case.values).split())
    startup, liveness = numbers["startup"], numbers["liveness"]
    unready = numbers["readiness"]["latestUnready"] + timing.SLICE_LAG + timing.PROXY_LAG
    for part in (
        f"Start {numbers['start']} s were asked for, {startup['guaranteed']:g} s are guaranteed.",
        f"is killed {startup['latestKill']:g} s after its container's start",
        f"may stand still for {numbers['progressDeadline'] or 600} s.",
        f"kills {liveness['earliestKill']:g} to {liveness['latestKill']:g} s after",
        f"no new connection after {unready:.1f} s at the latest.",
        *_end(numbers),
    ):
        assert part in said, (part, said)


def _end(numbers: Fields) -> tuple[str, ...]:
    """Return what must be said of the end."""
    begins = {
        "sleep": f"End The kubelet sleeps for {numbers['sleep']} s, then comes SIGTERM:",
        "exec": "End healthkit drain:",
        "none": "End SIGTERM comes at once:",
    }
    grace = f"{numbers['graceNeeded']:g} s of {numbers['grace']:g} s of grace."
    return (
        f"{begins[numbers['preStop']]} {numbers['appDelay']:g} s of drain delay,",
        f"{numbers['inFlight']:g} s for the longest request",
        f"{numbers['reserve']:g} s for the exit: {grace}",
    )


#: Values, and what is warned of then.
_WARNINGS: Final[dict[str, Fields]] = {
    "1 pod: each drain of its node is an outage": {"replicaCount": 1},
    "drainDelaySeconds is 0:": {"drainDelaySeconds": 0},
    "image.pullPolicy is Never:": {"image": {"pullPolicy": "Never"}},
    "networkPolicy.metricsFrom names nobody:": {
        "metrics": {"enabled": True},
        "networkPolicy": {"enabled": True, "from": [{"podSelector": {}}]},
    },
    "the Service's type is NodePort:": {"service": {"type": "NodePort"}},
    "readinessGate is on:": {"readinessGate": {"enabled": True}},
    "paths are rewritten,": {
        "ingress": {
            "enabled": True,
            "annotations": {"nginx.ingress.kubernetes.io/rewrite-target": "/"},
            "hosts": [{"host": "shop.example", "paths": [{"path": "/", "pathType": "Prefix"}]}],
        }
    },
}


@pytest.mark.parametrize("warning", _WARNINGS)
def test_the_notes_warn(warning: str) -> None:
    """Of what these values cost, and of nothing else."""
    values = _WARNINGS[warning]
    image = {**IMAGE["image"], **values.get("image", {})}
    said = notes({**values, "image": image})
    assert said.count("WARNING: ") == 1
    assert f"WARNING: {warning}" in said


def test_the_notes_warn_of_nothing_by_default() -> None:
    """What always stands there is read by nobody. But whose image it is can't be known."""
    assert "WARNING" not in notes()
    assert "runAsUser" in notes()
    assert "runAsUser" not in notes({**IMAGE, "podSecurityContext": {"runAsUser": 10001}})


# -- the README's chapter --------------------------------------------------------------------------


def commands() -> list[list[str]]:
    """Return the commands that a user types."""
    (block,) = blocks("sh", chapter("The Helm chart"))
    return [shlex.split(line) for line in block.replace("\\\n", "").splitlines()]


def given_values() -> list[str]:
    """Return the values that the first command gives."""
    install, *_ = commands()
    assert install[:4] == ["helm", "install", RELEASE, "helm/healthkit-app"]
    return [word for flag, value in pairwise(install) if flag == "--set" for word in (flag, value)]


def test_what_an_installation_prints_is_shown() -> None:
    """To the letter."""
    said = notes({}, *given_values())
    assert said in blocks("text", chapter("The Helm chart"))


def test_what_is_refused_is_shown() -> None:
    """To the letter, with helm's own words before it."""
    found = re.search(r"as with `(--set [^`]*)`", chapter("The Helm chart"))
    assert found is not None
    words = [*given_values(), *found[1].split()]
    done = helm("helm4", "install", RELEASE, CHART, "--dry-run=client", *words)
    assert done.code != 0
    assert f"{done.error}\n" in blocks("text", chapter("The Helm chart"))


def test_what_helm_must_wait_for_adds_up() -> None:
    """Each pod's start and what it must be ready for, one pod after the other."""
    rendered = helm("helm4", "template", RELEASE, CHART, *given_values())
    spec = rendered.find("Deployment")["spec"]
    (start,) = re.findall(r"^Start +(\d+) s", notes({}, *given_values()), re.MULTILINE)
    replicas, ready = spec["replicas"], spec["minReadySeconds"]
    total = replicas * (int(start) + ready)
    assert f"{replicas} * ({start} + {ready}) s = {total} s" in chapter("The Helm chart")
    for command in (commands()[0], commands()[-1]):
        minutes = command[command.index("--timeout") + 1].removesuffix("m")
        assert 60 * int(minutes) > total


def test_the_charts_own_readme_types_the_same() -> None:
    """One set of commands, in both."""
    theirs = (CHART / "README.md").read_text(encoding="utf-8")
    assert blocks("sh", theirs)[0] == blocks("sh", chapter("The Helm chart"))[0]


@pytest.mark.parametrize(
    ("resources", "expected_class"),
    [({}, "Burstable"), ({"limits": {"cpu": "250m"}}, "Guaranteed")],
)
def test_the_qos_class_is_told(resources: Fields, expected_class: str) -> None:
    """The one by default, and how to get the other."""
    found = template(IMAGE | {"resources": resources})
    (workload,) = [one for one in manifests.parse(found.text) if one.kind == "Deployment"]
    assert explain.explain(workload).qos.name == expected_class
    theirs = (CHART / "README.md").read_text(encoding="utf-8")
    assert expected_class in theirs.partition("## Parameters")[0]


def test_the_volume_that_an_autoscaler_is_told_of_is_there() -> None:
    """By its name: the only one that is on a disk."""
    theirs = (CHART / "README.md").read_text(encoding="utf-8")
    (name,) = re.findall(r"safe-to-evict-local-volumes: (\w+)`", theirs)
    values = IMAGE | {"workers": 2}
    volumes = template(values).find("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert len(volumes) == 2
    on_disk = [one["name"] for one in volumes if one["emptyDir"].get("medium") != "Memory"]
    assert on_disk == [name]


# -- its other chapters ----------------------------------------------------------------------------


def test_the_values_of_monitoring_make_it() -> None:
    """The four lines, and an image; without them there is none of it."""
    (block,) = blocks("yaml", chapter("Monitoring"))
    theirs = {"PodMonitor", "PrometheusRule", "ConfigMap"}
    assert theirs <= {one["kind"] for one in template(IMAGE | yaml.safe_load(block)).documents}
    assert not theirs & {one["kind"] for one in template(IMAGE).documents}


def test_the_alerts_are_told() -> None:
    """All of them, and no other."""
    told = re.findall(r"^\| `(\w+)` \|", chapter("Monitoring"), re.MULTILINE)
    assert told == list(alerts())


def test_what_a_gate_needs_is_what_the_chart_makes() -> None:
    """The README's fragment, field by field, but for the names of an app."""
    (block,) = blocks("yaml", chapter("A readiness gate"))
    fragment, role, binding = yaml.safe_load_all(block)
    rendered = template(IMAGE | {"readinessGate": {"enabled": True}})
    pod = rendered.find("Deployment")["spec"]["template"]["spec"]
    (told,) = fragment["spec"].pop("containers")
    names = {one["name"] for one in told["env"]}
    environ = [one for one in rendered.container["env"] if one["name"] in names]
    assert _by_name(environ) == _by_name(told["env"])
    assert set(fragment["spec"]) <= set(pod)
    for field in ("automountServiceAccountToken", "readinessGates"):
        assert pod[field] == fragment["spec"][field]
    assert rendered.find("Role")["rules"] == role["rules"]
    made = rendered.find("RoleBinding")
    assert made["roleRef"]["kind"] == binding["roleRef"]["kind"] == role["kind"]
    assert made["subjects"][0]["name"] == pod["serviceAccountName"]
    assert binding["subjects"][0]["name"] == fragment["spec"]["serviceAccountName"]


def _by_name(environ: list[dict[str, Any]]) -> dict[str, Fields]:
    """Return variables by name; the API server fills in the version that is left out."""
    found = {one["name"]: one for one in environ}
    for one in found.values():
        one.get("valueFrom", {}).get("fieldRef", {}).pop("apiVersion", None)
    return found
