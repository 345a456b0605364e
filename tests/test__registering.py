"""Registering: decorators, plain calls, and what is refused on the spot."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from healthkit._checks import Check, longest_cycle
from healthkit._model import Kind
from healthkit._registering import Registrar
from healthkit._warmup import Work
from healthkit.errors import CheckFailed, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMED = ["startup", "warmup", "check"]
ALL = [*NAMED, "on_drain"]

#: What may be `unknown`, and what `max_age` has to exceed.
EXCEPTIONS = "a type of exceptions or a tuple of them, without CheckFailed"
IN_TIME = "the longest time between two results in time (1.1 * interval + timeout)"

DSN = "postgres://user:hunter2@db.internal/app"


def ping() -> None:
    """Take no argument."""


def load(progress: object, state: object) -> object:
    """Take what start-up work and warm-ups are offered."""
    return progress, state


def rows() -> Iterator[int]:
    """Do nothing until iterated."""
    yield 1


class Pool:
    """What has methods, and can be called."""

    def __call__(self) -> None:
        """Take nothing but self."""

    async def ping(self) -> None:
        """Take nothing but self."""


class Refused(CheckFailed):
    """A failure that was said to be one."""


@pytest.fixture
def registrar() -> Registrar:
    """Return a registrar that nothing is registered with."""
    return Registrar()


def _decorator(registrar: Registrar, kind: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(registrar, kind)
    return found


def _registered(registrar: Registrar) -> list[tuple[str, object]]:
    registry = registrar._registry
    items: list[Work | Check] = [*registry.startups, *registry.warmups, *registry.checks]
    return [*((item.name, item.function) for item in items), *registry.callbacks]


# -- the ways to say it ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_a_bare_decorator_registers_and_returns_the_function(
    registrar: Registrar, kind: str
) -> None:
    """The function stays what it is: it can be called, and decorated once more."""
    assert _decorator(registrar, kind)(ping) is ping
    assert _registered(registrar) == [("ping", ping)]


@pytest.mark.parametrize("kind", NAMED)
def test_a_decorator_with_parentheses_registers_at_the_function(
    registrar: Registrar, kind: str
) -> None:
    """The parentheses alone register nothing."""
    decorate = _decorator(registrar, kind)(name="database")
    assert _registered(registrar) == []
    assert decorate(ping) is ping
    assert _registered(registrar) == [("database", ping)]


@pytest.mark.parametrize("kind", NAMED)
def test_a_plain_call_takes_the_parameters_too(registrar: Registrar, kind: str) -> None:
    """``health.check(fn, name="db")`` is the decorator, called."""
    assert _decorator(registrar, kind)(ping, name="database", timeout=2) is ping
    assert _registered(registrar) == [("database", ping)]


@pytest.mark.parametrize("kind", ALL)
def test_methods_and_partials_are_functions(registrar: Registrar, kind: str) -> None:
    """Both are registered under the name of what they call."""
    method, bound = Pool().ping, partial(load, None, None)
    for function in (method, bound):
        assert _decorator(registrar, kind)(function) is function
    assert _registered(registrar) == [("ping", method), ("load", bound)]


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("function", [Pool(), lambda: None])
def test_what_has_no_name_is_given_one(
    registrar: Registrar, kind: str, function: Callable[[], object]
) -> None:
    """Lambdas and objects that can be called need ``name=``, and nothing else."""
    register = _decorator(registrar, kind)
    with pytest.raises(ConfigError, match=f"^{kind} name.*; pass name='...'$"):
        register(function)
    assert _registered(registrar) == []
    register(function, name="pool")
    assert _registered(registrar) == [("pool", function)]


# -- what a check is made of -----------------------------------------------------------------------


def test_a_check_has_the_documented_defaults(registrar: Registrar) -> None:
    """Seconds; one result is enough, everything raised is a failure."""
    registrar.check(ping)
    assert registrar._registry.checks == [
        Check("ping", ping, 10.0, 0.8, 1, 1, required=True, max_age=20.8, unknown=())
    ]


@pytest.mark.parametrize(
    ("parameter", "value", "kept"),
    [
        ("failure_threshold", 1, 1),
        ("failure_threshold", 1000, 1000),
        ("success_threshold", 3, 3),
        ("interval", 0.01, 0.01),
        ("timeout", 86_400, 86_400.0),
        ("max_age", 12, 12.0),
        ("max_age", 86_400, 86_400.0),
        ("max_age", math.nextafter(longest_cycle(10, 0.8), math.inf), None),
        ("unknown", OSError, (OSError,)),
        ("unknown", (), ()),
        ("unknown", (OSError, ValueError), (OSError, ValueError)),
        ("unknown", Exception, (Exception,)),
        ("unknown", SystemExit, (SystemExit,)),
        ("unknown", TimeoutError, (TimeoutError,)),
        ("required", False, False),
    ],
)
def test_a_parameter_is_kept(
    registrar: Registrar, parameter: str, value: object, kept: object
) -> None:
    """Seconds as floats, types as a tuple."""
    _decorator(registrar, "check")(ping, **{parameter: value})
    (check,) = registrar._registry.checks
    found = getattr(check, parameter)
    assert found == (value if kept is None else kept)
    assert type(found) is type(value if kept is None else kept)


@pytest.mark.parametrize(
    ("interval", "timeout", "max_age"), [(10, 0.8, 20.8), (1, 5, 7.0), (86_400, 86_400, 259_200.0)]
)
def test_the_default_age_is_of_two_intervals(
    registrar: Registrar, interval: float, timeout: float, max_age: float
) -> None:
    """So that one run may be missed."""
    registrar.check(ping, interval=interval, timeout=timeout)
    (check,) = registrar._registry.checks
    assert check.max_age == pytest.approx(max_age)


@pytest.mark.parametrize(
    ("interval", "timeout", "cycle"), [(10, 0.8, 11.8), (1, 5, 6.1), (100, 1, 111.0)]
)
def test_an_age_that_a_healthy_check_would_reach_is_refused(
    registrar: Registrar, interval: float, timeout: float, cycle: float
) -> None:
    """It would take a pod out that has nothing wrong."""
    assert longest_cycle(interval, timeout) == pytest.approx(cycle)
    for max_age in (cycle / 2, longest_cycle(interval, timeout)):
        with pytest.raises(ConfigError, match=f"^check max_age=.*: expected more than {cycle:g} s"):
            registrar.check(ping, interval=interval, timeout=timeout, max_age=max_age)
    registrar.check(ping, interval=interval, timeout=timeout, max_age=cycle + 0.1)


# -- what comes of it ------------------------------------------------------------------------------


def test_the_defaults_are_the_designed_ones(registrar: Registrar) -> None:
    """DESIGN.md's table of parameters."""
    registrar.startup(ping, name="a")
    registrar.warmup(ping, name="b")
    registrar.check(ping, name="c")
    registry = registrar._registry
    assert registry.startups == [Work(Kind.STARTUP, "a", ping, 0, None, None, 1, required=True)]
    assert registry.warmups == [Work(Kind.WARMUP, "b", ping, 0, None, None, None, required=True)]
    assert registry.checks == [Check("c", ping, 10.0, 0.8, required=True)]


def test_parameters_are_kept_as_seconds(registrar: Registrar) -> None:
    """Whatever was a number of seconds is a float."""
    registrar.startup(load, name="a", timeout=60, attempts=3)
    registrar.warmup(load, name="b", timeout=120, deadline=300, required=False)
    registrar.check(ping, name="c", interval=1, timeout=2, required=False)
    registry = registrar._registry
    assert registry.startups == [Work(Kind.STARTUP, "a", load, 2, 60.0, None, 3, required=True)]
    assert registry.warmups == [Work(Kind.WARMUP, "b", load, 2, 120.0, 300.0, None, required=False)]
    assert registry.checks == [Check("c", ping, 1.0, 2.0, required=False, max_age=4.0)]
    assert isinstance(registry.checks[0].interval, float)


@pytest.mark.parametrize("kind", ["startup", "warmup"])
@pytest.mark.parametrize(
    ("function", "takes"), [(ping, 0), (partial(load, state=None), 1), (load, 2)]
)
def test_work_takes_progress_and_state_if_it_asks(
    registrar: Registrar, kind: str, function: Callable[..., object], takes: int
) -> None:
    """No argument, or the progress, or the progress and the lifespan's state."""
    _decorator(registrar, kind)(function)
    registry = registrar._registry
    assert [work.takes for work in (*registry.startups, *registry.warmups)] == [takes]


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("first", NAMED)
@pytest.mark.parametrize("second", NAMED)
def test_a_name_is_taken_once_across_all_kinds(
    registrar: Registrar, first: str, second: str
) -> None:
    """The second of a name is refused and leaves no trace."""
    _decorator(registrar, first)(ping)
    with pytest.raises(ConfigError, match=r"^name='ping': is taken already; "):
        _decorator(registrar, second)(ping)
    assert _registered(registrar) == [("ping", ping)]


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", [DSN, "user:hunter2", "hunter2@db.internal", "hunter2 "])
def test_a_name_with_a_password_is_refused_and_not_shown(
    registrar: Registrar, kind: str, name: str
) -> None:
    """The message goes to a log; what was refused may be a secret."""
    with pytest.raises(ConfigError, match=f"^{kind} name is no name at character ") as caught:
        _decorator(registrar, kind)(ping, name=name)
    assert "hunter2" not in str(caught.value)
    assert "db.internal" not in str(caught.value)


@pytest.mark.parametrize("kind", ALL)
def test_a_generator_function_is_refused(registrar: Registrar, kind: str) -> None:
    """It would succeed without doing anything."""
    with pytest.raises(ConfigError, match=f"^{kind}: .* is a generator; expected "):
        _decorator(registrar, kind)(rows)
    assert _registered(registrar) == []


@pytest.mark.parametrize("kind", ALL)
def test_a_function_that_needs_too_much_is_refused(registrar: Registrar, kind: str) -> None:
    """Its first call would fail, long after the start."""

    def query(sql: str, values: object, pool: object) -> object:
        return sql, values, pool

    missing = "pool" if kind in {"startup", "warmup"} else "sql"
    with pytest.raises(ConfigError, match=f"^{kind}: .* needs an argument '{missing}'; expected "):
        _decorator(registrar, kind)(query)
    assert _registered(registrar) == []


@pytest.mark.parametrize("kind", ["check", "on_drain"])
def test_checks_and_callbacks_are_given_nothing(registrar: Registrar, kind: str) -> None:
    """Progress and state are for work that is done once."""
    with pytest.raises(ConfigError, match=f"^{kind}: .* 'progress'; expected no argument; bind "):
        _decorator(registrar, kind)(load)


@pytest.mark.parametrize("kind", ALL)
def test_what_is_no_function_is_refused_as_such(registrar: Registrar, kind: str) -> None:
    """``health.check("postgres://...")``: the message is about the function, without a secret."""
    with pytest.raises(ConfigError, match=f"^{kind}=.*: expected a function or corou") as caught:
        _decorator(registrar, kind)(DSN)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "parameter", "value", "expected"),
    [
        ("startup", "timeout", 0, "seconds as a number above 0 to 86400"),
        ("startup", "timeout", "5", "seconds as a number above 0 to 86400"),
        ("startup", "attempts", 0, "a whole number from 1 to 1000"),
        ("startup", "attempts", None, "a whole number from 1 to 1000"),
        ("warmup", "timeout", -1, "seconds as a number above 0 to 86400"),
        ("warmup", "deadline", 0, "seconds as a number above 0 to 86400"),
        ("warmup", "required", "no", "True or False"),
        ("check", "interval", 0, "seconds as a number above 0 to 86400"),
        ("check", "interval", None, "seconds as a number above 0 to 86400"),
        ("check", "timeout", 0, "seconds as a number above 0 to 86400"),
        ("check", "timeout", None, "seconds as a number above 0 to 86400"),
        ("check", "required", 1, "True or False"),
        ("check", "failure_threshold", 0, "a whole number from 1 to 1000"),
        ("check", "failure_threshold", 1001, "a whole number from 1 to 1000"),
        ("check", "failure_threshold", True, "a whole number from 1 to 1000"),
        ("check", "failure_threshold", 1.5, "a whole number from 1 to 1000"),
        ("check", "failure_threshold", None, "a whole number from 1 to 1000"),
        ("check", "success_threshold", 0, "a whole number from 1 to 1000"),
        ("check", "success_threshold", -1, "a whole number from 1 to 1000"),
        ("check", "success_threshold", "2", "a whole number from 1 to 1000"),
        ("check", "max_age", 0, "seconds as a number above 0 to 86400"),
        ("check", "max_age", "60", "seconds as a number above 0 to 86400"),
        ("check", "max_age", True, "seconds as a number above 0 to 86400"),
        ("check", "max_age", 5, f"more than 11.8 s, {IN_TIME}"),
        ("check", "max_age", 11.8, f"more than 11.8 s, {IN_TIME}"),
        ("check", "unknown", None, EXCEPTIONS),
        ("check", "unknown", "OSError", EXCEPTIONS),
        ("check", "unknown", OSError("down"), EXCEPTIONS),
        ("check", "unknown", [OSError], EXCEPTIONS),
        ("check", "unknown", int, EXCEPTIONS),
        ("check", "unknown", (OSError, "ValueError"), EXCEPTIONS),
        ("check", "unknown", (OSError, (ValueError,)), EXCEPTIONS),
        ("check", "unknown", CheckFailed, EXCEPTIONS),
        ("check", "unknown", (OSError, CheckFailed), EXCEPTIONS),
        ("check", "unknown", Refused, EXCEPTIONS),
    ],
)
def test_a_wrong_parameter_is_refused(
    registrar: Registrar, kind: str, parameter: str, value: object, expected: str
) -> None:
    """With the kind, the name, the value and what was expected; nothing is registered."""
    with pytest.raises(ConfigError) as caught:
        _decorator(registrar, kind)(ping, **{parameter: value})
    assert str(caught.value) == f"{kind} {parameter}={value!r}: expected {expected}"
    assert _registered(registrar) == []


@pytest.mark.parametrize("kind", ALL)
def test_none_is_no_function(registrar: Registrar, kind: str) -> None:
    """A check that was to be configured and is not must not be lost without a word."""
    with pytest.raises(ConfigError, match=f"^{kind}=<NoneType>: expected a function"):
        _decorator(registrar, kind)(None)


def test_what_calling_made_is_not_the_function(registrar: Registrar) -> None:
    """``check(ping())`` of a coroutine function is the usual slip; there is no warning beside."""

    async def ping() -> None: ...

    with pytest.raises(ConfigError, match=r"ping\(\): expected the function itself"):
        _decorator(registrar, "check")(ping())
