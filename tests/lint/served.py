"""One container, or one finding, for tests that need no more than that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from healthkit.lint import AppSettings, Options, check_text
from healthkit.lint._manifests import Manifests
from healthkit.lint._reading import Read, take
from healthkit.manifests._source import from_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.lint import Finding
    from healthkit.lint._workload import Container

#: An app with healthkit inside that says nothing of itself.
APP = AppSettings(name="main:health")


def manifest(
    container: dict[str, object], *, pod: dict[str, object] | None = None, boot: str = ""
) -> str:
    """Return a Deployment with one container, and the Service that leads to it."""
    ports = [{"name": "http", "containerPort": 8000}]
    web = {"name": "web", "image": "shop:1", "ports": ports, **container}
    metadata: dict[str, object] = {"labels": {"app": "shop"}}
    if boot:
        metadata["annotations"] = {"healthkit/boot": boot}
    template = {"metadata": metadata, "spec": {"containers": [web], **(pod or {})}}
    selector = {"matchLabels": {"app": "shop"}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {"selector": selector, "template": template},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    return f"{json.dumps(deployment)}\n---\n{json.dumps(service)}\n"


def container(fields: dict[str, object], app: AppSettings | None = None) -> Container:
    """Return the only container of such a manifest."""
    found = Read()
    take(found, from_text(manifest(fields), "shop.yaml"), named=True)
    return Manifests(found.documents, Options(app=app)).containers[0]


def findings(rule: str, text: str, app: AppSettings | None = None) -> Sequence[Finding]:
    """Return what one rule finds."""
    report = check_text(text, options=Options(app=app))
    return [one for one in report.findings if one.rule == rule]


def env(**variables: str) -> list[dict[str, str]]:
    """Return variables as a container has them."""
    return [{"name": name, "value": value} for name, value in variables.items()]
