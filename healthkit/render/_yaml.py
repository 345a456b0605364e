"""Lines of YAML: scalars that are read back as what they were, comments, and what stands below.

By hand, because what is written has comments, and because nothing but this is needed for it.
"""

from __future__ import annotations

import re
import textwrap
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How wide a comment is, without what it is indented by.
_WIDTH: Final = 76

#: What needs no quotes: it begins with a letter or a slash, has nothing that YAML or its flow style
#: knows, and no colon at its end.
_PLAIN: Final = re.compile(r"[A-Za-z/]([A-Za-z0-9/_.:@-]*[A-Za-z0-9/_-])?")

#: A number and its unit, which stay in one line.
_AMOUNT: Final = re.compile(r"(\d) s\b")

#: What YAML 1.1 takes for something else than a string.
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def scalar(text: str) -> str:
    """Return a string as YAML has it, in quotes where it needs them, in one line.

    Args:
        text: without surrogates, which no UTF-8 has.
    """
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\U{ord(char):08X}"


def decimal(number: float) -> str:
    """Return a number exactly, without an exponent: ``5``, ``0.25``."""
    text = format(Decimal(repr(float(number))), "f")
    return text.rstrip("0").rstrip(".")


def shown(number: float) -> str:
    """Return a number as people read it, to the millisecond."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def comment(text: str) -> list[str]:
    """Return a comment, in as many lines as it takes; what can't be shown is a question mark."""
    clean = "".join(char if char.isprintable() else "?" for char in text)
    whole = _AMOUNT.sub("\\1\0s", clean)
    lines = textwrap.wrap(whole, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"# {line.replace(chr(0), ' ')}" for line in lines]


def under(key: str, lines: Iterable[str]) -> list[str]:
    """Return a key, and what stands below it."""
    return [f"{key}:", *(f"  {line}" for line in lines)]


def item(lines: Iterable[str]) -> list[str]:
    """Return a list's item. What is said of it in comments stands above."""
    first, *rest = lines
    if first.startswith("#"):
        return [first, *item(rest)]
    return [f"- {first}", *(f"  {line}" for line in rest)]
