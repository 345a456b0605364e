"""Registering: how a user's functions become the values in a `Registry`.

The half of the facade that runs before anything happens. It validates, names and files; it starts
nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar, overload

from healthkit import _validate
from healthkit._checks import Check, longest_cycle
from healthkit._local import LocalCheck
from healthkit._model import Kind
from healthkit._registry import OFFERED, Registry, arguments, name_of
from healthkit._warmup import Work
from healthkit.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    _Function = TypeVar("_Function", bound=Callable[..., object])
    #: What is called without arguments.
    _Plain = TypeVar("_Plain", bound=Callable[[], object])


#: Seconds. More often than that is a slip of the unit, and a load by itself.
SHORTEST_INTERVAL: Final = 0.01


class _Missing(Enum):
    """What a decorator is called with when it is given parameters first. None is a wrong value."""

    MISSING = "missing"


class Registrar:
    """The decorators of `Health`."""

    def __init__(self) -> None:
        #: What every life gets.
        self._registry = Registry()

    def _open_registry(self) -> Registry:
        """Return where registrations go now.

        Raises:
            ConfigError: it is too late for any.
        """
        return self._registry

    @overload
    def startup(
        self,
        function: _Function,
        /,
        *,
        name: str | None = None,
        timeout: float | None = None,
        attempts: int = 1,
    ) -> _Function: ...

    @overload
    def startup(
        self,
        /,
        *,
        name: str | None = None,
        timeout: float | None = None,
        attempts: int = 1,
    ) -> Callable[[_Function], _Function]: ...

    def startup(
        self,
        function: _Function | _Missing = _Missing.MISSING,
        /,
        *,
        name: str | None = None,
        timeout: float | None = None,
        attempts: int = 1,
    ) -> _Function | Callable[[_Function], _Function]:
        """Register work that must be done before ``/startupz`` is 200. Decorator or plain call.

        It begins when the app's own lifespan start-up is complete, beside the app and beside the
        warm-ups. It takes no argument, or `Progress`, or `Progress` and the lifespan's state. A
        coroutine function runs on the app's loop, a plain one in a thread of healthkit's own.

        Args:
            function: what to run.
            name: for answers and the log; the function's own by default.
            timeout: seconds for one attempt; None is no limit.
            attempts: how often it is tried, 1 to 1000, with the backoff of `warmup` in between. The
                failure of the last is final: ``/startupz`` stays 503 and the kubelet restarts the
                container.

        Raises:
            ConfigError: a parameter is wrong or the name is taken.
        """

        def register(function: _Function) -> _Function:
            work = Work(
                kind=Kind.STARTUP,
                takes=arguments("startup", function, OFFERED),
                name=name_of("startup", function, name),
                function=function,
                timeout=_optional("startup timeout", timeout),
                deadline=None,
                attempts=_validate.whole("startup attempts", attempts, least=1, most=1_000),
                required=True,
            )
            self._open_registry().add(work)
            return function

        return register if isinstance(function, _Missing) else register(function)

    @overload
    def warmup(
        self,
        function: _Function,
        /,
        *,
        name: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        required: bool = True,
    ) -> _Function: ...

    @overload
    def warmup(
        self,
        /,
        *,
        name: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        required: bool = True,
    ) -> Callable[[_Function], _Function]: ...

    def warmup(
        self,
        function: _Function | _Missing = _Missing.MISSING,
        /,
        *,
        name: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        required: bool = True,
    ) -> _Function | Callable[[_Function], _Function]:
        """Register work that readiness waits for. Decorator or plain call.

        Tried until it succeeds: after a failure it waits a random time between a half and the whole
        of a cap that doubles from 1 s to 60 s. When it begins and what it takes is as in `startup`.

        Args:
            function: what to run.
            name: for answers and the log; the function's own by default.
            timeout: seconds for one attempt; None is no limit.
            deadline: seconds after which an error is logged. The attempts go on.
            required: False runs it all the same, but readiness does not wait.

        Raises:
            ConfigError: a parameter is wrong or the name is taken.
        """

        def register(function: _Function) -> _Function:
            work = Work(
                kind=Kind.WARMUP,
                takes=arguments("warmup", function, OFFERED),
                name=name_of("warmup", function, name),
                function=function,
                timeout=_optional("warmup timeout", timeout),
                deadline=_optional("warmup deadline", deadline),
                attempts=None,
                required=_validate.flag("warmup required", required),
            )
            self._open_registry().add(work)
            return function

        return register if isinstance(function, _Missing) else register(function)

    @overload
    def check(
        self,
        function: _Plain,
        /,
        *,
        name: str | None = None,
        interval: float = 10.0,
        timeout: float = 0.8,
        failure_threshold: int = 1,
        success_threshold: int = 1,
        required: bool = True,
        max_age: float | None = None,
        unknown: type[BaseException] | tuple[type[BaseException], ...] = (),
    ) -> _Plain: ...

    @overload
    def check(
        self,
        /,
        *,
        name: str | None = None,
        interval: float = 10.0,
        timeout: float = 0.8,
        failure_threshold: int = 1,
        success_threshold: int = 1,
        required: bool = True,
        max_age: float | None = None,
        unknown: type[BaseException] | tuple[type[BaseException], ...] = (),
    ) -> Callable[[_Plain], _Plain]: ...

    def check(  # noqa: PLR0913  # a check's parameters; all by keyword
        self,
        function: _Plain | _Missing = _Missing.MISSING,
        /,
        *,
        name: str | None = None,
        interval: float = 10.0,
        timeout: float = 0.8,
        failure_threshold: int = 1,
        success_threshold: int = 1,
        required: bool = True,
        max_age: float | None = None,
        unknown: type[BaseException] | tuple[type[BaseException], ...] = (),
    ) -> _Plain | Callable[[_Plain], _Plain]:
        """Register a background check for readiness. Decorator or plain call.

        It runs by its own interval and never inside a probe. Returning is success; ``False``,
        `CheckFailed`, any other exception, or taking too long is failure. A coroutine function runs
        on the app's loop, a plain one in a thread of healthkit's own; one that blocks for ever
        costs that thread, and is reported as ``hanging``. There is no liveness variant.

        Args:
            function: what to run, without arguments.
            name: for answers and the log; the function's own by default.
            interval: seconds from the end of a run to the start of the next, a tenth more or less;
                10, at least 0.01. The first run is immediate.
            timeout: seconds for one run; 0.8, to fit the kubelet's ``timeoutSeconds: 1``. A run
                that is late has failed at once; the next waits until it has ended.
            failure_threshold: how many failures in a row make it fail, 1 to 1000; 1, because the
                kubelet counts again (``failureThreshold: 3`` of its own).
            success_threshold: how many successes in a row make it pass, 1 to 1000; 1. Also at
                first: without a result that counts, a required check is in the way.
            required: False runs it and reports it as a warning, but readiness does not depend on
                it. Use it for what all pods share: when it is down, taking all of them out helps
                nobody.
            max_age: seconds after which the last success or failure is too old: a required check
                is in the way then, whatever it was. None is ``2 * interval + timeout``. It must be
                longer than the longest cycle of runs in time, ``1.1 * interval + timeout``.
            unknown: types of exceptions that say nothing about what is checked: the diagnosis
                broke (no file descriptor, no permission). The last state stands, until `max_age`.
                `CheckFailed` and the timeout stay failures.

        Raises:
            ConfigError: a parameter is wrong or the name is taken.
        """

        def register(function: _Plain) -> _Plain:
            arguments("check", function, ())
            checked_interval = _interval(interval)
            checked_timeout = _timeout(timeout, function)
            check = Check(
                name=name_of("check", function, name),
                function=function,
                interval=checked_interval,
                timeout=checked_timeout,
                failure_threshold=_threshold("failure_threshold", failure_threshold),
                success_threshold=_threshold("success_threshold", success_threshold),
                required=_validate.flag("check required", required),
                max_age=_max_age(max_age, checked_interval, checked_timeout),
                unknown=_validate.exceptions("check unknown", unknown, but=CheckFailed),
            )
            self._open_registry().add(check)
            return function

        return register if isinstance(function, _Missing) else register(function)

    @overload
    def on_drain(self, function: _Plain, /, *, name: str | None = None) -> _Plain: ...

    @overload
    def on_drain(self, /, *, name: str | None = None) -> Callable[[_Plain], _Plain]: ...

    def on_drain(
        self,
        function: _Plain | _Missing = _Missing.MISSING,
        /,
        *,
        name: str | None = None,
    ) -> _Plain | Callable[[_Plain], _Plain]:
        """Register a function to call when a drain begins. Decorator or plain call.

        Called once per life without arguments, beside the serving; the drain waits for it like for
        a hold. It is called before the app's own shutdown also when nothing but that ends the app.

        Args:
            function: what to call; a plain one in a thread of healthkit's own.
            name: for the log; the function's own by default. It need not be unique.

        Raises:
            ConfigError: it is no function without required arguments.
        """

        def register(function: _Plain) -> _Plain:
            arguments("on_drain", function, ())
            callback = (name_of("on_drain", function, name), function)
            self._open_registry().callbacks.append(callback)
            return function

        return register if isinstance(function, _Missing) else register(function)


def _optional(what: str, value: object) -> float | None:
    """Return `value` as seconds above 0, or None for no limit."""
    return None if value is None else _validate.seconds(what, value, zero=False)


def _interval(value: object) -> float:
    checked = _validate.seconds("check interval", value, zero=False)
    if checked < SHORTEST_INTERVAL:
        raise _validate.refuse("check interval", value, f"{SHORTEST_INTERVAL:g} s or more")
    return checked


def _timeout(value: object, function: object) -> float:
    checked = _validate.seconds("check timeout", value, zero=False)
    if isinstance(function, LocalCheck) and checked <= function.takes:
        expected = f"more than {function.takes:g} s, which {function!r} takes by itself"
        raise _validate.refuse("check timeout", value, expected)
    return checked


def _threshold(what: str, value: object) -> int:
    return _validate.whole(f"check {what}", value, least=1, most=1_000)


def _max_age(value: object, interval: float, timeout: float) -> float:
    """Return `value` as seconds, or the default; a healthy check must not grow stale."""
    if value is None:
        return 2 * interval + timeout
    checked = _validate.seconds("check max_age", value, zero=False)
    cycle = longest_cycle(interval, timeout)
    if checked <= cycle:
        expected = f"more than {cycle:g} s, the longest time between two results in time"
        raise _validate.refuse("check max_age", value, f"{expected} (1.1 * interval + timeout)")
    return checked
