"""The command line finds its commands, and imports what they need."""

from __future__ import annotations

import posix
import runpy
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import pytest

import healthkit
from healthkit import cli

#: Run by its path: pytest loads the package itself, as that of a plugin, and can't run it so.
MAIN = str(Path(healthkit.__file__).with_name("__main__.py"))

if TYPE_CHECKING:
    from collections.abc import Callable

Lines = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def call(monkeypatch: Patch, *arguments: str) -> int:
    """Call the command line; return the exit code."""
    monkeypatch.setattr(sys, "argv", ["healthkit", *arguments])
    return cli.main()


def stand_in(monkeypatch: Patch, module: str, main: Callable[..., int]) -> None:
    """Put a command into the place of the real one."""
    found = ModuleType(module)
    vars(found)["main"] = main
    monkeypatch.setitem(sys.modules, f"healthkit.{module}", found)
    monkeypatch.setattr(healthkit, module, found, raising=False)


@pytest.mark.parametrize(
    ("command", "module", "environment"),
    [
        ("probe", "_probing", False),
        ("drain", "_drain_command", True),
        ("run", "_run", True),
        ("status", "_status", True),
        ("simulate", "_simulate", False),
        ("explain", "_explain", False),
        ("render", "_render_manifest", False),
        ("lint", "_lint", False),
    ],
)
def test_each_command_has_its_module(
    command: str, module: str, environment: bool, monkeypatch: Patch
) -> None:
    """It gets what follows its name; all but the probe get the environment; its code is ours."""
    called: list[object] = []

    def main(*arguments: object) -> int:
        called.extend(arguments)
        return 7

    monkeypatch.setenv("HEALTHKIT_STATE_DIR", "/pod")
    stand_in(monkeypatch, module, main)
    assert call(monkeypatch, command, "--help", "x") == 7
    assert called[0] == ["--help", "x"]
    assert [environ["HEALTHKIT_STATE_DIR"] for environ in called[1:]] == ["/pod"] * environment  # type: ignore[index]  # a mapping
    assert command in cli.COMMANDS


def test_a_wrong_word_is_one_line(monkeypatch: Patch, capsys: Lines) -> None:
    """With the nearest command."""
    assert call(monkeypatch, "drian", "--timeout=5") == 2
    assert call(monkeypatch, "--stat\nus") == 2
    assert call(monkeypatch, "-") == 2
    out, err = capsys.readouterr()
    expected = f"expected one of {', '.join(cli.COMMANDS)}, --help"
    assert out == ""
    assert err.splitlines() == [
        f"healthkit: found 'drian' (the nearest is drain), {expected}",
        f"healthkit: found '--stat\\nus' (the nearest is status), {expected}",
        f"healthkit: found '-', {expected}",
    ]


def test_no_word_is_a_wrong_call(monkeypatch: Patch, capsys: Lines) -> None:
    """Usage goes to stderr, in one line."""
    assert call(monkeypatch) == 2
    assert capsys.readouterr() == (
        "",
        f"usage: healthkit {'|'.join(cli.COMMANDS)} ...\n",
    )


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_lists_the_commands(word: str, monkeypatch: Patch, capsys: Lines) -> None:
    """Each in one line, on stdout."""
    assert call(monkeypatch, word) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == list(
        cli.COMMANDS
    )


def test_the_version_is_that_of_the_distribution(monkeypatch: Patch, capsys: Lines) -> None:
    """A checkout on the path has none."""
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"healthkit {metadata.version('healthkit-asgi')}\n"

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == "healthkit (not installed: no version)\n"


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (BrokenPipeError, 141)])
def test_the_end_of_an_interest_is_no_traceback(
    error: type[BaseException], code: int, monkeypatch: Patch, capsys: Lines
) -> None:
    """Ctrl-C, or a reader that has gone: the code is a shell's for it."""

    def main(*_: object) -> int:
        raise error

    stand_in(monkeypatch, "_status", main)
    assert call(monkeypatch, "status") == code
    assert capsys.readouterr() == ("", "")


def test_streams_that_are_not_there_have_no_reader(monkeypatch: Patch) -> None:
    """A broken pipe may be somebody else's."""

    def main(*_: object) -> int:
        raise BrokenPipeError

    stand_in(monkeypatch, "_status", main)
    monkeypatch.setattr(sys, "stdout", None)
    assert call(monkeypatch, "status") == 141


def test_it_is_a_module_to_run(monkeypatch: Patch, capsys: Lines) -> None:
    """``python -m healthkit``; importing it runs nothing."""
    monkeypatch.setattr(sys, "argv", ["healthkit", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(MAIN, run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("healthkit ")
    runpy.run_path(MAIN, run_name="elsewhere")
    assert capsys.readouterr().out == ""


def imported(*arguments: str) -> set[str]:
    """Return which modules a command has imported when it ends, in a process of its own."""
    program = (
        "import sys; before = set(sys.modules)\n"
        "from healthkit.cli import main\n"
        f"sys.argv = ['healthkit', *{arguments!r}]\n"
        "main()\n"
        "sys.stdout.write('\\n' + ' '.join(set(sys.modules) - before))"
    )
    run = [sys.executable, "-c", program]
    said = subprocess.run(run, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603  # our own words
    return set(said.stdout.splitlines()[-1].split())


def test_a_command_imports_what_it_needs_only() -> None:
    """A probe pays for each import; the others for none of the engine's."""
    probe = imported("probe", "--help")
    ours = {name for name in probe if name.startswith("healthkit")}
    assert ours == {"healthkit", "healthkit.cli", "healthkit._probing"}
    assert probe.isdisjoint({"__future__", "argparse", "typing", "dataclasses", "json", "re"})
    for command in ("drain", "status"):
        assert imported(command, "--help").isdisjoint({"anyio", "asyncio", "argparse", "starlette"})


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_probe_as_a_module_exits_at_once(monkeypatch: Patch, *, interrupted: bool) -> None:
    """Without the rest of the command line, and without taking the interpreter down in order."""

    def probe(arguments: list[str]) -> int:
        assert arguments == ["ready"]
        if interrupted:
            raise KeyboardInterrupt
        return 0

    def leave(status: int) -> NoReturn:
        raise SystemExit(status)

    stand_in(monkeypatch, "_probing", probe)
    monkeypatch.setattr(posix, "_exit", leave)
    monkeypatch.setattr(sys, "argv", ["healthkit", "probe", "ready"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(MAIN, run_name="__main__")
    assert left.value.code == int(interrupted)
