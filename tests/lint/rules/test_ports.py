"""HK110 to HK112 and HK118, where examples are not enough."""

from __future__ import annotations

import pytest

from healthkit.lint import Severity
from tests.lint.told import of_container, told
from tests.manifests.snippets import deployment

PORTS = "ports: [{name: http, containerPort: 80}, {containerPort: 81}]\n"


@pytest.mark.parametrize(
    "port", ["Web", '""', '"80"', "a-name-of-more-than-15", "--", "[http]", "1.5"]
)
def test_what_can_be_no_ports_name_is_left_to_the_api_server(port: str) -> None:
    """It is said once, and as it is said there."""
    container = f"{PORTS}livenessProbe: {{httpGet: {{path: /livez, port: {port}}}}}"
    assert not of_container("HK110", container)
    assert of_container("HK001", container)


def test_the_declared_names_are_told() -> None:
    """One of them is meant."""
    (found,) = of_container("HK110", f"{PORTS}livenessProbe: {{tcpSocket: {{port: web}}}}")
    assert found.what == "the livenessProbe names the port 'web'; the container declares 'http'"
    assert found.severity is Severity.ERROR
    (found,) = of_container("HK110", "livenessProbe: {tcpSocket: {port: web}}")
    assert found.what.endswith("declares no port with a name")


def test_a_hook_fails_where_a_probe_is_thrown_away() -> None:
    """A hook's socket is not opened at all, so that its port is nobody's."""
    hook = "lifecycle: {%s: {%s: {port: web}}}"
    for name in ("preStop", "postStart"):
        (found,) = of_container("HK110", PORTS + hook % (name, "httpGet"))
        assert found.why.startswith("the hook fails")
        assert not of_container("HK110", PORTS + hook % (name, "tcpSocket"))


@pytest.mark.parametrize(
    ("probe", "told_by"),
    [
        ("httpGet: {port: 80}", {"HK112"}),
        ("httpGet: {port: 80, host: a}", set[str]()),
        ("tcpSocket: {port: 82}", {"HK111"}),
        ("tcpSocket: {port: 82, host: a}", set[str]()),
        ("grpc: {port: 80}", set[str]()),
        ("httpGet: {port: 81}", set[str]()),
        ("httpGet: {port: 0}", set[str]()),
        ("httpGet: {port: 65536}", set[str]()),
        ("httpGet: {port: http}", set[str]()),
        ("exec: {command: [check]}", set[str]()),
    ],
)
def test_a_numbered_port_is_declared_and_has_no_name(probe: str, told_by: set[str]) -> None:
    """On another host, and where no port can be, the container's ports say nothing."""
    container = f"{PORTS}livenessProbe: {{{probe}}}"
    assert {rule for rule in ("HK111", "HK112") if of_container(rule, container)} == told_by


def test_the_name_to_write_is_told() -> None:
    """With the number that it is of."""
    (found,) = of_container("HK112", f"{PORTS}livenessProbe: {{httpGet: {{port: 80}}}}")
    assert found.what == "the livenessProbe asks port 80, whose name is 'http'"


@pytest.mark.parametrize(
    ("name", "is_told"),
    [("http", True), ("https", True), ("web", True), ("http-api", True), ("https-api", True),
     ("api", False), ("grpc", False), ("httpd", False), ("mysql", False)],
)  # fmt: skip
def test_a_socket_is_told_by_the_ports_name(name: str, is_told: bool) -> None:
    """What is called otherwise is not HTTP."""
    container = (
        f"ports: [{{name: {name}, containerPort: 80}}]\nlivenessProbe: {{tcpSocket: {{port: 80}}}}"
    )
    assert bool(of_container("HK118", container)) is is_told


@pytest.mark.parametrize(
    ("port", "is_told"),
    [
        ("{port: 80, name: http}", True),
        ("{port: 8080, targetPort: api, name: web}", True),
        ("{port: 80, appProtocol: HTTPS}", True),
        ("{port: 80, name: grpc}", False),
        ("{port: 81, name: http}", False),
    ],
)
def test_a_socket_is_told_by_a_services_port(port: str, is_told: bool) -> None:
    """If it leads to that very port of the container."""
    ports = "ports: [{name: api, containerPort: 80}, {name: b, containerPort: 81}]"
    text = deployment(container=f"{ports}\nreadinessProbe: {{tcpSocket: {{port: api}}}}")
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n"
    text += f"---\n{service}  selector: {{app: web}}\n  ports: [{port}]\n"
    assert bool(told("HK118", text)) is is_told


def test_a_socket_on_another_host_is_not_the_apps() -> None:
    """What answers there is somebody else."""
    probe = "livenessProbe: {tcpSocket: {port: http, host: a}}"
    assert not of_container("HK118", PORTS + probe)
