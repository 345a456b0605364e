"""Print what the linter takes for a thousand manifests, and for a file of 5 MB.

    python tests/benchmarks/lint.py [manifests]

Each manifest is a file of some 4 KB: a Deployment with two containers and all probes, its Service,
its PodDisruptionBudget. The numbers are seconds of the clock, reading and all rules together; then
the same in one file, then a thousand small applications with all that is linked with them (Service,
budget, autoscaler, NetworkPolicy, Ingress, roles), and the rules that took longest.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

# Run as a file, Python looks for modules beside it; they are those of a package two levels up.
sys.path.insert(0, str(Path(__file__).parents[2]))

from healthkit.lint import Options, Report
from healthkit.lint._manifests import Manifests
from healthkit.lint._reading import read
from healthkit.lint._rules import RULES
from healthkit.lint._run import run
from tests.lint.wide import wide

MANIFESTS: Final = 1000

#: In seconds, for a thousand manifests, on two processors.
GOAL: Final = 10.0

#: In bytes.
LARGE: Final = 5_000_000

#: How many rules are named.
SLOWEST: Final = 5

_PROBE: Final = """\
          {kind}Probe:
            httpGet:
              path: /{path}
              port: http
              httpHeaders:
                - name: Host
                  value: shop-{number}.example.com
            initialDelaySeconds: 0
            periodSeconds: {period}
            timeoutSeconds: 2
            successThreshold: 1
            failureThreshold: {failures}
"""

_VARIABLE: Final = """\
            - name: SETTING_{number}
              valueFrom:
                configMapKeyRef:
                  name: shop-settings
                  key: setting-{number}
"""

_CONTAINER: Final = """\
        - name: {name}
          image: registry.example.com/shop/{name}:1.{number}.0
          imagePullPolicy: IfNotPresent
          command: ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "{port}"]
          ports:
            - name: http
              containerPort: {port}
              protocol: TCP
          env:
{variables}
          resources:
            requests: {{cpu: 250m, memory: 256Mi}}
            limits: {{memory: 256Mi}}
          lifecycle:
            preStop:
              exec:
                command: ["healthkit", "drain"]
{probes}
"""

_MANIFEST: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop-{number}
  labels: {{app.kubernetes.io/name: shop, app.kubernetes.io/instance: shop-{number}}}
spec:
  replicas: 3
  selector:
    matchLabels: {{app.kubernetes.io/name: shop, app.kubernetes.io/instance: shop-{number}}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: shop, app.kubernetes.io/instance: shop-{number}}}
    spec:
      terminationGracePeriodSeconds: 40
      containers:
{containers}
---
apiVersion: v1
kind: Service
metadata:
  name: shop-{number}
spec:
  selector: {{app.kubernetes.io/name: shop, app.kubernetes.io/instance: shop-{number}}}
  ports:
    - {{name: http, port: 80, targetPort: 8000}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: shop-{number}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{app.kubernetes.io/name: shop, app.kubernetes.io/instance: shop-{number}}}
"""


def manifest(number: int) -> str:
    """Return one of the manifests; each has a name of its own."""
    probes = "".join(
        _PROBE.format(kind=kind, path=path, number=number, period=period, failures=failures)
        for kind, path, period, failures in (
            ("startup", "startupz", 1, 60),
            ("liveness", "livez", 10, 3),
            ("readiness", "readyz", 5, 2),
        )
    )
    variables = "".join(_VARIABLE.format(number=one) for one in range(3))
    containers = "".join(
        _CONTAINER.format(name=name, port=port, number=number, variables=variables, probes=probes)
        for name, port in (("web", 8000), ("admin", 8001))
    )
    return _MANIFEST.format(number=number, containers=containers)


def timed(paths: list[str]) -> tuple[Report, float]:
    """Look at files, and return what was found with the seconds that it took.

    As the command does, without the garbage collector: it goes through all nodes again and again.
    """
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    report = run(read(paths), Options())
    took = time.perf_counter() - begun
    gc.enable()
    return report, took


def linked(directory: str, count: int) -> tuple[Report, float]:
    """Look at one file with applications and all that is linked with them."""
    path = Path(directory) / "linked.yaml"
    path.write_text(wide(count))
    return timed([str(path)])


def slowest(paths: list[str]) -> list[tuple[str, float]]:
    """Return the rules that take longest, in seconds; what they share is computed by the first."""
    found = read(paths)
    manifests = Manifests(found.documents, Options(), found.refusals)
    took = Counter[str]()
    for rule in RULES:
        begun = time.perf_counter()
        list(rule.findings(manifests))
        took[rule.id] = time.perf_counter() - begun  # type: ignore[assignment]  # it counts floats as well
    return [(rule, float(seconds)) for rule, seconds in took.most_common(SLOWEST)]


def main() -> int:
    """Write the files, look at them, and print; 1 if they, or one large file, take too long."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MANIFESTS
    with tempfile.TemporaryDirectory() as directory:
        texts = [manifest(number) for number in range(count)]
        for number, text in enumerate(texts):
            (Path(directory) / f"shop-{number}.yaml").write_text(text)
        report, took = timed([directory])
        large = Path(directory) / "large.yaml"
        large.write_text("---\n".join(texts)[:LARGE].rpartition("---\n")[0])
        size = large.stat().st_size
        _, took_large = timed([str(large)])
        _, took_quarter = linked(directory, count // 4)
        many, took_many = linked(directory, count)
        rules = ", ".join(f"{rule} {seconds:.2f} s" for rule, seconds in slowest([directory]))
    assert not report.unusable, report.unusable
    sys.stdout.write(
        f"{report.files} files of {len(texts[0]):,} bytes, {report.objects} objects,"
        f" {len(report.findings)} findings: {took:.1f} s\n"
        f"one file of {size:,} bytes: {took_large:.1f} s\n"
        f"{many.objects} objects with links: {took_many:.1f} s;"
        f" a quarter of them: {took_quarter:.1f} s\n"
        f"the slowest rules: {rules}\n"
    )
    return int(max(took, took_large) > GOAL * count / MANIFESTS)


if __name__ == "__main__":
    sys.exit(main())
