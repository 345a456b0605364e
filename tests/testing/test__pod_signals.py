"""A played process has signals of its own, also if its app knows only of the real ones."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from healthkit.testing._pod_signals import HANDLED, PodSignals, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType

    #: What a step of an app may do.
    Install = Callable[[], object]


class Pod:
    """A played process that only has signals."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.signals = PodSignals(asyncio.get_running_loop(), self._call)
        self.signals.signal(signal.SIGTERM, self.handle)

    def _call(self, handler: Callable[[int, FrameType | None], object], number: int) -> None:
        handler(number, None)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Be the server's handler."""
        self.got.append(f"server {number}")

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Be the app's handler."""
        self.got.append(f"app {number}")

    async def watch(self, *steps: Install) -> None:
        """Run an app that takes these steps, a turn of the loop apart."""

        async def app() -> None:
            for step in steps:
                step()
                await asyncio.sleep(1)

        await watched(app(), self.signals)


def real() -> list[object]:
    """Return what is in the real table."""
    return [signal.getsignal(number) for number in HANDLED]


@pytest.fixture(autouse=True)
def _the_real_table_is_left_alone() -> Any:  # noqa: ANN401  # a fixture's generator
    before = real()
    yield
    assert real() == before


async def test_a_signal_reaches_the_handler_of_its_own_table() -> None:
    """Until the process is no more."""
    one, other = Pod(), Pod()
    one.signals.raise_signal(signal.SIGTERM)
    one.signals.send_signal(signal.SIGTERM)
    assert (one.got, other.got) == (["server 15"] * 2, [])
    assert repr(one.signals) == "<PodSignals SIGTERM>"
    one.signals.die()
    one.signals.raise_signal(signal.SIGTERM)
    assert len(one.got) == 2


async def test_what_nobody_handles_does_nothing() -> None:
    """PID 1 of a container does not die of a signal with the default action."""
    pod = Pod()
    pod.signals.raise_signal(signal.SIGINT)
    assert pod.signals.signal(signal.SIGTERM, signal.SIG_DFL) == pod.handle
    pod.signals.raise_signal(signal.SIGTERM)
    pod.signals.siginterrupt(signal.SIGTERM, False)  # noqa: FBT003  # the module's own
    assert pod.got == []
    assert repr(PodSignals(asyncio.get_running_loop(), pod._call)) == "<PodSignals none handled>"


async def test_a_signal_from_another_thread_is_delivered_on_the_loop() -> None:
    """As a real one is delivered to the main thread."""
    pod = Pod()
    thread = threading.Thread(target=pod.signals.raise_signal, args=[signal.SIGTERM])
    thread.start()
    thread.join()
    assert pod.got == []
    await asyncio.sleep(0.1)
    assert pod.got == ["server 15"]


async def test_a_table_has_the_loops_time() -> None:
    """A second between two signals is the pod's."""
    pod = Pod()
    before = pod.signals.now()
    await asyncio.sleep(7)
    assert pod.signals.now() - before == pytest.approx(7)


async def test_a_handler_that_an_app_installs_is_moved() -> None:
    """The real table never has it between two steps."""
    pod, before = Pod(), real()

    def install() -> None:
        for number in HANDLED:
            signal.signal(number, pod.note)

    await pod.watch(install, lambda: pod.got.append(str(real() == before)))
    for number in HANDLED:
        pod.signals.raise_signal(number)
    assert pod.got == ["False", "app 15", "app 2"]  # SIGTERM is shown in each step


async def test_a_handler_can_chain_to_the_servers() -> None:
    """While a step of it runs, an app finds the server's handler where it looks for it."""
    pod = Pod()

    def install() -> None:
        server = signal.getsignal(signal.SIGTERM)
        assert callable(server)

        def chained(number: int, frame: FrameType | None) -> None:
            pod.note(number, frame)
            server(number, frame)

        signal.signal(signal.SIGTERM, chained)

    await pod.watch(install)
    pod.signals.raise_signal(signal.SIGTERM)
    assert pod.got == ["app 15", "server 15"]


async def test_two_apps_that_start_at_once_have_their_own() -> None:
    """Each step's handler goes to the pod whose step it was."""
    one, other = Pod(), Pod()

    def noting(pod: Pod) -> Install:
        return lambda: signal.signal(signal.SIGTERM, pod.note)

    nothing = [lambda: None] * 2
    await asyncio.gather(
        one.watch(noting(one), *nothing), other.watch(*nothing, noting(other)), _idle()
    )
    one.signals.raise_signal(signal.SIGTERM)
    assert (one.got, other.got) == (["app 15"], [])


async def _idle() -> None:
    await asyncio.sleep(1)


async def test_a_watched_coroutine_returns_raises_and_is_cancelled_like_any() -> None:
    """Nothing of it is lost on the way."""
    pod = Pod()

    async def app(what: str) -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            if what != "stubborn":
                raise
        if what == "raises":
            raise OSError(what)
        return what

    async def watch(work: Coroutine[Any, Any, object]) -> object:
        return await watched(work, pod.signals)

    assert await watch(app("returns")) == "returns"
    with pytest.raises(OSError, match="raises"):
        await watch(app("raises"))
    for what, cancelled in (("returns", True), ("stubborn", False)):
        task = asyncio.create_task(watch(app(what)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() is cancelled
    work = watch(app("closed"))
    work.send(None)
    work.close()


def test_outside_of_the_main_thread_nothing_is_watched() -> None:
    """There an app can't install anything either."""
    found: list[object] = []

    async def app() -> None:
        found.append(signal.getsignal(signal.SIGTERM))

    async def play() -> None:
        await watched(app(), Pod().signals)

    thread = threading.Thread(target=lambda: asyncio.run(play()))
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


async def test_what_could_not_be_put_back_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that was not installed from Python is None to Python."""
    pod = Pod()
    with monkeypatch.context() as patched:
        patched.setattr(signal, "getsignal", dict[int, object]().get)
        patched.setattr(signal, "signal", None)
        await pod.watch(lambda: None)
    assert pod.got == []
