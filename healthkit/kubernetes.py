"""The Kubernetes door: a readiness gate, a condition that the app sets on its own Pod.

With ``HEALTHKIT_READINESS_GATE`` in the environment, as the Helm chart sets it, nothing here needs
to be called. httpx is needed: ``pip install 'healthkit-asgi[kubernetes]'``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, cast, final

from healthkit import _validate
from healthkit._health import Health

__all__ = ["CACHE_WARM", "ReadinessGate"]

#: The condition, unless the code or the environment says another.
CACHE_WARM: Final = "healthkit.dev/cache-warm"


@final
class ReadinessGate:
    """Publish what ``/readyz`` says as a condition of the Pod, for ``spec.readinessGates``.

    Make it beside the `Health`; there is nothing to start or to stop. In a pod with several workers
    and a state directory one of them publishes, for all. False while starting and warming up, while
    anything is in the way of readiness, and from the moment a drain begins (unless
    ``readyz_while_draining=200`` has ``/readyz`` say otherwise).

    Everything happens in a thread of its own: no request and no probe waits for the API server, and
    whatever it answers, or does not, changes no answer of the app. Outside Kubernetes, and without
    a token, nothing is published.

    Args:
        health: whose verdict.
        condition: the condition's type, with a domain; ``HEALTHKIT_READINESS_GATE`` wins over it,
            and an empty one switches the gate off.
        account: the directory with the ServiceAccount's ``token``, ``ca.crt`` and ``namespace``;
            None is where the kubelet mounts them.

    Raises:
        ConfigError: it is no Health, no such type or no directory; the Health has a gate already,
            or has begun.
    """

    def __init__(
        self,
        health: Health,
        condition: str = CACHE_WARM,
        *,
        account: str | os.PathLike[str] | None = None,
    ) -> None:
        _refuse_others(health)
        kind = _validate.condition("ReadinessGate condition", condition)
        self._gate = health.publish(kind, _directory(account))

    def __repr__(self) -> str:
        return "<ReadinessGate off>" if self._gate is None else repr(self._gate)


def _directory(account: object) -> Path | None:
    """Return the directory, if there is one."""
    path: object = (
        os.fspath(cast("os.PathLike[str]", account)) if hasattr(account, "__fspath__") else account
    )
    if path is not None and (not isinstance(path, str) or not path):
        expected = "the directory of a ServiceAccount's token, or None for the kubelet's"
        raise _validate.refuse("ReadinessGate account", account, expected)
    return None if path is None else Path(path)


def _refuse_others(health: object) -> None:
    """Refuse what is no `Health`, whatever a type checker was told."""
    if not isinstance(health, Health):
        raise _validate.refuse("ReadinessGate health", health, "a Health, made by Health()")
