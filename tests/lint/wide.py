"""Many small applications with all that is linked with them, for tests of the time it takes."""

from __future__ import annotations

from typing import Final

_APPLICATION: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}{space}}}
spec:
  selector: {{matchLabels: {{part-of: shop, app: {name}}}}}
  template:
    metadata: {{labels: {{part-of: shop, app: {name}}}}}
    spec:
      serviceAccountName: {name}
      readinessGates: [{{conditionType: healthkit.dev/ready}}]
      containers:
        - name: web
          ports: [{{name: http, containerPort: 8000}}]
          livenessProbe: {{httpGet: {{path: /livez, port: http, host: 10.0.0.1}}}}
          readinessProbe: {{httpGet: {{path: /readyz, port: http}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}{space}}}
spec:
  publishNotReadyAddresses: true
  selector: {{part-of: shop, app: {name}}}
  ports: [{{port: 80, targetPort: http}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}{space}}}
spec: {{maxUnavailable: 0, selector: {{matchLabels: {{part-of: shop, app: {name}}}}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}{space}}}
spec:
  minReplicas: 2
  maxReplicas: 4
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}{space}}}
spec:
  podSelector: {{matchLabels: {{part-of: shop, app: {name}}}}}
  ingress: [{{ports: [{{port: 9000}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  annotations: {{alb.ingress.kubernetes.io/target-type: ip}}
  namespace: {namespace}
spec:
  ingressClassName: alb
  rules:
    - host: {host}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {{service: {{name: {name}, port: {{number: 80}}}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {name}{space}}}
roleRef: {{kind: Role, name: {name}}}
subjects: [{{kind: ServiceAccount, name: {name}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: {name}{space}}}
rules: [{{apiGroups: [""], resources: [pods], verbs: [get]}}]
---
apiVersion: v1
kind: Namespace
metadata: {{name: {name}, labels: {{pod-security.kubernetes.io/enforce: baseline}}}}
---
apiVersion: example.com/v1
kind: Crowd
metadata: {{name: {name}}}
spec: {{template: {{metadata: {{labels: {{part-of: shop, app: {name}-crowd}}}}}}}}
"""


def wide(count: int, *, spaces: bool = False) -> str:
    """Return so many applications, each with ten objects.

    Args:
        count: how many.
        spaces: whether each is in a namespace of its own, and else all in one.
    """
    names = [f"shop-{number}" for number in range(count)]
    return "---\n".join(
        _APPLICATION.format(
            name=name,
            space=f", namespace: {name}" if spaces else "",
            namespace=name if spaces else "default",
            host=f"{name}.example.com",
        )
        for name in names
    )


def crowded(count: int) -> str:
    """Return a pod with so many containers, each with probes that the API server refuses."""
    container = (
        "{name: web, ports: [{name: http, containerPort: 8000}], livenessProbe: {httpGet: "
        "{path: /livez, port: 80}, successThreshold: 2}, readinessProbe: {httpGet: {port: x}}}"
    )
    containers = ", ".join([container] * count)
    return (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: shop, labels: {app: shop}}\n"
        f"spec: {{containers: [{containers}]}}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n"
        "spec: {selector: {app: shop}, ports: [{port: 80, targetPort: http}]}\n---\n"
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: shop}\n"
        "spec: {podSelector: {}, ingress: [{ports: [{port: none}]}]}\n"
    )


def twice(count: int) -> str:
    """Return tens of so many objects, each with a key that stands twice."""
    return "apiVersion: v1\nkind: Service\nkind: Service\n---\n" * (10 * count)
