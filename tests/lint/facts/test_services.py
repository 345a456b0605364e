"""Which Services lead to which containers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.lint._facts.services import services_of, target
from tests.lint.texts import FINE, SERVICE, manifests

TWO = FINE.replace(
    "      containers:\n",
    "      containers:\n        - {name: proxy, ports: [{name: proxy, containerPort: 8443}]}\n",
)
SILENT = FINE.replace("          ports: [{name: http, containerPort: 8000}]\n", "")


def services(workload: str, service: str) -> list[str]:
    """Return the Services that select a workload."""
    all_ = manifests(workload, service)
    return [one.called for one in services_of(all_.workloads[0])]


def led_to(workload: str, port: str) -> list[str]:
    """Return the containers that a port of a Service leads to."""
    service = SERVICE.replace("{port: 80, targetPort: http}", port)
    return [one.name for one in manifests(workload, service).containers if one.service_ports]


@pytest.mark.parametrize(
    ("old", "new", "selects"),
    [
        ("", "", True),
        ("{app: shop}", "{app: other}", False),
        ("{app: shop}", "{app: shop, tier: web}", False),
        ("{app: shop}", "{}", False),
        ("{app: shop}", "17", False),
        ("selector: {app: shop}, ", "", False),
        ("ports:", "type: ExternalName, ports:", False),
        ("{name: shop}", "{name: shop, namespace: other}", True),
        ("apiVersion: v1", "apiVersion: serving.knative.dev/v1", False),
    ],
)
def test_a_service_selects_by_labels(old: str, new: str, selects: bool) -> None:
    """All of them; without any it selects nothing."""
    assert services(FINE, SERVICE.replace(old, new)) == ["Service/shop"] * selects


def test_a_service_selects_in_its_namespace() -> None:
    """One that isn't named may be any: `kubectl apply -n` and Helm fill it in."""
    named = FINE.replace("{name: shop}", "{name: shop, namespace: shop}")
    for namespace, selects in (("shop", 1), ("other", 0)):
        there = SERVICE.replace("{name: shop}", f"{{name: shop, namespace: {namespace}}}")
        assert len(services(named, there)) == selects
    assert len(services(named, SERVICE)) == 1


@pytest.mark.parametrize(
    "pod",
    [
        "apiVersion: batch/v1\nkind: Job\nspec: {template: {metadata: {labels: {app: shop}}}}\n",
        (
            '{"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"app": "shop"}}, '
            '"spec": {"restartPolicy": "Never"}}\n'
        ),
    ],
)
def test_what_ends_by_itself_serves_nobody(pod: str) -> None:
    """Even if a Service selects it: migrations often have their app's labels."""
    assert services(pod, SERVICE) == []


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("{port: 80, targetPort: http}", ["web"]),
        ("{port: 80, targetPort: 8000}", ["web"]),
        ("{port: 80, targetPort: 8000.0}", ["web"]),
        ("{port: 8000}", ["web"]),
        ("{port: 8443, targetPort: 0}", ["proxy"]),
        ("{port: 80, targetPort: proxy}", ["proxy"]),
        ("{port: 80}", []),
        ("{port: 80, targetPort: other}", []),
        ("{name: http}", []),
        ("17", []),
    ],
)
def test_a_port_leads_to_who_declares_it(port: str, expected: list[str]) -> None:
    """By its name or its number; without a target the port is the target."""
    assert led_to(TWO, port) == expected


def test_who_declares_no_port_may_get_any_number() -> None:
    """If nobody else can: a declaration opens nothing. A name must be declared."""
    assert led_to(SILENT, "{port: 80, targetPort: 9}") == ["web"]
    assert led_to(SILENT, "{port: 80, targetPort: http}") == []
    third = SILENT.replace("      containers:\n", "      containers:\n        - {name: other}\n")
    assert led_to(third, "{port: 80, targetPort: 9}") == []


def test_a_target_is_a_number_or_a_name() -> None:
    """Else the port itself; else nothing."""
    all_ = manifests(SERVICE)
    ports = (all_.things[0].root / "spec" / "ports").items
    assert [target(one) for one in ports] == ["http"]


_LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)


@given(st.lists(_LABELS, max_size=6), _LABELS)
def test_services_are_found_as_by_asking_each(
    selectors: list[dict[str, str]], labels: dict[str, str]
) -> None:
    """In their order, each once."""
    texts = [
        f'{{"apiVersion": "v1", "kind": "Service", "metadata": {{"name": "s{i}"}}, '
        f'"spec": {{"selector": {selector!r}}}}}\n'
        for i, selector in enumerate(selectors)
    ]
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{labels: {labels!r}}}\n"
    found = services_of(manifests(pod, *texts).workloads[0])
    expected = [f"s{i}" for i, one in enumerate(selectors) if one and one.items() <= labels.items()]
    assert [one.name for one in found] == expected
