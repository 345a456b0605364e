"""HK005: what the published schemas of Kubernetes say."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import lint
from healthkit.errors import ConfigError
from healthkit.lint import Finding, Options, Severity

if TYPE_CHECKING:
    from types import ModuleType

    from healthkit.lint._options import Version

Patch = pytest.MonkeyPatch

#: Manifests of public charts, kept beside the project and no part of it.
CHARTS: Final = Path(__file__).parents[4] / "shared/rendered-charts"

SERVICE: Final = """\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: %s
"""

DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      %s
      containers: [{name: web, image: "shop:1"}]
"""


def told(text: str, version: Version = (1, 34)) -> list[Finding]:
    """Return what the rule says of a text, with the schemas on."""
    report = lint.check_text(text, options=Options(schemas=True, kube_version=version))
    assert report.unusable == ()
    return [one for one in report.findings if one.rule == "HK005"]


@pytest.mark.parametrize(
    ("spec", "path", "what"),
    [
        ("{type: 5}", "spec.type", "the value is no string"),
        ("{ports: [{name: http}]}", "spec.ports[0]", "lacks port"),
        (
            "{ports: [{port: 1, targetPort: [1]}]}",
            "spec.ports[0].targetPort",
            "the value does not fit the schema (oneOf)",
        ),
        ("[1]", "spec", "the value is no object"),
    ],
)
def test_what_does_not_fit_is_an_error(spec: str, path: str, what: str) -> None:
    """With its path, and without its value: that may be a secret."""
    (found,) = told(SERVICE % spec)
    assert (found.path, found.what, found.severity) == (path, what, Severity.ERROR)


def test_an_unknown_field_is_a_warning() -> None:
    """The API server stores the object without it."""
    (found,) = told(SERVICE % "{prots: []}")
    assert (found.path, found.severity) == ("spec.prots", Severity.WARNING)
    assert found.what == "prots is no field of it"


def test_the_version_decides() -> None:
    """The policy is a field from 1.26 on."""
    text = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: shop}\n"
    text += "spec: {unhealthyPodEvictionPolicy: AlwaysAllow}\n"
    (found,) = told(text, (1, 25))
    assert found.what == "unhealthyPodEvictionPolicy is no field of it"
    assert told(text, (1, 26)) == []


def test_nothing_is_asked_by_default() -> None:
    """The package may not be there."""
    text = SERVICE % "{type: 5}"
    assert lint.check_text(text).findings == ()


@pytest.mark.parametrize("field", ["replicas: many", "replica: 3"])
def test_what_is_told_already_is_not_told_again(field: str) -> None:
    """By the rules about what the API server refuses, or drops."""
    text = (DEPLOYMENT % "os: {name: linux}").replace("  selector", f"  {field}\n  selector")
    report = lint.check_text(text, options=Options(schemas=True))
    rules = {one.rule for one in report.findings}
    assert len(rules & {"HK001", "HK004"}) == 1
    assert "HK005" not in rules


def test_what_a_rule_says_better_is_not_told_twice() -> None:
    """A rule that looks at probes has the reason."""
    probe = "livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}"
    text = (DEPLOYMENT % "os: {name: linux}").replace('"shop:1"', f'"shop:1", {probe}')
    report = lint.check_text(text, options=Options(schemas=True))
    errors = [one.rule for one in report.findings if one.severity is Severity.ERROR]
    assert "HK107" in errors
    assert {"HK001", "HK005"}.isdisjoint(errors)


@pytest.mark.parametrize(
    "head",
    [
        "apiVersion: serving.knative.dev/v1\nkind: Service",
        "apiVersion: x-k8s.io/v1\nkind: Service",
        "apiVersion: v9\nkind: Service",
        "apiVersion: v1\nkind: Nothing",
        "apiVersion: ../../v1\nkind: Service",
        "apiVersion: v1\nkind: ../Service",
        'apiVersion: v1\nkind: "Service\\0"',
    ],
)
def test_a_kind_that_nobody_knows_is_left_alone(head: str) -> None:
    """It is somebody else's; and it leads to no file."""
    assert told(f"{head}\nmetadata: {{name: a}}\nspec: 1\n") == []


def test_null_is_as_if_it_were_not_there() -> None:
    """As for the API server."""
    assert told(SERVICE % "{type: null, ports: [{port: 80, name: null}], selector: null}") == []


def test_a_missing_package_is_one_line(monkeypatch: Patch) -> None:
    """It names the extra."""

    def missing(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'healthkit-asgi\[schemas\]'"):
        told(SERVICE % "{}")


def test_an_old_package_is_one_line(monkeypatch: Patch) -> None:
    """It does not know the version."""
    utils = importlib.import_module("kubernetes_validate.utils")
    monkeypatch.setattr(utils, "latest_version", lambda: "1.31")
    with pytest.raises(ConfigError, match=r"without the schemas of Kubernetes 1\.34: expected a"):
        told(SERVICE % "{}")


def test_public_charts_fit() -> None:
    """They were accepted by a cluster of that version."""
    if not CHARTS.exists():
        pytest.skip("the charts are not beside the project")
    report = lint.check([CHARTS], Options(schemas=True, kube_version=(1, 34)))
    assert report.objects > 50
    assert [one for one in report.findings if one.rule == "HK005"] == []
