"""HK107 to HK120, where examples are not enough."""

from __future__ import annotations

import pytest

from healthkit.lint import Options, Severity
from tests.lint.told import of_container, told
from tests.manifests.snippets import deployment

HOST = "livenessProbe: {httpGet: {path: /livez, port: 80, host: 127.0.0.1}}"
ENFORCE = "pod-security.kubernetes.io/enforce"


def in_namespace(labels: str, *, name: str = "shop", workload: str = "shop") -> str:
    """Return a Deployment with a host in its probe, and a Namespace with labels."""
    text = deployment(container=HOST).replace(
        "{name: web}", f"{{name: web, namespace: {workload}}}"
    )
    head = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}"
    return f"{text}---\n{head}\n"


@pytest.mark.parametrize(
    "labels",
    [
        f"{ENFORCE}: baseline",
        f"{ENFORCE}: restricted, {ENFORCE}-version: latest",
        f"{ENFORCE}: baseline, {ENFORCE}-version: v1.34",
        f"{ENFORCE}: baseline, {ENFORCE}-version: v1.40",
    ],
)
def test_a_host_is_refused_where_the_namespace_enforces_it(labels: str) -> None:
    """From the version on that forbids it."""
    (found,) = told("HK113", in_namespace(labels))
    assert found.severity is Severity.ERROR
    assert "Pod Security level" in found.what
    assert "refused" in found.why


@pytest.mark.parametrize(
    ("text", "kube"),
    [
        (in_namespace(""), (1, 36)),
        (in_namespace(f"{ENFORCE}: privileged"), (1, 36)),
        (in_namespace(f"{ENFORCE}: baseline, {ENFORCE}-version: v1.33"), (1, 36)),
        (in_namespace(f"{ENFORCE}: baseline, {ENFORCE}-version: newest"), (1, 36)),
        (in_namespace("pod-security.kubernetes.io/warn: baseline"), (1, 36)),
        (in_namespace(f"{ENFORCE}: baseline", name="other"), (1, 36)),
        (in_namespace(f"{ENFORCE}: baseline", name="default", workload='""'), (1, 36)),
        (in_namespace(f"{ENFORCE}: baseline"), (1, 33)),
    ],
)
def test_a_host_is_told_where_nobody_is_known_to_refuse_it(
    text: str, kube: tuple[int, int]
) -> None:
    """Another level, version or namespace, an older Kubernetes, a namespace that is not said."""
    (found,) = told("HK113", text, Options(kube_version=kube))
    assert found.severity is Severity.WARNING
    assert found.what == "the livenessProbe asks the host '127.0.0.1'"


@pytest.mark.parametrize(
    ("host", "is_told"),
    [("127.0.0.1", False), ('"::1"', False), ("localhost", False), ("169.254.20.10", False),
     ("10.0.0.1", True), ("shop.example", True)],
)  # fmt: skip
def test_a_pod_on_the_nodes_network_may_ask_its_loopback(host: str, is_told: bool) -> None:
    """That is where such an app often listens."""
    container = HOST.replace("127.0.0.1", host)
    assert bool(of_container("HK113", container, pod="hostNetwork: true")) is is_told
    assert of_container("HK113", container, pod="hostNetwork: false")


@pytest.mark.parametrize(
    "container",
    [
        "lifecycle: {postStart: {httpGet: {path: /, port: 80, host: a}}}",
        "lifecycle: {preStop: {tcpSocket: {port: 80, host: a}}}",
        "readinessProbe: {tcpSocket: {port: 80, host: a}}",
    ],
)
def test_a_host_is_told_of_hooks_and_sockets(container: str) -> None:
    """The Pod Security Standards name them all."""
    (found,) = of_container("HK113", container)
    assert found.container == "web"


def test_a_probe_that_is_no_mapping_is_left_to_the_api_server() -> None:
    """That nothing is in it is not what is wrong."""
    assert not of_container("HK109", "livenessProbe: true")
    assert of_container("HK001", "livenessProbe: true")


@pytest.mark.parametrize(
    ("container", "what"),
    [
        ("livenessProbe: {}", "the livenessProbe does nothing"),
        ("livenessProbe: {sleep: {seconds: 1}}", "the livenessProbe does nothing"),
        ("lifecycle: {preStop: {grpc: {port: 1}}}", "the preStop does nothing"),
        ("lifecycle: {postStart: {exec: {}, sleep: {}}}", "the postStart does exec and sleep"),
    ],
)
def test_what_is_done_is_said(container: str, what: str) -> None:
    """A field that the API drops is nothing that is done."""
    (found,) = of_container("HK109", container)
    assert found.what == f"{what}, and must do exactly one thing"


@pytest.mark.parametrize(
    "container", ["livenessProbe: {exec: {}}", "lifecycle: {preStop: {sleep: {}}}"]
)
def test_an_empty_handler_is_one(container: str) -> None:
    """What it lacks is another thing."""
    assert not of_container("HK109", container)


@pytest.mark.parametrize("value", ["0", "30", '"soon"'])
def test_no_grace_period_is_right_for_readiness(value: str) -> None:
    """Not even 0."""
    probe = f"{{tcpSocket: {{port: 80}}, terminationGracePeriodSeconds: {value}}}"
    (found,) = of_container("HK108", f"readinessProbe: {probe}")
    assert found.severity is Severity.ERROR
    assert not of_container("HK108", f"livenessProbe: {probe}")


def test_the_probed_port_is_not_the_plain_one() -> None:
    """Whatever it is called."""
    ports = "ports: [{name: http, containerPort: 80}]\n"
    probe = "livenessProbe: {httpGet: {path: /livez, port: http, scheme: HTTPS}}"
    assert not of_container("HK120", ports + probe)
    (found,) = of_container("HK120", ports + probe.replace("port: http", "port: 443"))
    assert found.numbers == {"plain HTTP port": 80}
