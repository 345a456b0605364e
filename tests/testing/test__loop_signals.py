"""What an app gives its loop to call at a signal goes to the pod that asks."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from typing import TYPE_CHECKING

from healthkit._signal_table import CURRENT
from healthkit.testing import run
from healthkit.testing._pod_signals import PodSignals

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = contextvars.ContextVar("name", default="nobody")


def in_pod(table: PodSignals, work: Callable[[], object]) -> object:
    """Call something as a pod's code would."""
    context = contextvars.copy_context()
    context.run(CURRENT.set, table)
    context.run(NAME.set, "shop")
    return context.run(work)


def test_a_handler_is_the_pods_own() -> None:
    """The loop calls it, in the context in which it was given; the process has none of it."""
    got: list[str] = []

    async def play() -> None:
        loop = asyncio.get_running_loop()
        table = PodSignals(loop, lambda handler, number: handler(number, None))

        def note(word: str) -> None:
            got.append(f"{word} {NAME.get()}")

        in_pod(table, lambda: loop.add_signal_handler(signal.SIGTERM, note, "told"))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        table.raise_signal(signal.SIGTERM)
        assert got == []
        await asyncio.sleep(0)
        assert got == ["told shop"]
        taken = [in_pod(table, lambda: loop.remove_signal_handler(signal.SIGTERM)) for _ in "ab"]
        assert taken == [True, False]
        table.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
        assert len(got) == 1

    run(play)


def test_outside_of_a_pod_it_is_the_process_s() -> None:
    """As on any loop."""

    async def play() -> None:
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.wait_for(heard.wait(), 5)
        assert loop.remove_signal_handler(signal.SIGUSR1)

    run(play)
