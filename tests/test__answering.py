"""Answers from memory: when they are made anew, how they are counted, who reads reasons."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import json
import logging
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from healthkit import CheckFailed, ConfigError, Health, HealthMiddleware, Probe
from healthkit._desk import ProbeDesk
from tests.servers import Exchange, ask, http_scope, lifespan_of, plain_app, receive_nothing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.types import Scope

    from healthkit._desk import Wire
    from healthkit._model import Report
    from tests.virtual import VirtualLoop

JSON = [(b"accept", b"application/json")]

#: As the kubelet asks: a plain question whose answer is at hand.
KUBELET = [(b"user-agent", b"kube-probe/1.36"), (b"accept", b"*/*")]

#: Every form of a question that is answered from memory, with its probe's path.
KEPT = [
    pytest.param(Probe.READY, "/readyz", {}, id="plain"),
    pytest.param(Probe.READY, "/readyz", {"headers": KUBELET}, id="kubelet"),
    pytest.param(Probe.STARTUP, "/startupz", {"headers": KUBELET}, id="kubelet, startup"),
    pytest.param(Probe.READY, "/readyz", {"query_string": b"verbose"}, id="verbose"),
    pytest.param(Probe.READY, "/readyz", {"headers": JSON}, id="json"),
    pytest.param(Probe.READY, "/readyz", {"query_string": b"nothing=known"}, id="in vain"),
    pytest.param(Probe.STARTUP, "/startupz", {}, id="startup"),
    pytest.param(Probe.HEALTH, "/healthz", {"headers": JSON}, id="health"),
    pytest.param(Probe.LIVE, "/livez", {}, id="live"),
]


async def passing() -> None:
    """Pass."""


async def failing() -> bool:
    """Fail, for a reason."""
    raise CheckFailed("hunter2")


def passing_then(*later: BaseException | None) -> Callable[[], Awaitable[None]]:
    """Make a check that passes, then does what comes later; the last of it for ever."""
    steps = [None, *later]

    async def function() -> None:
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if step is not None:
            raise step

    return function


def counted(health: Health) -> list[Report]:
    """Take note of the reports that are asked for; return the list of them."""
    report = health.life.report
    made: list[Report] = []

    def counting() -> Report:
        made.append(report())
        return made[-1]

    health.life.report = counting  # type: ignore[method-assign]  # counts, and changes nothing
    return made


def members(answer: Exchange) -> dict[str, Any]:
    """Read an answer in JSON."""
    found: dict[str, Any] = json.loads(answer.text)
    return found


# -- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("probe", "path", "question"), KEPT)
async def test_an_answer_is_made_once(probe: Probe, path: str, question: dict[str, object]) -> None:
    """A thousand clients ask, one report is made; and another after a change."""
    health = Health()
    health.check(passing)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        made = counted(health)
        before = [await ask(app, path, **question) for _ in range(10)]
        assert len(made) == 1
        health.pause("a change")
        await ask(app, path, **question)
        assert len(made) == 2
        assert {answer.text for answer in before} == {before[0].text}
        assert health.answering.desks[probe].counts()[200] >= 10


async def test_the_plain_answer_can_be_had_without_a_question() -> None:
    """For requests that are no probe's, and are rejected like one. It is the kept one."""
    health = Health()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        made = counted(health)
        answer = health.answering.plain(Probe.STARTUP)
        assert health.answering.plain(Probe.STARTUP) is answer
        assert len(made) == 1


async def test_each_form_is_kept_by_itself() -> None:
    """No client is given what another has asked for."""
    health = Health()
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        for _ in range(2):
            assert (await ask(app, "/readyz")).text == "ok\n"
            assert "[+]db ok\n" in (await ask(app, "/readyz", query_string=b"verbose")).text
            assert members(await ask(app, "/readyz", headers=JSON))["status"] == "pass"


@pytest.mark.parametrize(
    "question",
    [{}, {"headers": KUBELET}, {"query_string": b"verbose"}, {"headers": JSON}],
    ids=["plain", "kubelet", "verbose", "json"],
)
async def test_a_kept_answer_expires_with_its_check(question: dict[str, object]) -> None:
    """Nothing changes while everything hangs: but what was known is too old at its moment."""
    health = Health()
    health.check(passing_then(OSError()), name="db", interval=10, unknown=OSError)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(15)
        assert (await ask(app, "/readyz", **question)).status == 200
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        fresh_until = health.life.report().fresh_until
        loop.jump(fresh_until - 0.001 - loop.time())
        assert (await ask(app, "/readyz", **question)).status == 200
        loop.jump(fresh_until - loop.time())
        made = counted(health)
        assert (await ask(app, "/readyz", **question)).status == 503
        assert (await ask(app, "/readyz", **question)).status == 503
        assert len(made) == 1


async def test_an_answer_lasts_until_the_first_of_several_grows_stale() -> None:
    """And then until the next one does."""
    health = Health()
    for name, interval in (("slow", 30.0), ("quick", 10.0)):
        check = passing_then(OSError())
        health.check(check, name=name, interval=interval, unknown=OSError, required=False)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        said: list[str] = []
        for seconds in (20.7, 0.2, 39.8, 0.2):
            await anyio.sleep(seconds)
            lines = (await ask(app, "/readyz", query_string=b"verbose")).text.splitlines()
            said.append(" ".join(line for line in lines if "stale" in line))
    quick, slow = "[!]quick failed: stale", "[!]slow failed: stale"
    assert said == ["", quick, quick, f"{slow} {quick}"]


# -- at once --------------------------------------------------------------------------------------


def at_once(health: Health) -> list[Probe]:
    """Return the probes whose plain answer the middleware finds without a call."""
    return [probe for probe, desk in health.answering.desks.items() if desk.at_once != ()]


async def test_plain_answers_are_at_hand_until_something_changes() -> None:
    """Each after it was first asked for; none survives a change."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        assert at_once(health) == []
        for path in health.paths:
            await ask(app, path, headers=KUBELET)
        assert at_once(health) == list(Probe)
        health.fail_liveness("a change")
        assert at_once(health) == []
        assert (await ask(app, "/livez")).status == 503
        assert at_once(health) == [Probe.LIVE]
        assert (await ask(app, "/livez")).status == 503


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({}, "ok\n", id="nothing"),
        pytest.param({"headers": []}, "ok\n", id="no header"),
        pytest.param({"headers": [(b"host", b"pod")]}, "ok\n", id="another header"),
        pytest.param({"headers": [(b"accept", b"text/plain")]}, "ok\n", id="text"),
        pytest.param({"headers": [(b"accept", b"text/html,*/*")]}, "ok\n", id="browser"),
        pytest.param({"headers": JSON}, '{"status": "pass"', id="json"),
        pytest.param({"headers": [*KUBELET, *JSON]}, "ok\n", id="twice"),
        pytest.param({"query_string": b"verbose"}, "[+]lifespan ok\n", id="verbose"),
        pytest.param({"query_string": b"exclude=x"}, "ok\nwarn: ", id="leaving out"),
        pytest.param({"query_string": b"x"}, "ok\n", id="in vain"),
        pytest.param({"method": "HEAD"}, "", id="HEAD"),
        pytest.param({"method": "PUT"}, "method not allowed\n", id="PUT"),
    ],
)
async def test_what_is_at_hand_is_for_plain_questions(more: dict[str, object], told: str) -> None:
    """Whoever asks for something else gets that, the first time and the next."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        for _ in range(2):
            asked = await ask(app, "/readyz", **{"headers": KUBELET, **more})
            assert asked.text.startswith(told)
            assert (await ask(app, "/readyz", headers=KUBELET)).text == "ok\n"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/readyz/lifespan"])
async def test_a_scope_may_have_no_query(path: str) -> None:
    """A request that was made by hand, in a test perhaps, is a plain question."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        scope = http_scope(path)
        del scope["query_string"]
        exchange = Exchange()
        await app(scope, receive_nothing, exchange.send)
        assert exchange.text == "ok\n"


async def test_nothing_is_at_hand_while_ending() -> None:
    """The connection is to be closed with each answer then: it has to be looked at."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        for path in health.paths:
            await ask(app, path)
        health.drain()
        for path in health.paths:
            assert at_once(health) == []
            assert (await ask(app, path)).headers[b"connection"] == b"close"
        health.life.abandon()
        for path in health.paths:
            await ask(app, path)
        assert at_once(health) == []


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
async def test_an_answer_that_was_overtaken_is_not_at_hand(path: str) -> None:
    """A change in another thread, while the answer is being made, is not lost."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        report = health.life.report

        def overtaken() -> Report:
            made = report()
            health.fail_liveness("meanwhile")
            return made

        health.life.report = overtaken  # type: ignore[method-assign]  # an interleaving, no fake
        assert (await ask(app, path)).status == 200
        assert at_once(health) == []
        health.life.report = report  # type: ignore[method-assign]
        assert (await ask(app, path)).status == 503


async def test_no_question_changes_liveness() -> None:
    """Neither by what it asks for nor by what it leaves out."""
    health = Health()
    health.check(failing)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        plain = await ask(app, "/livez")
        for query in (b"verbose", b"exclude=failing", b"exclude=x"):
            answer = await ask(app, "/livez", query_string=query, headers=JSON)
            assert (answer.text, answer.headers) == ("ok\n", plain.headers)


# -- counting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("probe", "path", "question"), KEPT)
async def test_every_answer_is_counted(
    probe: Probe, path: str, question: dict[str, object]
) -> None:
    """By probe and status, whether it was at hand, kept or made."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    desk = health.answering.desks[probe]
    async with lifespan_of(app):
        await health.wait_for("serving")
        for method in ("GET", "GET", "HEAD", "POST", "GET"):
            await ask(app, path, method=method, **question)
        assert desk.counts() == {200: 4, 503: 0, 405: 1}
        health.fail_liveness("for a 503 of every probe")
        await ask(app, path, **question)
        await ask(app, f"/behind{path}", root_path="/behind", **question)
        later = {200: 6, 503: 0} if probe is Probe.STARTUP else {200: 4, 503: 2}
        assert desk.counts() == {**later, 405: 1}
        others = [d for p, d in health.answering.desks.items() if p is not probe]
        assert [d.counts() for d in others] == [{200: 0, 503: 0}] * 3


async def test_a_desk_shows_what_it_gave() -> None:
    """In one line."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await ask(app, "/livez")
    assert repr(health.answering.desks[Probe.LIVE]) == "<ProbeDesk live {200: 1, 503: 0}>"


async def test_what_is_no_probe_is_not_counted() -> None:
    """An ordinary request is the app's."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        assert (await ask(app, "/livez/x")).text == "app"
        assert (await ask(app, "/readyzz")).text == "app"
        given = [desk.counts() for desk in health.answering.desks.values()]
        assert given == [{200: 0, 503: 0}] * 4


@pytest.mark.parametrize("question", [{}, {"query_string": b"verbose"}, {"headers": JSON}])
async def test_one_component_is_not_counted(question: dict[str, object]) -> None:
    """It is no answer of the probe, whatever it is: a person's 503 or 404 alarms nobody."""
    health = Health()
    health.check(passing, name="cache")
    health.check(failing, name="db", required=False)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        seen = {
            (
                await ask(
                    app, f"{prefix}/readyz/{name}", root_path=prefix, method=method, **question
                )
            ).status
            for prefix in ("", "/api")
            for name in ("cache", "db", "nobody")
            for method in ("GET", "HEAD", "POST")
        }
        assert seen == {200, 404, 405, 503}
        given = [desk.counts() for desk in health.answering.desks.values()]
        assert given == [{200: 0, 503: 0}] * 4
        await ask(app, "/readyz", **question)
        assert health.answering.desks[Probe.READY].counts() == {200: 1, 503: 0}


# -- who reads reasons ----------------------------------------------------------------------------


def _everybody(_: Scope) -> bool:
    return True


def _nobody(_: Scope) -> bool:
    return False


def _raises(_: Scope) -> bool:
    raise LookupError("no such header")


def _exits(scope: Scope) -> bool:
    """End the process, if it is let."""
    raise SystemExit(scope["path"])


def _says_one(_: Scope) -> int:
    return 1


def _says_nothing(_: Scope) -> None:
    return None


async def _in_a_coroutine(_: Scope) -> bool:
    return True


def _made_a_coroutine(scope: Scope) -> Awaitable[bool]:
    return _in_a_coroutine(scope)


async def _read(health: Health, path: str, **question: object) -> Exchange:
    """Ask for the answer to a failing check named ``db``."""
    health.check(failing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        return await ask(app, path, **question)


@pytest.mark.parametrize("path", ["/readyz", "/readyz/db"])
@pytest.mark.parametrize("question", [{"query_string": b"verbose"}, {"headers": JSON}])
@pytest.mark.parametrize(("admits", "seen"), [(None, False), (_nobody, False), (_everybody, True)])
async def test_reasons_are_for_whom_show_reasons_admits(
    path: str,
    question: dict[str, object],
    admits: Callable[[Scope], bool] | None,
    seen: bool,
) -> None:
    """Nobody, unless it says so."""
    answer = await _read(Health(show_reasons=admits), path, **question)
    assert answer.status == 503
    assert ("hunter2" in answer.text) == seen
    assert ("reason withheld" in answer.text) != seen


async def test_what_one_client_may_read_no_other_reads() -> None:
    """An answer with reasons is not kept, whoever asks next."""
    health = Health(show_reasons=lambda scope: scope["client"] == "admin")
    health.check(failing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        for _ in range(2):
            for client in ("admin", "stranger"):
                for question in ({"query_string": b"verbose"}, {"headers": JSON}):
                    answer = await ask(app, "/readyz", client=client, **question)
                    assert ("hunter2" in answer.text) == (client == "admin")


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/readyz", {}),
        ("/healthz", {}),
        ("/readyz/db", {}),
        ("/readyz", {"query_string": b"exclude=bd"}),
        ("/readyz/db", {"query_string": b"exclude=db"}),
        ("/livez", {"query_string": b"verbose", "headers": JSON}),
        ("/readyz/nobody", {"query_string": b"verbose"}),
    ],
)
async def test_show_reasons_is_not_asked_in_vain(path: str, question: dict[str, object]) -> None:
    """Neither for a plain answer nor for liveness: no slip in it reaches the kubelet."""
    asked: list[Scope] = []

    def admits(scope: Scope) -> bool:
        asked.append(scope)
        return True

    await _read(Health(show_reasons=admits), path, **question)
    assert asked == []


@pytest.mark.parametrize(
    "admits",
    [
        pytest.param(_raises, id="raises"),
        pytest.param(_exits, id="exits"),
        pytest.param(_says_one, id="a number"),
        pytest.param(_says_nothing, id="nothing"),
        pytest.param(_made_a_coroutine, id="a coroutine"),
    ],
)
async def test_a_broken_predicate_admits_nobody(
    admits: object, caplog: pytest.LogCaptureFixture
) -> None:
    """The probe is answered as to a stranger, and the slip is logged once."""
    health = Health(show_reasons=cast("Callable[[Scope], bool]", admits))
    health.check(failing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        for _ in range(3):
            answer = await ask(app, "/readyz", query_string=b"verbose")
            assert answer.text.splitlines()[1] == "[-]db failed: reason withheld"
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    raises = admits in {_raises, _exits}
    did = "raised an exception" if raises else "returned neither True nor False"
    assert [record.message for record in errors] == [
        f"show_reasons {did}: whoever it does that for is shown no reasons"
    ]
    assert (errors[0].exc_info is not None) == raises


async def test_a_predicate_that_breaks_for_one_still_admits_another() -> None:
    """Only whom it breaks for is a stranger."""

    def admits(scope: Scope) -> bool:
        if scope["client"] != "admin":
            raise LookupError
        return True

    health = Health(show_reasons=admits)
    health.check(failing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        for client in ("stranger", "admin", "stranger"):
            answer = await ask(app, "/readyz", query_string=b"verbose", client=client)
            assert ("hunter2" in answer.text) == (client == "admin")


@pytest.mark.parametrize(
    "admits",
    [True, "admin", _in_a_coroutine, functools.partial(_in_a_coroutine)],
    ids=["a flag", "text", "a coroutine function", "a partial of one"],
)
def test_what_is_no_plain_function_is_refused(admits: object) -> None:
    """At once: a coroutine would be true of everybody."""
    with pytest.raises(ConfigError, match="^show_reasons=.*: expected a plain function of the"):
        Health(show_reasons=cast("Callable[[Scope], bool]", admits))


def _of_nothing() -> bool:
    return True


def _of_two(_: Scope, other: object) -> bool:
    return bool(other)


class _Guard:
    """Decides as an object, or by a method."""

    def __call__(self, scope: Scope) -> bool:
        return self.admits(scope)

    def admits(self, _: Scope, *, strict: bool = False) -> bool:
        """Admit everybody, unless it is strict."""
        return not strict


@pytest.mark.parametrize(
    ("admits", "line"),
    [
        (_of_nothing, "^show_reasons=.*: expected a plain function of the ASGI scope"),
        (functools.partial(_everybody, {}), "^show_reasons=.*: expected a plain function of the"),
        (_of_two, "^show_reasons=.*_of_two.*: expected a plain function of the ASGI scope"),
    ],
    ids=["no argument", "none left", "two"],
)
def test_a_predicate_takes_the_scope_and_needs_nothing_else(admits: object, line: str) -> None:
    """Seen when the app is built, not when somebody asks for reasons."""
    with pytest.raises(ConfigError, match=line):
        Health(show_reasons=cast("Callable[[Scope], bool]", admits))


@pytest.mark.parametrize(
    "admits",
    [_everybody, _Guard(), _Guard().admits, functools.partial(_of_two, other=1)],
    ids=["function", "object", "method", "partial"],
)
async def test_a_predicate_may_be_anything_that_takes_the_scope(
    admits: Callable[[Scope], bool],
) -> None:
    """What it has a default for, or is bound, it does not need."""
    answer = await _read(Health(show_reasons=admits), "/readyz", query_string=b"verbose")
    assert "hunter2" in answer.text


# -- leaving out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status", "plain"),
    [
        pytest.param(b"", 503, "failing: db, queue\n", id="nothing"),
        pytest.param(b"exclude=db", 503, "failing: queue\n", id="one of two"),
        pytest.param(b"exclude=db&exclude=queue", 200, "ok\n", id="both"),
        pytest.param(b"exclude=db&exclude=db&exclude=queue", 200, "ok\n", id="one twice"),
        pytest.param(
            b"exclude=db&exclude=queue&exclude=bd",
            200,
            "ok\nwarn: not excluded, no check is called so: bd\n",
            id="an unknown one",
        ),
        pytest.param(
            b"exclude=catalogue",
            503,
            "failing: db, queue\nwarn: not excluded, no check is called so: catalogue\n",
            id="a warm-up",
        ),
        pytest.param(
            b"exclude=lifespan&exclude=migrate",
            503,
            "failing: db, queue\nwarn: not excluded, no check is called so: lifespan, migrate\n",
            id="start-up work",
        ),
    ],
)
async def test_checks_can_be_left_out_of_the_verdict(query: bytes, status: int, plain: str) -> None:
    """Checks only, by their names; the others still count, and nothing of it is kept."""
    health = Health()
    health.startup(passing, name="migrate")
    health.warmup(passing, name="catalogue")
    for name in ("db", "queue"):
        health.check(failing, name=name)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        answer = await ask(app, "/readyz", query_string=query)
        assert (answer.status, answer.text) == (status, plain)
        assert (await ask(app, "/readyz")).text == "failing: db, queue\n"


@pytest.mark.parametrize("kind", ["startup", "warmup"])
async def test_work_can_not_be_left_out(kind: str) -> None:
    """A pod that is not warm is not ready, whatever a client would like."""
    health = Health()
    getattr(health, kind)(anyio.sleep_forever, name="work")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        answer = await ask(app, "/readyz", query_string=b"verbose&exclude=work&exclude=lifespan")
        assert answer.status == 503
        assert "[-]work failed: pending\n" in answer.text
        assert "not excluded, no check is called so: work, lifespan\n" in answer.text


async def test_what_is_left_out_is_listed_as_such() -> None:
    """So that nobody takes it for passing."""
    health = Health()
    health.check(failing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        verbose = await ask(app, "/readyz", query_string=b"verbose&exclude=db")
        assert "[+]db excluded: ok\n" in verbose.text
        found = members(await ask(app, "/readyz", query_string=b"exclude=db", headers=JSON))
        assert (found["status"], "db:responseTime" in found["checks"]) == ("pass", False)
        assert "excluded: db" in found["notes"]


# -- one by name ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("db", 503, "failing: db\n"),
        ("cache", 200, "ok\n"),
        ("recommendations", 503, "failing: recommendations\n"),
        ("silent", 503, "pending: silent\n"),
        ("catalogue", 503, "pending: catalogue 50 %\n"),
        ("migrate", 200, "ok\n"),
        ("lifespan", 200, "ok\n"),
        ("nobody", 404, "not found: nothing is registered by this name\n"),
        ("", 404, "not found: nothing is registered by this name\n"),
        ("db/x", 404, "not found: nothing is registered by this name\n"),
        ("DB", 404, "not found: nothing is registered by this name\n"),
    ],
)
@pytest.mark.parametrize(
    ("paths", "root_path", "prefix"),
    [
        pytest.param("kubernetes", "", "/readyz/", id="kubernetes"),
        pytest.param("kubernetes", "/api", "/api/readyz/", id="behind a root path"),
        pytest.param("kubernetes", "/api", "/readyz/", id="root path taken off"),
        pytest.param("microprofile", "", "/health/ready/", id="microprofile"),
        pytest.param("spring", "", "/actuator/health/readiness/", id="spring"),
        pytest.param("dockerflow", "", "/__heartbeat__/", id="dockerflow"),
        pytest.param({"ready": "/ok"}, "", "/ok/", id="moved"),
    ],
)
async def test_one_component_is_asked_by_its_name(  # noqa: PLR0913, PLR0917  # columns
    paths: Any,  # noqa: ANN401  # the presets are a Literal
    root_path: str,
    prefix: str,
    name: str,
    status: int,
    text: str,
) -> None:
    """Whatever it is, and whether or not readiness depends on it; what is unknown is 404."""
    health = Health(paths=paths)

    @health.warmup
    async def catalogue(progress: Callable[[int, int], None]) -> None:
        progress(1, 2)
        await anyio.sleep_forever()

    health.startup(passing, name="migrate")
    health.check(failing, name="db")
    health.check(passing, name="cache")
    health.check(failing, name="recommendations", required=False)
    health.check(passing, name="silent", success_threshold=2)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(0.5)
        answer = await ask(app, prefix + name, root_path=root_path)
        assert (answer.status, answer.text) == (status, text)
        assert answer.headers[b"cache-control"] == b"no-store"
        assert (b"retry-after" in answer.headers) == (status == 503)
        head = await ask(app, prefix + name, root_path=root_path, method="HEAD")
        assert (head.status, head.text) == (status, "")
        post = await ask(app, prefix + name, root_path=root_path, method="POST")
        assert (post.status, post.headers[b"allow"]) == (405, b"GET, HEAD")


async def test_one_component_in_detail() -> None:
    """In the forms that readiness has, and with no other component in it."""
    health = Health()
    health.check(failing, name="db")
    health.check(passing, name="cache")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        verbose = await ask(app, "/readyz/db", query_string=b"verbose")
        assert verbose.text == "[-]db failed: reason withheld\ndb check failed\n"
        found = members(await ask(app, "/readyz/cache", headers=JSON))
        assert (found["status"], list(found["checks"])) == ("pass", ["cache:responseTime"])


async def test_one_component_is_never_kept() -> None:
    """It is asked for by people, not by the kubelet."""
    health = Health()
    health.check(passing_then(CheckFailed("down")), name="db", interval=1)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        said: list[str] = []
        for seconds in (0.5, 1.5):
            await anyio.sleep(seconds)
            said.append((await ask(app, "/readyz/db")).text)
    assert said == ["ok\n", "failing: db\n"]


async def test_below_the_other_probes_is_the_apps() -> None:
    """Liveness has no parts, and start-up and the balancer's probe are asked as a whole."""
    health = Health()
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        for path in ("/livez/db", "/startupz/lifespan", "/healthz/db", "/readyzdb", "/readyz.db"):
            for root_path in ("", "/api"):
                assert (await ask(app, path, root_path=root_path)).text == "app"


@pytest.mark.parametrize("path", ["/readyz/db", "\0db", "/api\0db", "//db"])
@pytest.mark.parametrize("root_path", ["", "/api"])
async def test_a_readiness_that_is_switched_off_has_no_parts(path: str, root_path: str) -> None:
    """Whatever the path: everything is the app's."""
    health = Health(paths={"ready": None})
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        assert (await ask(app, path, root_path=root_path)).text == "app"


async def test_one_component_can_be_the_first_request() -> None:
    """Where a server opens no lifespan, everything begins with it."""
    health = Health()
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    assert (await ask(app, "/readyz/db")).text == "pending: db\n"
    await anyio.sleep(1)
    assert (await ask(app, "/readyz/db")).text == "ok\n"
    health.life.abandon()
    await health.life.duties.ended()


async def test_a_component_closes_the_connection_while_draining() -> None:
    """Like every answer then."""
    health = Health()
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        health.drain()
        answer = await ask(app, "/readyz/db")
        assert (answer.text, answer.headers[b"connection"]) == ("ok\n", b"close")


def test_a_predicate_without_a_signature_is_taken_at_its_word() -> None:
    """Some builtins have none; what they do is seen when they are asked."""
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(max)
    assert Health(show_reasons=cast("Callable[[Scope], bool]", max)).phase == "starting"


class _Interrupted(ProbeDesk):
    """A desk at which the loop answers once, just as another thread has emptied `at_once`."""

    meanwhile: Callable[[], object] | None = None
    told: Iterable[Wire] = ()

    @property
    def at_once(self) -> Iterable[Wire]:
        """What is told at once."""
        return self.told

    @at_once.setter
    def at_once(self, wires: Iterable[Wire]) -> None:
        self.told = wires
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()


async def test_an_answer_in_the_midst_of_forgetting_is_none_of_before() -> None:
    """The old one is old before it is taken away, or the loop could bring it back for good."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        answering = health.answering
        desk = _Interrupted(Probe.LIVE, answering.answer)
        answering.desks = {**answering.desks, Probe.LIVE: desk}
        assert answering.answer(Probe.LIVE, http_scope("/livez")).status == 200
        desk.meanwhile = lambda: answering.answer(Probe.LIVE, http_scope("/livez"))
        health.fail_liveness("deadlock")
        assert [status for status, _, _ in itertools.islice(desk.at_once, 1)] == [503]
