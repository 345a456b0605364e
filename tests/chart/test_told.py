"""What the README and the chart's own tell of it: commands, output, refusals, fragments."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import Any, Final

import pytest
import yaml

from healthkit import explain, manifests
from tests.chart.numbers import IMAGE
from tests.chart.render import CHART, RELEASE, Fields, helm, notes, template
from tests.chart.rules import alerts
from tests.chart.tools import ROOT, needs

pytestmark = needs("helm4")

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


def chapter(title: str) -> str:
    """Return a chapter of the README."""
    (found,) = re.findall(rf"^## {title}\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


def blocks(language: str, text: str) -> list[str]:
    """Return the blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


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
    fragment, account, role, binding = yaml.safe_load_all(block)
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
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]
    assert account["kind"] == rendered.find("ServiceAccount")["kind"]


def _by_name(environ: list[dict[str, Any]]) -> dict[str, Fields]:
    """Return variables by name; the API server fills in the version that is left out."""
    found = {one["name"]: one for one in environ}
    for one in found.values():
        one.get("valueFrom", {}).get("fieldRef", {}).pop("apiVersion", None)
    return found
