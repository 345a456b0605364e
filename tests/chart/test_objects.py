"""What each object of the chart is for: whom it lets in, whom it finds, what it may.

The schemas know whether an object is well formed; that it does its work is seen here.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.chart.numbers import IMAGE
from tests.chart.render import CHART, RELEASE, Fields, Rendered, is_test, template
from tests.chart.tools import needs

pytestmark = [needs("helm4"), pytest.mark.chart]

#: The name of all objects, and by what the pods are found.
NAME: Final = f"{RELEASE}-healthkit-app"
FOUND_BY: Final = {
    "app.kubernetes.io/name": "healthkit-app",
    "app.kubernetes.io/instance": RELEASE,
}

EVERYTHING: Final = CHART / "ci" / "everything-values.yaml"
GATE: Final[Fields] = {"readinessGate": {"enabled": True}}
METRICS: Final[Fields] = {"metrics": {"enabled": True}}


def made(**values: object) -> Rendered:
    """Render the chart."""
    return template({**IMAGE, **values})


def pod(rendered: Rendered) -> Fields:
    """Return the spec of the pods."""
    spec: Fields = rendered.find("Deployment")["spec"]["template"]["spec"]
    return spec


# -- by what the pods are found --------------------------------------------------------------------


def test_the_pods_are_found_by_two_labels_whatever_the_values_are() -> None:
    """A Deployment's selector can't be changed, so nothing in it may come from a version."""
    whole = template(files=[EVERYTHING])
    found = whole.find("Deployment")["spec"]
    assert found["selector"]["matchLabels"] == FOUND_BY
    assert found["template"]["metadata"]["labels"] == FOUND_BY | {"team": "shop"}
    assert made().find("Service")["spec"]["selector"] == FOUND_BY
    for kind in ("PodDisruptionBudget", "PodMonitor"):
        assert whole.find(kind)["spec"]["selector"] == {"matchLabels": FOUND_BY}
    assert whole.find("NetworkPolicy")["spec"]["podSelector"] == {"matchLabels": FOUND_BY}
    (spread,) = pod(whole)["topologySpreadConstraints"]
    assert spread["labelSelector"] == {"matchLabels": FOUND_BY}
    assert spread["matchLabelKeys"] == ["pod-template-hash"]


def test_a_service_monitor_finds_the_one_service_of_the_pods() -> None:
    """By its labels."""
    whole = made(**METRICS, serviceMonitor={"enabled": True})
    selector = whole.find("ServiceMonitor")["spec"]["selector"]
    assert selector == {"matchLabels": FOUND_BY}
    assert whole.find("Service")["metadata"]["labels"].items() >= FOUND_BY.items()


def test_a_new_chart_restarts_no_pod() -> None:
    """Its version is no label of the pods; nor is the app's, whose image says it."""
    metadata = made().find("Deployment")["spec"]["template"]["metadata"]
    assert metadata == {"labels": FOUND_BY}


def test_the_service_leads_to_the_port_by_its_name() -> None:
    """So that another number is changed in one place."""
    whole = made(containerPort=9000, service={"port": 8080})
    (port,) = whole.find("Service")["spec"]["ports"]
    assert port == {"name": "http", "port": 8080, "targetPort": "http"}
    assert whole.container["ports"] == [{"name": "http", "containerPort": 9000}]


# -- who gets in -----------------------------------------------------------------------------------


def admitted(**policy: object) -> list[Fields]:
    """Return the peers of the policy's only rule."""
    rendered = made(**METRICS, networkPolicy={"enabled": True, **policy})
    spec = rendered.find("NetworkPolicy")["spec"]
    # What goes out, as to DNS and the API server, is nobody's business here.
    assert spec["policyTypes"] == ["Ingress"]
    assert "egress" not in spec
    (rule,) = spec["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]
    peers: list[Fields] = rule["from"]
    return peers


def test_a_policy_admits_those_that_are_named() -> None:
    """The ingress, Prometheus, the kubelet, and ``helm test``; nobody else."""
    ingress = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}
    prometheus = {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}
    found = admitted(**{"from": [ingress]}, metricsFrom=[prometheus], nodes=["10.0.0.0/24"])
    labels = FOUND_BY | {"app.kubernetes.io/name": "healthkit-app-test"}
    assert found == [
        ingress,
        prometheus,
        {"ipBlock": {"cidr": "10.0.0.0/24"}},
        {"podSelector": {"matchLabels": labels}},
    ]
    (test,) = [one for one in made().documents if is_test(one)]
    assert test["metadata"]["labels"].items() >= labels.items()


def test_a_policy_that_names_nobody_admits_every_pod() -> None:
    """Those of all namespaces."""
    assert admitted()[0] == {"namespaceSelector": {}}


# -- what the app may ------------------------------------------------------------------------------


def test_without_the_gate_there_is_no_token_and_no_role() -> None:
    """An app that asks nothing of the API server needs none."""
    whole = made()
    assert {one["kind"] for one in whole.documents} & {"Role", "RoleBinding"} == set()
    assert pod(whole)["automountServiceAccountToken"] is False
    assert whole.find("ServiceAccount")["automountServiceAccountToken"] is False
    assert pod(made(serviceAccount={"automount": True}))["automountServiceAccountToken"] is True


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ({}, NAME),
        ({"name": "shop"}, "shop"),
        ({"create": False, "name": "theirs"}, "theirs"),
    ],
)
def test_with_the_gate_the_account_may_patch_the_status_and_nothing_else(
    account: Fields, name: str
) -> None:
    """It is the account that the pods run as."""
    whole = made(**GATE, serviceAccount=account)
    status = {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]}
    assert whole.find("Role")["rules"] == [status]
    binding = whole.find("RoleBinding")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]
    assert binding["roleRef"]["name"] == whole.find("Role")["metadata"]["name"]
    assert pod(whole)["serviceAccountName"] == name
    assert pod(whole)["automountServiceAccountToken"] is True
    kinds = [one["kind"] for one in whole.documents]
    assert kinds.count("ServiceAccount") == account.get("create", True)


def test_with_the_gate_the_app_knows_its_condition_and_its_pod() -> None:
    """The pod waits for the same condition."""
    whole = made(readinessGate={"enabled": True, "condition": "shop.example/warm"})
    assert pod(whole)["readinessGates"] == [{"conditionType": "shop.example/warm"}]
    environ = {one["name"]: one for one in whole.container["env"]}
    assert environ["HEALTHKIT_READINESS_GATE"]["value"] == "shop.example/warm"
    paths = {name: environ[name]["valueFrom"] for name in ("POD_NAME", "POD_NAMESPACE")}
    assert paths == {
        "POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "POD_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
    }


# -- how many --------------------------------------------------------------------------------------


def test_an_autoscaler_has_the_number_to_itself() -> None:
    """A Deployment that said one would put it back at each upgrade."""
    whole = made(autoscaling={"enabled": True, "minReplicas": 2, "maxReplicas": 9})
    assert "replicas" not in whole.find("Deployment")["spec"]
    spec = whole.find("HorizontalPodAutoscaler")["spec"]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    assert spec["scaleTargetRef"] == target
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 9)
    (metric,) = spec["metrics"]
    assert metric["resource"]["name"] == "cpu"
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}


@pytest.mark.parametrize(
    ("values", "budgets"),
    [
        ({"replicaCount": 1}, 0),
        ({"replicaCount": 2}, 1),
        ({"autoscaling": {"enabled": True, "minReplicas": 1}}, 0),
        ({"replicaCount": 1, "autoscaling": {"enabled": True, "minReplicas": 2}}, 1),
        ({"podDisruptionBudget": {"enabled": False}}, 0),
    ],
)
def test_a_budget_is_made_where_it_can_be_kept(values: Fields, budgets: int) -> None:
    """For two pods at least."""
    kinds = [one["kind"] for one in made(**values).documents]
    assert kinds.count("PodDisruptionBudget") == budgets


@pytest.mark.parametrize("gone", [1, 1_000_000, "25%"])
def test_a_budget_says_what_the_value_says(gone: object) -> None:
    """A pod that is not ready never blocks its node; a large number is written out."""
    spec = made(podDisruptionBudget={"maxUnavailable": gone}).find("PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == gone
    assert type(spec["maxUnavailable"]) is type(gone)
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


# -- what is handed on -----------------------------------------------------------------------------


def test_what_the_values_say_of_the_pods_reaches_them() -> None:
    """As it is."""
    whole = template(files=[EVERYTHING])
    spec, container = pod(whole), whole.container
    environ = {one["name"]: one.get("value") for one in container["env"]}
    assert environ["LOG_LEVEL"] == "info"
    assert environ["HEALTHKIT_METRICS_PATH"] == "/metrics"
    assert container["envFrom"] == [{"configMapRef": {"name": "shop"}}]
    assert container["command"][:2] == ["gunicorn", "shop:app"]
    assert container["image"].startswith("registry.example/shop@sha256:e3b0")
    assert container["imagePullPolicy"] == "Always"
    assert {"name": "cache", "mountPath": "/var/cache/shop"} in container["volumeMounts"]
    assert {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}} in spec["volumes"]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert spec["tolerations"] == [{"key": "example.com/web", "operator": "Exists"}]
    assert list(spec["affinity"]) == ["nodeAffinity"]
    annotations = whole.find("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"example.com/team": "shop"}
    account, service = whole.find("ServiceAccount"), made(service={"annotations": {"a": "b"}})
    assert account["metadata"]["annotations"] == {"example.com/role": "shop"}
    assert service.find("Service")["metadata"]["annotations"] == {"a": "b"}


def test_helm_test_asks_each_probe_by_the_service() -> None:
    """By the app's own image; but the Service does not lead to this pod."""
    whole = template(files=[EVERYTHING])
    (test,) = [one for one in whole.documents if is_test(one)]
    assert [one["command"][2] for one in test["spec"]["containers"]] == [
        f"http://shop:8080/{path}" for path in ("startupz", "livez", "readyz")
    ]
    assert {one["image"] for one in test["spec"]["containers"]} == {whole.container["image"]}
    assert test["metadata"]["labels"]["app.kubernetes.io/name"] == "healthkit-app-test"
    assert test["spec"]["automountServiceAccountToken"] is False
    assert test["spec"]["restartPolicy"] == "Never"


def test_an_ingress_has_its_class_and_its_certificates() -> None:
    """For each host."""
    spec = template(files=[CHART / "ci" / "ingress-values.yaml"]).find("Ingress")["spec"]
    hosts = ["shop.example.com", "api.example.com"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"secretName": "shop-tls", "hosts": hosts}]
    assert [one["host"] for one in spec["rules"]] == hosts


def test_an_http_route_has_its_gateway_and_its_hosts() -> None:
    """And filters of a rule."""
    spec = template(files=[CHART / "ci" / "httproute-values.yaml"]).find("HTTPRoute")["spec"]
    (parent,) = spec["parentRefs"]
    assert parent == {"name": "public", "namespace": "gateways", "sectionName": "https"}
    assert spec["hostnames"] == ["shop.example.com"]
    assert [one.get("filters", [{"type": None}])[0]["type"] for one in spec["rules"]] == [
        None,
        None,
        "ResponseHeaderModifier",
    ]


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (["healthkit", "drain"], ["healthkit"]),
        (
            ["/venv/bin/python3", "-m", "healthkit", "drain"],
            ["/venv/bin/python3", "-m", "healthkit"],
        ),
        (["healthkit", "drain", "--timeout", "20"], ["healthkit"]),
        (["sh", "-c", "healthkit drain; sleep 1"], ["healthkit"]),
        (["drain"], ["healthkit"]),
    ],
)
def test_a_test_calls_healthkit_as_the_hook_does(command: list[str], program: list[str]) -> None:
    """An image without its script, or without a PATH, has none for ``helm test`` either."""
    (test,) = [one for one in made(preStopCommand=command).documents if is_test(one)]
    for container in test["spec"]["containers"]:
        probe = container["command"].index("probe")
        assert container["command"][:probe] == program
        assert container["command"][probe + 1].startswith("http://")
