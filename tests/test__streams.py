"""Which requests are long-lived streams."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import ConfigError, Health
from healthkit._streams import reconnects, rule_of, send_raises
from tests.servers import http_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

SSE = [(b"accept", b"text/event-stream")]
PLAIN: Scope = http_scope()
EVENTS: Scope = http_scope(headers=SSE)


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "websocket"},
        {"type": "websocket", "headers": []},
        EVENTS,
        http_scope(headers=[[b"Accept", b"Text/Event-Stream"]]),
        http_scope(headers=((b"host", b"pod"), (b"accept", b" text/event-stream;charset=utf-8"))),
    ],
)
def test_what_connects_again_by_itself_is_a_stream(scope: Scope) -> None:
    """WebSockets, and EventSource, however its headers are spelt."""
    assert reconnects(scope)


@pytest.mark.parametrize(
    "scope",
    [
        PLAIN,
        {"type": "http", "method": "GET"},
        http_scope(headers=[(b"accept", b"*/*")]),
        http_scope(headers=[(b"content-type", b"text/event-stream")]),
        http_scope(headers=[(b"x-accept", b"text/event-stream")]),
        http_scope(headers=[(b"accept", b"text/event-stream;q=0.9, */*")]),
        http_scope(headers=((b"accept", b"text/html"), *SSE)),
        *(http_scope(method=m, headers=SSE) for m in ("POST", "HEAD", "PUT", "OPTIONS", "get", "")),
        {"type": "lifespan"},
    ],
)
def test_everything_else_is_a_request(scope: Scope) -> None:
    """A POST that is answered by events too: nobody repeats it. And who takes anything else."""
    assert not reconnects(scope)


def test_without_a_predicate_the_rule_decides() -> None:
    """And nothing stands before it."""
    assert rule_of(None) is reconnects


@pytest.mark.parametrize("scope", [PLAIN, EVENTS, {"type": "websocket"}])
@pytest.mark.parametrize("said", [True, False, None])
def test_the_apps_word_comes_first(scope: Scope, said: bool | None) -> None:
    """True and False are final, None leaves it to the rule; the app is asked about this scope."""
    asked: list[Scope] = []

    def long_lived(about: Scope) -> bool | None:
        asked.append(about)
        return said

    assert rule_of(long_lived)(scope) is (reconnects(scope) if said is None else said)
    assert len(asked) == 1
    assert asked[0] is scope


def raising(error: BaseException) -> Callable[[Scope], object]:
    """Make a predicate that raises."""

    def long_lived(_scope: Scope) -> object:
        raise error

    return long_lived


@pytest.mark.parametrize(
    "error", [ValueError("secret"), SystemExit(3), ExceptionGroup("", [OSError()])]
)
def test_a_predicate_that_raises_loses_no_drain(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """The rule decides; the log has the traceback, and has it once."""
    judge = rule_of(raising(error))
    assert [judge(EVENTS), judge(PLAIN), judge({"type": "websocket"})] == [True, False, True]
    (record,) = caplog.records
    assert record.message == "long_lived failed: the rule for streams decides"
    assert record.levelno == logging.WARNING
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_whoever_ends_the_process_ends_it() -> None:
    """A predicate has no say in that."""
    with pytest.raises(KeyboardInterrupt):
        rule_of(raising(KeyboardInterrupt()))(PLAIN)


class Undecided:
    """What is neither true nor false, like an array."""

    def __bool__(self) -> bool:
        raise ValueError


async def coroutine() -> bool:
    """Be what a lambda around an async function returns."""
    return True


@pytest.mark.parametrize(
    "make", [coroutine, Undecided, lambda: "no", lambda: 1, lambda: 0, lambda: re.match("x", "x")]
)
def test_nonsense_cuts_no_request(
    make: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine is true, and would make each request a stream: the rule decides."""
    judge = rule_of(lambda _scope: make())
    assert [judge(EVENTS), judge(PLAIN)] == [True, False]
    (record,) = caplog.records
    assert record.message.startswith("long_lived returned neither True, False nor None: the rule")


def test_an_async_predicate_is_refused() -> None:
    """At start, and not in the drain."""

    async def long_lived(_scope: Scope) -> bool:
        return True

    with pytest.raises(ConfigError, match="^long_lived=.*True, False or None for the rule"):
        Health(long_lived=long_lived)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        *((known, False) for known in ("2.0", "2.1", "2.3", "1.9", "0.0", "1.10")),
        *((known, True) for known in ("2.4", "2.5", "2.10", "3.0", "10.0")),
        *((odd, False) for odd in ("", "2", "2.", ".4", "2.4.1", "a.b", "-2.4", "2.²", None, 2.4j)),
    ],
)
def test_from_2_4_on_send_raises(version: object, expected: bool) -> None:
    """What is no version is an old one."""
    assert send_raises({"asgi": {"spec_version": version}}) is expected


def test_a_server_that_names_no_version_has_an_old_one() -> None:
    """It is 2.0 then, says the specification."""
    assert not send_raises({})
    assert not send_raises({"asgi": {"version": "3.0"}})


@given(st.text())
def test_no_version_is_too_absurd(version: str) -> None:
    """It is read from a server."""
    assert send_raises({"asgi": {"spec_version": version}}) in {True, False}


@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"accept", b"Accept", b"x"]),
            st.sampled_from(
                [
                    b"text/event-stream",
                    b"a, TEXT/event-stream",
                    b"TEXT/event-stream",
                    b"text/html",
                    b"\xff",
                ]
            ),
        )
    ),
)
def test_the_rule_against_the_slow_obvious_one(
    method: str, headers: list[tuple[bytes, bytes]]
) -> None:
    """Whatever the headers, and how many."""
    accepted = ",".join(v.decode("latin-1") for n, v in headers if n.decode().lower() == "accept")
    expected = method == "GET" and accepted.lower() == "text/event-stream"
    assert reconnects(http_scope(method=method, headers=headers)) is expected
