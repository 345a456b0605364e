"""Importing what MODULE:ATTR names, as a container would."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from healthkit._importing import imported, not_expected
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Write = Callable[[str], int]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Have a module `shop` in the working directory; leave no trace of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    yield (tmp_path / "shop.py").write_text
    sys.modules.pop("shop", None)


def test_what_is_named_is_imported_as_in_its_container(shop: Write) -> None:
    """From the working directory, with the container's variables and a cluster's."""
    source = "import os\nclass app:\n    seen = os.environ['COLOUR'], os.environ['%s']\n"
    shop(source % "KUBERNETES_SERVICE_HOST")
    found = imported("--app", "shop:app.seen", {"COLOUR": "green"}, expected="a tuple")
    assert found == ("green", "10.96.0.1")


@pytest.mark.parametrize(
    ("source", "name", "line"),
    [
        ("", "shop", "--against='shop': expected MODULE:APP, as in main:app"),
        ("", ":app", "--against=':app': expected MODULE:APP, as in main:app"),
        ("", "shop:app", "--against='shop:app': found no app in shop, expected an app"),
        ("", "shop:a.b", "--against='shop:a.b': found no a.b in shop, expected an app"),
        (
            "app = None",
            "shop:app",
            "--against='shop:app': found None as app in shop, expected an app",
        ),
        (
            "1/0",
            "shop:app",
            (
                "--against='shop:app': importing shop raised ZeroDivisionError: division by zero; "
                "expected it to be imported as in its container"
            ),
        ),
        (
            "def __getattr__(name): raise ValueError('not\\nyet')",
            "shop:app",
            (
                "--against='shop:app': looking for app raised ValueError: not yet; expected it "
                "to be found as in its container"
            ),
        ),
    ],
)
def test_what_can_not_be_imported_is_one_line(
    source: str, name: str, line: str, shop: Write
) -> None:
    """Whatever it raises, it names the option, what was found, and what was expected."""
    shop(source)
    with pytest.raises(ConfigError) as caught:
        imported("--against", name, {}, expected="an app")
    assert str(caught.value) == line


def test_an_environment_that_no_process_has_is_one_line(
    shop: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server would refuse it, too."""
    shop("app = 7")

    class Process(dict[str, str]):
        def update(self, *_: object, **__: object) -> None:
            raise ValueError("illegal environment variable name")

    monkeypatch.setattr(os, "environ", Process())
    with pytest.raises(ConfigError) as caught:
        imported("--against", "shop:app", {"A=B": "x"}, expected="an app")
    line = "--against='shop:app': setting its container's env raised "
    assert str(caught.value).startswith(line)
    assert str(caught.value).endswith("; expected variables that a process can have")


def test_what_is_something_else_is_one_line() -> None:
    """Whoever looks at it makes the error."""
    line = "--app='main:app': found 7 as app in main, expected an app"
    assert str(not_expected("--app", "main:app", 7, "an app")) == line
