"""Containers: what the API server admits, with its defaults."""

from __future__ import annotations

import pytest

from healthkit.manifests import Container, Port, Sleep, parse
from tests.manifests.snippets import pod, refusal

AT = "manifest:12: spec.containers[0]"


def container(text: str) -> Container:
    """Return a container that is admitted."""
    (found,) = parse(pod(container=text))[0].template.containers
    return found


def test_a_container_is_read() -> None:
    """Everything that has to do with its life."""
    text = (
        "command: [python, -m]\nargs: [web]\nworkingDir: /app\nimagePullPolicy: Never\n"
        "ports: [{containerPort: 80}, {containerPort: 53, name: dns, protocol: UDP, hostPort: 5}]\n"
        "env: [{name: A, value: '1'}, {name: B}, {name: A, value: $(B)}]\n"
        "lifecycle: {postStart: {sleep: {seconds: 1}}, preStop: {sleep: {seconds: 2}}}\n"
    )
    assert container(text) == Container(
        "web",
        "web:1",
        command=("python", "-m"),
        args=("web",),
        ports=(Port(80), Port(53, "dns", "UDP")),
        env={"A": "$(B)", "B": ""},
        post_start=Sleep(1),
        pre_stop=Sleep(2),
    )


def test_a_value_from_elsewhere_is_not_known_here() -> None:
    """From a field, a Secret, a ConfigMap, a file."""
    text = "env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, {name: B, value: b}]"
    assert container(text).env == {"B": "b"}


REFUSED = [
    ("ports: [{}]", "ports[0].containerPort: Required value"),
    ("ports: [{containerPort: 80}, {containerPort: 65536}]",
     "ports[1].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive"),
    ("ports: [{containerPort: 80, hostPort: -1}]",
     "ports[0].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive"),
    ("ports: [{containerPort: 80, name: HTTP}]",
     ('ports[0].name: Invalid value: "HTTP": must contain only alpha-numeric characters '
     "(a-z, 0-9), and hyphens (-)")),
    ("ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]",
     'ports[1].name: Duplicate value: "a"'),
    ("ports: [{containerPort: 80, protocol: HTTP}]",
     'ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'),
    ("env: [{value: a}]", "env[0].name: Required value"),
    ("env: [{name: A=B}]",
     ('env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of '
     "printable ASCII characters other than '='")),
    ("env: [{name: A, valueFrom: {}}]",
     ('env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, '
     "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`")),
    ("env: [{name: A, value: a, valueFrom: {fieldRef: {}}}]",
     'env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'),
    ("env: [{name: A, valueFrom: {fieldRef: {}, secretKeyRef: {}}}]",
     'env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time'),
    ("imagePullPolicy: never",
     ('imagePullPolicy: Unsupported value: "never": '
     'supported values: "Always", "IfNotPresent", "Never"')),
    ("terminationMessagePolicy: Log",
     ('terminationMessagePolicy: Unsupported value: "Log": '
     'supported values: "FallbackToLogsOnError", "File"')),
    ("restartPolicy: Sometimes",
     ('restartPolicy: Unsupported value: "Sometimes": '
     'supported values: "Always", "Never", "OnFailure"')),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_containers_are_refused(text: str, reason: str) -> None:
    """With the API server's reason, the file and the line."""
    assert refusal(pod(container=text)) == f"{AT}.{reason}"


LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("''", "Required value"),
        ("web.1", 'Invalid value: "web.1": must not contain dots'),
        ("Web", f'Invalid value: "Web": {LABEL}'),
        ("yes", None),
        ("'yes'", ""),
    ],
)
def test_a_name_is_a_dns_label(name: str, reason: str | None) -> None:
    """And a string: yes is none without quotes."""
    text = pod().replace("- name: web", f"- name: {name}")
    if reason == "":
        assert parse(text)[0].template.containers[0].name == "yes"
        return
    found = reason or "found true: expected a string; put it in quotes"
    assert refusal(text) == f"manifest:10: spec.containers[0].name: {found}"


def test_an_image_is_required() -> None:
    """A template that nobody rendered is none."""
    assert refusal(pod(image="")) == "manifest:11: spec.containers[0].image: Required value"
    assert refusal(pod(image="'{{ .Values.image }}'")) == (
        'manifest:11: spec.containers[0].image: Invalid value: "{{ .Values.image }}": '
        "an unrendered template; render it first, as with helm template"
    )


@pytest.mark.parametrize("text", ["", "containers: []", "containers:"])
def test_a_pod_has_a_container(text: str) -> None:
    """A list that is empty, or nothing, is none."""
    manifest = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  hostname: a\n  {text}\n"
    )
    line = 6 if text else 4
    assert refusal(manifest) == f"manifest:{line}: spec.containers: Required value"


def test_names_are_there_once() -> None:
    """Among the containers, and among those that come before."""
    second = "- name: web\n  image: web:2"
    assert (
        refusal(pod(pod=second)) == 'manifest:12: spec.containers[1].name: Duplicate value: "web"'
    )
    first = f"initContainers:\n{second}"
    assert refusal(pod(pod=first)) == (
        'manifest:13: spec.initContainers[0].name: Duplicate value: "web"'
    )


def test_a_sidecar_is_an_init_container_that_goes_on() -> None:
    """It may have probes and hooks."""
    text = (
        "initContainers:\n- {name: first, image: a}\n- name: mesh\n  image: b\n"
        "  restartPolicy: Always\n  startupProbe: {grpc: {port: 5}}\n"
    )
    first, mesh = parse(pod(pod=text))[0].template.init_containers
    assert (first.name, first.restart_policy, first.startup) == ("first", None, None)
    assert (mesh.name, mesh.restart_policy) == ("mesh", "Always")
    assert mesh.startup is not None


@pytest.mark.parametrize("policy", ["", "restartPolicy: Never, "])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lifecycle", "{}"),
        ("lifecycle", "{preStop: {sleep: {seconds: 1}}}"),
        ("livenessProbe", "{grpc: {port: 5}}"),
        ("readinessProbe", "{grpc: {port: 5}}"),
        ("startupProbe", "{grpc: {port: 5}}"),
    ],
)
def test_an_init_container_that_ends_has_no_probes(field: str, value: str, policy: str) -> None:
    """Nor hooks."""
    text = f"initContainers:\n- {{name: first, image: a, {policy}{field}: {value}}}"
    assert refusal(pod(pod=text)) == (
        f"manifest:13: spec.initContainers[0].{field}: "
        "Forbidden: may not be set for init containers without restartPolicy=Always"
    )


def test_a_container_may_have_a_restart_policy_of_its_own() -> None:
    """Since Kubernetes 1.35."""
    assert container("restartPolicy: OnFailure").restart_policy == "OnFailure"
