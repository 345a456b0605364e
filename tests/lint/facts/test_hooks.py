"""How long a preStop hook takes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.lint import AppSettings
from healthkit.lint._facts.hooks import Length, command_length, drain_limit, drains, length
from tests.lint.served import container


def told(*command: str) -> Length:
    """Return the length of an exec hook."""
    return length(container({"lifecycle": {"preStop": {"exec": {"command": command}}}}).pre_stop)


def test_no_hook_takes_nothing() -> None:
    """And one that can't be told takes anything."""
    assert length(container({}).pre_stop) == Length(0, 0)
    request = {"preStop": {"httpGet": {"path": "/", "port": 8000}}}
    assert length(container({"lifecycle": request}).pre_stop) == Length(0, None)
    assert told("sh", "drain.sh") == Length(0, None)


@pytest.mark.parametrize(("seconds", "expected"), [(5, 5), (0, 0), (-1, 0), (3.0, 3)])
def test_the_sleep_action_takes_what_it_says(seconds: float, expected: float) -> None:
    """In whole seconds; less than nothing is nothing."""
    found = length(container({"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}}).pre_stop)
    assert found == Length(expected, expected)
    assert found.is_known


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["5"], 5),
        (["0.5"], 0.5),
        ([".5s"], 0.5),
        (["2m"], 120),
        (["1h"], 3600),
        (["1", "2m"], 121),
        (["infinity"], math.inf),
        (["2d"], math.inf),
    ],
)
def test_sleep_takes_what_coreutils_make_of_it(words: list[str], expected: float) -> None:
    """With units, and several are added up; more than a day is for ever."""
    assert told("/bin/sleep", *words) == Length(expected, expected)
    assert told("sh", "-c", f"exec sleep {' '.join(words)}") == Length(expected, expected)


@pytest.mark.parametrize("word", ["", "$X", "-5", "5x", "1e3", "\u0665", "nan", "9" * 5000])
def test_nonsense_takes_who_knows_how_long(word: str) -> None:
    """As `sleep` might refuse it."""
    assert told("sleep", word) == Length(0, None)
    assert told("sleep", "5", word) == Length(0, None)
    assert told("sleep") == Length(0, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sleep 5", Length(5, 5)),
        ("sleep 5; sleep 6\nsleep 7", Length(18, 18)),
        ("echo a && sleep 5", Length(5, 5)),
        ("sleep 5; nginx -s quit", Length(5, 5)),
        ("sleep 5; /app/drain", Length(5, None)),
        ("/app/drain; sleep 5", Length(0, None)),
        ("/app/drain && sleep 5", Length(0, None)),
        ("kill -TERM 1; sleep 60", Length(0, 60)),
        ("echo a || sleep 5", Length(0, 5)),
        ("sleep 5 & echo a", Length(0, None)),
        ("sleep 5 | cat", Length(5, None)),
        ("sleep 5; exit 0; sleep 60", Length(5, 65)),
        ("sleep 5; sleep $X; sleep 6", Length(5, None)),
        ("if true; then sleep 60; fi", Length(0, None)),
        ("while true; do sleep 1; done", Length(0, None)),
        ("(sleep 60)", Length(0, None)),
        ("# sleep 60\nsleep 5", Length(5, 5)),
        ("echo 'sleep 60'", Length(0, 0)),
        ("sleep 5 > /dev/null 2>&1", Length(5, 5)),
        ("exec", Length(0, None)),
        ("sleep 5 'x", Length(0, None)),
    ],
)
def test_a_sleep_counts_for_certain_where_nothing_keeps_it_off(text: str, expected: Length) -> None:
    """What comes behind an unknown command may never be run."""
    assert told("sh", "-c", text) == expected


@given(st.lists(st.text(st.characters(max_codepoint=126)), max_size=4))
def test_any_command_is_read(command: list[str]) -> None:
    """And the most is no less than the least."""
    found = told(*command)
    assert found.most is None or found.most >= found.least


def test_a_length_is_shown() -> None:
    """For ever is no number in JSON."""
    assert (Length(5).shown, Length(5).number) == ("5 s", 5)
    assert (Length(math.inf).shown, Length(math.inf).number) == ("for ever", "infinity")


@pytest.mark.parametrize(
    ("command", "limit"),
    [
        (["healthkit", "drain"], None),
        (["/venv/bin/healthkit", "drain", "--timeout", "20"], 20),
        (["python", "-m", "healthkit", "drain", "--timeout=20"], 20),
        (["sh", "-c", "exec healthkit drain --timeout 20"], 20),
        (["healthkit", "drain", "--timeout", "infinity"], None),
    ],
)
def test_the_drain_is_a_hook(command: list[str], limit: float | None) -> None:
    """However it is called."""
    found = container({"lifecycle": {"preStop": {"exec": {"command": command}}}})
    assert drains(found)
    assert drain_limit(found.pre_stop) == limit


def test_others_are_not() -> None:
    """No hook, another command, and a file of commands."""
    for command in ([], ["sleep", "5"], ["sh", "drain.sh"], ["exec"], ["healthkit", "status"]):
        found = container({"lifecycle": {"preStop": {"exec": {"command": command}}}})
        assert not drains(found)
        assert drain_limit(found.pre_stop) is None


@pytest.mark.parametrize(
    ("path", "own", "drained"),
    [
        ("/prestop", "/prestop", True),
        ("/api/prestop?now", "/prestop", True),
        ("/other", "/prestop", False),
        ("/prestop", None, False),
    ],
)
def test_a_request_for_the_apps_own_path_drains(path: str, own: str | None, drained: bool) -> None:
    """The app has such a path only with a token."""
    app = AppSettings(name="main:health", prestop_path=own)
    hook = {"preStop": {"httpGet": {"path": path, "port": 8000}}}
    assert drains(container({"lifecycle": hook}, app)) is drained
    assert not drains(container({"lifecycle": hook}))


def test_a_socket_is_over_at_once() -> None:
    """There is no such hook."""
    hook = {"preStop": {"tcpSocket": {"port": 8000}}}
    assert length(container({"lifecycle": hook}).pre_stop) == Length(0, 0)


def test_a_command_has_a_length_by_itself() -> None:
    """Whoever has read it."""
    assert command_length(["sh", "-c", "sleep 5"]) == Length(5, 5)
    assert command_length([]) == Length(0, None)
