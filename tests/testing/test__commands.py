"""Commands without a shell: what is understood, what it does, and what the user plays himself."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest

from healthkit.errors import ConfigError
from healthkit.testing._commands import parse, play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.mark.parametrize(
    ("command", "seconds", "code"),
    [
        ("true", 0, 0),
        ("/bin/true", 0, 0),
        ("false", 0, 1),
        ("sleep 5", 5, 0),
        ("/usr/bin/sleep 0.5", 0.5, 0),
        ("sleep 2m", 120, 0),
        ("exit 3", 0, 3),
        ("exit 259", 0, 3),
    ],
)
async def test_a_simple_command_takes_its_time(command: str, seconds: float, code: int) -> None:
    """And has its exit code."""
    began = asyncio.get_running_loop().time()
    assert await play(tuple(command.split()), None) == code
    assert asyncio.get_running_loop().time() - began == pytest.approx(seconds)


SCRIPTS = {
    "sleep 0": 0,
    "sleep 0;": 0,
    "sleep 0; exit 1": 1,
    "sleep 0 && exit 4": 4,
    "false; true": 0,
    "true;false": 1,
    "false && exit 9": 1,
    "false && exit 9; exit 2": 2,
    "exit 1; exit 2": 1,
    "  true  ": 0,
}


@pytest.mark.parametrize("shell", ["sh", "/bin/sh"])
@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_list_is_what_a_shell_makes_of_it(script: str, shell: str) -> None:
    """The shell of this machine is asked, too."""
    assert await play((shell, "-c", script), None) == SCRIPTS[script]
    assert _asked_of_a_shell(script) == SCRIPTS[script]


def _asked_of_a_shell(script: str) -> int:
    return subprocess.run(["/bin/sh", "-c", script], check=False).returncode  # noqa: S603  # ours


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("",),
        ("exit",),
        ("exit", "-1"),
        ("sleep",),
        ("sleep", "-1"),
        ("sleep", "5", "5"),
        ("sleep", "soon"),
        ("curl", "localhost"),
        ("sh", "sleep 5"),
        ("sh", "-c"),
        ("sh", "-c", ""),
        ("sh", "-c", "sleep 5 | true"),
        ("sh", "-c", "sleep 5 || true"),
        ("sh", "-c", "sleep 5 & true"),
        ("sh", "-c", "sleep 5; ; true"),
        ("sh", "-c", "sleep $DELAY"),
        ("python", "-c", "sleep 5"),
    ],
)
async def test_anything_else_is_refused_with_a_way_out(command: tuple[str, ...]) -> None:
    """In one line that says what to give."""
    assert parse(command) is None
    with pytest.raises(ConfigError, match=r"can't be played: .* or give commands=") as refused:
        await play(command, None)
    assert "\n" not in str(refused.value)


def _seven(_command: tuple[str, ...]) -> int:
    return 7


async def _seven_later(_command: tuple[str, ...]) -> int:
    await asyncio.sleep(3)
    return 7


@pytest.mark.parametrize("commands", [_seven, _seven_later])
async def test_the_users_own_commands_come_first(
    commands: Callable[[tuple[str, ...]], int | Awaitable[int]],
) -> None:
    """Also for a command that is understood."""
    assert await play(("true",), commands) == 7


@pytest.mark.parametrize("code", [256, -1, True, "0"])
async def test_what_is_no_exit_code_is_refused(code: int) -> None:
    """An exit code is a byte."""
    with pytest.raises(ConfigError, match=r"commands\(...\)=.*: expected a whole number from 0"):
        await play(("true",), lambda _: code)
