"""Manifests for the tests of the linter's own parts, and what it makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._manifests import Manifests
from healthkit.lint._reading import Read, take
from healthkit.manifests._source import from_text

if TYPE_CHECKING:
    from healthkit.lint._options import Options
    from healthkit.lint._workload import Container, Workload

#: One warning, HK202, at the line 16.
STRETCHED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: web
          image: shop:1
          ports: [{name: http, containerPort: 8000}]
          livenessProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 10
            timeoutSeconds: 15
"""

#: Nothing.
FINE = STRETCHED.replace("timeoutSeconds: 15", "timeoutSeconds: 2")

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: http}]}
"""

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


def read_text(text: str, *, named: bool = True, skip_others: bool = False) -> Read:
    """Read a text."""
    found = Read()
    take(found, from_text(text, "test.yaml"), named=named, skip_others=skip_others)
    return found


def manifests(*texts: str, options: Options | None = None) -> Manifests:
    """Read texts, as one file."""
    found = read_text("---\n".join(texts))
    assert found.unusable == []
    return Manifests(found.documents, options, found.refusals)


def workload(text: str, options: Options | None = None) -> Workload:
    """Return the only workload of a text."""
    return manifests(text, options=options).workloads[0]


def container(fields: str) -> Container:
    """Return a container with these fields."""
    text = f"apiVersion: v1\nkind: Pod\nspec: {{containers: [{{name: web, {fields}}}]}}\n"
    return workload(text).containers[0]
