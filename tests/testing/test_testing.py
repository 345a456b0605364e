"""The door: its names, and that it loads none of them by itself."""

from __future__ import annotations

import pytest

from healthkit import testing


def test_every_name_is_there() -> None:
    """Each is loaded when it is asked for, and is listed."""
    assert list(testing.__all__) == sorted(testing.__all__)
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
        assert name in dir(testing)


def test_a_slip_is_said() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'healthkit.testing' has no attribute 'Pods'"):
        testing.Pods  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnusedExpression]  # asking is the point
