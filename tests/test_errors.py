"""What is raised can be caught: as itself, or as everything of healthkit's."""

from __future__ import annotations

import pytest

from healthkit.errors import (
    CheckFailed,
    ConfigError,
    HealthkitError,
    KubernetesError,
    LifecycleError,
)

KINDS = [ConfigError, LifecycleError, KubernetesError, CheckFailed]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_healthkit_error(kind: type[HealthkitError]) -> None:
    """One except clause catches whatever healthkit raises by itself."""
    with pytest.raises(HealthkitError, match="^found, expected, do$"):
        raise kind("found, expected, do")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_no_other_error(kind: type[HealthkitError]) -> None:
    """Catching one kind never swallows another one."""
    assert [other.__name__ for other in KINDS if other in kind.__mro__] == [kind.__name__]


def test_a_healthkit_error_is_no_builtin_kind() -> None:
    """An except clause of the app, for ValueError say, never swallows one."""
    assert HealthkitError.__bases__ == (Exception,)
