"""Pods and the templates of pods: what the API server admits, with its defaults."""

from __future__ import annotations

import pytest

from healthkit.manifests import PodSpec, parse
from tests.manifests.snippets import deployment, pod, refusal


def spec(text: str) -> PodSpec:
    """Return a pod that is admitted."""
    (workload,) = parse(pod(pod=text))
    return workload.template


def test_a_pod_has_defaults() -> None:
    """30 s of grace, always started again, in the namespace default."""
    found = spec("")
    assert (found.name, found.namespace, found.labels) == ("web", "default", {"app": "web"})
    assert (found.termination_grace_period, found.restart_policy) == (30, "Always")
    assert (found.readiness_gates, found.init_containers) == ((), ())


def test_a_pod_says_how_it_lives() -> None:
    """A grace period of 0 is 0."""
    found = spec(
        "terminationGracePeriodSeconds: 0\nrestartPolicy: Never\n"
        "readinessGates: [{conditionType: example.com/ready}, {conditionType: Up}]\n"
    )
    assert (found.termination_grace_period, found.restart_policy) == (0, "Never")
    assert found.readiness_gates == ("example.com/ready", "Up")


@pytest.mark.parametrize("grace", [-1, -(2**63)])
def test_a_negative_grace_period_is_a_second(grace: int) -> None:
    """The API server warns, and admits it."""
    assert spec(f"terminationGracePeriodSeconds: {grace}").termination_grace_period == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("restartPolicy: always",
         ('restartPolicy: Unsupported value: "always": '
         'supported values: "Always", "OnFailure", "Never"')),
        ("readinessGates: [{}]",
         'readinessGates[0].conditionType: Invalid value: "": name part must be non-empty'),
        ("readinessGates: [{conditionType: a}, {conditionType: /a}]",
         'readinessGates[1].conditionType: Invalid value: "/a": prefix part must be non-empty'),
        ("terminationGracePeriodSeconds: 30s",
         'terminationGracePeriodSeconds: found the string "30s": expected a whole number (int64)'),
    ],
)  # fmt: skip
def test_pods_are_refused(text: str, reason: str) -> None:
    """With the API server's reason, the file and the line."""
    assert refusal(pod(pod=text)) == f"manifest:12: spec.{reason}"


def named(meta: str) -> str:
    """Return a Pod with metadata."""
    return pod().replace("  name: web\n", f"  {meta}\n", 1)


@pytest.mark.parametrize(
    ("meta", "name", "namespace"),
    [
        ("name: web.v1", "web.v1", "default"),
        ("{name: web, namespace: a}", "web", "a"),
        ("{name: web, namespace: ''}", "web", "default"),
        ("generateName: web-", "web-xxxxx", "default"),
        ("generateName: web", "webxxxxx", "default"),
        ("{generateName: web-, name: api}", "api", "default"),
        (f"generateName: {'w' * 252}-", f"{'w' * 58}xxxxx", "default"),
    ],
)
def test_objects_have_names(meta: str, name: str, namespace: str) -> None:
    """Or the API server gives them one, of which only the beginning is known."""
    head = f"apiVersion: v1\nkind: Pod\nmetadata:\n  {meta}\n"
    text = f"{head}spec:\n  containers: [{{name: a, image: b}}]"
    (workload,) = parse(text)
    assert (workload.name, workload.namespace) == (name, namespace)
    assert (workload.template.name, workload.template.namespace) == (name, namespace)


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ("", "3: metadata.name: Required value: name or generateName is required"),
        ("name: Web", '4: metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain'),
        ("name: yes", "4: metadata.name: found true: expected a string; put it in quotes"),
        ("name: '{{ .Release.Name }}'",
         '4: metadata.name: Invalid value: "{{ .Release.Name }}": an unrendered template;'),
        ("name: web\n  namespace: a.b",
         '5: metadata.namespace: Invalid value: "a.b": must not contain dots'),
        ("generateName: Web-",
         '4: metadata.generateName: Invalid value: "Web-": a lowercase RFC 1123 subdomain must'),
        ("generateName: '-'",
         '4: metadata.generateName: Invalid value: "-": a lowercase RFC 1123 subdomain must'),
        ("name: web\n  nam: a", '5: unknown field "metadata.nam": did you mean name?'),
        ("name: web\n  annotations: {'a b': c}",
         '5: metadata.annotations: Invalid value: "a b": name part must consist of'),
        ("name: web\n  annotations: {A: 5}",
         "5: metadata.annotations.A: found the number 5: expected a string; put it in quotes"),
    ],
)  # fmt: skip
def test_bad_metadata_is_refused(meta: str, reason: str) -> None:
    """With the API server's reason, the file and the line."""
    assert refusal(named(meta)).startswith(f"manifest:{reason}")


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("a b: c", 'Invalid value: "a b": name part must consist of'),
        ("app: a b", 'Invalid value: "a b": a valid label must be an empty string or consist of'),
    ],
)
def test_bad_labels_are_refused(label: str, reason: str) -> None:
    """At their line. The API server leaves metadata out of a template's path."""
    text = pod().replace("    app: web", f"    a: b\n    {label}")
    assert refusal(text).startswith(f"manifest:7: metadata.labels: {reason}")
    text = deployment(kind="Job").replace(
        "{labels: {app: web}}", f"\n      labels:\n        {label}"
    )
    assert refusal(text).startswith(f"manifest:9: spec.template.labels: {reason}")


def test_annotations_may_be_written_in_capitals() -> None:
    """Even those of a prefix; labels may not."""
    (workload,) = parse(named("name: web\n  annotations: {Example.COM/a: '{{ x }}'}"))
    assert workload.name == "web"
