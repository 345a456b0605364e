"""How `healthkit simulate` plays a pod: what it waits for, and when it deletes.

Owns the course of the simulation, nothing of its rules. An app that is described needs no event
loop's turns, only a schedule; a real one runs on a loop in virtual time.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final

from healthkit import manifests
from healthkit._importing import said
from healthkit._simulate_app import arrange_faults, described, imported
from healthkit._simulate_progress import Progress
from healthkit.errors import HealthkitError
from healthkit.testing import _running
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described
from healthkit.testing._kubelet import Kubelet
from healthkit.testing._service import PROPAGATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit._simulate_options import Options
    from healthkit.manifests import Container, Workload
    from healthkit.testing._exchange import Asgi3
    from healthkit.testing._played import Pod

    App = Asgi3 | Described

#: How long a pod is watched that is ready, unless the options say something else, in seconds.
AFTER_READY: Final = 30.0
#: How often it is looked whether the pod is ready, or gone; in seconds of virtual time.
_LOOK: Final = 0.05
#: How much longer than its grace period a deleted pod may take to go, in seconds. It is much: a
#: deletion that meets a liveness kill waits for that one, and ends one more container.
_LEAVING: Final = 60.0


def play(options: Options) -> Pod:
    """Play a pod's life to its end, and return it.

    Raises:
        HealthkitError: the manifest or the app is no use, or the app is stuck.
    """
    workload = manifests.workload(options.manifest, options.workload)
    container = _container(workload, options.container)
    with contextlib.redirect_stdout(sys.stderr):
        app = _app(options, container)
        try:
            return _running.run(_Play(options, workload, app).whole)
        except HealthkitError:
            raise
        except (Exception, SystemExit) as exc:
            raise HealthkitError(f"the app ended the simulation with {said(exc)}") from exc


def _container(workload: Workload, name: str | None) -> Container:
    """Return the container that the app is. A name that there is not is refused by the kubelet."""
    containers = workload.template.containers
    return next((one for one in containers if one.name == name), containers[0])


def _app(options: Options, container: Container) -> App:
    if options.app is not None:
        return imported(options.app, container)
    return described(options, container)


class _Play:
    """One simulation."""

    def __init__(self, options: Options, workload: Workload, app: App) -> None:
        self._options = options
        self._workload = workload
        self._app = app

    async def whole(self) -> Pod:
        """Play it all."""
        asyncio.get_running_loop().set_exception_handler(_heard)
        kubelet = Kubelet(Schedule() if isinstance(self._app, Described) else None)
        try:
            with Progress(self._options.lasts) as progress:
                return await self._life(kubelet, progress)
        finally:
            await kubelet.close()

    async def _life(self, kubelet: Kubelet, progress: Progress) -> Pod:
        options = self._options
        pod = await kubelet.run(self._app, self._workload, container=options.container)
        if isinstance(self._app, Described):
            arrange_faults(self._app, options, pod.spec.containers[0], kubelet.clock)
        time = _Time(kubelet, progress)
        end = await self._end_of_life(pod, time)
        await time.until(end)
        if options.deletes:
            await pod.delete()
            longest = 2 * pod.spec.termination_grace_period + _LEAVING
            await time.until(time.now() + longest, lambda: pod.deleted)
            await time.until(time.now() + PROPAGATION)  # until nobody sends to it any more
        if options.lasts is not None:
            await time.until(options.lasts)
        return pod

    async def _end_of_life(self, pod: Pod, time: _Time) -> float:
        """Return when the pod is to be deleted; play on until that is known."""
        options = self._options
        said = options.delete_at if options.delete_at is not None else options.lasts
        if said is not None:
            return said
        await time.until(float(self._workload.progress_deadline_seconds), lambda: _decided(pod))
        return time.now() + (AFTER_READY if pod.ready() else 0)


def _heard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody has caught, as any loop does, but for the exit that `play` tells of."""
    if not isinstance(context.get("exception"), SystemExit):
        loop.default_exception_handler(context)


def _decided(pod: Pod) -> bool:
    """Say whether there is nothing more to wait for: it is ready, or it is over."""
    return pod.ready() or pod.phase in {"Succeeded", "Failed"}


class _Time:
    """Time that passes, and is shown while it does."""

    def __init__(self, kubelet: Kubelet, progress: Progress) -> None:
        self._kubelet = kubelet
        self._progress = progress

    def now(self) -> float:
        """Return the moment."""
        return self._kubelet.clock.now()

    async def until(self, end: float, condition: Callable[[], bool] = lambda: False) -> None:
        """Let time pass up to a moment, or until something is so."""
        while not condition() and (left := end - self.now()) > 0:
            await self._kubelet.advance(min(_LOOK, left))
            self._progress.show(self.now())
