"""Whatever a manifest is: a report comes of it, or a line. Never an exception, in bounded time.

Realistic manifests are taken apart: parts are dropped, retyped, repeated, put deeper; bytes are
spliced; what YAML has of traps is put in. More is tried with more examples, as in

    HYPOTHESIS_PROFILE=long python -m pytest tests/lint/test_fuzz.py

What ever failed is kept in ``corpus``, and tried each time.
"""

from __future__ import annotations

import copy
import io
import json
import os
import random
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import _lint, lint
from healthkit.errors import ConfigError
from healthkit.lint import Options, Report
from healthkit.lint._formats import github as _github
from healthkit.lint._formats import json as _json
from healthkit.lint._formats import sarif as _sarif
from healthkit.lint._formats import text as _text

HERE: Final = Path(__file__).parent
CORPUS: Final = sorted((HERE / "corpus").iterdir())
EXAMPLES: Final = sorted((HERE / "examples").glob("*/*.yaml"))

IS_LONG: Final = os.environ.get("HYPOTHESIS_PROFILE") == "long"

#: How many mutants are tried; more by hand.
MANY: Final = 20_000 if IS_LONG else 100

#: How many times as large is what is large; that time grows no faster is for `test_linear`.
LARGE: Final = 5 if IS_LONG else 1

#: In seconds of the processor, for one text of a few KB: it takes a hundredth of it.
PATIENCE: Final = 15.0


def _odd() -> tuple[object, ...]:
    """Return values that no field expects, or that only look like what it does."""
    nothing, empty = list[object](), dict[str, object]()
    return (
        None, "", "0", "http", "{{ .Values.x }}", "\x1b[31m\n::error::", "a" * 5000, "\udcff",
        True, False, 0, -1, 1, 2**31, 2**63, 2**64 - 1, -(2**63), 10**400, 0.5, 3.0, 1e300,
        float("inf"), float("nan"), nothing, empty, [None], [nothing], [empty], {"a": None},
        {"": ""}, {"1": [1]},
    )  # fmt: skip


#: What may stand anywhere in a text.
SPLICES: Final = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\t", b"\r\n", b"\r", b"&a ", b"*a", b"<<: *a\n",
    b"<<: [*a, *a]\n", b"!!int ", b"!!binary ", b"!!python/object:a.b ", b"? ", b"? [a]\n: b\n",
    b"---\n", b"...\n", b"%YAML 1.2\n---\n", b"{{ x }}", b"{", b"}", b"[", b"]", b"'", b'"', b"|\n",
    b">-\n", b"- ", b": ", b"# ", b"\xc2\x85", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"@", b"`", b"0o7",
    b"1_000", b"9" * 5000, b"y: y\n", b"\\", b"\\ud800",
)  # fmt: skip


def look(data: bytes | str, options: Options | None = None) -> None:
    """Look at a text, and show what was found in each way."""
    begun = time.thread_time()
    try:
        report = lint.check_text(data, "fuzz.yaml", options)
    except ConfigError as exc:
        lines = str(exc).splitlines()
    else:
        lines = _shown(report)
    assert len(lines) == 1
    assert time.thread_time() - begun < PATIENCE


def _shown(report: Report) -> list[str]:
    """Show a report in each way, and return its summary."""
    assert not [line for line in report.unusable if "fault of healthkit" in line], report.unusable
    for one in (*report.findings, *report.ignored):
        assert one.line >= 1
        assert one.column >= 1
    text = _text.as_text(report)
    assert all(line.isprintable() for line in text.split("\n"))
    json.loads(_json.as_json(report))
    json.loads(_sarif.as_sarif(report))
    annotations = _github.as_github(report).split("\n")
    expected = len(report.findings) + len(report.unusable)
    assert sum(line.startswith("::") for line in annotations) == expected
    return text.splitlines()[-1:]


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_what_failed_once_does_not_again(file: Path) -> None:
    """Each was found by one of these tests, or by somebody."""
    look(file.read_bytes())


# -- objects ---------------------------------------------------------------------------------------


def _places(node: object) -> list[tuple[object, object]]:
    """Return each container of an object with each of its keys."""
    items: list[tuple[object, object]] = []
    if isinstance(node, dict):
        items = list(cast("dict[object, object]", node).items())
    elif isinstance(node, list):
        items = list(enumerate(cast("list[object]", node)))
    own: list[tuple[object, object]] = [(node, key) for key, _ in items]
    return own + [one for _, value in items for one in _places(value)]


def _mutate(root: object, dice: random.Random) -> None:
    """Change one thing of an object."""
    places = _places(root)
    if not places:
        return
    container, key = dice.choice(places)
    holder = cast("dict[object, object]", container)
    match dice.randrange(6):
        case 0:
            del holder[key]
        case 1:
            holder[key] = copy.deepcopy(dice.choice(_odd()))
        case 2:
            holder[key] = [holder[key]]
        case 3:
            holder[key] = {"items": [holder[key]], "kind": "List", "apiVersion": "v1"}
        case 4:
            other, name = dice.choice(places)
            value = cast("dict[object, object]", other).get(name) if isinstance(other, dict) else 1
            holder[key] = copy.deepcopy(value)
        case _:
            if isinstance(container, list):
                cast("list[object]", container).append(copy.deepcopy(holder[key]))
            else:
                holder[dice.choice(["", "a.b/c", "httpGet", "spec", "\x7f"])] = holder.pop(key)


def _mutants(many: int) -> list[str]:
    """Return mutants of the examples, always the same ones."""
    dice = random.Random(20)  # noqa: S311  # not for secrets
    made: list[str] = []
    while len(made) < many:
        file = dice.choice(EXAMPLES)
        try:
            roots = list(yaml.safe_load_all(file.read_text()))
        except yaml.YAMLError:
            continue
        for _ in range(dice.randrange(1, 5)):
            _mutate(roots, dice)
        # JSON is YAML; what is no JSON (NaN) is a string to it.
        made.append("\n---\n".join(json.dumps(root, allow_nan=True) for root in roots))
    return made


def test_mutants_of_manifests_are_looked_at() -> None:
    """Parts dropped, retyped, repeated, deeper."""
    app = lint.AppSettings("main:health", startup=90.0, port=8000)
    for number, text in enumerate(_mutants(MANY)):
        try:
            look(text, Options(app=app) if number % 2 else None)
        except Exception as exc:
            exc.add_note(text)
            raise


# -- texts -----------------------------------------------------------------------------------------


def _spliced(data: bytes, dice: random.Random) -> bytes:
    """Return a text with something in it that wasn't, or without something that was."""
    for _ in range(dice.randrange(1, 6)):
        start = dice.randrange(len(data) + 1)
        end = start + dice.choice([0, 0, 0, 1, 5, 50])
        data = data[:start] + dice.choice([*SPLICES, b""]) + data[end:]
    return data


def test_texts_with_bytes_in_them_are_looked_at() -> None:
    """Tabs, byte order marks, NUL, Latin-1, anchors, tags, directives, quotes."""
    dice = random.Random(20)  # noqa: S311  # not for secrets
    texts = [file.read_bytes() for file in EXAMPLES]
    for _ in range(MANY):
        data = _spliced(dice.choice(texts), dice)
        if dice.random() < 0.1:
            data = data.replace(b"\n", b"\r\n")
        try:
            look(data)
        except Exception as exc:
            exc.add_note(repr(data))
            raise


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
@settings(deadline=None)
def test_any_text_is_looked_at(data: bytes | str) -> None:
    """Whatever somebody pipes into it."""
    look(data)


_BOMB: Final = (
    "a: &a ["
    + "x, " * 9
    + "x]\n"
    + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
)
_HEAD: Final = "apiVersion: apps/v1\nkind: Deployment\n"
_LIST: Final = '{"apiVersion": "v1", "kind": "List", "items": ['


@pytest.mark.parametrize(
    "text",
    [
        _HEAD + _BOMB,
        _HEAD + "spec: &a {b: *a}",
        _HEAD + "spec: &a {<<: *a}",
        _HEAD + "spec: " + "[" * 100_000,
        _HEAD + "spec: " + "{a: " * 190 + "1" + "}" * 190,
        _HEAD + "".join(f"{' ' * i}a:\n" for i in range(1000)),
        _HEAD + "x: " + "9" * 5_000_000,
        _HEAD + "x: [" + "1, " * 20_000 * LARGE + "]",
        _HEAD + "".join(f"k{i}: 1\n" for i in range(4_000 * LARGE)),
        _HEAD + "k: 1\n" * 4_000 * LARGE,
        "---\n" * 20_000 * LARGE,
        f"{_HEAD}---\n" * 1000 * LARGE,
        f"{_LIST * 90}{']}' * 90}",
        _LIST + "1, " * 10_000 * LARGE + "]}",
        _HEAD + "metadata: {annotations: {"
        + ", ".join(f"healthkit/ignore.HK{i}: a" for i in range(2_000 * LARGE)) + "}}",
        _HEAD + "spec: {template: {spec: {containers: ["
        + "{name: a, livenessProbe: {timeoutSeconds: 20}}, " * 2_000 * LARGE + "]}}}",
    ],
    ids=range(16),
)  # fmt: skip
def test_what_is_large_or_repeats_itself_is_bounded(text: str) -> None:
    """Some seconds, whatever it is: alias bombs, towers, millions of digits, thousands of keys."""
    begun = time.thread_time()
    lint.check_text(text)
    assert time.thread_time() - begun < 4 * PATIENCE


def test_the_command_takes_what_the_library_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through stdin, with an exit code that says what came of it."""
    dice = random.Random(21)  # noqa: S311  # not for secrets
    texts = [file.read_bytes() for file in EXAMPLES]
    for _ in range(MANY // 5):
        data = _spliced(dice.choice(texts), dice)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        code = _lint.main(["-", "--format", dice.choice(["text", "json", "sarif", "github"])])
        out, err = capsys.readouterr()
        assert (code == 2) is bool(err), data
        assert "fault of healthkit" not in err, data
        assert code in {0, 1, 2}
        assert out
