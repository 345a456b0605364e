"""What a command runs."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.lint._facts.programs import Program, has_pipeline, programs, scripts
from healthkit.lint._facts.shell import parse

WORDS = st.lists(st.text(alphabet=st.characters(exclude_characters="\0")), min_size=1)


def names(*command: str) -> list[str]:
    """Return the programs of a command."""
    return [program.name for program in programs(command)]


def piped(text: str) -> bool:
    """Whether there is a pipeline in a text."""
    return has_pipeline(parse(text))


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["sh", "-c", "check"], ["check"]),
        (["/bin/bash", "-ec", "check", "name"], ["check"]),
        (["bash", "-o", "pipefail", "-c", "check"], ["check"]),
        (["timeout", "5", "sh", "-c", "check"], ["check"]),
        (["bash", "-c", "exec sh -c 'sleep 5'"], ["exec", "sleep"]),
        (["sh", "-c"], []),
        (["bash", "-c", "-e", "check"], ["check"]),
        (["sh", "/check.sh"], []),
        (["check", "-c", "text"], []),
        ([], []),
    ],
)
def test_a_shell_has_its_script_after_c(command: list[str], found: list[str]) -> None:
    """And a shell's file is none, nor is the -c of something else."""
    assert [step.words[0] for one in scripts(command) for step in one.steps] == found


def test_there_is_an_end_to_wrappers() -> None:
    """Each has a copy of what is behind it."""
    assert names(*["nice"] * 1000) == ["nice"] * 20


def test_there_is_an_end_to_shells_in_shells() -> None:
    """Nobody writes more."""
    command = ["check"]
    for _ in range(8):
        command = ["sh", "-c", shlex.join(command)]
    assert len(list(scripts(command))) == 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a x; b y && c || d & e\nf", "abcdef"),
        ("if a; then ! b; else c; fi", "abc"),
        ("while a; do b; done", "ab"),
        ("{ a; }", "a"),
        ("(a; b)", "ab"),
        ("X=1 a; Y=2", "a"),
        ("echo=$(a) b", "ab"),
        ('"$(a "b c")" d', "ad"),
        ("X=`a` b", "ab"),
        ('"`a`"', "a"),
        ("a > b 2>/dev/null; c <d >&2", "ac"),
        ("a \\\n b; c", "ac"),
        ("a # b; c\nd", "ad"),
        ("a#b", ["a#b"]),
        ("a ${b#c} $((1 | 2)) $d; e", "ae"),
        ("'a' \"b\"", "a"),
        ("'a b'", ["a b"]),
        ('"a\'s"', ["a's"]),
        ("timeout -s KILL 5 a b", ["timeout", "a"]),
        ('timeout "$1" env X=1 a', ["timeout", "env", "a"]),
        ("exec /bin/a", ["exec", "a"]),
        ("timeout 5", ["timeout"]),
        ("a ')", "a"),
        ("$('", ["'"]),
        ("$(`a b`)", "a"),
        ('"`a "b c"` d"; e', ["a", " d", "e"]),
        ("for x in 1; do a; done", "xa"),
        ("sh -c 'a; b'", "ab"),
        ("a) b", "ab"),
        ("a\\", ["a\\"]),
        ('"a\\', ["a\\"]),
        ('"$', ["$"]),
    ],
)
def test_a_script_runs_its_commands(text: str, found: list[str] | str) -> None:
    """What comes first in each of them; wrappers run what they wrap, and keywords are none."""
    assert [one for one in names("sh", "-c", text) if one != "sh"] == list(found)


def test_a_command_is_run_as_it_stands() -> None:
    """Without a shell nothing in it is an operator."""
    assert names("timeout", "5", "/bin/check", ";", "curl") == ["timeout", "check"]
    assert programs(["check", "-x", "1"]) == [Program("check", ("-x", "1"))]
    assert names() == []


@pytest.mark.parametrize(
    "text",
    [
        "a | b",
        "a|b",
        "a |& b",
        "x=$(a|b)",
        '"$(a | b)"',
        "a || b | c",
        "case x in a) b | c ;; esac",
        "[[ $(a | b) =~ c ]]",
        "if [[ $x =~ a|b ]]; then c | d; fi",
        "echo =~ a | b",
    ],
)
def test_a_pipe_is_one_wherever_it_stands(text: str) -> None:
    """In a substitution, and in a branch of `case`."""
    assert piped(text)


@pytest.mark.parametrize(
    "text",
    [
        "a || b",
        "a >| b",
        "grep -E 'a|b'",
        'grep -E "a|b"',
        "cut -d '|' -f 1",
        "a \\| b",
        "a # b | c",
        "echo $((1 | 2))",
        "case x in a|b|c) d ;; esac",
        "[[ $x =~ a|b ]]",
        "[[ $x =~ ^(a|b|[[:space:]])$ ]] && ! [[ $y =~ c|d ]]",
        "",
    ],
)
def test_another_bar_is_no_pipe(text: str) -> None:
    """In quotes, in `||`, in a comment, in arithmetic, in a pattern."""
    assert not piped(text)


@given(WORDS)
def test_what_is_quoted_is_no_operator(words: list[str]) -> None:
    """Whatever it is: the quotes are those of shlex."""
    assert not piped(shlex.join(words))


@given(WORDS, WORDS)
def test_a_bar_between_quoted_words_is_a_pipe(before: list[str], after: list[str]) -> None:
    """As the only operator there."""
    assert piped(f"{shlex.join(before)} | {shlex.join(after)}")


@given(st.text(alphabet="ab '\"\\$(){}|&;<>`#\n=\t"), st.text())
def test_any_text_is_read(text: str, other: str) -> None:
    """A script is never refused."""
    assert names("sh", "-c", text + other)[0] == "sh"
    piped(text + other)
