"""The package itself: importing it costs next to nothing, and every public name is there."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

import healthkit

#: DESIGN.md, "Numbers to reach": modules that ``import healthkit`` adds.
MODULES_ADDED = 5


def _modules_after(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return what is imported then."""
    environ = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    return set(done.stdout.split())


def test_importing_the_package_imports_next_to_nothing() -> None:
    """The exec probe pays for each import: no module of healthkit's, no asyncio, no Starlette."""
    added = _modules_after("import healthkit") - _modules_after("pass")
    assert not [name for name in added if name.startswith("healthkit.")]
    assert not added & {"asyncio", "anyio", "starlette", "logging", "threading"}
    assert "healthkit" in added
    assert len(added) <= MODULES_ADDED, sorted(added)


def test_an_error_is_had_without_the_engine() -> None:
    """A name brings the module it lives in, not the others."""
    added = _modules_after("from healthkit import ConfigError") - _modules_after("pass")
    ours = {name for name in added if name.startswith("healthkit")}
    assert ours == {"healthkit", "healthkit.errors"}
    assert not added & {"asyncio", "anyio", "starlette"}


def test_importing_everything_leaves_starlette_alone() -> None:
    """Starlette is for its types only, so that Django and Quart apps need not load it."""
    assert "starlette" not in _modules_after("from healthkit import *")


def test_httpx_is_imported_by_nobody_who_publishes_nothing() -> None:
    """Neither by the commands, of which a probe is one, nor by an app before its first patch."""
    for code in ("import healthkit.cli", "from healthkit import Health\nHealth()"):
        assert not _modules_after(code) & {"httpx", "httpcore"}
    gate = (
        "from healthkit.kubernetes import *\nfrom healthkit import Health\nReadinessGate(Health())"
    )
    assert not _modules_after(gate) & {"httpx", "httpcore"}


def test_trio_is_imported_by_nobody_who_does_not_run_on_it() -> None:
    """It is no dependency, and a process on asyncio does not pay for it where it is installed."""
    begin = "async def begin(): Loop(); current_time()"
    code = f"import anyio\nfrom healthkit._loop import Loop, current_time\n{begin}\nanyio.run(begin"
    assert "trio" not in _modules_after(f"{code})")
    assert "trio" in _modules_after(f"{code}, backend='trio')")


@pytest.mark.parametrize("name", healthkit.__all__)
def test_every_public_name_resolves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at its first use, and the second use finds the same object."""
    monkeypatch.delitem(vars(healthkit), name, raising=False)
    found: object = getattr(healthkit, name)
    home = importlib.import_module(f"healthkit.{healthkit._HOME[name]}")
    assert found is getattr(home, name)
    assert found is getattr(healthkit, name)


def test_public_names_are_sorted_and_each_has_a_home() -> None:
    """One list to read, and no name that only a type checker knows."""
    assert healthkit.__all__ == sorted(healthkit.__all__)
    assert set(healthkit.__all__) == set(healthkit._HOME)


@pytest.mark.parametrize("name", ["Heath", "_health_", "asyncio"])
def test_an_unknown_name_is_an_attribute_error(name: str) -> None:
    """As in any module, in the words of any module."""
    with pytest.raises(AttributeError, match=f"^module 'healthkit' has no attribute '{name}'$"):
        getattr(healthkit, name)


def test_dir_lists_what_is_not_loaded_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Completion in a shell sees the whole public API."""
    for name in healthkit.__all__:
        monkeypatch.delitem(vars(healthkit), name, raising=False)
    assert set(healthkit.__all__) <= set(dir(healthkit))
    assert "__version__" not in dir(healthkit)
    assert "__all__" in dir(healthkit)
