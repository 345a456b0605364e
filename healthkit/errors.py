"""What healthkit raises, and what a check may raise.

Every message is one line: what was found, what was expected, what to do. A probe's answer is never
an exception: work that raises, hangs or lies changes its own result only.
"""

from __future__ import annotations


class HealthkitError(Exception):
    """The root of everything that healthkit raises by itself."""


class ConfigError(HealthkitError):
    """A setting or a registration is wrong. Raised where it is written, before anything serves."""


class LifecycleError(HealthkitError):
    """An event that the present phase has no answer to. Nothing was changed."""


class StateDirError(HealthkitError):
    """The state directory can't be used. A worker that meets it speaks for itself."""


class KubernetesError(HealthkitError):
    """The API server can't be asked, or refuses. The readiness gate that meets it tries again."""


class CheckFailed(HealthkitError):  # noqa: N818  # a check raises it to say what happened
    """Raise it inside a check: the dependency was asked, and the answer is bad.

    Args:
        reason: for the log only; no client of an endpoint reads it.
    """
