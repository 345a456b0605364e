"""Liveness has no checks: every way that a check might take to /livez is refused.

What a type checker sees of this is in tests/typing/api.py; that no report but failed liveness
changes the answer is in test__answers.py.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from healthkit import ConfigError, Health, HealthMiddleware, Probe
from healthkit._calls import CALLED_AS, Calls
from healthkit._loop import Loop, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, MutableMapping


@pytest.fixture
def health() -> Health:
    """Return a health that has not begun."""
    return Health()


def ping() -> bool:
    """Fail, always."""
    return False


def _call(function: Callable[[], object], kind: str) -> BaseException | None:
    """Call `function` as the engine does; return what it raised."""

    async def calling() -> BaseException | None:
        loop = Loop()
        calls = Calls(Tasks(loop), loop)
        failure = await calls.start(function, kind=kind, name="db").failure(None)
        calls.close()
        return failure

    return asyncio.run(calling())


def _plainly(function: Callable[[], object]) -> Callable[[], object]:
    return function


def _as_coroutine(function: Callable[[], object]) -> Callable[[], Coroutine[None, None, object]]:
    async def coroutine() -> object:
        return function()

    return coroutine


def _in_a_task(function: Callable[[], object]) -> Callable[[], Coroutine[None, None, object]]:
    async def outer() -> object:
        return await asyncio.create_task(_as_coroutine(function)())

    return outer


def _in_a_thread(function: Callable[[], object]) -> Callable[[], Coroutine[None, None, object]]:
    async def outer() -> object:
        return await asyncio.to_thread(function)

    return outer


@pytest.mark.parametrize(
    "keyword",
    [{"liveness": True}, {"probe": "live"}, {"probes": [Probe.LIVE]}, {"kind": "liveness"}],
)
def test_a_check_takes_no_keyword_for_liveness(health: Health, keyword: dict[str, Any]) -> None:
    """There is no word for it, with the function or without."""
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        health.check(ping, **keyword)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        health.check(**keyword)


@pytest.mark.parametrize("setting", ["liveness_checks", "live_checks", "liveness"])
def test_health_takes_no_setting_for_liveness(setting: str) -> None:
    """Nor is there a setting."""
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        Health(**cast("dict[str, Any]", {setting: [ping]}))


@pytest.mark.parametrize("base", [Health, HealthMiddleware])
def test_a_subclass_is_refused(base: type) -> None:
    """An override could answer /livez by whatever it likes."""
    line = rf"^class Mine\({base.__name__}\): expected no subclass; liveness must not depend on "
    with pytest.raises(ConfigError, match=line):
        type("Mine", (base,), {})


@pytest.mark.parametrize("probe", ["ready", "startup", "health"])
@pytest.mark.parametrize("live", [None, "/alive", "/livez"])
def test_no_other_probe_can_be_put_at_livez(probe: Any, live: str | None) -> None:  # noqa: ANN401  # the words are a Literal
    """A manifest that asks /livez gets liveness or nothing of healthkit's."""
    with pytest.raises(ConfigError, match=f"{probe}.* at '/livez': expected "):
        Health(paths={"live": live, probe: "/livez"})


def test_the_paths_cannot_be_changed_later(health: Health) -> None:
    """What was validated stays: nothing can be put at /livez behind the validation's back."""
    paths = cast("MutableMapping[str, Probe]", health.paths)
    with pytest.raises(TypeError, match="does not support item assignment"):
        paths["/livez"] = Probe.READY


@pytest.mark.parametrize("way", [_plainly, _as_coroutine, _in_a_task, _in_a_thread])
def test_a_check_cannot_fail_liveness(
    health: Health, way: Callable[[Callable[[], object]], Callable[[], object]]
) -> None:
    """Plain, as a coroutine, in a task or thread of its own: the check fails, /livez stays 200."""
    failure = _call(way(partial(health.fail_liveness, "db is down")), "check")
    assert isinstance(failure, ConfigError)
    assert str(failure).startswith("fail_liveness() inside a check: expected the check to fail")
    assert health.answering.plain(Probe.LIVE).status == 200


def test_a_check_cannot_fail_liveness_by_the_life(health: Health) -> None:
    """The door's way in is guarded like the user's."""
    assert isinstance(_call(health.life.fail_liveness, "check"), ConfigError)
    assert health.answering.plain(Probe.LIVE).status == 200


@pytest.mark.parametrize("kind", ["startup", "warmup", "on_drain"])
def test_work_of_the_process_itself_may_fail_liveness(health: Health, kind: str) -> None:
    """Only checks watch something outside."""
    assert _call(partial(health.fail_liveness, "corrupt cache"), kind) is None
    answer = health.answering.plain(Probe.LIVE)
    assert (answer.status, answer.body) == (503, b"liveness failed\n")


def test_outside_of_registered_work_liveness_may_be_failed(health: Health) -> None:
    """The app's own code decides about its own process; a check that ran before is forgotten."""
    _call(ping, "check")
    assert CALLED_AS.get() is None
    health.fail_liveness("deadlock")
    assert health.answering.plain(Probe.LIVE).status == 503
