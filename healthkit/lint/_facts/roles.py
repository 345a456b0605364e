"""What a pod's service account may do, as far as the manifests say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Workload
    from healthkit.manifests._loose import Loose


@dataclass(frozen=True, slots=True)
class Right:
    """Something that a role may allow (kubernetes plugin/pkg/auth/authorizer/rbac/rbac.go)."""

    group: str
    resource: str
    verb: str


def account_of(workload: Workload) -> str:
    """Return the name of a pod's service account."""
    named = [workload.pod / field for field in ("serviceAccountName", "serviceAccount")]
    return next((one.text for one in named if one.text), "default")


def may(workload: Workload, right: Right) -> bool | None:
    """Whether a pod's account has a right; None if it is bound to a role that is elsewhere."""
    roles = [_role(one) for one in _bindings(workload)]
    if any(role is not None and _allows(role, right) for role in roles):
        return True
    return None if None in roles else False


def _bindings(workload: Workload) -> list[Thing]:
    found = workload.manifests.of("RoleBinding", "ClusterRoleBinding")
    return [
        one
        for one in found
        if (one.kind == "ClusterRoleBinding" or one.namespace == workload.namespace)
        and any(_is(subject, one, workload) for subject in (one.root / "subjects").items)
    ]


def _is(subject: Loose, binding: Thing, workload: Workload) -> bool:
    """Whether a subject of a binding is a pod's account, or a group that it is in."""
    name, kind = (subject / "name").text, (subject / "kind").text
    if kind == "Group":
        groups = {"system:authenticated", "system:serviceaccounts"}
        return name in groups | {f"system:serviceaccounts:{workload.namespace}"}
    where = (subject / "namespace").text or binding.namespace
    return kind == "ServiceAccount" and (name, where) == (account_of(workload), workload.namespace)


def _role(binding: Thing) -> Thing | None:
    """Return the role that a binding gives, if it is among the manifests."""
    kind, name = (binding.root / "roleRef" / "kind").text, (binding.root / "roleRef" / "name").text
    found = [
        one
        for one in binding.manifests.of("Role", "ClusterRole")
        if (one.kind, one.name) == (kind, name)
        and (kind == "ClusterRole" or one.namespace == binding.namespace)
    ]
    return found[0] if found else None


def _allows(role: Thing, right: Right) -> bool:
    resources = {"*", right.resource, f"*/{right.resource.partition('/')[2]}"}
    return any(
        {"*", right.group} & set((rule / "apiGroups").texts)
        and resources & set((rule / "resources").texts)
        and {"*", right.verb} & set((rule / "verbs").texts)
        for rule in (role.root / "rules").items
    )
