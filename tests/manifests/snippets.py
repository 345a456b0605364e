"""Manifests to put something wrong into, and what is said of it."""

from __future__ import annotations

import textwrap

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests import parse

#: The line that `container` begins at in all of them.
CONTAINER_LINE = 12


def pod(*, container: str = "", pod: str = "", image: str = "web:1") -> str:
    """Return a Pod, with lines added to its container and to its spec."""
    head = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\n\n"
    return f"{head}spec:\n{_spec(container, pod, image)}"


def deployment(
    *, container: str = "", pod: str = "", spec: str = "", kind: str = "Deployment"
) -> str:
    """Return a Deployment or its like, with lines added to its container and to its two specs."""
    version = "batch/v1" if kind == "Job" else "apps/v1"
    head = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web}}\nspec:\n"
    selector = "" if kind == "Job" else "  selector: {matchLabels: {app: web}}"
    template = "  template:\n    metadata: {labels: {app: web}}\n    spec:\n"
    inner = textwrap.indent(_spec(container, pod, "web:1"), "    ")
    return f"{head}{selector}\n{template}{inner}{_lines(spec, 2)}"


def workload(
    kind: str, *, spec: str = "", selector: str = "", labels: str = "{}", pod: str = ""
) -> str:
    """Return a workload without a selector of its own."""
    text = deployment(kind=kind, spec=spec, pod=pod)
    text = text.replace("  selector: {matchLabels: {app: web}}", selector)
    return text.replace("{labels: {app: web}}", f"{{labels: {labels}}}")


def refusal(text: str | bytes) -> str:
    """Return the one line that a text is refused with."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    line = str(caught.value)
    assert line.splitlines() == [line]
    assert line.isprintable()
    return line


def _spec(container: str, pod: str, image: str) -> str:
    name = f"  containers:\n  - name: web\n    image: {image}\n"
    return f"{name}{_lines(container, 4)}{_lines(pod, 2)}"


def _lines(text: str, indent: int) -> str:
    return textwrap.indent(f"{text}\n", " " * indent) if text else ""
