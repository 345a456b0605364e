"""All rules over all manifests, and what comes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from healthkit._validate import shown
from healthkit.lint._finding import Finding, Severity
from healthkit.lint._ignoring import reasons
from healthkit.lint._manifests import Manifests
from healthkit.lint._rules import RULES
from healthkit.lint._rules.schemas import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from healthkit.lint._manifests import Thing
    from healthkit.lint._options import Options
    from healthkit.lint._reading import Read
    from healthkit.lint._rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a lint has found, and what it has looked at."""

    findings: tuple[Finding, ...]
    #: Those that an annotation ignores, with a reason.
    ignored: tuple[Finding, ...] = ()
    #: Why something could not be used: a line each.
    unusable: tuple[str, ...] = ()
    files: int = 0
    #: How many of the files hold no manifests, and nobody has said that they did.
    left_alone: int = 0
    #: How many objects were looked at.
    objects: int = 0
    #: How many of other kinds there were, by their kind.
    skipped: Mapping[str, int] = field(default_factory=Counter[str])


#: A finding and its object.
_Pair = tuple["Thing", Finding]

#: The rules that say what the API server, or a schema, says; others say it better.
_REFUSED: Final = frozenset({"HK001", "HK005"})


def run(read: Read, options: Options, rules: Sequence[Rule] = RULES) -> Report:
    """Look at what was read.

    Args:
        read: the objects, and what was wrong with them already.
        options: which rules are asked, and what they are told.
        rules: those that there are.

    Raises:
        ConfigError: schemas are wanted, and there are none.
    """
    if options.schemas:
        require(options.kube_version)
    manifests = Manifests(read.documents, options, read.refusals)
    asked = [rule for rule in rules if options.only is None or rule.id in options.only]
    broken: list[str] = []
    pairs = [pair for rule in asked for pair in _findings(rule, manifests, broken)]
    told = [pair for pair in _without_echoes(pairs) if pair[1].rule not in options.ignore]
    things = {id(thing): thing for thing, _ in told}
    ignoring = {key: reasons(thing) for key, thing in things.items()}
    found = [_with_reason(one, ignoring[id(thing)]) for thing, one in sorted(told, key=_place)]
    return Report(
        findings=tuple(one for one in found if one.ignored is None),
        ignored=tuple(one for one in found if one.ignored is not None),
        unusable=(*read.unusable, *broken),
        files=read.files,
        left_alone=read.left_alone,
        objects=sum(one.is_known for one in manifests.things),
        skipped=Counter(one.kind for one in manifests.things if not one.is_known),
    )


def _findings(rule: Rule, manifests: Manifests, broken: list[str]) -> Iterator[_Pair]:
    """Yield what a rule finds. One that has a fault of its own keeps no other from being asked."""
    try:
        yield from rule.findings(manifests)
    except Exception as exc:  # noqa: BLE001  # whatever it is, it is told, and is no finding
        what = f"{type(exc).__name__}: {shown(str(exc))}"
        broken.append(f"{rule.id} could not go on ({what}): this is a fault of healthkit")


def _with_reason(one: Finding, ignoring: Mapping[str, str]) -> Finding:
    reason = ignoring.get(one.rule)
    return one if reason is None else replace(one, ignored=reason)


def _place(pair: _Pair) -> tuple[str, int, int, str]:
    _, one = pair
    return (one.file, one.line, one.column, one.rule)


def _without_echoes(pairs: list[_Pair]) -> Iterator[_Pair]:
    """Leave out what the API server says of a place of which a rule says more."""
    said = defaultdict[int, list[str]](list)
    for thing, one in pairs:
        if one.severity is Severity.ERROR and one.rule not in _REFUSED:
            said[id(thing)].append(one.path)
    for thing, one in pairs:
        paths = said[id(thing)] if one.rule in _REFUSED else ()  # there may be thousands
        if not any(_is_near(path, one.path) for path in paths):
            yield thing, one


def _is_near(path: str, other: str) -> bool:
    """Whether one of two places is within the other."""
    shorter, longer = sorted((path, other), key=len)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
