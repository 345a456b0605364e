"""Asking an app for its settings, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from healthkit import _app_asked
from healthkit.errors import ConfigError
from healthkit.lint import AppSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[str], int]

HEALTH = "from healthkit import Health\nhealth = Health(%s)\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Have a module `shop` in the working directory."""
    monkeypatch.chdir(tmp_path)
    return (tmp_path / "shop.py").write_text


def refused() -> str:
    """Return the one line that the app is refused with."""
    with pytest.raises(ConfigError) as caught:
        _app_asked.ask("shop:health", option="--against")
    return str(caught.value)


def test_an_app_says_its_settings(shop: Write) -> None:
    """Those of its container's environment; and this process imports nothing of it."""
    shop(HEALTH % "drain_delay=7, paths={'live': '/up'}")
    found = _app_asked.ask("shop:health", {"HEALTHKIT_DRAIN_TIMEOUT": "9", "LANG": "ä"})
    assert (found.name, found.drain_delay, found.drain_timeout) == ("shop:health", 7.0, 9.0)
    assert isinstance(found, AppSettings)
    assert found.endpoint("/up") == "live"
    assert "shop" not in sys.modules


def test_what_is_wrong_is_said_as_there(shop: Write) -> None:
    """In the one line of the other process."""
    shop("import sys; sys.exit('nö\\nno')")
    assert refused() == (
        "--against='shop:health': importing shop raised SystemExit: nö no; "
        "expected it to be imported as in its container"
    )


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("import os; os._exit(4)", "exit code 4"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("import os; os.kill(os.getpid(), 2)", "signal 2"),
    ],
)
def test_an_app_may_end_its_process(shop: Write, source: str, how: str) -> None:
    """That is told, and ends nobody else's."""
    shop(source)
    assert refused() == (
        f"--against='shop:health': importing it ended the process with {how}; "
        "expected it to be imported as in its container"
    )


def test_what_an_app_has_started_is_not_waited_for(shop: Write) -> None:
    """Neither a thread nor a process that has the pipe, too."""
    begin = "import os, threading, time\nif not os.fork():\n    time.sleep(9)\n    os._exit(0)\n"
    begin += "threading.Thread(target=time.sleep, args=(3600,)).start()\n"
    shop(begin + HEALTH % "")
    assert _app_asked.ask("shop:health").drain_delay == 5.0


@pytest.mark.parametrize("module", ["json", "signal", "types"])
def test_what_the_app_calls_its_modules_is_its_own(shop: Write, module: str) -> None:
    """The other process imports nothing from here before it is asked."""
    shop(HEALTH % "drain_delay=3")
    Path(f"{module}.py").write_text("print('mine')\n")
    assert _app_asked.ask("shop:health").drain_delay == 3.0


@pytest.mark.parametrize(
    ("python", "why"),
    [
        (
            "#!/bin/sh\nread question; echo hello\n",
            (
                "found 'hello\\n' on stdout before it was "
                "imported, expected nothing; let no sitecustomize print there"
            ),
        ),
        (
            "#!/bin/sh\nexec 0<&-; exit 3\n",
            (
                "importing it ended the process with exit code 3; "
                "expected it to be imported as in its container"
            ),
        ),
    ],
)
def test_a_python_may_be_none(
    shop: Write, monkeypatch: pytest.MonkeyPatch, python: str, why: str
) -> None:
    """It may say something else, or have ended before it is asked: one line, no traceback."""
    shop(HEALTH % "")
    other = Path("python").absolute()
    other.write_text(python)
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other))
    environ = {"LONG": "x" * 200_000}
    with pytest.raises(ConfigError) as caught:
        _app_asked.ask("shop:health", environ)
    assert str(caught.value) == f"--app='shop:health': {why}"


def test_there_may_be_no_python(shop: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that embeds Python knows none that it could start."""
    shop(HEALTH % "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert refused() == (
        "--against='shop:health': '/nowhere/python' can't be started: No such file or directory; "
        "expected a Python to import it with"
    )


def test_stderr_may_be_closed(shop: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what an app prints is lost, and nothing else."""
    shop("print('hello')\n" + HEALTH % "drain_delay=2")
    monkeypatch.setattr(sys, "stderr", None)
    assert _app_asked.ask("shop:health").drain_delay == 2.0
