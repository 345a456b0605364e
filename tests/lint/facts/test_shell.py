"""The text of ``sh -c``."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from healthkit.lint._facts.shell import GRAMMAR, filled, parse, script


def words(text: str) -> list[tuple[str, ...]]:
    """Return the words of each command."""
    return [step.words for step in parse(text).steps]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """And each command that is found has words."""
    assert all(step.words for step in parse(text).steps)


@given(st.lists(st.text() | st.sampled_from(sorted(GRAMMAR)), min_size=1))
@example(["else"])
@example(["for", "x"])
@example([""])
def test_quoted_words_come_back(some: list[str]) -> None:
    """As `shlex.join` has quoted them; a word of the grammar is a word only further on."""
    if some[0] in GRAMMAR:
        some = ["run", *some]
    assert words(shlex.join(some)) == [tuple(some)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b; c&&d || e | f & g", [("a", "b"), ("c",), ("d",), ("e",), ("f",), ("g",)]),
        ("a # it's b\nc", [("a",), ("c",)]),
        ("a#b", [("a#b",)]),
        ("a \\\n  b", [("a", "b")]),
        ("a >/dev/null 2>&1 b", [("a", "b")]),
        ('\'a b\'"c \\"d\\" \\n"\\ e', [('a bc "d" \\n e',)]),
        ("a\\\nb", [("ab",)]),
        ("if a; then b; fi", [("a",), ("b",)]),
        ("\n\n;", []),
        ("a 'b", [("a", "'b")]),
        ("a 2>&1 3 4>b 5", [("a", "3", "5")]),
        ("a5>b 'c'6>d &>e", [("a5", "c6")]),
        ("a \"\" '' b", [("a", "", "", "b")]),
        ('"a\\\nb"', [("ab",)]),
        ("a \\\n# b\nc", [("a",), ("c",)]),
        ("'if' a; then b", [("if", "a"), ("b",)]),
        ("a &&\n b |\n c", [("a",), ("b",), ("c",)]),
        ("a \x0b b\u2003c", [("a", "\x0b", "b\u2003c")]),
    ],
)
def test_commands_are_told_apart(text: str, expected: list[tuple[str, ...]]) -> None:
    """By operators and line breaks, outside of quotes and comments."""
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "straight"),
    [
        ("a; b && c || d | e &", True),
        ("if a; then b; fi", False),
        ("(a)", False),
        ("f() { a; }", False),
        ("a $(b)", False),
        ("case a in b) c;; esac", False),
        ("cat <<EOF\na\nEOF", False),
        ("a 'b", False),
        ('a "b', False),
        ("a \\", False),
        ("a `b`", False),
        ('a "$(b)"', False),
        ("a <<< b", False),
        ("'if' a", True),
        ("a $((1 + (2))", False),
        ("a $((1 | 2)) ${b#c} ${d", True),
        ("a > b", True),
    ],
)
def test_what_is_not_understood_is_crooked(text: str, straight: bool) -> None:
    """Then nobody may say what is run for certain."""
    assert parse(text).is_straight is straight


@pytest.mark.parametrize(
    ("command", "shell"),
    [
        (["sh", "-c", "a"], "sh"),
        (["/bin/bash", "-eu", "-o", "pipefail", "-c", "a"], "bash"),
        (["bash", "-euo", "pipefail", "-c", "--", "a"], "bash"),
        (["sh", "-c", "-e", "a"], "sh"),
        (["bash", "--login", "-c", "a", "b"], "bash"),
        (["busybox", "sh", "-c", "a"], "sh"),
        (["sh", "+x", "-lc", "a"], "sh"),
    ],
)
def test_the_text_stands_behind_the_options(command: list[str], shell: str) -> None:
    """Whatever options there are beside ``-c``."""
    read = script(command)
    assert read is not None
    assert (read.shell, [step.words for step in read.steps]) == (shell, [("a",)])


@pytest.mark.parametrize("command", [[], ["sh"], ["sh", "-c"], ["sh", "start.sh"], ["bash", "-x"]])
def test_a_shell_without_a_text_runs_who_knows_what(command: list[str]) -> None:
    """A file of commands, or nothing."""
    assert script(command) is None


def test_a_command_without_a_shell_is_one_step() -> None:
    """No shell reads it."""
    read = script(["sleep", "5; 6"])
    assert read is not None
    assert (read.shell, read.steps[0].words) == ("", ("sleep", "5; 6"))


def test_an_operator_holds_over_the_end_of_a_line() -> None:
    """And a line's end alone is as good as a semicolon."""
    read = parse("a &&\nb\n\nc; (d) | e")
    assert [step.before for step in read.steps] == ["", "&&", ";", "(", "|"]


_REPLACED = [
    ("sh", "exec $$", True),
    ("sh", "X=1 exec $$", True),
    ("sh", "$$", False),
    ("bash", "$$", True),
    ("bash", "true && $$", True),
    ("bash", "true; $$", True),
    ("bash", "X=1 $$", True),
    ("bash", "$$ | cat", False),
    ("bash", "true | $$", False),
    ("bash", "$$ & wait", False),
    ("bash", "$$; true", False),
]


@pytest.mark.parametrize(("shell", "text", "replaced"), _REPLACED)
def test_exec_and_bash_put_a_command_in_the_place_of_the_shell(
    shell: str, text: str, replaced: bool
) -> None:
    """So that signals reach it."""
    read = parse(text, shell)
    step = next(step for step in read.steps if "$$" in step.words)
    assert read.is_replaced_by(step) is replaced


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(("text", "replaced"), [(t, r) for s, t, r in _REPLACED if s == "bash"])
def test_bash_agrees(text: str, replaced: bool) -> None:
    """The command has bash's own number then."""
    told = text.replace("$$", "sh -c 'echo $$' x")
    with subprocess.Popen(["bash", "-c", told], stdout=subprocess.PIPE, text=True) as bash:  # noqa: S603, S607  # the bash that is there
        number = int(bash.communicate()[0])
    assert (number == bash.pid) is replaced


def test_there_is_an_end_to_what_is_read() -> None:
    """A text of more commands than anybody writes is crooked."""
    assert len(parse("a;" * 1000).steps) == 1000
    assert parse("a;" * 1000).is_straight
    assert len(parse("a;" * 10_000).steps) == 1000
    assert not parse("a;" * 10_000).is_straight


def test_a_trap_is_noticed() -> None:
    """A script with one handles its signals."""
    assert parse("trap 'kill $!' TERM; a").traps
    assert not parse("echo trap").traps


def test_variables_are_filled_in_where_they_are_known() -> None:
    """Others stay as they are."""
    assert filled("$A-${B}-$C", {"A": "1", "B": "2"}) == "1-2-$C"


#: Characters, how many times as many are more, and how often that is tried: what a moment takes is
#: not known well.
MUCH: Final = 20_000
TIMES: Final = 10
TRIES: Final = 5


@pytest.mark.parametrize(
    "part", ["'", '"', "$(", "$((", "${", "`", "<", "\\", "1", "a#", "case ", "("]
)
def test_a_text_is_read_in_time_that_grows_with_it(part: str) -> None:
    """Whatever is left open: no place is looked at again and again."""
    assert any(_grows_with(part) for _ in range(TRIES))


def _grows_with(part: str) -> bool:
    """Whether a text that is so many times as long takes hardly more times as long."""
    short, long = (_takes(part * (MUCH * times // len(part))) for times in (1, TIMES))
    return long < 3 * TIMES * short + 0.02  # if each place were looked at again: TIMES * TIMES


def _takes(text: str) -> float:
    """Return what reading takes, in seconds of the processor."""
    started = time.thread_time()
    parse(text)
    return time.thread_time() - started
