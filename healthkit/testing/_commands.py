"""The commands of exec probes and hooks that are played without a shell.

Understood are ``true``, ``false``, ``exit N`` and ``sleep N``, alone or as a list in ``sh -c``:
``sh -c "sleep 5; exit 1"``. In a list ``&&`` goes on after a success only, and ``exit`` ends it.
Everything else needs the user's own `commands`.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from healthkit import _validate
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    #: Plays a command, and returns its exit code.
    Commands: TypeAlias = Callable[[tuple[str, ...]], int | Awaitable[int]]

_SHELLS: Final = frozenset({"sh", "bash", "ash", "dash"})
#: The command and its script.
_SHELL_WORDS: Final = 3
_SEPARATOR: Final = re.compile(r"\s*(;|&&)\s*")
#: GNU sleep's units, in seconds (coreutils src/sleep.c).
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


class Step(NamedTuple):
    """One simple command."""

    #: Whether it is run only after a success (``&&``).
    after_success: bool
    #: Seconds that it takes.
    seconds: float
    code: int
    #: Whether nothing comes after it.
    ends: bool


def parse(command: tuple[str, ...]) -> tuple[Step, ...] | None:
    """Return what a command does; None if it is not understood."""
    if len(command) == _SHELL_WORDS and command[1] == "-c" and _program(command[0]) in _SHELLS:
        return _parse_list(command[2])
    step = _parse_simple(command, after_success=False)
    return None if step is None else (step,)


async def run(steps: tuple[Step, ...]) -> int:
    """Run steps; return the exit code."""
    code = 0
    for step in steps:
        if step.after_success and code:
            continue
        await asyncio.sleep(step.seconds)
        code = step.code
        if step.ends:
            break
    return code


async def play(command: tuple[str, ...], commands: Commands | None) -> int:
    """Play a command by the user's `commands`, or by what is understood here.

    Raises:
        ConfigError: it is not understood, or what was returned is no exit code.
    """
    if commands is None:
        steps = parse(command)
        if steps is None:
            raise not_understood(command)
        return await run(steps)
    code = commands(command)
    found: object = await code if inspect.isawaitable(code) else code
    return _validate.whole("commands(...)", found, least=0, most=255)


def not_understood(command: tuple[str, ...]) -> ConfigError:
    """Make the error for a command that can't be played."""
    found = _validate.shown(list(command))
    line = f"exec command {found} can't be played: expected `sleep N`, `true`, `false` or `exit N`"
    return ConfigError(f"{line}, or give commands=, a function that plays it")


def _parse_list(script: str) -> tuple[Step, ...] | None:
    words = _SEPARATOR.split(script.strip().removesuffix(";"))
    separators = ["", *words[1::2]]
    steps = [
        _parse_simple(tuple(simple.split()), after_success=separator == "&&")
        for separator, simple in zip(separators, words[::2], strict=True)
    ]
    known = tuple(step for step in steps if step is not None)
    return known if len(known) == len(steps) else None


def _parse_simple(words: tuple[str, ...], *, after_success: bool) -> Step | None:
    match [_program(words[0]), *words[1:]] if words else []:
        case ["true" | "false" as program]:
            return Step(after_success, 0.0, int(program == "false"), ends=False)
        case ["exit", code] if code.isdecimal():
            return Step(after_success, 0.0, int(code) % 256, ends=True)
        case ["sleep", duration] if (seconds := _seconds(duration)) is not None:
            return Step(after_success, seconds, 0, ends=False)
        case _:
            return None


def _seconds(duration: str) -> float | None:
    found = _DURATION.fullmatch(duration)
    return None if found is None else float(found[1]) * _UNITS[found[2]]


def _program(word: str) -> str:
    """Return a program's name without its directory."""
    return PurePosixPath(word).name
