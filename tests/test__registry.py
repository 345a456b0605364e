"""What is filed where, under which name, and with how many arguments it will be called."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from healthkit._checks import Check
from healthkit._model import Kind
from healthkit._registry import OFFERED, Registry, arguments, name_of
from healthkit._warmup import Work
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


def nothing() -> None:
    """Take no argument."""


def one(progress: object) -> object:
    """Take the progress."""
    return progress


async def both(progress: object, state: object) -> object:
    """Take the progress and the state."""
    return progress, state


def others(rows: object, values: object) -> object:
    """Take both under names of the user's own."""
    return rows, values


def defaults(progress: object = None, state: object = None) -> object:
    """Take both if they are there."""
    return progress, state


def own_default(retries: int = 3) -> int:
    """Take nothing of healthkit's."""
    return retries


def own_default_second(progress: object, retries: int = 3) -> object:
    """Take the progress and nothing more."""
    return progress, retries


def anything(*args: object, **kwargs: object) -> object:
    """Take whatever there is."""
    return args, kwargs


def key_with_default(progress: object, *, retries: int = 3) -> object:
    """Take the progress; the rest has its default."""
    return progress, retries


def three(progress: object, state: object, dsn: str) -> object:
    """Take one too many."""
    return progress, state, dsn


def key(*, dsn: str) -> str:
    """Take what nobody passes."""
    return dsn


def key_after_default(retries: int = 3, *, dsn: str) -> object:
    """Take what nobody passes, behind what has its default."""
    return retries, dsn


def generator() -> Iterator[int]:
    """Do nothing until iterated."""
    yield 1


async def async_generator() -> AsyncIterator[int]:
    """Do nothing until iterated."""
    yield 1


class Pool:
    """What has methods, and can be called."""

    def __repr__(self) -> str:
        return "<Pool postgres://user:hunter2@db>"

    def __call__(self, progress: object) -> object:
        """Take the progress."""
        return progress

    def ping(self) -> None:
        """Take nothing but self."""

    def load(self, progress: object, state: object) -> object:
        """Take both."""
        return progress, state

    def query(self, sql: str) -> str:
        """Take what a check is not given."""
        return sql

    def rows(self) -> Iterator[int]:
        """Do nothing until iterated."""
        yield 1


class Rows:
    """What does nothing until the call's result is iterated."""

    def __call__(self) -> Iterator[int]:
        """Do nothing until iterated."""
        yield 1


class AsyncRows:
    """As above, in a loop."""

    async def __call__(self) -> AsyncIterator[int]:
        """Do nothing until iterated."""
        yield 1


def _work(kind: str, name: str) -> Work:
    return Work(Kind(kind), name, nothing, 0, None, None, None, required=True)


def _check(name: str) -> Check:
    return Check(name, nothing)


def test_each_kind_is_filed_in_order() -> None:
    """Answers and log lines come in the order of registration."""
    registry = Registry()
    works = [_work("startup", "a"), _work("warmup", "b"), _work("startup", "d")]
    items: list[Work | Check] = [*works, _check("c"), _work("warmup", "e"), _check("f")]
    for item in items:
        registry.add(item)
    filed = (registry.startups, registry.warmups, registry.checks)
    assert [[item.name for item in kind] for kind in filed] == [["a", "d"], ["b", "e"], ["c", "f"]]


@pytest.mark.parametrize("first", [_work("startup", "db"), _work("warmup", "db"), _check("db")])
@pytest.mark.parametrize("second", [_work("startup", "db"), _work("warmup", "db"), _check("db")])
def test_a_name_is_taken_once_across_all_kinds(first: Work | Check, second: Work | Check) -> None:
    """An answer calls each thing by its name alone; the first keeps it."""
    registry = Registry()
    registry.add(first)
    with pytest.raises(ConfigError, match=r"^name='db': is taken already; .*pass name='...'$"):
        registry.add(second)
    assert [*registry.startups, *registry.warmups, *registry.checks] == [first]


def test_a_copy_grows_on_its_own() -> None:
    """What is registered for one life is not there in the next."""
    registry = Registry()
    registry.add(_check("db"))
    copy = registry.copy()
    for item in (_work("startup", "a"), _work("warmup", "b"), _check("c")):
        copy.add(item)
    copy.callbacks.append(("d", nothing))
    assert registry == Registry(checks=[_check("db")])
    assert [check.name for check in copy.checks] == ["db", "c"]


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (nothing, None, "nothing"),
        (nothing, "db", "db"),
        (Pool().ping, None, "ping"),
        (Pool, None, "Pool"),
        (partial(one, 1), None, "one"),
        (partial(partial(Pool().query), "select 1"), None, "query"),
        (Pool(), "pool", "pool"),
    ],
)
def test_a_name_is_the_given_one_or_the_functions(
    function: object, given: str | None, expected: str
) -> None:
    """Methods and partials have the name of what they call."""
    assert name_of("check", function, given) == expected


@pytest.mark.parametrize("function", [lambda: None, Pool(), partial(Pool(), 1)])
def test_what_has_no_name_needs_one(function: object) -> None:
    """Neither ``<lambda>`` nor an object says anything to a reader."""
    with pytest.raises(ConfigError, match=r"^check name.* expected .*; pass name='...'$") as caught:
        name_of("check", function, None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "taken"),
    [
        (nothing, 0),
        (one, 1),
        (both, 2),
        (others, 2),
        (defaults, 2),
        (own_default, 0),
        (own_default_second, 1),
        (anything, 0),
        (key_with_default, 1),
        (Pool().ping, 0),
        (Pool().load, 2),
        (Pool(), 1),
        (partial(three, dsn="x"), 2),
        (partial(one, None), 0),
        (partial(key, dsn="x"), 0),
        (min, 0),
    ],
)
def test_arguments_are_counted_by_the_signature(
    function: Callable[..., object], taken: int
) -> None:
    """None, the progress, or the progress and the state; a user's own defaults are left alone."""
    assert arguments("warmup", function, OFFERED) == taken


@pytest.mark.parametrize("function", [nothing, own_default, defaults, anything, Pool().ping])
def test_a_check_is_given_nothing(function: Callable[..., object]) -> None:
    """Not even what has the offered name, if it has a default."""
    assert arguments("check", function, ()) == 0


@pytest.mark.parametrize(
    ("function", "missing"),
    [
        (three, "dsn"),
        (key, "dsn"),
        (key_after_default, "dsn"),
        (partial(three, state=None, dsn="x"), None),
    ],
)
def test_what_needs_more_than_is_offered_is_refused(
    function: Callable[..., object], missing: str | None
) -> None:
    """It would fail at its first call, long after the start; a partial binds what is missing."""
    if missing is None:
        assert arguments("warmup", function, OFFERED) == 1
        return
    with pytest.raises(
        ConfigError,
        match=rf"^warmup: .* needs an argument '{missing}'; expected at most \(progress, state\); "
        r"bind others with functools\.partial$",
    ):
        arguments("warmup", function, OFFERED)


@pytest.mark.parametrize("function", [one, both, key, key_after_default, Pool()])
def test_a_check_that_needs_an_argument_is_refused(function: Callable[..., object]) -> None:
    """Checks take none."""
    with pytest.raises(
        ConfigError, match="^check: .* needs an argument '.*'; expected no argument"
    ):
        arguments("check", function, ())


@pytest.mark.parametrize(
    "function",
    [generator, async_generator, partial(generator), Pool().rows, Rows(), AsyncRows()],
)
def test_a_generator_is_refused(function: Callable[..., object]) -> None:
    """Calling one does none of its work, and would be a success each time."""
    with pytest.raises(ConfigError, match="^check: .* is a generator; expected .* without yield$"):
        arguments("check", function, ())


@pytest.mark.parametrize("function", [None, 5, "ping", b"", ["ping"]])
def test_what_cannot_be_called_is_refused(function: object) -> None:
    """A result instead of a function is a common slip: ``health.check(ping())``."""
    with pytest.raises(ConfigError, match="^check=.*: expected a function or coroutine function$"):
        arguments("check", function, ())


@pytest.mark.parametrize(
    "function",
    [
        "postgres://user:hunter2@db",
        partial(three, "postgres://user:hunter2@db"),
        Pool().query,
        partial(Pool().rows),
    ],
)
def test_a_refusal_shows_nothing_of_what_is_bound(function: object) -> None:
    """A partial's arguments and a method's object may hold a password; they are not shown."""
    with pytest.raises(ConfigError, match="^check") as caught:
        arguments("check", function, ())
    assert "hunter2" not in str(caught.value)


def test_the_state_does_not_come_first() -> None:
    """It would get the progress: what it is called is what it means."""
    with pytest.raises(ConfigError, match=r"takes 'state' first; expected \(progress, state\)"):
        arguments("warmup", lambda state: state, OFFERED)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


def test_the_lifespan_has_its_name_already() -> None:
    """The app's own start-up is said under it."""
    with pytest.raises(ConfigError, match="^name='lifespan': is taken already"):
        Registry().add(Check("lifespan", nothing, 1, 1, required=True))
