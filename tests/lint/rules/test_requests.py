"""HK101 to HK106 and HK114, where examples are not enough."""

from __future__ import annotations

import pytest

from healthkit.lint import AppSettings, Options
from tests.lint.told import of_container, told
from tests.manifests.snippets import deployment

SERVICE = """---
apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def test_services_are_told_together() -> None:
    """In one finding."""
    text = deployment(container="ports: [{containerPort: 80}]")
    (found,) = told("HK101", text + SERVICE % "b" + SERVICE % "a")
    assert found.what == "the Services 'a' and 'b' lead to it, and it has no readinessProbe"


def test_the_service_of_a_stateful_set_leads_to_its_ports() -> None:
    """If it declares none, that Service may be there for the names of its pods alone."""
    text = deployment(kind="StatefulSet", spec="serviceName: web") + SERVICE % "web"
    assert not told("HK101", text)
    ports = "image: web:1\n        ports: [{containerPort: 80}]"
    assert told("HK101", text.replace("image: web:1", ports))
    assert told("HK101", text.replace("serviceName: web", "serviceName: other"))


@pytest.mark.parametrize(("seconds", "is_told"), [("30", False), ("30.5", True), ("1m", True)])
def test_a_declared_start_is_long_above_30_s(seconds: str, is_told: bool) -> None:
    """By the annotation, in seconds or as it is written there."""
    text = deployment(container="livenessProbe: {tcpSocket: {port: 80}}").replace(
        "{name: web}", f"{{name: web, annotations: {{healthkit/boot: '{seconds}'}}}}"
    )
    assert bool(told("HK103", text)) is is_told


def test_a_start_that_the_app_declares_is_told_with_its_name() -> None:
    """In place of the annotation."""
    text = deployment(container="livenessProbe: {tcpSocket: {port: 80}}")
    app = AppSettings(name="main:health", startup=90.0)
    (found,) = told("HK103", text, Options(app=app))
    assert found.what == "a start may take 90 s by main:health, and there is no startupProbe"
    assert found.numbers == {"boot": 90.0}


@pytest.mark.parametrize(
    ("readiness", "is_told"),
    [
        ("httpGet: {path: /a, port: 80}", True),
        ("httpGet: {path: a, port: 80, scheme: HTTP}", True),
        ("httpGet: {path: /a, port: 81}", False),
        ("httpGet: {path: /a, port: 80, scheme: HTTPS}", False),
        ("httpGet: {path: /a, port: 80, httpHeaders: [{name: A, value: b}]}", False),
        ("httpGet: {path: /a?b, port: 80}", False),
        ("tcpSocket: {port: 80}", False),
        ("grpc: {port: 80}", False),
    ],
)
def test_two_requests_are_one_if_the_app_gets_the_same(readiness: str, is_told: bool) -> None:
    """As it is sent: the slash at the path's begin is the kubelet's."""
    probes = f"livenessProbe: {{httpGet: {{path: /a, port: 80}}}}\nreadinessProbe: {{{readiness}}}"
    assert bool(of_container("HK104", probes)) is is_told


def test_two_sockets_ask_for_nothing() -> None:
    """A socket that opens asks for no dependency, whatever it is opened for."""
    probe = "{tcpSocket: {port: 80}}"
    assert not of_container("HK104", f"livenessProbe: {probe}\nreadinessProbe: {probe}")


@pytest.mark.parametrize(
    ("path", "is_told"),
    [("/readyz", True), ("/health-deep", True), ("/Health.DB", True), ("/ready?x", True),
     ("/health?full", True), ("/database_full", True), ("/dbs", False)],
)  # fmt: skip
def test_a_word_is_a_part_of_the_path(path: str, is_told: bool) -> None:
    """Whole, in any case; or of a name in the query."""
    probe = f"livenessProbe: {{httpGet: {{path: {path}, port: 80}}}}"
    assert bool(of_container("HK105", probe)) is is_told


def test_the_words_are_the_options() -> None:
    """For an app that calls it otherwise."""
    text = deployment(container="livenessProbe: {httpGet: {path: /ready, port: 80}}")
    assert not told("HK105", text, Options(dependency_words=("backend",)))
    assert told("HK105", text, Options(dependency_words=("ready",)))


def test_its_own_readiness_is_not_another_containers() -> None:
    """That the two are the same is said by a rule of its own."""
    probe = "{httpGet: {path: /health, port: 80}}"
    probes = f"livenessProbe: {probe}\nreadinessProbe: {probe}"
    assert not of_container("HK105", probes)
    assert of_container("HK104", probes)


def test_liveness_without_a_path_is_no_dependency() -> None:
    """A command says nothing of what it asks for."""
    assert not of_container("HK105", "livenessProbe: {exec: {command: [/ready]}}")


@pytest.mark.parametrize(
    ("path", "is_told"),
    [("/readyz", True), ("/init", True), ("/livez", False), ("livez", False), ("/livez?x", False),
     ("/startup", False), ("/health/started", False), ("/api/startupz", False)],
)  # fmt: skip
def test_a_startup_path_is_livenesss_or_says_that_it_is_one(path: str, is_told: bool) -> None:
    """Of this app, or of healthkit's presets."""
    live = "livenessProbe: {httpGet: {path: /livez, port: 80}}"
    startup = f"startupProbe: {{httpGet: {{path: {path}, port: 80}}}}"
    assert bool(of_container("HK106", f"{live}\n{startup}")) is is_told


def test_the_apps_own_startup_path_is_right() -> None:
    """Whatever it is called, behind a root path too."""
    live = "livenessProbe: {httpGet: {path: /api/livez, port: 80}}"
    text = deployment(container=f"{live}\nstartupProbe: {{httpGet: {{path: /api/up, port: 80}}}}")
    assert told("HK106", text)
    assert told("HK106", text, Options(app=AppSettings(name="a", paths={"live": "/up"})))
    assert not told("HK106", text, Options(app=AppSettings(name="a", paths={"startup": "/up"})))


@pytest.mark.parametrize(
    ("path", "is_told"),
    [("path: /, ", True), ('path: "", ', True), ("", True), ("path: null, ", True),
     ("path: /x, ", False), ("path: 1, ", False), ('path: "?x", ', False)],
)  # fmt: skip
def test_no_path_is_the_root(path: str, is_told: bool) -> None:
    """As the API server has it; a query makes it something else."""
    probe = f"livenessProbe: {{httpGet: {{{path}port: 80}}}}"
    assert bool(of_container("HK114", probe)) is is_told
