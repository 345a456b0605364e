"""What the suite installs: rendered by the real helm, it is what the suite means, and it is linted.

Without helm, what needs it is skipped: `make e2e` needs it too.
"""

from __future__ import annotations

import ast
import json
import subprocess
from typing import TYPE_CHECKING, Final, cast

import pytest
import yaml

from healthkit import lint, timing
from tests.cluster import objects, test_restarts
from tests.cluster.cluster import Cluster
from tests.cluster.settings import ROOT, MissingError, Settings, _tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.cluster.objects import Object

HELM: Final = ("HELM4", "HELM3")

IMAGE: Final = Settings(
    kubeconfig="", kubectl="kubectl", helm="helm", repository="shop.test/e2e", tag="1"
)
MOUNTED: Final = Settings(
    kubeconfig="", kubectl="kubectl", helm="helm", repository="e2e", tag="1", mount="/srv/healthkit"
)

#: What the tests install, by what makes it special.
INSTALLED: Final[Mapping[str, Object]] = {
    "exec": objects.values(IMAGE, "exec"),
    "sleep": objects.values(IMAGE, "sleep", preStop="sleep"),
    "none": objects.values(IMAGE, "none", preStop="none"),
    "workers": objects.values(IMAGE, "workers", workers=2, replicaCount=2),
    "gate": objects.values(IMAGE, "gate", readinessGate={"enabled": True}),
    "bad": objects.values(IMAGE, "bad", progressDeadlineSeconds=50),
    "stuck": objects.values(IMAGE, "stuck", {"E2E_WAITS": "start"}, bootSeconds=10),
    "mounted": objects.values(MOUNTED, "mounted", podLabels={objects.GROUP: "g"}),
}

#: Rules that speak of what a test does on purpose: one replica, a folder of the node.
ON_PURPOSE: Final = frozenset({"HK401"})


@pytest.fixture(scope="module")
def helm() -> str:
    """Find helm, where the suite looks for it."""
    import os  # noqa: PLC0415  # beside what it is for

    try:
        return _tool(os.environ, "helm", HELM)
    except MissingError as exc:
        pytest.skip(str(exc))


def _rendered(helm: str, name: str, folder: Path) -> str:
    path = folder / "values.json"
    path.write_text(json.dumps(INSTALLED[name]), encoding="utf-8")
    words = [helm, "template", name, str(objects.CHART), "--kube-version", "1.36", "-f", str(path)]
    ran = subprocess.run(  # noqa: S603  # the user's own
        words, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _deployment(text: str) -> Mapping[str, object]:
    documents = cast("Iterator[Mapping[str, object] | None]", yaml.safe_load_all(text))
    return next(one for one in documents if one and one["kind"] == "Deployment")


@pytest.mark.parametrize("name", INSTALLED)
def test_what_is_installed_is_linted(helm: str, name: str, tmp_path: Path) -> None:
    """The chart takes the values, and neither the linter nor the schemas find anything."""
    text = _rendered(helm, name, tmp_path)
    options = lint.Options(kube_version=(1, 36), schemas=True)
    report = lint.check_text(text, options=options)
    assert not report.unusable
    found = [one for one in report.findings if one.rule not in ON_PURPOSE]
    assert found == [], found


def test_the_suite_expects_the_charts_own_times(helm: str, tmp_path: Path) -> None:
    """The probes of the pods are those that the tests count with."""
    text = _rendered(helm, "stuck", tmp_path)
    found = json.dumps(_deployment(text))
    for times in (test_restarts.STARTUP, test_restarts.LIVENESS):
        said = f'"periodSeconds": {times.period}, "timeoutSeconds": {times.timeout}'
        assert f'{said}, "failureThreshold": {times.failure_threshold}' in found


def test_a_bad_rollout_is_given_up_after_a_good_one_would_be_done() -> None:
    """The progress deadline holds what a pod of these values takes at most."""
    startup = timing.startup_for(30, 2, 2)
    readiness = timing.Timing(0, 2, 2, 1, 2)
    assert timing.progress_for(timing.latest_kill(startup), readiness, 1, 5) <= 50


def test_a_mounted_project_is_used() -> None:
    """It is on the path of the app and of the hook; Pod Security lets it in."""
    values = objects.values(MOUNTED, "mounted")
    text = json.dumps(values)
    assert '"hostPath": {"path": "/srv/healthkit", "type": "Directory"}' in text
    assert '{"name": "PYTHONPATH", "value": "/e2e:/project"}' in text
    assert values["preStopCommand"] == ["python3", "-m", "healthkit", "drain"]
    assert "privileged" in json.dumps(objects.namespace("n", MOUNTED))


def test_an_image_with_the_project_is_left_alone() -> None:
    """Nothing of the node is mounted; Pod Security is as strict as it can be."""
    text = json.dumps(objects.values(IMAGE, "shop"))
    assert "/project" not in text
    assert "hostPath" not in text
    assert "restricted" in json.dumps(objects.namespace("n", IMAGE))


@pytest.mark.parametrize("given", [IMAGE, MOUNTED])
def test_the_client_pod_is_as_strict(given: Settings) -> None:
    """The published schemas take it, and what Pod Security asks for is there."""
    text = yaml.safe_dump(objects.client(given))
    report = lint.check_text(text, options=lint.Options(kube_version=(1, 36), schemas=True))
    assert not report.unusable
    ids = {one.rule for one in report.findings}
    assert not {one for one in ids if one.startswith("HK5")}, report.findings


def test_the_programs_import_only_each_other() -> None:
    """And the standard library; the app imports healthkit, which its image has."""
    mounted = {f"tests.cluster.{name}" for name in objects.MODULES}
    for name, text in objects.programs().items():
        imported = set(_imports(ast.parse(text)))
        own = {one for one in imported if one.startswith("tests.")}
        assert own <= mounted, (name, own)
        healthkit = {one for one in imported if one.split(".")[0] == "healthkit"}
        assert bool(healthkit) is (name == "app.py")


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)


def test_the_dockerfile_is_what_the_suite_needs() -> None:
    """A number as user, or the kubelet could not tell that it isn't root."""
    text = (ROOT / "tests" / "cluster" / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {IMAGE.user}" in text


def test_the_cluster_says_where_it_is() -> None:
    """For whoever debugs it."""
    assert repr(Cluster(IMAGE, "space")) == "<Cluster namespace=space>"
