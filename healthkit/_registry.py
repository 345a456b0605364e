"""What a user has registered: start-up work, warm-ups, checks, and callbacks of the drain.

A registry is a plain list of frozen values; running them is a life's business. The names of work
and checks are unique across all kinds, because answers call each thing by its name alone.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from healthkit import _validate
from healthkit._checks import Check
from healthkit._model import Kind
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit._warmup import Work

#: What start-up work and warm-ups may take, in this order.
OFFERED: Final = ("progress", "state")

#: How the app's own lifespan is called among the start-up work.
LIFESPAN: Final = "lifespan"

#: How the number of workers is called in the answers of a pod that has several.
WORKERS: Final = "workers"

#: What every lambda is called.
LAMBDA: Final = "<lambda>"

_POSITIONAL: Final = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
}


@dataclass(slots=True)
class Registry:
    """Everything registered so far, in order."""

    startups: list[Work] = field(default_factory=list["Work"])
    warmups: list[Work] = field(default_factory=list["Work"])
    checks: list[Check] = field(default_factory=list["Check"])
    callbacks: list[tuple[str, Callable[..., object]]] = field(
        default_factory=list["tuple[str, Callable[..., object]]"],
    )

    def copy(self) -> Registry:
        """Return a registry that grows independently of this one."""
        return replace(
            self,
            startups=list(self.startups),
            warmups=list(self.warmups),
            checks=list(self.checks),
            callbacks=list(self.callbacks),
        )

    def add(self, item: Work | Check) -> None:
        """File `item` among its kind.

        Raises:
            ConfigError: its name is taken.
        """
        known = [LIFESPAN, WORKERS, *(other.name for other in (*self.startups, *self.warmups))]
        if item.name in [*known, *(check.name for check in self.checks)]:
            message = f"name={item.name!r}: is taken already; expected a name of its own for"
            raise ConfigError(f"{message} each, pass name='...'")
        if isinstance(item, Check):
            self.checks.append(item)
        else:
            (self.startups if item.kind is Kind.STARTUP else self.warmups).append(item)


def name_of(what: str, function: object, given: str | None) -> str:
    """Return the name that was `given`, else the function's own.

    Raises:
        ConfigError: it is no name, or there is none.
    """
    found = given if given is not None else getattr(_unbound(function), "__name__", None)
    if found == LAMBDA:
        raise _validate.refuse(f"{what} name", found, "a name of its own; pass name='...'")
    return _validate.name(f"{what} name", found)


def _unbound(function: object) -> object:
    """Return the function that a partial is made of."""
    while isinstance(function, partial):
        function = cast("partial[object]", function).func
    return function


def _shown(function: object) -> str:
    """Name a function for a message. Its repr could show what is bound, a password perhaps."""
    inner = _unbound(function)
    name: object = getattr(inner, "__qualname__", None)
    return str(name) if name else f"<{type(inner).__name__}>"


def _is_generator(call: object) -> bool:
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)


def arguments(what: str, function: object, offered: tuple[str, ...]) -> int:
    """Count how many of the `offered` arguments `function` takes, by its signature.

    A parameter with a default is only given its argument if it has exactly the offered name. What
    has no signature (some builtins) takes none.

    Raises:
        ConfigError: it is no function, does its work only when iterated, or needs more.
    """
    shown = _shown(function)
    if not callable(function):
        message = f"{what}={shown}: expected a function or coroutine function"
        if inspect.iscoroutine(function):
            function.close()
            message = f"{what}={shown}(): expected the function itself, found what calling it made"
        raise ConfigError(message)
    if any(_is_generator(call) for call in (function, type(_unbound(function)).__call__)):
        message = f"{what}: {shown} is a generator; expected a function that does its work"
        raise ConfigError(f"{message} when it is called, without yield")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return 0
    required = inspect.Parameter.empty
    all_offered = offered
    taken = 0
    for parameter in parameters:
        wanted = parameter.default is required
        left = offered[taken : taken + 1]
        if parameter.name in offered[taken + 1 :]:
            message = f"{what}: {shown} takes {parameter.name!r} first; expected"
            raise ConfigError(f"{message} ({', '.join(all_offered)}) in this order")
        if parameter.kind in _POSITIONAL and left and (wanted or parameter.name in left):
            taken += 1
        elif not wanted and parameter.kind in _POSITIONAL:
            offered = offered[:taken]  # what comes after can't be given by position any more
        elif wanted and parameter.kind in {*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY}:
            allowed = f"at most ({', '.join(all_offered)})" if all_offered else "no argument"
            message = f"{what}: {shown} needs an argument {parameter.name!r}; expected"
            raise ConfigError(f"{message} {allowed}; bind others with functools.partial")
    return taken
