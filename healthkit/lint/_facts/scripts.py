"""What a command runs, as far as it can be read: its programs, and those of a script in it.

A shell's grammar is read roughly, and never refused: words, quotes, operators, substitutions. What
is in a file or made while the script runs is not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHELLS: Final = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})

#: What runs the program that comes next, after options, numbers and assignments.
_WRAPPERS: Final = frozenset(
    {"busybox", "command", "env", "exec", "ionice", "nice", "nohup", "setsid", "stdbuf", "time",
     "timeout"}
)  # fmt: skip

_KEYWORDS: Final = frozenset(
    {"!", "{", "}", "do", "done", "elif", "else", "fi", "if", "then", "until", "while"}
)

#: What ends a command; `` ` `` and parentheses begin and end one.
_ENDS: Final = frozenset({"\n", "&", "&&", "(", ")", ";", ";;", "`", "|", "||"})

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=.*", re.DOTALL)

#: What a wrapper takes before its program: options, durations, signals, variables.
_WRAPPED: Final = re.compile(r"-.*|[0-9.]+[smhd]?|[A-Z]+|\$.*|.*=.*", re.DOTALL)

#: Outside of double quotes, and within them. Something matches at each place of any text, and
#: nothing is looked at twice.
_PLAIN: Final = re.compile(
    r"(?P<gap>\\\n|[^\S\n]+|(?<![^\s;&|()`])#[^\n]*)"
    r"|(?P<single>'[^']*')|(?P<quote>\")"
    r"|(?P<part>\\.|\$\(\([^\n()]*\)\)|\$\{[^{}]*\}|[^\s;&|()<>`\"'\\$#]+|[\\'#]|\$(?!\())"
    r"|(?P<open>\$?\()|(?P<close>\))"
    r"|(?P<operator>&&|\|\||;;|>\||[<>]&|&>|<<<|<<|>>|[\n;&|`<>])",
    re.DOTALL,
)
_QUOTED: Final = re.compile(
    r"(?P<quote>\")|(?P<part>\\.|\$\(\([^\n()]*\)\)|[^\"\\$`]+|\\|\$(?!\())"
    r"|(?P<open>\$\()|(?P<operator>`)",
    re.DOTALL,
)


def script(command: Sequence[str]) -> str:
    """Return the script that a shell is given with ``-c`` in a command; "" if there is none."""
    for i, word in enumerate(command):
        if basename(word) in _SHELLS:
            return _after_c(command[i + 1 :])
    return ""


def _after_c(words: Sequence[str]) -> str:
    """Return the first word after ``-c`` that is no option itself."""
    is_next = False
    for word in words:
        if is_next and not word.startswith(("-", "+")):
            return word
        is_next = is_next or re.fullmatch(r"-[a-zA-Z]*c[a-z]*", word) is not None
    return ""


def programs(command: Sequence[str]) -> list[Program]:
    """Return what a command runs, and what a shell in it runs of its script, in their order."""
    simple = [list(command), *_commands(script(command))]
    return [program for words in simple for program in _programs(words)]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is run."""

    #: Without its directory.
    name: str
    arguments: tuple[str, ...] = ()


def basename(word: str) -> str:
    """Return a word without the directory before it."""
    return word.rpartition("/")[2]


def has_pipeline(text: str) -> bool:
    """Whether a script has a pipeline: ``a | b``, and not ``a || b`` or a pattern of ``case``."""
    found = list(_tokens(text))
    in_case = {"case", "esac"} <= {one.text for one in found}
    return any(
        one == _PIPE and not (in_case and set(found[i + 2 : i + 3]) & {_CLOSE, _PIPE})
        for i, one in enumerate(found)
    )


class _Token(NamedTuple):
    """A word, without its quotes; or an operator."""

    text: str
    is_operator: bool = False


_PIPE: Final = _Token("|", is_operator=True)
_CLOSE: Final = _Token(")", is_operator=True)


def _tokens(text: str) -> Iterator[_Token]:
    """Yield words and operators. A stack tells which quotes and parentheses one is in."""
    within, word, position = ["("], "", 0
    while position < len(text):
        found = next((_QUOTED if within[-1] == '"' else _PLAIN).finditer(text, position))
        position, kind = found.end(), found.lastgroup
        if kind in {"single", "part"}:
            word += found[0][1:-1] if kind == "single" else found[0]
            continue
        _nest(within, kind)
        if kind == "quote":
            continue
        if word:
            yield _Token(word)
        word = ""
        if kind != "gap":
            yield _Token("(" if kind == "open" else found[0], is_operator=True)
    if word:
        yield _Token(word)


def _nest(within: list[str], kind: str | None) -> None:
    """Go into or out of quotes or parentheses."""
    if kind == "open":
        within.append("(")
    elif kind == "quote" and within[-1] != '"':
        within.append('"')
    elif kind in {"close", "quote"} and len(within) > 1:
        within.pop()


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command, without what it is redirected to."""
    words: list[str] = []
    redirected = False
    for one in _tokens(text):
        if one.is_operator and one.text not in _ENDS:
            redirected = True
        elif one.is_operator:
            yield words
            words, redirected = [], False
        elif redirected:
            redirected = False
        else:
            words.append(one.text)
    yield words


def _programs(words: list[str]) -> Iterator[Program]:
    """Yield the program of a simple command: after a wrapper, the wrapped one too."""
    wrapped = False
    for i, word in enumerate(words):
        if word in _KEYWORDS or _ASSIGNMENT.fullmatch(word):
            continue
        if wrapped and _WRAPPED.fullmatch(word):
            continue
        name = basename(word)
        yield Program(name, tuple(words[i + 1 :]))
        wrapped = name in _WRAPPERS
        if not wrapped:
            return
