"""What a pod's service account may do, as far as the manifests say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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


class Subject(NamedTuple):
    """An account, or a group of them: whom a binding gives a role."""

    kind: str
    name: str
    #: An account's; a group is in none.
    namespace: str = ""


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
    namespace = workload.namespace
    groups = ("authenticated", "serviceaccounts", f"serviceaccounts:{namespace}")
    subjects = {Subject("Group", f"system:{one}") for one in groups}
    subjects.add(Subject("ServiceAccount", account_of(workload), namespace))
    found = [one for subject in subjects for one in workload.manifests.bindings.get(subject, [])]
    return [one for one in found if one.kind == "ClusterRoleBinding" or one.namespace == namespace]


def subjects_of(binding: Thing) -> set[Subject]:
    """Return whom a binding is for; an account is in the binding's namespace if it says none."""
    return {_subject(one, binding.namespace) for one in (binding.root / "subjects").items}


def _subject(one: Loose, namespace: str) -> Subject:
    kind, name = (one / "kind").text, (one / "name").text
    where = (one / "namespace").text or namespace
    return Subject(kind, name, where if kind == "ServiceAccount" else "")


def _role(binding: Thing) -> Thing | None:
    """Return the role that a binding gives, if it is among the manifests."""
    kind, name = (binding.root / "roleRef" / "kind").text, (binding.root / "roleRef" / "name").text
    return binding.manifests.roles.get(role_key(kind, binding.namespace, name))


def role_key(kind: str, namespace: str, name: str) -> tuple[str, str, str]:
    """Return what tells a role from all others; a ClusterRole is in no namespace."""
    return (kind, "" if kind == "ClusterRole" else namespace, name)


def _allows(role: Thing, right: Right) -> bool:
    resources = {"*", right.resource, f"*/{right.resource.partition('/')[2]}"}
    return any(
        {"*", right.group} & set((rule / "apiGroups").texts)
        and resources & set((rule / "resources").texts)
        and {"*", right.verb} & set((rule / "verbs").texts)
        for rule in (role.root / "rules").items
    )
