"""What `healthkit run` is told, by its arguments and by the environment.

Owns the reading of both, and the one line that is said when they are wrong. Nothing is done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit import _arguments, _validate
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HELP: Final = """\
usage: healthkit run [--drain-delay S] [--state-dir DIR] -- COMMAND [ARGUMENT ...]

Run a server, and let it go on serving when SIGTERM comes: its workers drain first, and the server
gets the signal when that is over. Other signals are passed on at once. A second SIGTERM, at least
a second later, ends the waiting. Exits as the server does, with 128 + n for a signal n; 2 when it
is called in a wrong way.

  --drain-delay S  seconds to serve on after SIGTERM, 0 to 86400; the default is
                   HEALTHKIT_DRAIN_DELAY, or else the workers' own drain_delay, or 5 if that is 0
  --state-dir DIR  where the workers meet, an absolute path; the default is HEALTHKIT_STATE_DIR,
                   or else a private directory that is removed in the end
"""

_OPTIONS: Final = _arguments.Options({"--drain-delay": "S", "--state-dir": "DIR"})

#: The variable that tells the workers how long to serve on.
_DRAIN_DELAY: Final = "HEALTHKIT_DRAIN_DELAY"


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be run, and how."""

    command: tuple[str, ...]
    #: The command's environment, but for the state directory.
    environ: Mapping[str, str]
    #: Seconds; None: as long as the workers' own settings say.
    drain_delay: float | None
    #: None: a private one.
    state_dir: str | None


def read(arguments: Sequence[str], environ: Mapping[str, str]) -> Options | None:
    """Return what was asked for; None if somebody asks what the command is for.

    Raises:
        ConfigError: something is wrong, or there is no command.
    """
    expected = "expected -- and the command after it, as in: healthkit run -- uvicorn main:app"
    if "--" not in arguments and not {"-h", "--help"}.intersection(arguments):
        raise ConfigError(f"found no '--', {expected}")
    found = _arguments.parse(arguments, _OPTIONS)
    if found.help:
        return None
    if not found.rest:
        raise ConfigError(f"found no command, {expected}")
    option = found.values.get("--drain-delay")
    if option is not None:  # the workers are to agree
        environ = {**environ, _DRAIN_DELAY: option}
    said_by = _DRAIN_DELAY if option is None else "--drain-delay"
    return Options(
        command=found.rest,
        environ=environ,
        drain_delay=_seconds(said_by, environ.get(_DRAIN_DELAY)),
        state_dir=_state_dir(found, environ),
    )


def _seconds(said_by: str, text: str | None) -> float | None:
    """Return the drain delay. Not `_arguments.seconds`: none at all is one, too."""
    if text is None:
        return None
    try:
        value: object = float(text)
    except ValueError:
        value = text
    return _validate.seconds(said_by, value, zero=True)


def _state_dir(found: _arguments.Found, environ: Mapping[str, str]) -> str | None:
    """Return the named directory, as the workers' settings would take it: empty is none."""
    said_by, path = "--state-dir", found.values.get("--state-dir")
    if path is None:
        said_by, path = _arguments.STATE_DIR, environ.get(_arguments.STATE_DIR) or None
    if path is not None and not (path.startswith("/") and path.isprintable()):
        raise _validate.refuse(said_by, path, "an absolute path that all workers share")
    return path
