"""How long a preStop hook takes, as far as its text says it.

A sleep counts for certain only if nothing before it can keep it from being run: a command before it
may fail, or end the process, and the hook dies with its container.

The surprising fact: ``kill 1; sleep 60`` is no hook of a minute. The process ends when it gets its
signal, and the hook is over then.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit._validate import LONGEST, duration
from healthkit.errors import ConfigError
from healthkit.lint._facts.own import own_command
from healthkit.lint._facts.servers import values
from healthkit.lint._facts.shell import base, script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.lint._facts.shell import Script, Step
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose

#: What takes no time, and neither fails nor ends anything.
_HARMLESS: Final = frozenset({"echo", "printf", "true", ":", "date", "export"})

#: What tells a process to end, and doesn't wait for that.
_ENDING: Final = frozenset({"kill", "pkill", "killall", "nginx", "httpd", "apachectl", "exit"})

#: coreutils, "sleep invocation"; busybox has the same letters.
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SLEEP: Final = re.compile(r"(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})([smhd]?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Length:
    """What a hook takes, in seconds."""

    #: For certain.
    least: float = 0.0
    #: None: nobody can tell.
    most: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether it takes neither more nor less."""
        return self.least == self.most

    @property
    def shown(self) -> str:
        """The least, for a sentence."""
        return "for ever" if math.isinf(self.least) else f"{self.least:g} s"

    @property
    def number(self) -> float | str:
        """The least, for numbers that must be JSON's."""
        return "infinity" if math.isinf(self.least) else self.least


#: What is over at once.
NOTHING: Final = Length(0.0, 0.0)


def length(hook: Loose) -> Length:
    """Return what a hook takes; exactly nothing if there is none.

    A tcpSocket fails at once: the API admits it and the kubelet has no such hook
    (pkg/kubelet/lifecycle/handlers.go, Run).
    """
    if not hook or hook / "tcpSocket":
        return NOTHING
    seconds = (hook / "sleep" / "seconds").whole
    if seconds is not None:
        told = float(max(seconds, 0))
        return Length(told, told)
    return command_length(commands(hook))


def command_length(words: Sequence[str]) -> Length:
    """Return what a command takes; of none, and of a file of commands, nobody can tell."""
    read = script(words)
    return Length() if read is None else _of(read)


def commands(hook: Loose) -> tuple[str, ...]:
    """Return the command that a hook runs; none if it runs none."""
    return (hook / "exec" / "command").texts


def drains(container: Container) -> bool:
    """Whether a container's hook makes the app drain, and takes what the drain takes.

    It is ``healthkit drain``, or a request for the app's own path for that.
    """
    hook, app = container.pre_stop, container.workload.manifests.app_of(container)
    path = (hook / "httpGet" / "path").text.partition("?")[0]
    own = app.prestop_path if app else None
    return _drain(hook) is not None or (own is not None and path.endswith(own))


def drain_limit(hook: Loose) -> float | None:
    """Return the seconds that ``healthkit drain --timeout`` has for all; None if it isn't said."""
    step = _drain(hook)
    found = values(step.words, "--timeout") if step else []
    try:
        return duration("--timeout", found[-1]) if found else None
    except ConfigError:
        return None


def _drain(hook: Loose) -> Step | None:
    read = script(commands(hook))
    steps = read.steps if read else ()
    return next((step for step in steps if own_command(step.words) == "drain"), None)


def _of(read: Script) -> Length:
    """Add up the sleeps of a script."""
    if not read.is_straight:
        return Length()
    least = total = 0.0
    is_sure = is_whole = True
    for step in read.steps:
        slept = _slept(step)
        is_sure = is_sure and step.before in {"", ";", "&&"} and step.after != "&"
        is_whole = is_whole and (slept is not None) and step.after != "&"
        total += slept or 0.0
        least += (slept or 0.0) if is_sure else 0.0
        is_sure = is_sure and slept is not None and _name(step) not in _ENDING
    return Length(least, total if is_whole else None)


def _name(step: Step) -> str:
    words = step.words[1:] if step.words[0] == "exec" else step.words
    return base(words[0]) if words else ""


def _slept(step: Step) -> float | None:
    """Return what a command takes; None if nobody can tell."""
    name = _name(step)
    if name in _HARMLESS | _ENDING:
        return 0.0
    if name != "sleep":
        return None
    words = step.words[2:] if step.words[0] == "exec" else step.words[1:]
    found = [_seconds(word) for word in words]
    known = [one for one in found if one is not None]
    return sum(known) if found and len(known) == len(found) else None


def _seconds(text: str) -> float | None:
    """Return what ``sleep`` makes of a word: ``5``, ``0.5``, ``1m``, ``infinity``."""
    if text in {"inf", "infinity"}:
        return math.inf
    match = _SLEEP.fullmatch(text)
    if match is None:
        return None
    seconds = float(match[1]) * _UNITS[match[2]]
    return seconds if seconds <= LONGEST else math.inf
