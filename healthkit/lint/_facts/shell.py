"""The text of ``sh -c``, as the simple commands in it. Nothing is run, and nothing is refused.

It is read as far as rules need it. What is not understood makes a script crooked, and then nobody
may say what it does for certain: substitutions, the shell's grammar, what is left open.

The surprising fact: bash puts the last simple command of a ``-c`` text in its own place, as if it
said exec, and Debian's sh doesn't (bash 5.2 and dash 0.5.12, tried).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from healthkit.lint._facts.tokens import Token

SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})

#: Words before a command that belong to the shell's grammar.
GRAMMAR: Final = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "case", "esac"}
    | {"function", "{", "}", "!", "[[", "time", "in", "select"}
)

#: What means the same: ``|&`` is a pipe for the errors too.
_SAME: Final = {"\n": ";", "|&": "|"}

#: What joins commands and leaves it certain that each of them is run.
_SIMPLE: Final = frozenset({"", ";", "&&", "||", "|", "&"})

#: ``NAME=value``, before a command.
ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)\+?=(.*)", re.ASCII | re.DOTALL)

#: How many commands are read of one text.
MOST_STEPS: Final = 1000

#: How many characters a variable may have that is filled in. Options are short.
_MOST_FILLED: Final = 100

#: ``$NAME`` and ``${NAME}``.
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)


def base(word: str) -> str:
    """Return the last part of a path: ``sleep`` of ``/bin/sleep``."""
    return word.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Step:
    """One simple command."""

    words: tuple[str, ...]
    #: What joins it with the one before and the one after: ``;``, ``&&``, ``||``, ``|``, ``&``;
    #: or a parenthesis, or a backquote.
    before: str = ""
    after: str = ""
    is_redirected: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A text, or one command as a list."""

    steps: tuple[Step, ...]
    #: Whether it is nothing but one command after the other.
    is_straight: bool = True
    #: The shell that reads it: ``bash``; "" if none does.
    shell: str = ""
    #: Which words of the shell's grammar are in it: ``case``, ``esac``.
    grammar: frozenset[str] = frozenset()

    @property
    def traps(self) -> bool:
        """Whether it handles signals by itself."""
        return any(step.words[0] == "trap" for step in self.steps)

    def is_replaced_by(self, step: Step) -> bool:
        """Whether a command takes the shell's place, so that signals reach it.

        Of bash it is said too often rather than too seldom: in ``a; b && c`` it stays.
        """
        if next((word for word in step.words if not ASSIGNMENT.fullmatch(word)), "") == "exec":
            return True
        by_itself = self.shell == "bash" and self.is_straight and step is self.steps[-1]
        plain = step.before != "|" and step.after != "&" and not step.is_redirected
        return by_itself and plain


def script(command: Sequence[str]) -> Script | None:
    """Return what a command as a list does; None if it runs a file of commands, or nothing."""
    if not command:
        return None
    shell, rest = base(command[0]), command[1:]
    if shell == "busybox" and rest:
        shell, rest = rest[0], rest[1:]
    if shell not in SHELLS:
        return Script((Step(tuple(command)),))
    text = _text(rest)
    return None if text is None else parse(text, shell)


def _text(arguments: Sequence[str]) -> str | None:
    """Return what ``-c`` is followed by, past other options: ``-eu -o pipefail -c``."""
    has_text = takes_value = False
    for word in arguments:
        if takes_value:
            takes_value = False
        elif word[:1] in {"-", "+"} and word != "--":
            short = not word.startswith("--")
            has_text = has_text or (short and "c" in word)
            takes_value = short and word.endswith(("o", "O"))
        elif word != "--":
            return word if has_text else None
    return None


def parse(text: str, shell: str = "sh") -> Script:
    """Return the simple commands of a shell's text."""
    steps = _Steps()
    for token in tokens(text):
        if len(steps.done) >= MOST_STEPS:
            steps.is_straight = False
            break
        steps.take(token)
    steps.end("")
    is_straight = steps.is_straight and not steps.grammar
    return Script(tuple(steps.done), is_straight, shell, frozenset(steps.grammar))


class _Steps:
    """Simple commands, while their text is read."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.is_straight = True
        self.grammar: set[str] = set()
        self._words: list[str] = []
        self._before = ""
        self._is_redirected = self._is_target = False

    def take(self, token: Token) -> None:
        """Go on by one token."""
        match token.kind:
            case "operator":
                self.end(token.text)
            case "redirection":
                self._is_redirected = self._is_target = True
                self.is_straight = self.is_straight and "<<" not in token.text
            case "word":
                self._word(token)
            case _:  # cut
                self.is_straight = False

    def _word(self, token: Token) -> None:
        if self._is_target:
            self._is_target = False
        elif not self._words and not token.is_quoted and token.text in GRAMMAR:
            self.grammar.add(token.text)
        else:
            self._words.append(token.text)

    def end(self, operator: str) -> None:
        """End the command that is being read, if there is one."""
        joined = _SAME.get(operator, operator)
        self.is_straight = self.is_straight and joined in _SIMPLE
        if self._words:
            words = tuple(self._words)
            self.done.append(Step(words, self._before, joined, self._is_redirected))
        if self._words or operator != "\n":  # a && may stand at the end of a line
            self._before = joined
        self._words = []
        self._is_redirected = self._is_target = False


def filled(word: str, env: Mapping[str, str]) -> str:
    """Return a word with the variables of which the value is known."""
    return _VARIABLE.sub(lambda found: known(env, found[1] or found[2], found[0]), word)


def known(env: Mapping[str, str], name: str, unknown: str) -> str:
    """Return a variable's value; what is long is taken for unknown, for it may be there often."""
    value = env.get(name, unknown)
    return value if len(value) <= _MOST_FILLED else unknown
