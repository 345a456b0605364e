"""How long a hook takes, as far as the manifest says it."""

from __future__ import annotations

import pytest

from healthkit.explain._hooks import hook_length
from healthkit.manifests import Exec, Hook, HttpGet, Sleep, TcpSocket


@pytest.mark.parametrize(
    ("hook", "takes"),
    [
        (None, 0), (Sleep(5), 5), (Sleep(0), 0), (TcpSocket(80), 0),
        (Exec(("sleep", "10")), 10), (Exec(("/bin/sleep", "0.5")), 0.5),
        (Exec(("sh", "-c", "sleep 10")), 10), (Exec(("/bin/bash", "-c", " exec sleep 2m; ")), 120),
        (Exec(("sleep", "1h")), 3600), (Exec(("sleep", "1d")), 86_400),
    ],
)  # fmt: skip
def test_a_sleep_takes_as_long_as_it_says(hook: Hook | None, takes: float) -> None:
    """By whatever way it sleeps; no hook takes nothing, and one that can't be is over at once."""
    assert hook_length(hook) == takes


@pytest.mark.parametrize(
    "hook",
    [
        HttpGet("/drain"), Exec(("./drain.sh",)), Exec(("sh", "-c", "sleep 5 && nginx -s quit")),
        Exec(("sh", "-c", "sleep $DELAY")), Exec(("sleep", "infinity")), Exec(("sleep", "-1")),
        Exec(("python", "-c", "sleep 5")), Exec(("sh", "-ec", "sleep 5")), Exec(("sleep",)),
    ],
)  # fmt: skip
def test_of_anything_else_nobody_can_tell(hook: Hook) -> None:
    """It may take as long as it wants."""
    assert hook_length(hook) is None
