"""A process takes all its tasks with it, and nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from healthkit.testing._belongings import OWNER, Belongings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Owner:
    """A process that only has tasks."""

    def __init__(self, name: str = "web") -> None:
        self.loop = asyncio.get_running_loop()
        self.belongings = Belongings(name, self.loop)
        self.context = contextvars.copy_context()
        self.context.run(OWNER.set, self.belongings)

    def start(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Start a task of it."""
        return self.loop.create_task(work, context=self.context.copy())

    def names(self) -> set[str]:
        """Return the names of its tasks."""
        return {task.get_name() for task in self.belongings.tasks}

    async def killed(self) -> None:
        """Kill it, and wait until nothing is left."""
        self.belongings.kill()
        self.belongings.kill()
        await asyncio.wait_for(self.belongings.gone.wait(), 1)


async def _sleep() -> None:
    await asyncio.sleep(1000)


async def _start(*works: Callable[[], Coroutine[Any, Any, object]], **more: Any) -> None:  # noqa: ANN401  # of create_task
    tasks = [asyncio.create_task(work(), **more) for work in works]
    await asyncio.wait(tasks)


async def test_what_a_task_starts_is_owned_as_well() -> None:
    """By a task, in a task group, in a context of its own; what others start is not."""
    owner, other = Owner(), Owner("other")

    async def group() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_sleep, name="in a group")

    async def alone() -> None:
        await _start(_sleep, context=contextvars.Context(), name="second")

    owner.start(_start(group, name="group"))
    owner.start(_start(alone, context=contextvars.Context(), name="first"))
    nobodys = asyncio.create_task(_sleep())
    others = other.start(_sleep())
    await asyncio.sleep(1)
    assert {"group", "in a group", "first", "second"} <= owner.names()
    assert repr(owner.belongings) == "<Belongings of web: 6 tasks>"
    await owner.killed()
    assert owner.names() == set()
    assert not nobodys.done()
    assert not others.done()
    nobodys.cancel()
    await other.killed()


async def test_the_loops_own_factory_is_put_back() -> None:
    """When the last has let go; until then it still makes the tasks."""
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def factory(
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any],
        **more: Any,  # noqa: ANN401  # asyncio's own
    ) -> asyncio.Task[Any]:
        made.append(str(work))
        return asyncio.Task(work, loop=loop, **more)

    loop.set_task_factory(cast("Any", factory))  # typeshed wants a generic one
    first, second = Owner(), Owner()
    first.start(_sleep())
    await asyncio.sleep(0)
    await first.killed()
    assert loop.get_task_factory() is not factory
    await second.killed()
    assert loop.get_task_factory() is factory
    assert any("_sleep" in work for work in made)
    loop.set_task_factory(None)


async def test_a_factory_that_somebody_has_replaced_stays() -> None:
    """It is not for the process to put another's thing back."""
    loop = asyncio.get_running_loop()
    owner = Owner()
    loop.set_task_factory(None)
    await owner.killed()
    assert loop.get_task_factory() is None


class Nameable(asyncio.Future[Any]):
    """What a loop gives a name to, though it is no task."""

    def set_name(self, name: object) -> None:
        """Have none."""


def test_a_loop_that_does_not_run_can_be_given_a_task() -> None:
    """`run_until_complete` makes one; it is nobody's."""
    loop = asyncio.new_event_loop()
    owners: list[Owner] = []

    async def start() -> None:
        owners.append(Owner())

    loop.run_until_complete(start())
    loop.run_until_complete(asyncio.sleep(0))
    assert owners[0].names() == set()
    loop.run_until_complete(owners[0].killed())
    assert loop.get_task_factory() is None
    loop.close()


async def test_a_factory_that_makes_no_tasks_is_let_be() -> None:
    """What is no task can't be owned."""
    loop = asyncio.get_running_loop()

    def factory(
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any],
        **_: Any,  # noqa: ANN401  # asyncio's own
    ) -> asyncio.Future[Any]:
        work.close()
        return Nameable(loop=loop)

    loop.set_task_factory(cast("Any", factory))  # typeshed wants a generic one
    owner = Owner()
    made: object = loop.create_task(_sleep(), context=owner.context)
    assert type(made) is Nameable
    assert owner.names() == set()
    loop.set_task_factory(None)


async def test_a_task_that_has_ended_is_let_go() -> None:
    """Also one that has ended before anybody could own it."""
    owner = Owner()
    task = owner.start(asyncio.sleep(1))
    assert owner.belongings.tasks == {task}
    await task
    owner.belongings.add(task)
    assert owner.belongings.tasks == set()
    await owner.killed()


async def test_an_end_in_order_waits_for_the_tasks() -> None:
    """Each is cancelled once, and may take its time."""
    owner = Owner()
    loop = asyncio.get_running_loop()

    async def tidy() -> None:
        try:
            await _sleep()
        finally:
            await asyncio.sleep(3)

    task = owner.start(tidy())
    await asyncio.sleep(1)
    began = loop.time()
    await owner.belongings.ended()
    assert loop.time() - began == pytest.approx(3)
    assert task.cancelled()
    await owner.belongings.ended()
    await owner.killed()


async def test_a_kill_takes_no_time() -> None:
    """A task that tidies up is cancelled in the middle of that, and again."""
    owner = Owner()
    loop = asyncio.get_running_loop()
    steps: list[int] = []

    async def tidy() -> None:
        for step in range(5):
            try:
                await _sleep()
            except asyncio.CancelledError:
                steps.append(step)

    owner.start(tidy())
    await asyncio.sleep(1)
    began = loop.time()
    await owner.killed()
    assert loop.time() == began
    assert steps == [0, 1, 2, 3, 4]


async def test_a_task_that_swallows_its_cancellation_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It does not live on in the next container's time, and that is no news."""
    owner = Owner()
    woken: list[int] = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(1)
                woken.append(1)
            except asyncio.CancelledError:
                pass

    task = owner.start(deaf())
    await asyncio.sleep(2.5)
    await owner.killed()
    before = len(woken)
    await asyncio.sleep(10)
    assert len(woken) == before
    assert task.done()
    assert [r for r in caplog.records if r.name == "healthkit.testing"] == []


async def test_a_task_that_swallows_everything_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be done about it, so somebody must know."""
    caplog.set_level(logging.WARNING, "healthkit.testing")
    owner = Owner()
    ends: list[int] = []

    async def deaf() -> None:
        while not ends:
            with contextlib.suppress(BaseException):
                await asyncio.sleep(1)

    task = owner.start(deaf())
    task.set_name("web stubborn")
    await asyncio.sleep(1)
    await owner.killed()
    (record,) = [r for r in caplog.records if r.name == "healthkit.testing"]
    assert "task 'web stubborn' outlives web: it refuses" in record.getMessage()
    ends.append(1)
    await asyncio.wait([task])


async def test_what_a_killed_task_starts_is_killed_too() -> None:
    """A task that refuses to end can't leave another behind."""
    owner = Owner()
    left: list[asyncio.Task[None]] = []

    async def stubborn() -> None:
        try:
            await _sleep()
        except asyncio.CancelledError:
            left.append(asyncio.create_task(_sleep()))

    owner.start(stubborn())
    await asyncio.sleep(1)
    await owner.killed()
    await asyncio.wait(left)
    assert left[0].cancelled()


async def test_how_a_killed_task_ended_is_nobodys_business() -> None:
    """Its exception is taken note of; the loop has nothing to complain about."""
    owner = Owner()
    complaints: list[object] = []
    owner.loop.set_exception_handler(lambda _loop, context: complaints.append(context))

    async def fails() -> None:
        try:
            await _sleep()
        finally:
            raise OSError

    task = owner.start(fails())
    await asyncio.sleep(1)
    await owner.killed()
    assert task.done()
    del task
    await asyncio.sleep(1)
    owner.loop.set_exception_handler(None)
    assert complaints == []
