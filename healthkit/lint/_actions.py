"""What the kubelet does to a container, over its probes and its hooks alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.lint._workload import PROBES

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def actions(container: Container) -> Iterator[Action]:
    """Yield the probes and the hooks that a container has."""
    for name in PROBES.values():
        yield from _there(Action(name, container.at / name, is_hook=False))
    for name in _HOOKS:
        yield from _there(Action(name, container.at / "lifecycle" / name, is_hook=True))


def _there(action: Action) -> Iterator[Action]:
    if action.at:
        yield action
