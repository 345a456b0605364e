"""Workloads: the kinds of objects that make pods."""

from __future__ import annotations

import pytest

from healthkit.manifests import Workload, parse
from tests.manifests.snippets import deployment, pod, refusal, workload


def admitted(text: str) -> Workload:
    """Return the only workload of a text."""
    (found,) = parse(text)
    return found


def test_a_pod_is_a_workload_of_one() -> None:
    """It has no rollout, and its template is itself."""
    found = admitted(pod())
    assert (found.kind, found.name, found.namespace) == ("Pod", "web", "default")
    assert (found.replicas, found.rolling_update) == (1, None)
    assert found.template.labels == {"app": "web"}
    assert found.source == "manifest:1"


def test_a_deployment_is_read() -> None:
    """With its numbers, or their defaults."""
    found = admitted(deployment())
    assert (found.kind, found.replicas, found.min_ready_seconds) == ("Deployment", 1, 0)
    assert found.progress_deadline_seconds == 600
    found = admitted(deployment(spec="replicas: 0\nminReadySeconds: 5\nprogressDeadlineSeconds: 6"))
    assert (found.replicas, found.min_ready_seconds) == (0, 5)
    assert found.progress_deadline_seconds == 6


def test_a_template_has_its_own_labels_and_the_workloads_name() -> None:
    """A name in the template's metadata is ignored, as it is by those who make pods of it."""
    text = workload(
        "Deployment", selector="  selector: {matchLabels: {a: b}}", labels="{a: b, c: d}"
    )
    text = text.replace("{name: web}", "{name: web, namespace: prod}", 1)
    template = admitted(text).template
    assert (template.name, template.namespace, template.labels) == (
        "web",
        "prod",
        {"a": "b", "c": "d"},
    )


def test_a_stateful_set_is_read() -> None:
    """One pod after the other, unless it says otherwise."""
    found = admitted(deployment(kind="StatefulSet", spec="serviceName: web\nreplicas: 3"))
    assert (found.kind, found.replicas, found.parallel) == ("StatefulSet", 3, False)
    text = "podManagementPolicy: Parallel\nminReadySeconds: 5\nordinals: {start: 2}"
    found = admitted(deployment(kind="StatefulSet", spec=text))
    assert (found.parallel, found.min_ready_seconds) == (True, 5)


def test_a_daemon_set_is_read_as_on_one_node() -> None:
    """It has no replicas."""
    found = admitted(deployment(kind="DaemonSet", spec="minReadySeconds: 5"))
    assert (found.kind, found.replicas, found.min_ready_seconds) == ("DaemonSet", 1, 5)
    assert refusal(deployment(kind="DaemonSet", spec="replicas: 3")) == (
        'manifest:12: unknown field "spec.replicas": DaemonSetSpec has no such field'
    )


def test_a_job_is_read() -> None:
    """Its parallelism is how many of its pods there are at once."""
    found = admitted(deployment(kind="Job", pod="restartPolicy: Never"))
    assert (found.kind, found.replicas, found.backoff_limit) == ("Job", 1, 6)
    assert found.template.restart_policy == "Never"
    text = "parallelism: 3\ncompletions: 9\nbackoffLimit: 0"
    found = admitted(deployment(kind="Job", pod="restartPolicy: OnFailure", spec=text))
    assert (found.replicas, found.backoff_limit) == (3, 0)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_pods_of_services_are_always_started_again(kind: str, policy: str) -> None:
    """And never end by themselves."""
    assert refusal(deployment(kind=kind, pod=f"restartPolicy: {policy}")) == (
        f'manifest:12: spec.template.spec.restartPolicy: Unsupported value: "{policy}": '
        'supported values: "Always"'
    )
    name = kind.replace("Deployment", "ReplicaSet")
    assert refusal(deployment(kind=kind, pod="activeDeadlineSeconds: 5")) == (
        "manifest:12: spec.template.spec.activeDeadlineSeconds: "
        f"Forbidden: activeDeadlineSeconds in {name} is not Supported"
    )


@pytest.mark.parametrize("text", ["", "restartPolicy: Always"])
def test_pods_of_jobs_end(text: str) -> None:
    """So that it must be said what happens when they fail."""
    line = 12 if text else 8
    assert refusal(deployment(kind="Job", pod=text)) == (
        f'manifest:{line}: spec.template.spec.restartPolicy: Unsupported value: "Always": '
        'supported values: "OnFailure", "Never"'
    )


NEGATIVE = [
    *(("Deployment", name) for name in ("replicas", "minReadySeconds", "revisionHistoryLimit")),
    ("Deployment", "progressDeadlineSeconds"),
    *(("StatefulSet", name) for name in ("replicas", "minReadySeconds", "revisionHistoryLimit")),
    *(("DaemonSet", name) for name in ("minReadySeconds", "revisionHistoryLimit")),
    *(("Job", name) for name in ("parallelism", "completions", "backoffLimit")),
    *(("Job", name) for name in ("activeDeadlineSeconds", "ttlSecondsAfterFinished")),
]


@pytest.mark.parametrize(("kind", "name"), NEGATIVE)
def test_no_number_is_negative(kind: str, name: str) -> None:
    """With the API server's reason, the file and the line."""
    assert refusal(deployment(kind=kind, spec=f"{name}: -1")) == (
        f"manifest:12: spec.{name}: Invalid value: -1: must be greater than or equal to 0"
    )


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        ("Deployment", "replicas: '3'",
         ('spec.replicas: found the string "3": expected a whole number (int32); '
         "write it without quotes")),
        ("Deployment", "progressDeadlineSeconds: 5\nminReadySeconds: 5",
         "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"),
        ("Deployment", "progressDeadlineSeconds: 0",
         "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"),
        ("StatefulSet", "podManagementPolicy: parallel",
         ('spec.podManagementPolicy: Invalid value: "parallel": '
         "must be 'OrderedReady' or 'Parallel'")),
        ("StatefulSet", "ordinals: {start: -1}",
         "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"),
        ("Deployment", "volumes: []",
         'unknown field "spec.volumes": DeploymentSpec has no such field'),
    ],
)  # fmt: skip
def test_workloads_are_refused(kind: str, text: str, line: str) -> None:
    """With the API server's reason, the file and the line."""
    assert refusal(deployment(kind=kind, spec=text)) == f"manifest:12: {line}"


def test_the_default_deadline_counts_too() -> None:
    """600 s, which are not written anywhere; the line is that of the spec."""
    assert refusal(deployment(spec="minReadySeconds: 600")) == (
        "manifest:4: spec.progressDeadlineSeconds: "
        "Invalid value: 600: must be greater than minReadySeconds"
    )


def test_a_stateful_sets_name_may_have_dots() -> None:
    """Kubernetes 1.25 and 1.26 take such names."""
    text = deployment(kind="StatefulSet").replace("{name: web}", "{name: web.1}")
    (workload,) = parse(text)
    assert workload.name == "web.1"


def test_an_image_of_a_pod_has_no_blanks_around_it() -> None:
    """That of a template may, until a pod is made of it."""
    assert refusal(pod(image="' web'")) == (
        'manifest:11: spec.containers[0].image: Invalid value: " web": '
        "must not have leading or trailing whitespace"
    )
    text = deployment().replace("image: web:1", "image: ' web'")
    assert admitted(text).template.containers[0].image == " web"


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job"])
def test_a_workload_without_a_template_is_refused(kind: str) -> None:
    """It lacks one thing after the other."""
    version = "batch/v1" if kind == "Job" else "apps/v1"
    text = f"kind: {kind}\napiVersion: {version}\nmetadata: {{name: web}}\n"
    lacks = "spec.template.spec.containers" if kind == "Job" else "spec.selector"
    assert refusal(text) == f"manifest:1: {lacks}: Required value"
