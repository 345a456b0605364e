"""The text of a manifest."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, cast

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests import _source
from healthkit.manifests._source import Source, from_file, from_text, quoted

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_read_with_its_name(tmp_path: Path) -> None:
    """The name is the path as it was given, as str or as a path."""
    path = tmp_path / "web.yaml"
    path.write_text("a: ü\n", encoding="utf-8")
    assert from_file(path) == from_file(str(path)) == Source(str(path), "a: ü\n")


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Editors of Windows put one there, in files and in what is pasted from them."""
    assert from_text(b"\xef\xbb\xbfa: 1", "x").text == "a: 1"
    assert from_text("\ufeffa: 1", "x").text == "a: 1"


def test_byte_order_marks_further_on_are_taken() -> None:
    """Files put one behind the other have some, and so have texts in ConfigMaps."""
    assert from_text("a: 1\n---\n\ufeffb: 2", "x").text == "a: 1\n---\nb: 2"
    assert from_text("a: |\n  \ufeff{}\n", "x").text == "a: |\n  \ufeff{}\n"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A file that isn't there, a directory, and a path that can be none."""
    for path, reason in (("web.yaml", "no such file or directory"), ("", "is a directory")):
        line = re.escape(f"{tmp_path / path}: {reason}: expected a file of Kubernetes YAML")
        with pytest.raises(ConfigError, match=f"^{line[-300:]}$"):
            from_file(tmp_path / path)


@pytest.mark.parametrize("path", [5, None, "a\0b", b"web.yaml"])
def test_what_is_no_path_is_refused(path: object) -> None:
    """Numbers, nothing, bytes, and what no file can be called."""
    with pytest.raises(ConfigError, match="^path=.*: expected the path of a YAML file$"):
        from_file(cast("str", path))


def test_a_long_name_is_shown_by_its_end() -> None:
    """The end of a path says more than its beginning."""
    with pytest.raises(ConfigError, match=r"^\.\.\.x+/web\.yaml: not UTF-8"):
        from_text("\udc80", "x" * 500 + "/web.yaml")


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is read than it takes to know."""
    monkeypatch.setattr(_source, "LARGEST", 10)
    path = tmp_path / "web.yaml"
    path.write_bytes(b"a: 1\n")
    os.truncate(path, 2**32)
    with pytest.raises(ConfigError, match="web.yaml: more than 10 bytes: split the file$"):
        from_file(path)
    assert from_text("a: 345678\n", "x").text == "a: 345678\n"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a: 1\r\nb: \xff\n", "x:2: not UTF-8: save it as UTF-8"),
        ("a: 1".encode("utf-16"), "x:1: not UTF-8: save it as UTF-8"),
        (b"\x7fELF", r"x:1: found the character '\x7f': expected YAML, and that is text"),
        (b"a: 1\nb: \x00", r"x:2: found the character '\x00': expected YAML, and that is text"),
        (b"a: \x1b[31m", r"x:1: found the character '\x1b': expected YAML, and that is text"),
        ("a: \ufffe", r"x:1: found the character '\ufffe': expected YAML, and that is text"),
        ("a: \ud800", "x: not UTF-8: save it as UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(data: str | bytes, line: str) -> None:
    """Binaries and other encodings, with the line that they begin to be so in."""
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}$"):
        from_text(data, "x")


def test_a_text_of_another_type_is_refused() -> None:
    """None, for instance, from a file that a test forgot to read."""
    with pytest.raises(ConfigError, match="^text=None: expected a manifest as str or bytes$"):
        from_text(cast("str", None), "x")


def test_errors_have_one_line() -> None:
    """Whatever is in them."""
    assert str(Source("a\nb", "").error("c\nd", 3)) == "a b:3: c d"
    assert str(Source("a", "").error("b")) == "a: b"


def test_indentation_is_what_a_line_begins_with() -> None:
    """Lines end as YAML's do; one that isn't there has none."""
    source = Source("x", "a\r\n  b\r\tc\n d")
    assert [source.indentation(i) for i in range(1, 6)] == ["", "  ", "\t", " ", ""]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (1, "x:1: no; if it is a template, for the {{ in line 2, render it first"),
        (2, "x:2: found {{, a template that is not rendered: "),
        (4, "x:2: found {{, a template that is not rendered: "),
        (5, "x:5: no; if it is a template, for the {{ in line 2, render it first"),
        (None, "x:2: found {{, a template that is not rendered: "),
    ],
)
def test_a_template_is_told_by_its_braces(line: int | None, told: str) -> None:
    """The line is that of the first ones; what is wrong elsewhere is told with its own."""
    assert Source("x", "a: {b: c}").template("no", line) is None
    found = Source("x", "a: b\nc: {{ .d }}\ne: 1\nf: 2\ng: 3").template("no", line)
    assert str(found).startswith(told)
    assert found is not None
    assert found.kind == "template"


def test_quotes_keep_a_text_short_and_printable() -> None:
    """What is no character of a line is escaped."""
    assert quoted('a"b\n') == r'"a\"b\n"'
    assert quoted("ü") == '"ü"'
    assert quoted("\u202e") == r'"\u202e"'
    assert quoted("a" * 101) == '"' + "a" * 100 + '..."'
