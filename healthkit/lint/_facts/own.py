"""healthkit's own commands, as they stand in manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._facts.shell import base

if TYPE_CHECKING:
    from collections.abc import Sequence


def own_command(words: Sequence[str]) -> str | None:
    """Return which of healthkit's commands some words are; None if they are none of them.

    ``drain`` of ``healthkit drain``, of ``python -m healthkit drain`` and of either behind
    ``exec``; "" if it is none in particular.
    """
    plain = list(words[1:] if words[:1] == ("exec",) else words)
    while plain[1:2] and plain[1].startswith("-") and plain[1] != "-m":  # Python's own options
        del plain[1]
    if tuple(plain[1:3]) == ("-m", "healthkit"):
        return (*plain[3:4], "")[0]
    return (*plain[1:2], "")[0] if plain and base(plain[0]) == "healthkit" else None
