"""What `healthkit simulate` is told, and what it says when that is wrong.

Owns the reading of the command line. No file is read here, and nothing is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit import _arguments, _validate
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP: Final = """\
usage: healthkit simulate MANIFEST [--app MODULE:APP] [options]

Play the life of one pod in virtual time, against your app or one that is described: probes,
readiness, the Service and its clients, deletion, SIGTERM. Prints what happened. Exits 0 if the pod
became ready, no request was lost and no container restarted; 1 otherwise; 2 if it can't be played.

  --app MODULE:APP    an ASGI app, imported from here with the manifest's environment; without it
                      a described app is played, which answers 200
  --boot S            the described app listens after S; the default is 2
  --warm-up S         it answers its readiness probe with 503 for S after that; the default is 0
  --drain S           it serves on for S when it is told to end; the default is what the manifest's
                      HEALTHKIT_DRAIN_DELAY says, or 0
  --fail PROBE AT..UNTIL
                      it answers that probe (liveness, readiness, startup) with 503 meanwhile
  --for S             how long the pod lives; the default is until 30 s after it became ready, or
                      for its progressDeadlineSeconds if it never does
  --delete            delete the pod then, and show its end: the default
  --delete-at S       delete it at S
  --no-delete         don't delete it
  --workload NAME     which one, if the manifest has several
  --container NAME    which of the pod's containers the app is, if it has several
  --svg FILE          draw the pod's life
  --json              one JSON object in place of the text

Every S is a number of seconds, or has a unit: 90, 90s, 2m, 1h.
"""

_OPTIONS: Final = _arguments.Options(
    {
        "--app": "MODULE:APP",
        "--boot": "S",
        "--warm-up": "S",
        "--drain": "S",
        "--for": "S",
        "--delete-at": "S",
        "--workload": "NAME",
        "--container": "NAME",
        "--svg": "FILE",
    },
    frozenset({"--delete", "--no-delete", "--json"}),
    operand="MANIFEST",
)

#: Those that say something of the described app.
_DESCRIBING: Final = ("--boot", "--warm-up", "--drain")

#: Seconds from the container's start to the moment at which a described app listens.
BOOT: Final = 2.0

_PROBES: Final = ("liveness", "readiness", "startup")


@dataclass(frozen=True, slots=True)
class Fault:
    """A probe that is answered badly for a while. Seconds from the simulation's beginning."""

    probe: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be played. All times are seconds."""

    manifest: str
    #: ``module:app``; None: a described one.
    app: str | None = None
    boot: float = BOOT
    warm_up: float = 0.0
    #: None: as the manifest says.
    drain: float | None = None
    faults: tuple[Fault, ...] = ()
    #: How long the pod lives; None: until some time after it became ready.
    lasts: float | None = None
    deletes: bool = True
    #: When it is deleted; None: when its life is over.
    delete_at: float | None = None
    workload: str | None = None
    container: str | None = None
    svg: str | None = None
    json: bool = False


def read(arguments: Sequence[str]) -> Options | None:
    """Return what was asked for; None if somebody asks what the command is for.

    Raises:
        ConfigError: something is wrong, or there is no manifest.
    """
    words, faults = _faults(arguments)
    found = _arguments.without_rest(_arguments.parse(words, _OPTIONS))
    if found.help:
        return None
    if found.operand is None:
        raise ConfigError(
            "found no MANIFEST, expected a file, as in: healthkit simulate deploy.yaml"
        )
    _check(found, faults)
    values = found.values
    lasts, delete_at = _optional(found, "--for"), _optional(found, "--delete-at")
    if lasts is not None and delete_at is not None and delete_at > lasts:
        raise ConfigError(
            f"found --delete-at {values['--delete-at']}, which is after the end at --for"
            f" {values['--for']}: expected it before"
        )
    return Options(
        manifest=found.operand,
        app=values.get("--app"),
        boot=_validate.duration("--boot", values.get("--boot", str(BOOT))),
        warm_up=_validate.duration("--warm-up", values.get("--warm-up", "0")),
        drain=_optional(found, "--drain"),
        faults=tuple(faults),
        lasts=lasts,
        deletes="--no-delete" not in found.flags,
        delete_at=delete_at,
        workload=values.get("--workload"),
        container=values.get("--container"),
        svg=values.get("--svg"),
        json="--json" in found.flags,
    )


def _optional(found: _arguments.Found, name: str) -> float | None:
    text = found.values.get(name)
    return None if text is None else _validate.duration(name, text)


def _faults(arguments: Sequence[str]) -> tuple[list[str], list[Fault]]:
    """Take each ``--fail`` with its two words out of the command line."""
    left, faults = list(arguments), list[Fault]()
    while "--fail" in left:
        place = left.index("--fail")
        faults.append(_fault(left[place + 1 : place + 3]))
        del left[place : place + 3]
    return left, faults


def _fault(words: Sequence[str]) -> Fault:
    expected = "expected --fail PROBE AT..UNTIL, as in --fail liveness 40..60"
    start, dots, end = words[-1].partition("..") if len(words) > 1 else ("", "", "")
    if not dots or words[0] not in _PROBES:
        raise ConfigError(f"found --fail {_validate.shown(' '.join(words))}, {expected}")
    fault = Fault(words[0], _validate.duration("--fail", start), _validate.duration("--fail", end))
    if fault.end <= fault.start:
        raise ConfigError(f"found --fail {words[1]!r}, which ends before it begins, {expected}")
    return fault


def _check(found: _arguments.Found, faults: Sequence[Fault]) -> None:
    """Refuse options that contradict each other."""
    described = [name for name in _DESCRIBING if name in found.values]
    described += ["--fail"] if faults else []
    if described and "--app" in found.values:
        raise ConfigError(
            f"found {described[0]} and --app, expected one: a real app decides itself"
        )
    deleting = [
        name for name in ("--delete", "--delete-at") if name in {*found.flags, *found.values}
    ]
    if deleting and "--no-delete" in found.flags:
        raise ConfigError(f"found {deleting[0]} and --no-delete, expected one of them")
