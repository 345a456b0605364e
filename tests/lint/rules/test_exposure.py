"""What of the probes the world can ask."""

from __future__ import annotations

import pytest

from tests.lint.objects import pod, told

SPEC = """\
containers:
  - name: web
    ports: [{name: http, containerPort: 8000}]
    readinessProbe: {httpGet: {path: /readyz, port: http}}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: web, port: 80, targetPort: 8000}]}
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s%s}
spec:
  rules:
    - {http: {paths: [{path: /, backend: {service: {name: %s, port: {%s}}}}]}}
    - {host: b, http: {paths: [{path: /, backend: {service: {name: %s, port: {%s}}}}]}}
"""


def ingress(port: str, service: str = "shop", namespace: str = "", name: str = "shop") -> str:
    """Return an Ingress with two hosts that lead to the same Service."""
    return INGRESS % (name, namespace, service, port, service, port)


def test_an_object_is_told_once() -> None:
    """However many of its hosts lead there."""
    text = pod(SPEC, SERVICE, ingress("number: 80"), ingress("name: web", name="b"))
    assert told(text, "HK604") == ["every host leads to what is probed: /readyz"] * 2


@pytest.mark.parametrize(
    "text",
    [
        ingress("number: 81"),
        ingress("name: http"),
        ingress("number: 80", "till"),
        ingress("number: 80", namespace=", namespace: other"),
    ],
)
def test_another_service_or_port_is_no_way(text: str) -> None:
    """The Service's port is meant, by its own number or name."""
    assert told(pod(SPEC, SERVICE, text), "HK604") == []
