"""healthkit's own commands."""

from __future__ import annotations

import shlex

import pytest

from healthkit.lint._facts.own import own_command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("healthkit drain --timeout 20", "drain"),
        ("/venv/bin/healthkit status", "status"),
        ("exec healthkit drain", "drain"),
        ("python -m healthkit run -- uvicorn main:app", "run"),
        ("/usr/bin/python3.12 -I -S -m healthkit probe ready", "probe"),
        ("healthkit", ""),
        ("python -m healthkit", ""),
        ("python -m other healthkit", None),
        ("python main.py -m healthkit", None),
        ("python -I", None),
        ("sleep 5", None),
        ("exec", None),
        ("", None),
    ],
)
def test_a_command_is_known_however_it_is_called(text: str, command: str | None) -> None:
    """By its name, or as a module; other commands are none of them."""
    assert own_command(tuple(shlex.split(text))) == command
