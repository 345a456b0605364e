"""Which metrics an expression of PromQL asks for, and by which labels.

It reads tokens and is no parser. That an expression is well-formed is for promtool to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(r'"[^"]*"|\$?[A-Za-z_][A-Za-z0-9_]*|\d+\w*|[^\s\w]')

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: What a list of labels follows, in parentheses.
_LISTS: Final = {"by", "without", "ignoring", "on", "group_left", "group_right"}

#: Words that stand where a metric may.
_WORDS: Final = {"and", "or", "unless", "offset", "bool"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an expression asks for."""

    #: The metrics, and the labels by which each is chosen.
    metrics: tuple[tuple[str, frozenset[str]], ...]
    #: The labels that series are grouped or matched by.
    lists: frozenset[str]

    @property
    def names(self) -> set[str]:
        """The metrics' names."""
        return {name for name, _ in self.metrics}


def asked(expr: str) -> Asked:
    """Read an expression."""
    tokens = [*_TOKEN.findall(expr), "", ""]
    metrics: list[tuple[str, frozenset[str]]] = []
    lists: set[str] = set()
    place = 0
    while tokens[place]:
        word, follows = tokens[place], tokens[place + 1]
        if word in _LISTS and follows == "(":
            inside, place = _until(")", tokens, place + 2)
            lists |= set(inside)
        elif follows == "{" and _NAME.fullmatch(word):
            inside, place = _until("}", tokens, place + 2)
            metrics.append((word, frozenset(inside)))
        elif _NAME.fullmatch(word) and follows not in {"(", *_LISTS} and word not in _WORDS:
            metrics.append((word, frozenset()))
        place += 1
    return Asked(tuple(metrics), frozenset(lists))


def _until(end: str, tokens: list[str], place: int) -> tuple[list[str], int]:
    """Return the names up to a token, and where that is."""
    last = tokens.index(end, place)
    return [token for token in tokens[place:last] if _NAME.fullmatch(token)], last


def legend(text: str) -> Iterator[str]:
    """Return the labels that a legend of Grafana's shows."""
    return (found[1] for found in re.finditer(r"\{\{\s*(\w+)\s*\}\}", text))
