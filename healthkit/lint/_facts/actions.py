"""What the kubelet does to a container, over its probes and its hooks alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.lint._probe import PROBES

if TYPE_CHECKING:
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose

_HOOKS: Final = ("postStart", "preStop")


@dataclass(frozen=True, slots=True)
class Action:
    """One probe or one hook."""

    #: What Kubernetes calls it: ``livenessProbe``, ``preStop``.
    name: str
    at: Loose
    is_hook: bool


def actions(container: Container) -> list[Action]:
    """Return the probes and the hooks that a container has."""
    hooks = container.at / "lifecycle"
    found = [Action(name, container.at / name, is_hook=False) for name in PROBES.values()]
    found += [Action(name, hooks / name, is_hook=True) for name in _HOOKS]
    return [one for one in found if one.at]
