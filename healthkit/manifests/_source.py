"""The text of a manifest: where it comes from, and one line for whatever is wrong with it.

What is no text of reasonable size never reaches the YAML parser: a directory, a binary, a file of
gigabytes. Every refusal of this package begins with the source's name, and with the line where
there is one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from healthkit._validate import SHOWN, one_line, shown
from healthkit.errors import ConfigError
from healthkit.manifests._nodes import dotted

if TYPE_CHECKING:
    from healthkit.manifests._nodes import Path as FieldPath

#: What kind of thing is wrong: the text itself; a template that nobody rendered; a key that stands
#: twice; no object; a field that the API doesn't have; what the API server refuses.
Kind = Literal["text", "template", "duplicate", "object", "unknown", "refused"]

#: In bytes. etcd takes objects of 1.5 MiB; a file of this size is a whole cluster, or a slip.
LARGEST: Final = 10_000_000

#: What may not stand in a YAML text (yaml.org/spec/1.2.2, 5.1): then it is a binary.
_BINARY: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: A byte order mark at a line's start, as where files were put one behind the other: Go's parser
#: passes it by (go.yaml.in/yaml/v2 scannerc.go, yaml_parser_scan_to_next_token).
_LINES_BOM: Final = re.compile("^\ufeff", re.MULTILINE)

#: A parser stumbles where a template's ``{{`` is, or this many lines later at most.
_NEAR: Final = 2

#: What ends a line in YAML 1.1, as the parser counts them.
_BREAK: Final = re.compile("\r\n?|[\n\x85\u2028\u2029]")


class Refusal(ConfigError):  # noqa: N818  # it is a value as often as it is raised
    """What is wrong with a text, in one line, and where it is."""

    def __init__(  # noqa: PLR0913  # a place has many parts; all by keyword but three
        self,
        source: Source,
        reason: str,
        line: int | None = None,
        *,
        path: FieldPath = (),
        named: FieldPath = (),
        kind: Kind = "text",
    ) -> None:
        where = source.name if line is None else f"{source.name}:{line}"
        called = dotted(named)
        super().__init__(
            one_line(f"{where}: {called}: {reason}" if called else f"{where}: {reason}")
        )
        self.source = source
        #: What is wrong, without the place.
        self.reason = one_line(reason)
        #: Counted from 1; None is the whole text.
        self.line = line
        #: Where it stands in its object.
        self.path = path
        self.kind: Kind = kind


@dataclass(frozen=True, slots=True)
class Source:
    """A text, and its name for messages."""

    name: str
    text: str
    #: The name in full, as it was given; `name` is short, and in one line.
    full_name: str = field(default="", compare=False)

    def error(self, reason: str, line: int | None = None, kind: Kind = "text") -> Refusal:
        """Make the error for what is wrong at a line, counted from 1; None is the whole text."""
        return Refusal(self, reason, line, kind=kind)

    def indentation(self, line: int) -> str:
        """Return the blanks that a line begins with; none for a line that isn't there."""
        text = "".join(_BREAK.split(self.text)[line - 1 : line])
        return text[: len(text) - len(text.lstrip())]

    def template(self, what: str, line: int | None) -> Refusal | None:
        """Make the error for a template that was given as it is, if the text looks like one.

        To be asked when something is wrong: annotations and arguments may well have ``{{`` in them.
        What is wrong elsewhere is no template's fault, perhaps: it is said with its own line.

        Args:
            what: what is wrong, for a sentence.
            line: where; None if nobody knows.
        """
        offset = self.text.find("{{")
        if offset < 0:
            return None
        first = _line(self.text, offset)
        if line is None or self._is_near(line):
            reason = "found {{, a template that is not rendered"
            return self.error(
                f"{reason}: render it first, as with helm template", first, "template"
            )
        reason = f"{what}; if it is a template, for the {{{{ in line {first}, render it first"
        return self.error(reason, line, "template")

    def _is_near(self, line: int) -> bool:
        """Whether there is a ``{{`` in a line, or shortly before."""
        found = _BREAK.split(self.text)[max(line - 1 - _NEAR, 0) : line]
        return any("{{" in one for one in found)


#: Is told of what is wrong, and may raise it.
Told = Callable[[Refusal], None]


def refuse(fault: Refusal) -> None:
    """Take nothing that is wrong."""
    raise fault


def from_file(path: str | os.PathLike[str]) -> Source:
    """Read a file.

    Raises:
        ConfigError: no such file, a directory, too large, or no text.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as exc:
        reason = f"{(exc.strerror or 'not readable').lower()}: expected a file of Kubernetes YAML"
        raise Source(_short(str(path)), "").error(reason) from exc
    except (TypeError, ValueError) as exc:  # neither text nor path; a NUL in it
        raise ConfigError(f"path={shown(path)}: expected the path of a YAML file") from exc
    return from_text(data, os.fspath(path))


def from_text(text: str | bytes, name: str) -> Source:
    """Take a text as it is.

    Raises:
        ConfigError: too large, not UTF-8, or no text.
    """
    empty = Source(_short(name), "")
    data = _encoded(text, empty)
    if len(data) > LARGEST:
        raise empty.error(f"more than {LARGEST:,} bytes: split the file")
    try:
        source = Source(empty.name, _LINES_BOM.sub("", data.decode("utf-8-sig")), name)
    except UnicodeDecodeError as exc:
        good = data[: exc.start].decode("utf-8-sig")
        raise empty.error("not UTF-8: save it as UTF-8", _line(good, len(good))) from exc
    if bad := _BINARY.search(source.text):
        reason = f"found the character {bad.group()!a}: expected YAML, and that is text"
        raise source.error(reason, _line(source.text, bad.start()))
    return source


def quoted(text: str) -> str:
    """Return a text in double quotes and in one short line, as the API server does."""
    short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return json.dumps(short, ensure_ascii=not short.isprintable())


def _encoded(text: str | bytes, empty: Source) -> bytes:
    try:
        return text if isinstance(text, bytes) else text.encode()
    except UnicodeEncodeError as exc:  # a lone surrogate: what surrogateescape makes of bad bytes
        raise empty.error("not UTF-8: save it as UTF-8") from exc
    except AttributeError as exc:
        raise ConfigError(f"text={shown(text)}: expected a manifest as str or bytes") from exc


def _line(text: str, offset: int) -> int:
    return 1 + len(_BREAK.findall(text, 0, offset))


def _short(name: str) -> str:
    line = one_line(name)
    return line if len(line) <= SHOWN else f"...{line[-SHOWN:]}"
