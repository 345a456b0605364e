"""The play: one pod's life in a quarter of a minute, from its start to an end that loses nothing.

Owns the order of events, and the judgement: besides lost requests, a broken promise of the
endpoints or an unusual exit of the server makes the demo fail.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from rich.console import Console

from examples.pod.load import Load
from examples.pod.probes import Kubelet
from examples.pod.server import Server, ServerError
from examples.pod.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    from examples.pod.load import Tally
    from examples.pod.probes import Sight

#: Seconds of serving on; healthkit's own default in Kubernetes is 5.
DRAIN_DELAY: Final = 3.0
SETTINGS: Final = {"HEALTHKIT_DRAIN_DELAY": f"{DRAIN_DELAY:g}"}

#: Seconds from the deletion of a pod until kube-proxy sends it no new connection, at most: measured
#: on a real cluster of one node.
WITHDRAWN_AFTER: Final = 1.1
#: Seconds of load before SIGTERM, unless ``--serve`` says otherwise.
SERVES: Final = 6.0
SHORTEST: Final = 1.0
LONGEST: Final = 60.0
#: The last of them, with two long requests in flight.
BUSY: Final = 0.5
#: Seconds after SIGTERM at which one more long request arrives. It outlasts the delay.
LATECOMER: Final = 0.9
#: Seconds within which readiness must be off: the shortest probe period there is.
UNREADY_WITHIN: Final = 1.0

READY_WITHIN: Final = 30.0
END_WITHIN: Final = 30.0
#: What uvicorn exits with after SIGTERM, as the parent process sees it.
UVICORN_EXIT: Final = -signal.SIGTERM

PATHS: Final = [f"/products/{number}" for number in range(1, 100)]

OK: Final = 200
INTERRUPTED: Final = 130


class Judge:
    """Notes which promises were broken. Without healthkit, none were made."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self._terminated: float | None = None
        #: Each kind once, in words.
        self.broken: list[str] = []

    def terminated(self) -> None:
        """Note that SIGTERM was sent now."""
        self._terminated = time.monotonic()

    def look(self, sight: Sight) -> None:
        """Judge one look at the endpoints."""
        since = None if self._terminated is None else time.monotonic() - self._terminated
        if since is not None and since >= DRAIN_DELAY:
            return  # the server is ending: it may take no connection any more
        if sight.status("/livez") != OK:
            self.note(f"/livez answered {sight.status('/livez') or 'nothing'} to a live process")
        ready = sight.status("/readyz") == OK
        if since is not None and since > UNREADY_WITHIN and ready:
            self.note(f"/readyz answered 200 more than {UNREADY_WITHIN:g} s after SIGTERM")

    def ended(self, code: int) -> None:
        """Judge the exit."""
        if code != UVICORN_EXIT:
            self.note(f"the server exited with {code}, expected uvicorn's own {UVICORN_EXIT}")

    def note(self, line: str) -> None:
        """Note a broken promise, once."""
        if not self._plain and line not in self.broken:
            self.broken.append(line)


async def play(stage: Stage, judge: Judge, *, plain: bool, serves: float) -> Tally:
    """Play a pod's life; return what became of the requests.

    Args:
        stage: where it is shown.
        judge: sees everything too.
        plain: play the app that has no healthkit.
        serves: seconds of load before SIGTERM.

    Raises:
        ServerError: the server did not start, or did not end.
    """
    target = "plain" if plain else "app"
    logged = _Logged(stage)
    stage.say(f"A pod starts: uvicorn examples.pod.app:{target}", "bold")
    stage.heading()
    async with Server(f"examples.pod.app:{target}", SETTINGS, logged.heard) as server:
        url = await server.url()

        def seen(sight: Sight) -> None:
            stage.show(sight)
            judge.look(sight)

        async with Kubelet(url, seen) as kubelet:
            await _start(kubelet, "no endpoints" if plain else "serving")
            async with _loaded(stage, url) as load:
                await _serve(stage, load, serves)
                logged.on = True
                await _end(stage, judge, server, load)
                return await load.finish()


class _Logged:
    """Shows the server's log while it is `on`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.on = False

    def heard(self, line: str) -> None:
        if self.on:
            self._stage.heard(line)


async def _start(kubelet: Kubelet, phase: str) -> None:
    """Wait until the pod is ready for load."""
    if not await kubelet.sees(phase, READY_WITHIN):
        message = f"the app was not {phase} within {READY_WITHIN:g} s: {kubelet.sight.line}"
        raise ServerError(message)


@asynccontextmanager
async def _loaded(stage: Stage, url: str) -> AsyncGenerator[Load]:
    """Put load on the pod, and show its count until the block ends."""
    stage.say("The Service sends traffic: 3 clients on new connections, 4 on kept ones.", "bold")
    async with Load(url, paths=PATHS, new=3, keep_alive=4, pause=0.03) as load:
        counting = asyncio.create_task(_count(stage, load))
        try:
            yield load
        finally:
            counting.cancel()
            with suppress(asyncio.CancelledError):
                await counting
            stage.clear()


async def _count(stage: Stage, load: Load) -> None:
    while True:
        stage.count(load.tally)
        await asyncio.sleep(0.1)


async def _serve(stage: Stage, load: Load, serves: float) -> None:
    """Serve for a while; have two long requests in flight at the end of it."""
    await asyncio.sleep(max(0.0, serves - BUSY))
    stage.say("Two long requests begin: /slow takes 2 s, /stream sends for 2.5 s.")
    load.send("/slow")
    load.send("/stream")
    await asyncio.sleep(BUSY)


async def _end(stage: Stage, judge: Judge, server: Server, load: Load) -> None:
    """Delete the pod: SIGTERM now, the Service follows, the process ends."""
    stage.say("SIGTERM. The Service does not know yet: new connections still arrive.", "bold")
    stage.say(f"The drain delay is {DRAIN_DELAY:g} s in this play; in Kubernetes it is 5 s.")
    server.terminate()
    judge.terminated()
    await asyncio.sleep(LATECOMER)
    stage.say("One more long request arrives: /stream. It will outlast the drain delay.")
    load.send("/stream")
    await asyncio.sleep(WITHDRAWN_AFTER - LATECOMER)
    load.withdraw()
    stage.say(f"{WITHDRAWN_AFTER:g} s later the Service sends no new connection.", "bold")
    code = await server.ended(END_WITHIN)
    judge.ended(code)
    await asyncio.sleep(0.3)  # for the last look at the endpoints
    stage.say(f"The process has ended, with uvicorn's own exit code: {code}.", "bold")


def conclude(stage: Stage, judge: Judge, tally: Tally) -> int:
    """Print what came of it; return the exit code."""
    stage.say(f"{tally.connections} connections were opened, {tally.stale} kept ones found closed.")
    stage.say(f"{tally.told_to_close} answers said `Connection: close` to a kept one.")
    for reason, times in tally.reasons.items():
        stage.say(f"lost, {reason}: {times}", "red")
    for line in judge.broken:
        stage.say(f"broken promise: {line}", "red")
    stage.say(f"requests: {tally.requests}, lost: {tally.lost}", "bold")
    return int(bool(tally.lost or judge.broken or not tally.requests))


async def _interruptible(stage: Stage, playing: Coroutine[object, object, Tally]) -> Tally:
    """Play; SIGTERM and SIGHUP to the demo end it as Ctrl-C does, the server first."""
    task = asyncio.ensure_future(playing)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    finally:
        stage.clear()


def _options(arguments: list[str] | None) -> tuple[bool, float]:
    parser = argparse.ArgumentParser(description="Play the life of a pod: warm-up, load, drain.")
    parser.add_argument("--plain", action="store_true", help="the same app without healthkit")
    parser.add_argument(
        "--serve", type=_seconds, default=SERVES, metavar="SECONDS", help="load before SIGTERM"
    )
    options = parser.parse_args(arguments)
    return bool(options.plain), float(options.serve)


def _seconds(text: str) -> float:
    """Read an option; argparse turns the error into one line and exit 2."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not SHORTEST <= seconds <= LONGEST:
        message = f"found {text!r}, expected seconds from {SHORTEST:g} to {LONGEST:g}"
        raise argparse.ArgumentTypeError(message)
    return seconds


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return its exit code: 0, or 1 if anything was lost or went wrong."""
    plain, serves = _options(arguments)
    stage, judge = Stage(Console(highlight=False)), Judge(plain=plain)
    playing = play(stage, judge, plain=plain, serves=serves)
    try:
        tally = asyncio.run(_interruptible(stage, playing))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("demo: interrupted; the server has been ended\n")
        return INTERRUPTED
    except Exception as exc:  # noqa: BLE001  # the reader gets one line, whatever it was
        sys.stderr.write(f"demo: {type(exc).__name__}: {exc}\n")
        return 1
    return conclude(stage, judge, tally)
