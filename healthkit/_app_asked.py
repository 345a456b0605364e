"""Asking an app for its settings, in a process of its own: for `lint` and `render`.

An app that is imported may print, start threads, or end the process. None of that reaches a command
from here: what it prints goes to stderr, and what it leaves behind ends with its process. Nothing
of the engine is imported here, and no app; `_app_settings` does both in the other process.

The surprising fact: the answer is one line, and no more is read. A process that the app has started
may hold the other end of the pipe open for ever.

There is no time limit: some apps load a model while they are imported. Ctrl-C ends both processes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from healthkit._validate import shown
from healthkit.errors import ConfigError
from healthkit.manifests._app import AppSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the other process runs. It looks for modules where this one does, and nowhere else before:
#: a ``json.py`` or ``signal.py`` that stands here is the app's.
_CODE: Final = """\
import json, sys
question = json.load(sys.stdin)
sys.path[:] = question["path"]
from healthkit._app_settings import answer
answer(question)
"""


def ask(
    name: str,
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    option: str = "--app",
) -> AppSettings:
    """Return what an app says of itself in its container. Blocks while the app is imported.

    Args:
        name: of a `Health`, or of an app; see `_app_settings.read`.
        environ: the container's variables; ``HEALTHKIT_*`` among them win over the code.
        option: what was given the name, for the message.

    Raises:
        ConfigError: there is no such module or app, the import raises or ends the process, there is
            no `Health` in what was found, or no such process can be.
    """
    question = {"name": name, "environ": dict(environ), "option": option, "path": sys.path}
    try:
        line, code = _answered(json.dumps(question))
    except OSError as exc:
        raise ConfigError(
            f"{option}={shown(name)}: {shown(sys.executable)} can't be started: {exc.strerror}; "
            "expected a Python to import it with"
        ) from exc
    if not line:
        raise ConfigError(
            f"{option}={shown(name)}: importing it ended the process with {_ended(code)}; "
            "expected it to be imported as in its container"
        )
    found = _read(line, f"{option}={shown(name)}")
    if "error" in found:
        raise ConfigError(found["error"])
    return AppSettings(**found)


def _answered(question: str) -> tuple[str, int]:
    """Return the line that the other process answers with, if any, and how it has ended."""
    closed = sys.stderr is None  # then a pipe would get its number
    with subprocess.Popen(  # noqa: S603  # ourselves, and no word from outside
        [sys.executable, "-P", "-c", _CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if closed else None,
        text=True,
    ) as child:
        assert child.stdin  # noqa: S101  # both are pipes
        assert child.stdout  # noqa: S101  # as above
        with contextlib.suppress(BrokenPipeError):  # one that has ended already: that is told
            child.stdin.write(question)
            child.stdin.close()
        line = child.stdout.readline()
    return line, child.returncode


def _read(line: str, what: str) -> dict[str, Any]:
    """Return the answer, which is JSON unless somebody else was faster."""
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError as exc:
        raise ConfigError(
            f"{what}: found {shown(line)} on stdout before it was imported, expected nothing; "
            "let no sitecustomize print there"
        ) from exc
    return found


def _ended(code: int) -> str:
    """Say how a process has ended: by its own code, or by a signal."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
