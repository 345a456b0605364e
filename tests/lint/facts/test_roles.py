"""What a pod's service account may do."""

from __future__ import annotations

import pytest

from healthkit.lint._facts.roles import Right, account_of, may
from tests.lint.objects import container, pod

RIGHT = Right("", "pods/status", "patch")
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: %s
metadata: {name: gates}
rules: [{apiGroups: %s, resources: %s, verbs: %s}]
"""
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: %s
metadata: {name: gates%s}
roleRef: {kind: %s, name: gates}
subjects: [{%s}]
"""
ROLE_FITS = ROLE % ("Role", '[""]', "[pods/status]", "[patch]")
ACCOUNT = "kind: ServiceAccount, name: shop, namespace: default"
SPEC = "serviceAccountName: shop\ncontainers: [{name: web}]"


def binding(
    subject: str = ACCOUNT, kind: str = "RoleBinding", role: str = "Role", where: str = ""
) -> str:
    """Return a binding to the role that is called gates."""
    return BINDING % (kind, where, role, subject)


def verdict(*others: str) -> bool | None:
    """Return whether the pod may."""
    return may(container(pod(SPEC, *others)).workload, RIGHT)


@pytest.mark.parametrize(
    ("groups", "resources", "verbs", "allowed"),
    [
        ('[""]', "[pods/status]", "[patch]", True),
        ('["*"]', '["*"]', '["*"]', True),
        ('[""]', '["*/status"]', "[get, patch]", True),
        ('[""]', "[pods]", "[patch]", False),
        ('[""]', '["*/exec"]', "[patch]", False),
        ("[apps]", "[pods/status]", "[patch]", False),
        ('[""]', "[pods/status]", "[update]", False),
    ],
)
def test_a_role_allows(groups: str, resources: str, verbs: str, allowed: bool) -> None:
    """A group, a resource and a verb, in one rule."""
    assert verdict(ROLE % ("Role", groups, resources, verbs), binding()) is allowed


@pytest.mark.parametrize(
    ("bound", "allowed"),
    [
        (binding("kind: ServiceAccount, name: shop"), True),
        (binding("kind: ServiceAccount, name: till, namespace: default"), False),
        (binding("kind: ServiceAccount, name: shop, namespace: other"), False),
        (binding("kind: User, name: shop"), False),
        (binding('kind: Group, name: "system:serviceaccounts"'), True),
        (binding('kind: Group, name: "system:serviceaccounts:other"'), False),
        (binding(where=", namespace: other"), False),
        (binding(role="ClusterRole"), None),
        (binding(kind="ClusterRoleBinding", role="ClusterRole"), None),
    ],
)
def test_a_binding_is_for_an_account(bound: str, allowed: bool | None) -> None:
    """A role that is elsewhere leaves it open."""
    assert verdict(ROLE_FITS, bound) is allowed


def test_a_role_of_the_cluster_is_of_no_namespace() -> None:
    """A binding in the pod's namespace may give it."""
    role = (ROLE_FITS.replace("kind: Role", "kind: ClusterRole")).replace(
        "name: gates", "name: gates, namespace: elsewhere"
    )
    assert verdict(role, binding(role="ClusterRole")) is True


def test_without_bindings_a_pod_may_nothing() -> None:
    """An account has no rights of its own."""
    assert verdict(ROLE_FITS) is False


@pytest.mark.parametrize(
    ("field", "name"),
    [("serviceAccountName: shop", "shop"), ("serviceAccount: old", "old"), ("a: b", "default")],
)
def test_a_pod_has_an_account(field: str, name: str) -> None:
    """The namespace's default one, if it names none."""
    assert account_of(container(pod(f"{field}\ncontainers: [{{name: web}}]")).workload) == name
