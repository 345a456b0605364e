"""Refuse wrong values where they are written: one line with the name, the value, what was expected.

Used for settings, for the parameters of registered work, and for its names.
"""

from __future__ import annotations

import re
from typing import Final, cast

from healthkit.errors import ConfigError

#: Seconds in a day. More is a slip of the unit, and event loops refuse timers that never end.
LONGEST: Final = 86_400.0

#: How much of a wrong value a message shows, in characters.
SHOWN: Final = 100

#: What a name may look like: it stands in answers, in paths and in queries. 63 is the length of a
#: Kubernetes label. Everything that a URL or a DSN needs (``:``, ``/``, ``@``) is refused, so that
#: no secret can be part of a name.
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}")

#: The type of a Pod's condition: a DNS subdomain and a name of at most 63 (apimachinery
#: pkg/util/validation/validation.go, IsQualifiedName), here always with the first.
CONDITION: Final = re.compile(
    r"(?=[^/]{1,253}/)(?P<domain>[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)"
    r"/(?=.{1,63}\Z)[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?",
    re.ASCII,
)
#: Domains that are Kubernetes' own (kubernetes/community, API conventions).
_RESERVED: Final = re.compile(r"(.+\.)?(kubernetes|k8s)\.io")

#: A duration: a number, and its unit.
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([smh]?)", re.ASCII)

#: How long a secret may be, in characters: shorter ones can be guessed, longer ones are a slip.
SHORTEST_SECRET: Final = 16
LONGEST_SECRET: Final = 200


def refuse(what: str, found: object, expected: str) -> ConfigError:
    """Make the error for `what`, which was `found` and should have been as `expected`."""
    return ConfigError(f"{what}={shown(found)}: expected {expected}")


def shown(found: object) -> str:
    """Return a short repr in one line, whatever the value thinks of its own."""
    try:
        line = one_line(repr(found))
    except Exception:  # noqa: BLE001  # a repr may raise anything; integers of 4300 digits do
        return f"<{type(found).__name__}>"
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def one_line(text: str) -> str:
    """Return `text` without line breaks, for messages and the log."""
    return " ".join(text.split())


def seconds(what: str, value: object, *, zero: bool) -> float:
    """Return `value` as seconds; 0 only if `zero` says so.

    Raises:
        ConfigError: not a finite number, negative, or more than a day.
    """
    expected = f"seconds as a number {'from' if zero else 'above'} 0 to {LONGEST:.0f}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(what, value, expected)
    if not 0 <= value <= LONGEST or (value == 0 and not zero):  # NaN: no comparison is true of it
        raise refuse(what, value, expected)
    return float(value)


def duration(what: str, text: str) -> float:
    """Return seconds, from 0 to a day, of what may have a unit: ``90``, ``90s``, ``2m``, ``1h``.

    Raises:
        ConfigError: it is something else.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise refuse(what, text, "seconds, or a number with a unit: 90, 90s, 2m, 1h")
    number, unit = match.groups()
    return seconds(what, float(number) * _UNITS[unit], zero=True)


def whole(what: str, value: object, *, least: int, most: int) -> int:
    """Return `value` as a whole number from `least` to `most`.

    Raises:
        ConfigError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise refuse(what, value, f"a whole number from {least} to {most}")
    return value


def flag(what: str, value: object) -> bool:
    """Return `value` if it is True or False.

    Raises:
        ConfigError: anything else, truthy or not.
    """
    if not isinstance(value, bool):
        raise refuse(what, value, "True or False")
    return value


def text(what: str, value: object) -> str:
    """Return `value` if it is text that says something.

    Raises:
        ConfigError: empty, blank, or no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise refuse(what, value, "text for a reader of the log")
    return value


def exceptions(
    what: str, value: object, *, but: type[BaseException]
) -> tuple[type[BaseException], ...]:
    """Return `value`, a type of exceptions or a tuple of them, as a tuple.

    Args:
        what: the name of the parameter.
        value: what was given.
        but: what may not be among them.

    Raises:
        ConfigError: anything else.
    """
    found = list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else [value]
    types = [one for one in found if isinstance(one, type) and issubclass(one, BaseException)]
    if len(types) < len(found) or any(issubclass(one, but) for one in types):
        expected = f"a type of exceptions or a tuple of them, without {but.__name__}"
        raise refuse(what, tuple(found) if isinstance(value, tuple) else value, expected)
    return tuple(types)


def name(what: str, value: object) -> str:
    """Return `value` if it can stand in answers, paths and queries.

    The message shows the position and not the value: what is no name may hold a password.

    Raises:
        ConfigError: anything else.
    """
    expected = "1 to 63 of A-Z a-z 0-9 _ . - beginning with a letter or digit; pass name='...'"
    if not isinstance(value, str):
        raise refuse(what, type(value).__name__, expected)
    if NAME.fullmatch(value) is None:
        good = NAME.match(value)
        position = good.end() if good else 0
        message = f"{what} is no name at character {position + 1} of {len(value)}: expected "
        raise ConfigError(message + expected)
    return value


def condition(what: str, value: object) -> str:
    """Return `value` if it can be the type of a condition that an app sets on its own Pod.

    Raises:
        ConfigError: it has no domain, as Kubernetes' own have none, or can't be a type at all.
    """
    match = CONDITION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not isinstance(value, str):
        expected = "a domain of yours and a name, such as 'healthkit.dev/cache-warm'; types without"
        raise refuse(what, value, f"{expected} a domain, such as Ready, are Kubernetes' own")
    if _RESERVED.fullmatch(match["domain"]):
        expected = "another domain, such as 'healthkit.dev/cache-warm': that one is Kubernetes' own"
        raise refuse(what, value, expected)
    return value


def secret(what: str, value: object) -> str:
    """Return `value` if it can be a secret in a header.

    The message shows nothing of the value, whatever it is: it may be the secret with a slip in it.

    Raises:
        ConfigError: anything else.
    """
    expected = f"{SHORTEST_SECRET} to {LONGEST_SECRET} printable ASCII characters without spaces"
    if not isinstance(value, str):
        raise ConfigError(f"{what} is of type {type(value).__name__}: expected {expected}")
    if not SHORTEST_SECRET <= len(value) <= LONGEST_SECRET:
        raise ConfigError(f"{what} has {len(value)} characters: expected {expected}")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{what} has other characters than it may: expected {expected}")
    return value
