"""The list of healthkit's own endpoints."""

from __future__ import annotations

from healthkit._model import Probe
from healthkit._settings import PRESETS
from healthkit.lint._facts.endpoints import DEFAULT_PATHS, OWN_PATHS, STARTUP_WORDS


def test_the_list_is_that_of_the_presets() -> None:
    """But for /health, which may be anybody's."""
    paths = {path for preset in PRESETS.values() for path in preset.values() if path is not None}
    assert set(OWN_PATHS) == paths - {"/health"}


def test_the_default_paths_are_those_of_the_default_preset() -> None:
    """But for /healthz, which half of all apps have."""
    assert set(DEFAULT_PATHS) == set(PRESETS["kubernetes"].values()) - {"/healthz"}


def test_the_presets_startup_paths_say_that_they_are_for_startup() -> None:
    """So that they need no list of their own."""
    paths = {preset[Probe.STARTUP] for preset in PRESETS.values()} - {None}
    assert paths
    assert all(STARTUP_WORDS & set(str(path).split("/")) for path in paths)
