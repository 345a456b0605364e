"""How long a hook takes, as far as the manifest says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from healthkit.manifests import Exec, Sleep, TcpSocket

if TYPE_CHECKING:
    from healthkit.manifests import Hook

_SHELLS: Final = frozenset({"sh", "bash", "ash", "dash"})
_SLEEP: Final = re.compile(r"(?:exec\s+)?(?:/\S*/)?sleep\s+([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def hook_length(hook: Hook | None) -> float | None:
    """Return the seconds that a hook takes; 0 without one, None if nobody can tell.

    A tcpSocket fails at once: the API admits it and the kubelet has no such hook
    (pkg/kubelet/lifecycle/handlers.go, Run).
    """
    match hook:
        case None | TcpSocket():
            return 0.0
        case Sleep(seconds):
            return float(seconds)
        case Exec(command):
            return _slept(command)
        case _:
            return None


def _slept(command: tuple[str, ...]) -> float | None:
    """Return what ``sleep 5`` takes, or ``sh -c "sleep 5"``; None of anything else."""
    match command:
        case (shell, "-c", script) if shell.rpartition("/")[2] in _SHELLS:
            line = script.strip().removesuffix(";").strip()
        case _:
            line = " ".join(command)
    found = _SLEEP.fullmatch(line)
    return None if found is None else float(found[1]) * _UNITS[found[2]]
