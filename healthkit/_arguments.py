"""What the commands have in common: how their options are read, and how they write lines.

An option has a value or has none: ``--timeout 5``, ``--timeout=5``, ``--json``. What is wrong is
one line that says what was found and what was expected. Whoever reads the output may go away at any
time, or may never have been there: that ends no command.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from healthkit import _validate
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

#: What every command exits with when it is called in a wrong way.
USAGE: Final = 2

#: The variable that names the state directory, for workers and commands alike.
STATE_DIR: Final = "HEALTHKIT_STATE_DIR"

_HELP: Final = frozenset({"-h", "--help"})


@dataclass(frozen=True, slots=True)
class Options:
    """What may stand on the command line, and what was found there."""

    #: The options that have a value, and what kind of value is expected: ``{"--timeout": "S"}``.
    values: Mapping[str, str]
    #: Those that have none.
    flags: frozenset[str] = frozenset()
    #: What a word without an option is, if there may be one: ``MANIFEST``. ``-`` is one too.
    operand: str | None = None
    #: Whether there may be several of these words.
    several: bool = False
    #: Those of the options with a value that may stand there more than once, and all count.
    repeated: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Say what is expected, for an error."""
        operand = [] if self.operand is None else [self.operand]
        named = [
            *operand,
            *(f"{name} {kind}" for name, kind in self.values.items()),
            *sorted(self.flags),
        ]
        return ", ".join([*named, "--help"])


@dataclass(frozen=True, slots=True)
class Found:
    """What a command line says. Of an option that stands there twice, the last one counts.

    But for those that may be repeated: they are in `lists`, and in `values` with their last value.
    """

    values: Mapping[str, str]
    flags: frozenset[str]
    #: Somebody asks what the command is for; whatever else there is has not been read.
    help: bool = False
    #: The words without an option.
    operands: tuple[str, ...] = ()
    #: What follows ``--``.
    rest: tuple[str, ...] = ()
    #: All values of the options that may be repeated, in their order.
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def operand(self) -> str | None:
        """The word without an option, for a command that takes one."""
        return self.operands[0] if self.operands else None


def parse(arguments: Sequence[str], options: Options) -> Found:
    """Read a command line, up to ``--`` or to its end.

    Raises:
        ConfigError: there is something else than these options, or a value too few or too many.
    """
    values, flags = dict[str, str](), set[str]()
    operands, lists = list[str](), dict[str, tuple[str, ...]]()
    left = list(arguments)
    while left and left[0] != "--":
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if name in _HELP:
            return Found({}, frozenset(), help=True)
        if name in options.values:
            values[name] = value if equals else _next(left, name, options)
            if name in options.repeated:
                lists[name] = (*lists.get(name, ()), values[name])
        elif word in options.flags:
            flags.add(word)
        elif _is_operand(word, operands, options):
            operands.append(word)
        else:
            raise ConfigError(f"found {_validate.shown(word)}, expected {options}")
    return Found(
        values, frozenset(flags), operands=tuple(operands), rest=tuple(left[1:]), lists=lists
    )


def _is_operand(word: str, before: list[str], options: Options) -> bool:
    """Whether a word can be one of those without an option."""
    if options.operand is None or (before and not options.several):
        return False
    return word == "-" or not word.startswith("-")


def _next(left: list[str], name: str, options: Options) -> str:
    """Take the value that stands behind its option."""
    if left and not left[0].startswith("--"):
        return left.pop(0)
    raise ConfigError(f"found {name} without a value, expected {name} {options.values[name]}")


def without_rest(found: Found) -> Found:
    """Return what was found, for a command that takes nothing but options.

    Raises:
        ConfigError: there is more.
    """
    if found.rest:
        rest = _validate.shown(" ".join(found.rest))
        raise ConfigError(f"found {rest} after '--', expected options only")
    return found


def seconds(name: str, text: str) -> float:
    """Return the value of an option as seconds above 0, up to a day.

    Raises:
        ConfigError: it is something else.
    """
    try:
        value: object = float(text)
    except ValueError:
        value = text
    return _validate.seconds(name, value, zero=False)


def state_dir(found: Found, environ: Mapping[str, str]) -> str:
    """Return the state directory that is named by ``--state-dir``, else by the environment.

    Raises:
        ConfigError: neither does, or what is named is no absolute path.
    """
    named = found.values.get("--state-dir")
    what, path = (STATE_DIR, environ.get(STATE_DIR)) if named is None else ("--state-dir", named)
    if path is None:
        raise ConfigError(f"found neither --state-dir nor {STATE_DIR}, expected one of them")
    if not path.startswith("/"):
        raise ConfigError(f"{what}={_validate.shown(path)}: expected an absolute path")
    return path


def write(stream: TextIO | None, text: str) -> None:
    """Write and flush. Whatever the reader does, and whatever the encoding lacks, is no error.

    A stream is None if it was closed before the interpreter began.
    """
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):
        forget(stream)


def forget(stream: TextIO | None) -> None:
    """Lead a stream nowhere, so that the interpreter finds nothing wrong with it when it ends."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, descriptor)
        os.close(null)
