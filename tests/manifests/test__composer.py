"""Documents of a YAML text, with aliases and merge keys followed, and with limits."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests import _composer
from healthkit.manifests._composer import DEEPEST, documents
from healthkit.manifests._nodes import Mapping, Sequence
from healthkit.manifests._source import Refusal, Source

if TYPE_CHECKING:
    from healthkit.manifests._nodes import Node


TEMPLATE = "found {{, a template that is not rendered: render it first, as with helm template"
NO_KEY = "found a mapping or a list as a key: expected a string"
PERHAPS = "if it is a template, for the {{ in line 1, render it first"


def plain(node: Node) -> object:
    """Return a node as Python's own values."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(one) for one in node.items]
    return node.value


def load(text: str) -> list[object]:
    """Return a text's documents as Python's own values."""
    return [plain(one) for one in documents(Source("x", text))]


def refused(text: str) -> str:
    """Return the line that a text is refused with."""
    with pytest.raises(ConfigError) as caught:
        load(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("# nothing\n---\n---\n...\n", []),
        ("---\n~\n---\n0\n", [0]),
        ("a: 1\n---\nb: [x, {c: '2'}]\n", [{"a": 1}, {"b": ["x", {"c": "2"}]}]),
        ('{"a": {"b": [1, true, null]}}', [{"a": {"b": [1, True, None]}}]),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", [{"a": "x\ny\n", "b": "x y"}]),
        ("a: &x {b: 1}\nc: *x\nd: [*x]\n", [{"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}]}]),
        ("&k a: 1\nb: *k\n", [{"a": 1, "b": "a"}]),
        ("a: &k x\n*k : 1\n", [{"a": "x", "x": 1}]),
        ("a: &x 1\nb: &x 2\nc: *x\n", [{"a": 1, "b": 2, "c": 2}]),
        ("1: a\ntrue: b\n2.5: c\n'2': d\n", [{"1": "a", "true": "b", "2.5": "c", "2": "d"}]),
        ("y: 1\nno: 2\n'on': 3\n", [{"true": 1, "false": 2, "on": 3}]),
        ("'<<': 1\n", [{"<<": 1}]),
        ("a:\r\n- b\r\n- c\r\n", [{"a": ["b", "c"]}]),
    ],
)
def test_documents_are_read(text: str, values: list[object]) -> None:
    """Many in a text, JSON too; those that are empty are left out."""
    assert load(text) == values


BASE = "a: &a {u: 1, v: 2}\nb: &b {v: 3, w: 4}\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("c: {<<: *a}", {"u": 1, "v": 2}),
        ("c: {<<: *a, v: 9}", {"u": 1, "v": 9}),
        ("c: {v: 9, <<: *a}", {"u": 1, "v": 9}),
        ("c: {<<: [*a, *b]}", {"u": 1, "v": 2, "w": 4}),
        ("c: {<<: [*b, *a]}", {"u": 1, "v": 3, "w": 4}),
        ("c: {<<: *b, <<: *a}", {"u": 1, "v": 3, "w": 4}),
        ("c: {<<: {t: 5}}", {"t": 5}),
        ("c: {<<: []}", {}),
    ],
)
def test_merge_keys_are_followed(text: str, value: object) -> None:
    """A key that is written out wins, and of several mappings the first."""
    (document,) = load(BASE + text)
    assert isinstance(document, dict)
    assert document["c"] == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", 'x:4: found the key "c" twice, in line 3 too: keep one'),
        ("a: 1\n'a': 2", 'x:2: found the key "a" twice, in line 1 too: keep one'),
        ("1: a\n'1': b", 'x:2: found the key "1" twice, in line 1 too: keep one'),
        ("a: *b", "x:1: found *b: expected &b before it"),
        ("a: &b 1\n---\na: *b", "x:3: found *b: expected &b before it"),
        ("a: &b\n  c: *b", "x:2: found *b: &b would be inside of itself"),
        ("&a [[*a]]", "x:1: found *a: &a would be inside of itself"),
        ("a: 1\n~: 2", "x:2: found null as a key: expected a string"),
        ("? [a]\n: 1", "x:1: found a mapping or a list as a key: expected a string"),
        ("a: {{ .b }}", f"x:1: {TEMPLATE}"),
        ("a: '{{'\nb: 1\nc: 2\n? [d]\n: 1", f"x:4: {NO_KEY}; {PERHAPS}"),
        ("a:\n  <<: 5", "x:2: expected a mapping, or a list of mappings, after <<"),
        ("a:\n  <<: [{}, 5]", "x:2: expected a mapping, or a list of mappings, after <<"),
        ("a: !!int b", 'x:1: found "b": expected what its tag tag:yaml.org,2002:int says'),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str, line: str) -> None:
    """With the line; for a key that stands twice with both."""
    assert refused(text) == line


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))

MERGE_BOMB = "a0: &a0 {k0: 1}\n" + "".join(
    f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 9)}]\n  k{i}: 1\n" for i in range(1, 30)
)


@pytest.mark.parametrize("text", [BOMB, MERGE_BOMB])
def test_a_bomb_does_not_go_off(text: str) -> None:
    """What aliases repeat is counted as if it were written out, and not made."""
    start = time.thread_time()
    line = refused(text)
    assert re.fullmatch(
        r"x:\d+: more than 1,000,000 values, those that aliases repeat counted each time: "
        r"split the file",
        line,
    )
    assert time.thread_time() - start < 60  # of the processor


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_is_refused(text: str) -> None:
    """At once, and not when the stack is full."""
    assert refused(text) == "x:1: nested more than 200 levels deep"


def test_nesting_by_aliases_counts() -> None:
    """Each alias is as deep as what it names."""
    half = "[" * 101 + "]" * 101
    assert (
        refused(f"- &a {half}\n- " + "[" * 99 + "*a" + "]" * 99)
        == "x:2: nested more than 200 levels deep"
    )


def test_nesting_up_to_the_limit_is_fine() -> None:
    """The limit itself is no error."""
    (node,) = documents(Source("x", "[" * DEEPEST + "]" * DEEPEST))
    assert (node.height, node.size) == (DEEPEST, DEEPEST)


def test_aliases_up_to_the_limit_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping, two keys, a list of 2, and the list again: 8 nodes."""
    text = "a: &a [1, 2]\nb: *a"
    monkeypatch.setattr(_composer, "MOST", 9)
    assert load(text) == [{"a": [1, 2], "b": [1, 2]}]
    monkeypatch.setattr(_composer, "MOST", 8)
    assert refused(text).startswith("x:2: more than 8 values")


def test_a_key_that_stands_twice_can_be_told() -> None:
    """The last one counts then, as it does for Go's parser when it is not strict."""
    told: list[Refusal] = []
    (node,) = documents(Source("x", "a: 1\nb: 2\na: 3\n"), told.append)
    assert plain(node) == {"a": 3, "b": 2}
    assert [(fault.kind, fault.line, fault.path) for fault in told] == [("duplicate", 3, ())]
    assert told[0].reason == 'found the key "a" twice, in line 1 too: keep one'
