"""One rule for people: what it says, why, how it counts, and its examples."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit.lint._formats.text import WIDTH
from healthkit.lint._rules import RULES

if TYPE_CHECKING:
    from healthkit.lint._rule import About

#: Where the examples are: in an installed package, and in a checkout.
_EXAMPLES: Final = (
    Path(__file__).parents[1] / "examples",
    Path(__file__).parents[3] / "tests" / "lint" / "examples",
)

#: What each kind of example shows.
_SHOWN: Final = {
    "bad": "This is told",
    "fixed": "This is the same, mended",
    "near": "This is not told, though it is near",
}


def text(rule: str) -> str:
    """Tell a rule.

    Args:
        rule: the id of one that there is.
    """
    about = next(one.about for one in RULES if one.id == rule)
    parts = [
        f"{about.id}, {about.severity}: {about.title}",
        *(_labelled(name, value) for name, value in _facts(about).items() if value),
        *(f"{_SHOWN[kind]}:\n\n{yaml}" for kind, yaml in examples(rule).items()),
        f'To ignore it on one object, annotate it: healthkit/ignore.{about.id}: "the reason"',
    ]
    return "\n\n".join(parts) + "\n"


def examples(rule: str) -> dict[str, str]:
    """Return the examples of a rule by their kind, indented; none if they aren't here."""
    found = {
        kind: path.read_text(encoding="utf-8")
        for kind in _SHOWN
        for directory in _EXAMPLES
        if (path := directory / rule / f"{kind}.yaml").is_file()
    }
    return {kind: textwrap.indent(yaml.rstrip(), "    ") for kind, yaml in found.items()}


def _facts(about: About) -> dict[str, str]:
    return {
        "why": about.why,
        "fix": about.fix,
        "counts": about.arithmetic,
        "source": about.source,
    }


def _labelled(name: str, value: str) -> str:
    """Return a fact with its name before it; lines that a rule has broken itself stay broken."""
    lines = [
        line
        for one in value.splitlines()
        for line in textwrap.wrap(one, WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    ]
    return textwrap.indent("\n".join(lines), "        ").replace(" " * 8, f"{name:<8}", 1)
