"""The annotations by which somebody ignores a rule: ``healthkit/ignore.HK117: <reason>``.

They stand at the object, or at the template of its pods, and hold for the whole object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.lint._workload import POD_AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._manifests import Thing
    from healthkit.manifests._loose import Loose

PREFIX: Final = "healthkit/ignore."


@dataclass(frozen=True, slots=True)
class Ignored:
    """One such annotation."""

    rule: str
    #: Empty if none is given.
    reason: str
    at: Loose


def ignored(thing: Thing) -> Iterator[Ignored]:
    """Yield the annotations of an object that ignore a rule."""
    template = thing.root
    for part in POD_AT.get(thing.kind, ()):
        template = template / part
    places = [thing.root, template] if template.path else [thing.root]
    for place in places:
        annotations = place / "metadata" / "annotations"
        for key in annotations.all_keys:  # one that is null is written by somebody too
            if key.startswith(PREFIX):
                at = annotations / key
                yield Ignored(key.removeprefix(PREFIX), at.text.strip(), at)


def reasons(thing: Thing) -> dict[str, str]:
    """Return why somebody ignores rules on an object, by the rules' ids; those with a reason."""
    return {one.rule: one.reason for one in ignored(thing) if one.reason}
