"""Health endpoints for Python web apps on Kubernetes.

    health = Health()
    app.add_middleware(HealthMiddleware, health=health)

Importing the package imports none of its modules: names are loaded at their first use (PEP 562).
"""

TYPE_CHECKING = False  # typing's own costs more than all the rest of this module
if TYPE_CHECKING:
    from typing import Final

    from healthkit._health import Health
    from healthkit._model import Outcome, Phase, Probe
    from healthkit._warmup import Progress
    from healthkit.asgi import HealthMiddleware
    from healthkit.errors import (
        CheckFailed,
        ConfigError,
        HealthkitError,
        KubernetesError,
        LifecycleError,
        StateDirError,
    )

__all__ = [
    "CheckFailed",
    "ConfigError",
    "Health",
    "HealthMiddleware",
    "HealthkitError",
    "KubernetesError",
    "LifecycleError",
    "Outcome",
    "Phase",
    "Probe",
    "Progress",
    "StateDirError",
]

_HOME: "Final" = {
    "CheckFailed": "errors",
    "ConfigError": "errors",
    "Health": "_health",
    "HealthMiddleware": "asgi",
    "HealthkitError": "errors",
    "KubernetesError": "errors",
    "LifecycleError": "errors",
    "Outcome": "_model",
    "Phase": "_model",
    "Probe": "_model",
    "Progress": "_warmup",
    "StateDirError": "errors",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module it lives in."""
    import importlib  # noqa: PLC0415  # not for whoever imports the package only

    home = _HOME.get(name)
    if home is None:
        message = f"module 'healthkit' has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(importlib.import_module(f"healthkit.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
