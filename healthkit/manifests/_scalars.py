"""What a YAML scalar means to Kubernetes: kubectl and the API server read YAML with Go's parser.

They use YAML 1.1 with Go's own additions (kubernetes 1.36 go.yaml.in/yaml/v2 resolve.go), which is
not what PyYAML reads: ``0o17`` is 15 to them and a string to PyYAML; ``1:30`` is a string to them
and 90 to PyYAML; ``y`` is true to them and a string to PyYAML. Dates stay strings.
"""

from __future__ import annotations

import math
import re
from typing import Final

#: What a scalar can be.
Value = str | int | float | bool | None

_WORDS: Final[dict[str, Value]] = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False
    ),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}

#: strconv.ParseInt with base 0: the prefix says the base, and a leading 0 alone is octal.
_WHOLE: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))"
)
#: By the number of the group above.
_BASES: Final = {2: 16, 3: 2, 4: 8, 5: 10}

_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

#: Longer than any number of 64 bits can be, leading zeros apart; Python refuses 4300 digits.
_LONGEST: Final = 400

_TAG: Final = "tag:yaml.org,2002:"
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (float, int),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}


def resolve(text: str, tag: str | None, *, plain: bool) -> Value:
    """Return what a scalar means.

    Args:
        text: as it stands there, without quotes.
        tag: one that was written out, such as ``!!str``.
        plain: whether it had neither quotes nor a tag.

    Raises:
        ValueError: the text does not fit its tag.
    """
    if plain:
        return _plain(text)
    types = _TYPES.get(tag or "")
    if types is None:
        return text  # quoted; !!str; or a tag of somebody's own, which Go ignores
    value = _plain(text)
    if type(value) not in types:
        raise ValueError
    return value


def _plain(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    number = None
    if text[0] == ".":
        number = _number(text)
    elif text[0] in "+-0123456789":
        number = _number(text.replace("_", ""))
    return text if number is None else number


def _number(text: str) -> int | float | None:
    """Return the number that a text is; None if it is none."""
    if len(text) > _LONGEST:
        return None
    if match := _WHOLE.fullmatch(text):
        base = match.lastindex or 0  # the sign's group is the first, and always there
        number = int(match[1] + match[base], _BASES[base])
        if -(2**63) <= number < 2**64:
            return number
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return None
