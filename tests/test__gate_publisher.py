"""When a condition is published, in virtual time."""

from __future__ import annotations

import itertools
import json
import logging
import random
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest

from healthkit._gate_lead import Alone
from healthkit._gate_publisher import Publisher
from healthkit._gate_rules import Condition, Wanted
from healthkit._gate_wire import PatchError
from healthkit.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

KIND = "healthkit.dev/cache-warm"
COLD = Wanted(status=False, line="warming: a")
READY = Wanted(status=True, line="ok")
DRAINING = Wanted(status=False, line="draining", ending=True)
STOPPED = Wanted(status=False, line="stopped", ending=True)


@dataclass
class Source:
    """What is wanted, set by a test."""

    wanted: Wanted | None = COLD
    final: Wanted | None = None

    def look(self) -> Wanted | None:
        """Say it."""
        return self.wanted


@dataclass
class Server:
    """Takes patches, or fails as it is told."""

    #: When, the status, and the message.
    taken: list[tuple[float, str, str]] = field(default_factory=list["tuple[float, str, str]"])
    asked: list[float] = field(default_factory=list[float])
    failures: list[Exception] = field(default_factory=list[Exception])
    failure: Exception | None = None
    takes: float = 0.0
    bodies: list[dict[str, str]] = field(default_factory=list["dict[str, str]"])

    async def __call__(self, body: bytes) -> None:
        """Be patched."""
        self.asked.append(anyio.current_time())
        failure = self.failures.pop(0) if self.failures else self.failure
        await anyio.sleep(self.takes)
        if failure is not None:
            raise failure
        (said,) = json.loads(body)["status"]["conditions"]
        self.bodies.append(said)
        self.taken.append((anyio.current_time(), said["status"], said["message"]))

    @property
    def statuses(self) -> list[str]:
        """What was taken, in order."""
        return [status for _when, status, _message in self.taken]


class Shared(Alone):
    """A lock that a test hands out."""

    def __init__(self, *, held: bool, memory: Condition | None = None) -> None:
        self.held = held
        self.memory = memory
        self.left = False

    def leads(self) -> bool:
        """Say whether."""
        return self.held

    def remembered(self) -> Condition | None:
        """Say what."""
        return self.memory

    def remember(self, condition: Condition | None) -> None:
        """Note it."""
        self.memory = condition

    def leave(self) -> None:
        """Note it."""
        self.left = True


@dataclass
class Scene:
    """A publisher at work."""

    source: Source
    server: Server
    publisher: Publisher

    def say(self, wanted: Wanted) -> None:
        """Want something else."""
        self.source.wanted = wanted
        self.publisher.wake()

    def end(self, final: Wanted) -> None:
        """Say the last word."""
        self.source.final = final
        self.publisher.wake()


@asynccontextmanager
async def publishing(
    server: Server | None = None,
    lead: Alone | None = None,
    wanted: Wanted | None = COLD,
) -> AsyncGenerator[Scene]:
    """Have a publisher run, and end it."""
    source, server = Source(wanted), server or Server()
    publisher = Publisher(KIND, source, lead or Alone(), server, random.Random(1))  # noqa: S311  # a test's
    scene = Scene(source, server, publisher)
    async with anyio.create_task_group() as group:
        group.start_soon(publisher.run)
        await anyio.sleep(0.01)
        yield scene
        group.cancel_scope.cancel()


async def test_nothing_is_sent_while_nothing_changes() -> None:
    """One patch at first, one per change, at once."""
    async with publishing() as scene:
        await anyio.sleep(3600)
        assert scene.server.statuses == ["False"]
        assert scene.publisher.state == "published False"
        scene.say(READY)
        said = anyio.current_time()
        await anyio.sleep(3600)
        assert scene.server.taken[1:] == [(said, "True", "ok")]
        scene.say(READY)
        await anyio.sleep(3600)
        assert len(scene.server.asked) == 2


async def test_a_change_that_nobody_tells_is_seen_a_second_later() -> None:
    """The tick is a safety net."""
    async with publishing() as scene:
        await anyio.sleep(10)
        scene.source.wanted = READY
        await anyio.sleep(1.1)
        assert scene.server.statuses == ["False", "True"]


async def test_nothing_is_sent_before_the_pod_is_known() -> None:
    """A worker that joins a pod does not know yet whether that is ready."""
    async with publishing(wanted=None) as scene:
        await anyio.sleep(5)
        assert scene.server.asked == []
        assert repr(scene.publisher) == "<Publisher not publishing>"
        scene.say(READY)
        await anyio.sleep(0.1)
        assert scene.server.statuses == ["True"]


async def test_a_flap_is_published_as_it_is_in_the_end() -> None:
    """A thousand changes in ten seconds are ten patches at most, and the last is right."""
    async with publishing() as scene:
        for _ in range(500):
            scene.say(READY)
            await anyio.sleep(0.01)
            scene.say(COLD)
            await anyio.sleep(0.01)
        scene.say(READY)
        await anyio.sleep(2)
        assert len(scene.server.asked) <= 13
        assert scene.server.statuses[-1] == "True"
        gaps = [later - one for one, later in itertools.pairwise(scene.server.asked)]
        assert min(gaps[1:]) >= 0.99


async def test_a_warm_up_of_a_moment_is_no_flap() -> None:
    """The first True waits for nothing but the patch before it; what comes then is spaced."""
    async with publishing() as scene:
        scene.say(Wanted(status=False, line="warming: b"))
        await anyio.sleep(0.01)
        assert scene.server.statuses == ["False"]
        scene.say(READY)
        await anyio.sleep(0.01)
        assert scene.server.statuses == ["False", "True"]
        scene.say(COLD)
        await anyio.sleep(0.9)
        assert scene.server.statuses == ["False", "True"]
        await anyio.sleep(0.2)
        assert scene.server.statuses == ["False", "True", "False"]


async def test_other_words_are_published_rarely() -> None:
    """Nothing but a reader depends on them."""
    async with publishing() as scene:
        for number in range(20):
            scene.say(Wanted(status=False, line=f"warming: {number}"))
            await anyio.sleep(1)
        assert len(scene.server.asked) == 3


async def test_a_change_during_a_patch_is_published_after_it() -> None:
    """Not beside it: two requests at once may be taken in any order."""
    async with publishing(Server(takes=3)) as scene:
        scene.say(READY)
        await anyio.sleep(2)
        assert len(scene.server.asked) == 1
        await anyio.sleep(5)
        assert scene.server.statuses == ["False", "True"]
        assert scene.server.asked[1] - scene.server.asked[0] == pytest.approx(3)


async def test_a_drain_is_published_at_once() -> None:
    """In spite of the spacing, of a patch under way, and of a pause after failures."""
    async with publishing() as scene:
        await anyio.sleep(60)
        scene.say(READY)
        await anyio.sleep(0.01)
        scene.say(DRAINING)
        await anyio.sleep(0.01)
        assert scene.server.statuses == ["False", "True", "False"]
    async with publishing(Server(takes=30), wanted=READY) as scene:
        await anyio.sleep(1)
        scene.server.takes = 0.1
        scene.say(DRAINING)
        await anyio.sleep(0.2)
        assert scene.server.statuses == ["False"]
    async with publishing(Server(failure=PatchError("500", "500"))) as scene:
        await anyio.sleep(600)
        scene.server.failure = None
        scene.say(DRAINING)
        await anyio.sleep(0.01)
        assert scene.server.statuses == ["False"]


async def test_a_server_that_asks_to_wait_is_not_hurried() -> None:
    """Retry-After holds, also for a drain."""
    async with publishing(Server(failures=[PatchError("429", "429", 20.0)])) as scene:
        asked = scene.server.asked[0]
        scene.say(DRAINING)
        await anyio.sleep(60)
        assert scene.server.asked[1] - asked == pytest.approx(20, abs=1.1)
        assert scene.server.statuses == ["False"]


async def test_failures_are_tried_again_ever_more_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From half a second to a minute, with jitter; each kind is said once until it is well."""
    caplog.set_level(logging.INFO)
    server = Server(failure=PatchError("403", "403: expected a Role"))
    async with publishing(server) as scene:
        await anyio.sleep(3600)
        gaps = [later - one for one, later in itertools.pairwise(server.asked)]
        assert 0.5 <= gaps[0] <= 2.1
        assert 30 <= max(gaps) <= 61.1
        assert 60 <= len(server.asked) <= 130
        assert scene.publisher.state == "unpublished, failing: 403"
        server.failure = KubernetesError("no token")
        await anyio.sleep(120)
        server.failure = ValueError("a bug")
        await anyio.sleep(120)
        server.failure = None
        await anyio.sleep(61)
        assert scene.publisher.state == "published False"
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    found = f"readiness gate: {KIND} is not published, and tried again:"
    assert said == [
        ("ERROR", f"{found} 403: expected a Role"),
        ("ERROR", f"{found} no token"),
        ("WARNING", f"{found} ValueError"),
        ("INFO", f"readiness gate: {KIND} is False"),
    ]
    assert caplog.records[2].exc_info is not None


async def test_a_bug_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, tried again, and the last word is said all the same."""
    async with publishing(wanted=READY) as scene:
        with monkeypatch.context() as broken:
            broken.setattr(scene.source, "look", lambda: 1 / 0)
            await anyio.sleep(600)
        await anyio.sleep(60)
        scene.say(COLD)
        await anyio.sleep(0.1)
        assert scene.server.statuses == ["True", "False"]
        monkeypatch.setattr(scene.source, "look", lambda: 1 / 0)
        scene.publisher.wake()
        await anyio.sleep(0.01)
        scene.end(Wanted(status=True, line="ok"))
        await anyio.sleep(0.01)
        assert repr(scene.publisher).startswith("<Publisher not publishing")
    said = [one for one in caplog.records if one.levelname == "WARNING"]
    assert [one.getMessage().rpartition(": ")[2] for one in said] == ["ZeroDivisionError"] * 2


async def test_a_drain_is_tried_again_soon() -> None:
    """Whatever the pause had grown to; and the last word is tried once more."""
    server = Server(failure=PatchError("500", "500"))
    async with publishing(server) as scene:
        await anyio.sleep(600)
        scene.say(DRAINING)
        await anyio.sleep(1.2)
        before = len(server.asked)
        assert server.asked[-1] - server.asked[-2] <= 1.01
        await anyio.sleep(30)
        before = len(server.asked)
        server.failure = None
        scene.end(STOPPED)
        await anyio.sleep(0.01)
        assert len(server.asked) == before + 1
        assert server.statuses == ["False"]


@pytest.mark.parametrize("kind", ["timeout", "ReadError", "504"])
async def test_after_a_patch_that_was_cut_off_the_next_is_sent_twice(kind: str) -> None:
    """The server may take it after the next one, and nobody would ever put that right."""
    async with publishing(Server(takes=30), wanted=READY) as scene:
        await anyio.sleep(1)
        scene.server.takes = 0
        scene.say(DRAINING)
        await anyio.sleep(0.1)
        assert scene.server.statuses == ["False"]
        await anyio.sleep(60)
        assert scene.server.statuses == ["False", "False"]
    async with publishing(Server(failures=[PatchError(kind, kind)]), wanted=READY) as scene:
        scene.say(COLD)
        await anyio.sleep(60)
        assert scene.server.statuses == ["False", "False"]


async def test_at_the_end_nobody_waits_to_send_twice() -> None:
    """The last word is out: the process need not stay for another one."""
    lead = Shared(held=True)
    async with publishing(Server(takes=30), lead, wanted=READY) as scene:
        await anyio.sleep(1)
        scene.server.takes = 0
        scene.end(STOPPED)
        await anyio.sleep(0.01)
        assert (scene.server.statuses, lead.left) == (["False"], True)


@pytest.mark.parametrize("kind", ["403", "429", "ConnectError"])
async def test_after_a_refusal_the_next_is_sent_once(kind: str) -> None:
    """What was not taken never will be. Nor twice the same."""
    async with publishing(Server(failures=[PatchError(kind, kind)]), wanted=READY) as scene:
        scene.say(COLD)
        await anyio.sleep(60)
        assert scene.server.statuses == ["False"]
    async with publishing(Server(failures=[PatchError("504", "504")])) as scene:
        await anyio.sleep(60)
        assert scene.server.statuses == ["False"]


async def test_what_failed_is_published_as_it_is_then() -> None:
    """Not what was wanted before."""
    async with publishing(Server(failure=PatchError("ConnectError", "refused"))) as scene:
        await anyio.sleep(10)
        scene.say(READY)
        scene.server.failure = None
        await anyio.sleep(20)
        assert scene.server.statuses == ["True"]


# -- several workers -------------------------------------------------------------------------------


async def test_whoever_has_no_lock_sends_nothing() -> None:
    """Until it gets it; what is published then is as old as it was."""
    lead = Shared(held=False, memory=Condition(status=True, line="ok", since=86_400))
    async with publishing(lead=lead, wanted=READY) as scene:
        await anyio.sleep(30)
        assert scene.server.asked == []
        lead.held = True
        await anyio.sleep(1.1)
        assert scene.server.bodies[0]["lastTransitionTime"] == "1970-01-02T00:00:00Z"
        lead.held = False
        await anyio.sleep(1.1)
        assert scene.publisher.state == "not publishing"


async def test_what_is_uncertain_is_not_remembered() -> None:
    """Only what the server has taken."""
    lead = Shared(held=True, memory=Condition(status=True, line="ok", since=1))
    async with publishing(Server(failures=[PatchError("500", "500")]), lead) as scene:
        await anyio.sleep(0.1)
        assert lead.remembered() is None
        await anyio.sleep(10)
        found = lead.remembered()
        assert found is not None
        assert (found.status, found.line) == (False, "warming: a")
        assert scene.server.statuses == ["False"]
        assert abs(found.since - time.time()) < 60


async def test_a_pod_that_ends_is_published_once() -> None:
    """The worker that takes the lock last finds that all is said."""
    lead = Shared(held=False, memory=Condition(status=False, line="draining", since=1))
    async with publishing(lead=lead, wanted=DRAINING) as scene:
        lead.held = True
        scene.end(STOPPED)
        await anyio.sleep(0.1)
        assert scene.server.asked == []
        assert lead.left


# -- the end ---------------------------------------------------------------------------------------


async def test_the_last_word_is_sent_and_then_it_is_over() -> None:
    """A life that nobody drained says False when it ends."""
    lead = Shared(held=True)
    async with publishing(lead=lead, wanted=READY) as scene:
        await anyio.sleep(5)
        scene.end(STOPPED)
        await anyio.sleep(0.01)
        assert scene.server.statuses == ["True", "False"]
        assert lead.left


async def test_the_last_word_has_its_time() -> None:
    """A server that hangs holds up the end for a second; one that fails, too."""
    for server in (Server(takes=60), Server(failure=PatchError("500", "500"))):
        lead = Shared(held=True)
        async with publishing(server, lead, wanted=READY) as scene:
            await anyio.sleep(5)
            scene.end(STOPPED)
            await anyio.sleep(0.9)
            assert not lead.left
            await anyio.sleep(0.2)
            assert lead.left


async def test_a_worker_that_ends_beside_others_says_nothing() -> None:
    """The pod is ready without it: another one publishes."""
    lead = Shared(held=True)
    async with publishing(lead=lead, wanted=READY) as scene:
        scene.end(Wanted(status=True, line="ok", ending=True))
        await anyio.sleep(0.01)
        assert scene.server.statuses == ["True"]
        assert lead.left


async def test_the_last_word_of_whoever_has_no_lock_is_not_said() -> None:
    """It is over at once."""
    lead = Shared(held=False)
    async with publishing(lead=lead, wanted=READY) as scene:
        scene.end(STOPPED)
        await anyio.sleep(0.01)
        assert (scene.server.asked, lead.left) == ([], True)


async def test_a_cancelled_publisher_gives_the_lock_back() -> None:
    """In the middle of a patch."""
    lead = Shared(held=True)
    async with publishing(Server(takes=60), lead):
        await anyio.sleep(1)
    assert lead.left
