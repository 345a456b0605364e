"""Workloads and their containers, as rules see them."""

from __future__ import annotations

import pytest

from healthkit.lint import AppSettings, Options
from tests.lint.texts import FINE, SERVICE, container, manifests, workload


@pytest.mark.parametrize(
    ("port", "number"),
    [("http", 8000), (8000, 8000), ("other", "other"), ("", ""), (None, None), (True, True)],
)
def test_a_port_has_a_number(port: object, number: object) -> None:
    """What is no name of a port comes back."""
    assert (
        container("ports: [{name: http, containerPort: 8000}, {containerPort: 9}]").port_number(
            port
        )
        == number
    )


def test_a_container_says_what_it_runs_and_with_what() -> None:
    """Its command, its variables, its hook."""
    one = container(
        "image: a, command: [b], args: [c, 1], lifecycle: {preStop: {sleep: {seconds: 5}}}, "
        "env: [{name: A, value: x}, {name: B, valueFrom: {}}, {name: C}, {name: D, value: 1}]"
    )
    assert (one.image, one.words) == ("a", ("b", "c"))
    assert one.env == {"A": "x", "C": "", "D": ""}
    assert one.variables == {"A", "B", "C", "D"}
    assert one.pre_stop
    assert repr(one) == "<container web of <Pod>>"
    assert not container("image: a").pre_stop


def test_services_lead_to_a_container() -> None:
    """By the ports of those that select its pod."""
    found = manifests(FINE, SERVICE).containers[0].service_ports
    assert [(one / "port").whole for one in found] == [80]


def test_containers_are_those_that_go_on_to_run() -> None:
    """Sidecars come last; what ends before is none."""
    text = (
        "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{name: web}, 17]\n"
        "  initContainers: [{name: migrate}, {name: proxy, restartPolicy: Always}]\n"
    )
    found = workload(text).containers
    assert [(one.name, one.sidecar) for one in found] == [
        ("web", False),
        ("proxy", True),
    ]


@pytest.mark.parametrize(
    "kind",
    ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"],
)
def test_pods_have_a_template(kind: str) -> None:
    """Most kinds have it at the same place."""
    one = workload(FINE.replace("kind: Deployment", f"kind: {kind}").replace("apps/v1", "batch/v1"))
    assert one.labels == {"app": "shop"}
    assert [each.name for each in one.containers] == ["web"]
    assert one.ends is (kind == "Job")
    assert one.full_name == f"{kind.lower()}/shop"


def test_a_cron_job_has_it_deeper() -> None:
    """And a Pod has none."""
    spec = "{jobTemplate: {spec: {template: {spec: {containers: [{}]}}}}}"
    cron = f"apiVersion: batch/v1\nkind: CronJob\nspec: {spec}\n"
    assert len(workload(cron).containers) == 1
    assert workload(cron).ends
    assert workload("apiVersion: v1\nkind: Pod\nmetadata: {labels: {a: b}}\n").labels == {"a": "b"}


@pytest.mark.parametrize(
    ("policy", "ends"), [("Always", False), ("OnFailure", True), ("Never", True), ("17", False)]
)
def test_a_pod_may_end_by_itself(policy: str, ends: bool) -> None:
    """By its restart policy."""
    assert workload(f"apiVersion: v1\nkind: Pod\nspec: {{restartPolicy: {policy}}}\n").ends is ends


@pytest.mark.parametrize(
    ("spec", "replicas"), [("replicas: 3", 3), ("replicas: 0", 0), ("", 1), ("replicas: x", 1)]
)
def test_replicas(spec: str, replicas: int) -> None:
    """One if the manifest doesn't say."""
    assert workload(FINE.replace("spec:\n", f"spec:\n  {spec}\n", 1)).replicas == replicas


def test_a_daemon_set_has_a_pod_on_each_node() -> None:
    """Whatever it says."""
    text = FINE.replace("Deployment", "DaemonSet").replace("spec:\n", "spec:\n  replicas: 3\n", 1)
    assert workload(text).replicas == 1


@pytest.mark.parametrize(
    ("grace", "seconds"), [("60", 60), ("0", 0), ("-5", 1), ("x", 30), ("null", 30)]
)
def test_the_grace_period(grace: str, seconds: int) -> None:
    """30 s if the manifest doesn't say."""
    text = f"apiVersion: v1\nkind: Pod\nspec: {{terminationGracePeriodSeconds: {grace}}}\n"
    assert workload(text).grace == seconds


@pytest.mark.parametrize(
    ("value", "boot"), [("2m", 120.0), ("'90'", 90.0), ("90", None), ("soon", None), ("''", None)]
)
def test_somebody_may_say_how_long_a_start_takes(value: str, boot: float | None) -> None:
    """By an annotation of the object or of its pods, which wins; or the app does."""
    metadata = f"{{annotations: {{healthkit/boot: {value}}}}}"
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {{containers: [{{}}]}}\n"
    found = workload(text).containers[0].declared_boot
    assert found == (None if boot is None else (boot, "the annotation healthkit/boot"))


def test_the_app_may_say_how_long_a_start_takes() -> None:
    """If nobody has annotated it."""
    for startup, expected in ((30.0, (30.0, "main:health")), (None, None)):
        options = Options(app=AppSettings("main:health", startup=startup))
        assert workload(FINE, options).containers[0].declared_boot == expected


def test_annotations_of_the_pods_win() -> None:
    """They are nearer."""
    text = FINE.replace("metadata: {name: shop}", "metadata: {annotations: {a: x, b: x}}").replace(
        "metadata: {labels", "metadata: {annotations: {b: z}, labels"
    )
    assert workload(text).annotations == {"a": "x", "b": "z"}
    assert workload(text).seconds("c") is None


def test_what_is_no_mapping_is_no_container() -> None:
    """It lacks no probe: that it is none is said once, and by its place."""
    text = "apiVersion: v1\nkind: Pod\nspec: {containers: [7, {name: web}, null]}\n"
    (found,) = workload(text).containers
    assert found.at.dotted == "spec.containers[1]"
