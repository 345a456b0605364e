"""What all tests share: virtual time, and an environment that says nothing about healthkit.

Properties are tried with few examples each time. Many more are a matter of minutes:

    HYPOTHESIS_PROFILE=long python -m pytest tests/lint
"""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.virtual import VIRTUAL

# The same examples in every run, so that a run says something about the change that it is of.
# A busy machine is no failure: neither is what an example takes.
settings.register_profile(
    "quick",
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure() -> None:
    """Hear the terminal's signals, and let servers inherit that: a shell's `&` has them ignored."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


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
