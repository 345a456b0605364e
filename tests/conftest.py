"""What all tests share: virtual time, and an environment that says nothing about healthkit."""

from __future__ import annotations

import os

import pytest

from tests.virtual import VIRTUAL


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run coroutine tests in virtual time, unless a module says otherwise."""
    return VIRTUAL


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out of the environment what a pod, or a developer's shell, may have put there."""
    for name in list(os.environ):
        if name.startswith("HEALTHKIT_") or name == "KUBERNETES_SERVICE_HOST":
            monkeypatch.delenv(name)
