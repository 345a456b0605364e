"""What the tests of the simulator share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from healthkit.testing import _stuck, _threads

if TYPE_CHECKING:
    from types import FrameType


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """See no thread of the test runner's, and none that an earlier test has left behind.

    One that waits with a limit, as trio's idle ones do for 10 s, could wake the loop: a deadlock is
    then waited for, and not named at once.
    """
    strangers = set(threading.enumerate()) - {threading.current_thread()}
    real = _stuck.frames

    def frames() -> dict[int, FrameType]:
        ours = {thread.ident for thread in threading.enumerate() if thread not in strangers}
        return {ident: frame for ident, frame in real().items() if ident in ours}

    monkeypatch.setattr(_threads, "frames", frames)
