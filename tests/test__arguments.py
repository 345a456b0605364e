"""How the commands read their options and write their lines."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _arguments
from healthkit._arguments import Found, Options
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = Options({"--timeout": "S", "--state-dir": "DIR"}, frozenset({"--json"}))


def found(*arguments: str) -> Found:
    """Read a command line."""
    return _arguments.parse(arguments, OPTIONS)


@pytest.mark.parametrize(
    ("arguments", "values", "flags", "rest"),
    [
        ([], {}, set[str](), ()),
        (["--timeout", "5"], {"--timeout": "5"}, set[str](), ()),
        (["--timeout=5"], {"--timeout": "5"}, set[str](), ()),
        (["--timeout", "-5"], {"--timeout": "-5"}, set[str](), ()),
        (["--timeout="], {"--timeout": ""}, set[str](), ()),
        (["--timeout=a=--b"], {"--timeout": "a=--b"}, set[str](), ()),
        (["--timeout=1", "--timeout", "2"], {"--timeout": "2"}, set[str](), ()),
        (["--json", "--state-dir", "/d"], {"--state-dir": "/d"}, {"--json"}, ()),
        (["--json", "--", "--timeout", "--"], {}, {"--json"}, ("--timeout", "--")),
    ],
)
def test_options_have_a_value_or_none(
    arguments: list[str], values: dict[str, str], flags: set[str], rest: tuple[str, ...]
) -> None:
    """In either notation; the last one counts; what follows -- is not read."""
    assert found(*arguments) == Found(values, frozenset(flags), rest=rest)


@pytest.mark.parametrize("asked", [["-h"], ["--help"], ["--json", "--help", "--nonsense"]])
def test_help_goes_before_what_follows(asked: list[str]) -> None:
    """Whoever asks for it has perhaps not finished the rest."""
    assert found(*asked).help


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--jsn"], "found '--jsn', expected --timeout S, --state-dir DIR, --json, --help"),
        (["now"], "found 'now', expected --timeout S, --state-dir DIR, --json, --help"),
        (["--json=1"], "found '--json=1', expected --timeout S, --state-dir DIR, --json, --help"),
        (["--a\nb"], r"found '--a\nb', expected --timeout S, --state-dir DIR, --json, --help"),
        (["--timeout"], "found --timeout without a value, expected --timeout S"),
        (["--timeout", "--json"], "found --timeout without a value, expected --timeout S"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], line: str) -> None:
    """What was found, and what was expected."""
    with pytest.raises(ConfigError) as refused:
        found(*arguments)
    assert str(refused.value) == line


@given(st.lists(st.one_of(st.text(), st.sampled_from(["--", "--json", "--timeout", "-h"]))))
def test_any_command_line_is_read_or_refused_in_one_line(arguments: list[str]) -> None:
    """Nothing else comes of it."""
    refused = ""
    try:
        found(*arguments)
    except ConfigError as exc:
        refused = str(exc)
    assert len(refused.splitlines()) <= 1


def test_a_command_may_take_nothing_but_options() -> None:
    """What follows -- is then too much."""
    alone = found("--json", "--")
    assert _arguments.without_rest(alone) is alone
    with pytest.raises(ConfigError, match="found 'sh -c' after '--', expected options only"):
        _arguments.without_rest(found("--", "sh", "-c"))


def test_seconds() -> None:
    """Above 0, up to a day."""
    assert _arguments.seconds("--timeout", "2.5") == 2.5
    assert _arguments.seconds("--timeout", "86400") == 86400
    for wrong in ("0", "-1", "86401", "nan", "inf", "5s", ""):
        with pytest.raises(ConfigError) as refused:
            _arguments.seconds("--timeout", wrong)
        assert str(refused.value).endswith("expected seconds as a number above 0 to 86400")
        assert str(refused.value).startswith("--timeout=")


@pytest.mark.parametrize(
    ("arguments", "environ", "path"),
    [
        (["--state-dir=/a"], {}, "/a"),
        (["--state-dir=/a"], {"HEALTHKIT_STATE_DIR": "/b"}, "/a"),
        ([], {"HEALTHKIT_STATE_DIR": "/b"}, "/b"),
    ],
)
def test_the_state_directory_is_named_by_an_option_or_the_environment(
    arguments: list[str], environ: dict[str, str], path: str
) -> None:
    """The option is nearer."""
    assert _arguments.state_dir(found(*arguments), environ) == path


@pytest.mark.parametrize(
    ("arguments", "environ", "line"),
    [
        ([], {}, "found neither --state-dir nor HEALTHKIT_STATE_DIR, expected one of them"),
        (["--state-dir=a/b"], {}, "--state-dir='a/b': expected an absolute path"),
        (["--state-dir="], {"HEALTHKIT_STATE_DIR": "/b"}, "--state-dir='': expected an absolute"),
        ([], {"HEALTHKIT_STATE_DIR": "b"}, "HEALTHKIT_STATE_DIR='b': expected an absolute path"),
    ],
)
def test_a_state_directory_is_an_absolute_path(
    arguments: list[str], environ: dict[str, str], line: str
) -> None:
    """A command has no working directory in common with the workers."""
    with pytest.raises(ConfigError) as refused:
        _arguments.state_dir(found(*arguments), environ)
    assert str(refused.value).startswith(line)


# -- lines ----------------------------------------------------------------------------------------


def test_lines_are_there_at_once(tmp_path: Path) -> None:
    """Nobody waits for a buffer."""
    path = tmp_path / "out"
    with path.open("w") as stream:
        _arguments.write(stream, "one\n")
        assert path.read_text() == "one\n"


def test_what_an_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    """As Python does on stderr."""
    path = tmp_path / "out"
    with path.open("w", encoding="ascii") as stream:
        _arguments.write(stream, "caf\xe9 \udcff\n")
    assert path.read_text() == "caf\\xe9 \\udcff\n"


def test_a_stream_need_not_be_there() -> None:
    """Closed before the interpreter began, or later, or one that is no file."""
    _arguments.write(None, "x")
    closed = io.StringIO()
    closed.close()
    _arguments.write(closed, "x")
    memory = io.StringIO()
    _arguments.write(memory, "x")
    assert memory.getvalue() == "x"


def test_a_reader_may_go_away() -> None:
    """What is written then goes nowhere, and the stream can be closed."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        for _ in range(2):
            _arguments.write(stream, "x")


def test_a_command_may_take_one_word() -> None:
    """Wherever it stands, and a dash is one; a second one is refused, and so is an option."""
    options = Options({"--timeout": "S"}, frozenset({"--json"}), operand="MANIFEST")
    for words in (["a=b", "--json"], ["--json", "a=b"], ["--timeout", "5", "a=b", "--", "c"]):
        assert _arguments.parse(words, options).operand == "a=b"
    assert _arguments.parse(["--json", "-"], options).operand == "-"
    assert _arguments.parse(["--json"], options).operand is None
    for words in (["a", "b"], ["-a"], ["a", "--x"]):
        with pytest.raises(
            ConfigError, match="^found '.*', expected MANIFEST, --timeout S, --json,"
        ):
            _arguments.parse(words, options)
