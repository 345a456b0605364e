"""Importing what MODULE:ATTR names, as a container would: for all commands that look at an app.

What an app does while it is imported is its own: it may raise anything, and look at anything. It
finds the environment that its container would have, as far as the manifest says it in plain words.

The surprising fact: a module is imported once in a process. Whoever asks again, with another
environment, gets what was made the first time.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit._validate import one_line, shown
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The variable by which a program knows that it is in a pod, and its usual value
#: (kubernetes 1.36 pkg/kubelet/kubelet_pods.go, getServiceEnvVarMap).
_IN_CLUSTER: Final = ("KUBERNETES_SERVICE_HOST", "10.96.0.1")

#: What stands for an attribute that isn't there: None may be one.
_NOTHING: Final = object()


def imported(option: str, name: str, environ: Mapping[str, str], *, expected: str) -> object:
    """Import a module from the working directory, and return what is called by a name in it.

    Changes ``os.environ`` and ``sys.path`` of this process.

    Args:
        option: what was given the name: ``--app``, for the message.
        name: ``main:app``, or ``main:holder.app``.
        environ: the container's variables. That of a cluster comes with them.
        expected: what it should be, for the message.

    Raises:
        ConfigError: there is no such module or attribute, or the import raises.
    """
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        raise ConfigError(f"{option}={shown(name)}: expected MODULE:APP, as in main:app")
    _set(option, name, environ)
    sys.path.insert(0, str(Path.cwd()))
    found = _attribute(option, name, _module(option, name, module), path)
    if found is _NOTHING:
        line = f"found no {one_line(path)} in {one_line(module)}, expected {expected}"
        raise ConfigError(f"{option}={shown(name)}: {line}")
    if found is None:
        raise not_expected(option, name, found, expected)
    return found


def _set(option: str, name: str, environ: Mapping[str, str]) -> None:
    try:
        os.environ.update([_IN_CLUSTER, *environ.items()])
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"{option}={shown(name)}: setting its container's env raised {said(exc)}; "
            "expected variables that a process can have"
        ) from exc


def not_expected(option: str, name: str, found: object, expected: str) -> ConfigError:
    """Make the error for what is there, and is something else."""
    module, _, path = name.partition(":")
    return ConfigError(
        f"{option}={shown(name)}: found {shown(found)} as {path} in {module}, expected {expected}"
    )


def _module(option: str, name: str, module: str) -> object:
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as exc:
        raise ConfigError(
            f"{option}={shown(name)}: importing {module} raised {said(exc)}; "
            "expected it to be imported as in its container"
        ) from exc


def _attribute(option: str, name: str, found: object, path: str) -> object:
    """Return what is called so, or `_NOTHING`. A property may raise what it likes."""
    try:
        for part in path.split("."):
            found = getattr(found, part, _NOTHING)
    except (Exception, SystemExit) as exc:
        line = f"{option}={shown(name)}: looking for {path} raised {said(exc)}; expected it to be"
        raise ConfigError(f"{line} found as in its container") from exc
    return found


def said(error: BaseException) -> str:
    """Return an exception in one line: ``ValueError: no such table``."""
    try:
        text = one_line(str(error))
    except Exception:  # noqa: BLE001  # an exception's own text may raise anything
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
