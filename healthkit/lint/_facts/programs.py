"""Which programs a command runs, as far as it can be read: its own, and those of scripts in it.

What is in a file, or made while a script runs, is not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.shell import ASSIGNMENT, SHELLS, base, script

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from healthkit.lint._facts.shell import Script, Step

#: What runs the program that comes next, after options, numbers and assignments.
_WRAPPERS: Final = frozenset(
    {"busybox", "command", "env", "exec", "ionice", "nice", "nohup", "setsid", "stdbuf", "time",
     "timeout"}
)  # fmt: skip

#: What a wrapper takes before its program: options, durations, signals, variables.
_WRAPPED: Final = re.compile(r"-.*|[0-9.]+[smhd]?|[A-Z]+|\$.*|.*=.*", re.DOTALL)

#: How many programs are read of one command, each behind a wrapper.
_MOST_WRAPPED: Final = 20

#: How many shells are read, one within the other.
_MOST_LAYERS: Final = 5


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is run."""

    #: Without its directory.
    name: str
    arguments: tuple[str, ...] = ()


def programs(command: Sequence[str]) -> list[Program]:
    """Return what a command runs, and then what a shell in it runs of its script."""
    steps = [step.words for read in scripts(command) for step in read.steps]
    return [one for words in (command, *steps) for one in islice(_programs(words), _MOST_WRAPPED)]


def scripts(command: Sequence[str], layers: int = _MOST_LAYERS) -> Iterator[Script]:
    """Yield the script of the shell in a command, wherever it stands, and those within it."""
    at = next((i for i, word in enumerate(command) if base(word) in SHELLS), len(command))
    read = script(command[at:])
    if read is None or not layers:
        return
    yield read
    for step in read.steps:
        yield from scripts(step.words, layers - 1)


def has_pipeline(read: Script) -> bool:
    """Whether a script has a pipeline: ``a | b``, and not a pattern of ``case`` or ``=~``."""
    in_case = {"case", "esac"} <= read.grammar
    steps = _but_patterns(read) if "[[" in read.grammar else read.steps
    return any(step.before == "|" and not (in_case and _is_pattern(step)) for step in steps)


def _but_patterns(read: Script) -> Iterator[Step]:
    """Yield what a script runs: not ``b`` in ``[[ $x =~ a|b ]]``, which comes out as a command."""
    is_open = False
    for step in read.steps:
        if not is_open:
            yield step
        is_open = (is_open or "=~" in step.words) and "]]" not in step.words


def _is_pattern(step: Step) -> bool:
    """Whether what follows a bar may be a pattern: ``b`` in ``a|b)``."""
    return len(step.words) == 1 and step.after in {")", "|"}


def _programs(words: Sequence[str]) -> Iterator[Program]:
    """Yield the program of a simple command: after a wrapper, the wrapped one too."""
    wrapped = False
    for i, word in enumerate(words):
        if ASSIGNMENT.fullmatch(word) or (wrapped and _WRAPPED.fullmatch(word)):
            continue
        name = base(word)
        yield Program(name, tuple(words[i + 1 :]))
        wrapped = name in _WRAPPERS
        if not wrapped:
            return
