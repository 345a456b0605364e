"""Quantities: what ``500m``, ``1Gi``, ``0.5`` and ``1e3`` are, as exact numbers.

The rules are those of kubernetes 1.36 apimachinery/pkg/api/resource/quantity.go and suffix.go.

The surprising fact: a quantity needs no digit there: ``+``, ``.`` and ``Ki`` are 0. What that
parser takes is taken here, so that nothing is refused that a cluster has admitted.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Final

#: What the API server says of everything else (ErrFormatWrong).
RULE: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)

_QUANTITY: Final = re.compile(
    r"([-+]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII
)

_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15}
#: ``E`` alone is a suffix too; with digits behind it, it is an exponent.
_SUFFIXES: Final[dict[str, Fraction]] = {
    **{name: Fraction(10) ** power for name, power in _DECIMAL.items()},
    "E": Fraction(10) ** 18,
    **{name: Fraction(1024) ** (1 + i) for i, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"))},
    "Ei": Fraction(1024) ** 6,
}

_EXPONENT: Final = re.compile(r"[eE]([-+]?[0-9]{1,18})", re.ASCII)

#: An exponent beyond this, in either direction, is as good as this one: nothing has so many bytes,
#: and 10 to the power of a billion would fill the memory.
_FAR: Final = 1000

#: The smallest step: what is finer is rounded away from 0, and so never to nothing.
_STEP: Final = Fraction(1, 10**9)


def quantity(text: str) -> Fraction:
    """Return what a quantity is, in cores, in bytes, or in whatever the resource is counted in.

    Args:
        text: as it stands in the manifest; blanks around it are no part of it.

    Raises:
        ValueError: it is no quantity.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or not match[0]:
        raise ValueError(RULE)
    sign, whole, places, suffix = match.groups(default="")
    digits = Fraction(int(f"{whole}{places}" or "0"), 10 ** len(places))
    value = _rounded(digits * _factor(suffix))
    return -value if sign == "-" else value


def _factor(suffix: str) -> Fraction:
    """Return what the number before a suffix is multiplied by."""
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None:
        raise ValueError(RULE)
    return Fraction(10) ** min(max(int(exponent[1]), -_FAR), _FAR)


def _rounded(value: Fraction) -> Fraction:
    return math.ceil(value / _STEP) * _STEP
