"""HK121 to HK123, where examples are not enough."""

from __future__ import annotations

import pytest

from healthkit.lint import AppSettings, Options
from tests.lint.told import of_container, told
from tests.manifests.snippets import deployment

PROBE = "livenessProbe: {httpGet: {path: /status, port: 80}}\n"


@pytest.mark.parametrize(
    ("container", "is_told"),
    [
        ("env: [{name: DJANGO_SETTINGS_MODULE, value: a}]", True),
        ("env: [{name: DJANGO_SETTINGS_MODULE, valueFrom: {}}]", True),
        ("args: [sh, -c, python manage.py runserver]", True),
        ("command: [django-admin, runserver]", True),
        ("command: [serve, djangoless]", False),
        ("command: [uvicorn, main:app]", False),
    ],
)
def test_django_is_told_by_what_the_container_shows(container: str, is_told: bool) -> None:
    """By a variable, or by its command."""
    assert bool(of_container("HK121", PROBE + container)) is is_told


@pytest.mark.parametrize("path", ["/", "/status/", "/status.json", "/api/livez", "/healthz"])
def test_a_path_that_answers_itself_is_fine(path: str) -> None:
    """With a slash, or a file's name, or one of healthkit's."""
    django = "env: [{name: DJANGO_SETTINGS_MODULE, value: a}]"
    assert not of_container("HK121", PROBE.replace("/status", path) + django)


@pytest.mark.parametrize(
    ("name", "value", "is_told"),
    [
        ("SECURE_SSL_REDIRECT", "True", True),
        ("FORCE_HTTPS", "1", True),
        ("RAILS_FORCE_SSL", "yes", True),
        ("FORCE_SSL", "false", False),
        ("FORCE_SSL", "", False),
        ("SSL", "true", False),
    ],
)
def test_a_redirect_to_https_is_told_by_its_variable(name: str, value: str, is_told: bool) -> None:
    """If it says yes."""
    env = f"env: [{{name: {name}, value: '{value}'}}]"
    found = of_container("HK121", PROBE + env)
    assert bool(found) is is_told
    assert all(name in one.what for one in found)


def test_both_redirects_are_told_once() -> None:
    """The first of them is what answers."""
    env = "env: [{name: FORCE_SSL, value: 'on'}, {name: DJANGO_SETTINGS_MODULE, value: a}]"
    (found,) = of_container("HK121", PROBE + env)
    assert "FORCE_SSL" in found.what


def test_the_apps_own_paths_are_answered_by_the_middleware() -> None:
    """Whatever they are called."""
    env = "env: [{name: FORCE_SSL, value: 'on'}, {name: ALLOWED_HOSTS, value: shop.example}]"
    text = deployment(container=PROBE + env)
    own = Options(app=AppSettings(name="a", paths={"live": "/status"}))
    for rule in ("HK121", "HK122"):
        assert told(rule, text)
        assert not told(rule, text, own)


@pytest.mark.parametrize(
    ("value", "is_told"),
    [("shop.example", True), ("*", False), ("a, *", False), ('["*"]', False), ("*.shop", True),
     ("", False), ("$(POD_IP)", False)],
)  # fmt: skip
def test_a_list_of_hosts_is_told_unless_it_takes_all(value: str, is_told: bool) -> None:
    """Or what Kubernetes fills in, which is most often the pod's own address."""
    env = f"env: [{{name: ALLOWED_HOSTS, value: '{value}'}}]"
    assert bool(of_container("HK122", PROBE + env)) is is_told


def test_a_long_list_of_hosts_is_cut() -> None:
    """A line stays one."""
    env = f"env: [{{name: TRUSTED_HOSTS, value: {'a' * 500}}}]"
    (found,) = of_container("HK122", PROBE + env)
    assert len(found.what) < 200
    assert found.what.endswith("aaa...")


@pytest.mark.parametrize(
    "name", ["FORWARDED_ALLOW_IPS", "ALLOWED_ORIGINS", "WEBHOOK_ALLOWED_HOSTS"]
)
def test_a_list_of_something_else_is_no_hosts(name: str) -> None:
    """Of proxies, of browsers, of whom the app itself may ask."""
    assert not of_container("HK122", f"{PROBE}env: [{{name: {name}, value: a}}]")


def mesh(annotations: str, *, probe: str = PROBE, labels: str = "", pod: str = "") -> str:
    """Return a Deployment whose pods tell Istio to leave their probes as they are."""
    text = deployment(container=probe, pod=pod)
    rewrite = 'sidecar.istio.io/rewriteAppHTTPProbers: "false"'
    metadata = f"{{labels: {{app: web{labels}}}, annotations: {{{rewrite}{annotations}}}}}"
    return text.replace("{labels: {app: web}}", metadata)


EXCLUDED = ', traffic.sidecar.istio.io/excludeInboundPorts: "%s"'


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        (mesh(""), True),
        (mesh("", probe="readinessProbe: {grpc: {port: 80}}"), True),
        (mesh("", probe="readinessProbe: {tcpSocket: {port: 80}}"), False),
        (mesh(', sidecar.istio.io/inject: "true"'), True),
        (mesh(', sidecar.istio.io/inject: "false"'), False),
        (mesh("", labels=', sidecar.istio.io/inject: "false"'), False),
        (mesh("", pod="hostNetwork: true"), False),
        (mesh(EXCLUDED % "80"), False),
        (mesh(EXCLUDED % "8080"), True),
        (mesh("").replace('"false"', '"true"'), False),
    ],
)
def test_the_mesh_refuses_what_it_is_told_not_to_take(text: str, is_told: bool) -> None:
    """Where there is a sidecar, and the probe goes through it."""
    assert bool(told("HK123", text)) is is_told


def test_the_probes_are_told_by_name() -> None:
    """Each once, however many containers have it."""
    probes = PROBE + PROBE.replace("liveness", "readiness")
    (found,) = told("HK123", mesh("", probe=probes))
    assert "gets the livenessProbe and readinessProbe unchanged" in found.what
