"""The YAML parser's events."""

from __future__ import annotations

import re
import sys

import pytest
import yaml

from healthkit.errors import ConfigError
from healthkit.manifests._nodes import Position
from healthkit.manifests._parser import Event, events
from healthkit.manifests._source import Source

TEXT = "a: &x [1, '2']\n---\n!!int 3\n"

BROKEN = {
    "a: 'b": "x:1: not YAML: found unexpected end of stream",
    "a:\n\tb: 1": "x:2: found a tab in the indentation: YAML indents with spaces",
    "a:\n  b: 1\n \t c: 2": "x:3: found a tab in the indentation: YAML indents with spaces",
    "name: {{ .x }}-y": "x:1: found {{, a template that is not rendered: "
    "render it first, as with helm template",
    "a: 1\n{{- if .x }}\nb: 2\n": "x:2: found {{, a template that is not rendered: "
    "render it first, as with helm template",
    # A parser that stumbles elsewhere has not stumbled over the braces.
    "a: '{{ $x }}'\nb: 1\nc: 2\nd: 'e": "x:4: not YAML: found unexpected end of stream; "
    "if it is a template, for the {{ in line 1, render it first",
}


@pytest.fixture(params=["C", "Python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyYAML be with libyaml and without."""
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


def test_events_have_their_places() -> None:
    """Both parsers say the same; streams and the ends of documents say nothing."""
    number = "tag:yaml.org,2002:int"
    assert list(events(Source("x", TEXT))) == [
        Event("document", Position(1, 1)),
        Event("mapping", Position(1, 1)),
        Event("scalar", Position(1, 1), None, "a", None, plain=True),
        Event("sequence", Position(1, 4), "x"),
        Event("scalar", Position(1, 8), None, "1", None, plain=True),
        Event("scalar", Position(1, 11), None, "2", None, plain=False),
        Event("end", Position(1, 14)),
        Event("end", Position(2, 1)),
        Event("document", Position(2, 1)),
        Event("scalar", Position(3, 1), None, "3", number, plain=False),
    ]


@pytest.mark.parametrize(("text", "line"), BROKEN.items())
def test_broken_yaml_is_one_line(text: str, line: str) -> None:
    """With a word about tabs and templates, which YAML's own message has not."""
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}"):
        list(events(Source("x", text)))


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "'",
        "%YAML 3.0\n---\na",
        "a: b: c",
        '"\\ud800\\q"',
        "!<x a",
        "a: *",
    ],
)
def test_all_broken_yaml_has_its_line(text: str) -> None:
    """Whatever the parser calls it."""
    with pytest.raises(ConfigError, match=r"^x:\d: not YAML: [a-z]"):
        list(events(Source("x", text)))


@pytest.mark.parametrize("text", ['"\\U00110000"', '"\\Uffffffff"'])
def test_what_is_no_character_is_refused(text: str) -> None:
    """The parser in Python has no line for it, and no error of its own."""
    with pytest.raises(ConfigError, match=r"^x(:1)?: not YAML: "):
        list(events(Source("x", text)))


def test_an_error_without_a_place_is_about_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reader of characters refuses has none."""

    def refuse(_text: str, _loader: object) -> None:
        raise yaml.YAMLError

    monkeypatch.setattr(yaml, "parse", refuse)
    with pytest.raises(ConfigError, match="^x: not YAML: not readable$"):
        list(events(Source("x", "a")))


def test_without_pyyaml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who reads manifests needs it."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"pip install 'healthkit-asgi\[manifests\]'$"):
        list(events(Source("x", "a")))
