"""What an app says of itself, as plain values: to hold against a manifest, or to write one by.

Nothing here knows the engine. Whoever has imported the app fills this in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the app calls its endpoints: the names in ``Health(paths=...)``.
Endpoint = Literal["live", "ready", "startup", "health"]


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The settings of an app with healthkit inside. Seconds; see `healthkit.Health`."""

    #: How messages call it: ``main:health``.
    name: str
    #: Where each endpoint is; one that is switched off is not here.
    paths: Mapping[Endpoint, str] = field(
        default_factory=lambda: {"live": "/livez", "ready": "/readyz", "startup": "/startupz"}
    )
    #: Those that are called at SIGTERM, in Kubernetes.
    drain_delay: float = 5.0
    drain_timeout: float = 15.0
    #: What the app takes the pod's terminationGracePeriodSeconds to be.
    grace_period: float = 30.0
    #: How long ``@health.startup`` work may take by its own timeouts: ``/startupz`` is 503 until it
    #: is done. None: nobody has said.
    startup: float | None = None
    #: The longest deadline, or else timeout, of the warm-ups that readiness waits for.
    warm_up: float | None = None
    #: The port it is served on; None: nobody has said.
    port: int | None = None
    state_dir: str | None = None
    workers: int | None = None
    metrics_path: str | None = None
    prestop_path: str | None = None

    def endpoint(self, path: str) -> Endpoint | None:
        """Return which endpoint a path asks, behind a root path too; None if it asks none.

        Below the readiness path is one component of it.
        """
        exact: list[Endpoint] = [name for name, own in self.paths.items() if own == path]
        ready = self.paths.get("ready")
        if ready is not None and path.startswith(f"{ready}/"):
            return "ready"
        behind: list[tuple[int, Endpoint]] = [
            (len(own), name) for name, own in self.paths.items() if path.endswith(own)
        ]
        return exact[0] if exact else max(behind)[1] if behind else None

    @property
    def ready_after(self) -> float | None:
        """Seconds until ``/readyz`` can be 200: start-up work and warm-ups begin together.

        None: nobody has said.
        """
        known = [one for one in (self.startup, self.warm_up) if one is not None]
        return max(known, default=None)
