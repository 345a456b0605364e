"""The text of a shell, as words without their quotes and the operators between them.

Nothing is refused: what a shell would not take comes out as something, with a token behind it that
says so. Each character is looked at a bounded number of times.

The surprising fact: what stands in ``$(...)`` and in backquotes comes out as commands between
operators, as if it stood in parentheses, and cuts the word that it belongs to in two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: ``cut`` is the end of a text with something left open: a quote, or a parenthesis.
Kind = Literal["word", "operator", "redirection", "cut"]


class Token(NamedTuple):
    """A word without its quotes, an operator, or a redirection without its target."""

    text: str
    kind: Kind = "word"
    #: Whether any of it was quoted: then it is no word of the shell's grammar.
    is_quoted: bool = False


#: Outside of double quotes, and within them. Something matches at each place of any text.
_PLAIN: Final = re.compile(
    r"""(?P<joined>\\\n)
      | (?P<gap>[ \t\r]+|(?<![^ \t\r\n;&|()`])\#[^\n]*)
      | (?P<single>'[^']*'|"")
      | (?P<quote>")
      | (?P<escaped>\\.)
      | (?P<redirection>(?:(?<![^ \t\r\n;&|()`])[0-9]+)?(?:<<<|<<-?|>>|>\||<>|[<>])&?|&>>?)
      | (?P<part>\$\(\([^\n()]*\)\)|\$\{[^{}]*\}|[^ \t\r\n;&|()<>`"'\\$\#]+|\#|\$(?!\())
      | (?P<open>\$?\()
      | (?P<close>\))
      | (?P<back>`)
      | (?P<operator>&&|\|\||\|&|;;|[;&|\n])
      | (?P<lone>['\\])
    """,
    re.DOTALL | re.VERBOSE,
)
_QUOTED: Final = re.compile(
    r"""(?P<joined>\\\n)
      | (?P<quote>")
      | (?P<escaped>\\[$`"\\])
      | (?P<part>\$\(\([^\n()]*\)\)|[^"\\$`]+|\\|\$(?!\())
      | (?P<open>\$\()
      | (?P<back>`)
    """,
    re.DOTALL | re.VERBOSE,
)


def tokens(text: str) -> Iterator[Token]:
    """Yield what a text consists of."""
    reader, at = _Reader(), 0
    while at < len(text):
        found = next(reader.grammar.finditer(text, at))
        at = found.end()
        yield from reader.take(str(found.lastgroup), found[0])
    yield from reader.end()


class _Reader:
    """Where a text is being read: in which quotes and parentheses, and in which word."""

    def __init__(self) -> None:
        #: What is open: ``(``, ``"`` or a backquote, the innermost at last.
        self._within: list[str] = []
        self._parts: list[str] = []
        self._is_quoted = self._has_lone = False

    @property
    def grammar(self) -> re.Pattern[str]:
        """What may come next."""
        return _QUOTED if self._within[-1:] == ['"'] else _PLAIN

    def take(self, kind: str, text: str) -> Iterator[Token]:
        """Go on by one piece, and yield what it has ended and what it is."""
        match kind:
            case "joined":  # a line that goes on
                return
            case "part" | "single" | "escaped" | "lone":
                self._go_on(kind, text)
            case "quote":
                self._is_quoted = True
                self._nest('"')
            case "gap":
                yield from self._word()
            case _:
                yield from self._word()
                yield self._operator(kind, text)

    def _go_on(self, kind: str, text: str) -> None:
        self._is_quoted = self._is_quoted or kind in {"single", "escaped"}
        self._has_lone = self._has_lone or kind == "lone"
        self._parts.append({"single": text[1:-1], "escaped": text[1:]}.get(kind, text))

    def _operator(self, kind: str, text: str) -> Token:
        if kind == "open":
            self._within.append("(")
            return Token("(", "operator")
        if kind == "close" and self._within[-1:] == ["("]:
            self._within.pop()
        elif kind == "back":
            self._nest("`")
        return Token(text, "redirection" if kind == "redirection" else "operator")

    def _nest(self, mark: str) -> None:
        """Go out of what a mark ends, or else into what it begins."""
        if self._within[-1:] == [mark]:
            self._within.pop()
        else:
            self._within.append(mark)

    def _word(self) -> Iterator[Token]:
        if self._parts:
            yield Token("".join(self._parts), is_quoted=self._is_quoted)
        self._parts, self._is_quoted = [], False

    def end(self) -> Iterator[Token]:
        """Yield the last word, and whether something was left open."""
        yield from self._word()
        if self._within or self._has_lone:
            yield Token("", "cut")
