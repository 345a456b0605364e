"""All rules over all manifests, and what comes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from healthkit.lint._finding import Finding, Severity
from healthkit.lint._ignoring import is_ignored
from healthkit.lint._manifests import Manifests
from healthkit.lint._rules import RULES
from healthkit.lint._schemas import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from healthkit.lint._manifests import Thing
    from healthkit.lint._options import Options
    from healthkit.lint._reading import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a lint has found, and what it has looked at."""

    findings: tuple[Finding, ...]
    #: Those that an annotation ignores, with a reason.
    ignored: tuple[Finding, ...] = ()
    #: Why something could not be used: a line each.
    unusable: tuple[str, ...] = ()
    files: int = 0
    #: How many objects were looked at.
    objects: int = 0
    #: How many of other kinds there were, by their kind.
    skipped: Mapping[str, int] = field(default_factory=Counter[str])


#: A finding and its object.
_Pair = tuple["Thing", Finding]

#: The rules that say what the API server, or a schema, says; others say it better.
_REFUSED: Final = frozenset({"HK001", "HK005"})


def run(read: Read, options: Options) -> Report:
    """Look at what was read.

    Raises:
        ConfigError: schemas are wanted, and there are none.
    """
    if options.schemas:
        require(options.kube_version)
    manifests = Manifests(read.documents, options, read.refusals)
    pairs = [pair for rule in RULES for pair in rule.findings(manifests)]
    by_place = sorted(_without_echoes(pairs), key=_place)
    known = [one for one in manifests.things if one.is_known]
    others = Counter(one.kind for one in manifests.things if not one.is_known)
    return Report(
        findings=tuple(one for thing, one in by_place if not is_ignored(one, thing)),
        ignored=tuple(one for thing, one in by_place if is_ignored(one, thing)),
        unusable=tuple(read.unusable),
        files=read.files,
        objects=len(known),
        skipped=others,
    )


def _place(pair: _Pair) -> tuple[str, int, int, str]:
    _, one = pair
    return (one.file, one.line, one.column, one.rule)


def _without_echoes(pairs: list[_Pair]) -> Iterator[_Pair]:
    """Leave out what the API server says of a place of which a rule says more."""
    said = [(id(thing), one.path) for thing, one in pairs if _is_told(one)]
    for thing, one in pairs:
        near = [path for owner, path in said if owner == id(thing) and _is_near(path, one.path)]
        if one.rule not in _REFUSED or not near:
            yield thing, one


def _is_told(one: Finding) -> bool:
    return one.severity is Severity.ERROR and one.rule not in _REFUSED


def _is_near(path: str, other: str) -> bool:
    """Whether one of two places is within the other."""
    shorter, longer = sorted((path, other), key=len)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
