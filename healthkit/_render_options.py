"""What `healthkit render` is told, and what it says when that is wrong.

Owns the reading of the command line. Nothing is imported or written here.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit import _arguments, _validate, lint
from healthkit.errors import ConfigError
from healthkit.render import PARTS, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HELP: Final = """\
usage: healthkit render [--app MODULE:HEALTH] [options]

Write the manifest that fits an app: Deployment, Service and PodDisruptionBudget, each number with
its arithmetic in a comment. What is given here wins over what the app says.

  --app MODULE:HEALTH    an app, imported from here, whose settings count: its paths, drain,
                         workers, and the time of its start-up work and warm-ups
  --boot S               from the container's start until the port is open; the default is 30
  --warm-up S            the longest warm-up, from then on; the default is the app's, or 0
  --drain S              how long it serves on when its pod is deleted; the default is 5
  --longest-request S    the longest request, from then on; the default is 15
  --name NAME            of the objects and of the container; the default is app
  --image IMAGE          the default is NAME:1.0.0
  --port N               the default is the command's, or 8000
  --replicas N           the default is 3
  --workers N            how many processes the server starts; the default is the command's, or 1
  --command "WORDS"      of the server, as in "uvicorn main:app --host 0.0.0.0"; the default is the
                         image's own
  --kube-version V       the oldest Kubernetes that it is for; the default is 1.36
  --pre-stop HOOK        exec: healthkit drain, the default; sleep: the kubelet waits; none: SIGTERM
                         begins the drain
  --part PART            all, the default; deployment; container: what to paste into one of yours

Every S is a number of seconds, or has a unit: 90, 90s, 2m, 1h.
"""

_OPTIONS: Final = _arguments.Options(
    {
        "--app": "MODULE:HEALTH",
        "--boot": "S",
        "--warm-up": "S",
        "--drain": "S",
        "--longest-request": "S",
        "--name": "NAME",
        "--image": "IMAGE",
        "--port": "N",
        "--replicas": "N",
        "--workers": "N",
        "--command": "WORDS",
        "--kube-version": "V",
        "--pre-stop": "HOOK",
        "--part": "PART",
    }
)


#: No number of more digits is meant, and Python refuses those of very many.
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be written."""

    #: ``module:health``; None: nobody's settings.
    app: str | None
    part: Part
    #: Fields of `healthkit.render.Wanted` that were given.
    given: Mapping[str, object]


def read(arguments: Sequence[str]) -> Options | None:
    """Return what was asked for; None if somebody asks what the command is for.

    Raises:
        ConfigError: something is wrong.
    """
    found = _arguments.without_rest(_arguments.parse(arguments, _OPTIONS))
    if found.help:
        return None
    given = {
        name: value(option, found.values[option])
        for option, (name, value) in _FIELDS.items()
        if option in found.values
    }
    return Options(found.values.get("--app"), _part(found.values.get("--part", "all")), given)


def _part(text: str) -> Part:
    if text not in PARTS:
        raise _validate.refuse("--part", text, ", ".join(PARTS))
    return text


def _whole(option: str, text: str) -> int:
    """Return a number. Whether it is one that can be is checked later."""
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise _validate.refuse(option, text, "a whole number")
    return int(text)


def _words(option: str, text: str) -> tuple[str, ...]:
    """Return the words of a command line, split as a shell would."""
    expected = 'a command in one word, as in --command "uvicorn main:app"'
    try:
        words = tuple(shlex.split(text))
    except ValueError as exc:
        raise ConfigError(f"{option}={_validate.shown(text)}: {exc}; expected {expected}") from exc
    if not words:
        raise _validate.refuse(option, text, expected)
    return words


def _text(_option: str, text: str) -> str:
    return text


#: Each option's field, and what makes its value.
_FIELDS: Final[Mapping[str, tuple[str, Callable[[str, str], object]]]] = {
    "--boot": ("boot", _validate.duration),
    "--warm-up": ("warm_up", _validate.duration),
    "--drain": ("drain_delay", _validate.duration),
    "--longest-request": ("longest_request", _validate.duration),
    "--name": ("name", _text),
    "--image": ("image", _text),
    "--port": ("port", _whole),
    "--replicas": ("replicas", _whole),
    "--workers": ("workers", _whole),
    "--command": ("command", _words),
    "--kube-version": ("kube_version", lint.version),
    "--pre-stop": ("pre_stop", _text),
}
