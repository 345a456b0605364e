"""The readiness gate of one `Health`: a thread of its own that publishes a condition of the Pod.

Owns the thread, and how the lives of the `Health` reach it: a notice that something may have
changed, and a last word. What is published and when is `_gate_publisher`'s business.

The thread has a loop of its own, whatever the app's is: nothing of this runs on the app's loop, no
file is read there, no certificate loaded, nothing sent. What goes wrong here is logged, and changes
no answer of the app: the condition depends on ``/readyz``, and never the other way round.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from healthkit import _gate_pod, _gate_wire, _real
from healthkit._gate_lead import Alone, Lead
from healthkit._gate_publisher import LEFT_WITHIN, Publisher
from healthkit._gate_rules import Wanted, without_notes
from healthkit._gate_wire import MISSING, Patch
from healthkit._log import logger
from healthkit._model import Phase
from healthkit._own_loop import new_daemon_loop
from healthkit._state_dir import StateDir
from healthkit.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit._answers import Verdict
    from healthkit._loop import Loop
    from healthkit._model import Report

_OUTSIDE: Final = "readiness gate: off, for this is no pod (KUBERNETES_SERVICE_HOST is not set)"
_WITHOUT_IT: Final = (
    "readiness gate: off, for %s is not there: expected automountServiceAccountToken: true, and"
    " a Role that allows patch of pods/status"
)
_ANOTHER: Final = (
    "readiness gate: off for this Health, for another one of this process publishes %s: expected"
    " one Health, or a condition of its own for each by ReadinessGate(health, condition)"
)


class Subject(Protocol):
    """A life, as far as it is published. Safe in any thread."""

    @property
    def knows_pod(self) -> bool:
        """Whether it can speak for its pod yet."""
        ...

    def pod_report(self) -> Report:
        """Say how things stand with the pod."""
        ...


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What one gate is for."""

    #: The condition's type.
    kind: str
    #: Whether the deployment has said so.
    by_environment: bool = False
    state_dir: str | None = None
    #: The directory of the credentials; None is where the kubelet puts them.
    account: Path | None = None


class Gate:
    """The gate of one `Health`, through all of its lives."""

    def __init__(self, settings: GateSettings, judge: Callable[[Report], Verdict]) -> None:
        """Make one that publishes nothing yet.

        Args:
            settings: what it is for.
            judge: what ``/readyz`` makes of a report.
        """
        self.settings = settings
        self._judge = judge
        self._session: _Session | None = None
        #: What was said about being off.
        self._said = set[str]()
        if _real.is_patched():
            _gate_wire.load()

    def __repr__(self) -> str:
        return f"<ReadinessGate {self.settings.kind} {self.state}>"

    @property
    def state(self) -> str:
        """Say how it stands. Safe in any thread."""
        return "idle" if self._session is None else self._session.state

    def begin(self, subject: Subject, loop: Loop) -> None:
        """Publish for one life. On its loop."""
        session = self._session = _Session(self, subject, loop)
        session.start()

    def changed(self) -> None:
        """Have it look whether something has. Safe in any thread; never blocks."""
        if self._session is not None:
            self._session.changed()

    def end(self, subject: Subject) -> None:
        """Say the last word of that life. Safe in any thread; never blocks."""
        if self._session is not None and self._session.subject is subject:
            self._session.end()

    async def ended(self) -> None:
        """Wait for the last word to be taken, but not for long. On the life's loop."""
        if self._session is not None:
            with anyio.move_on_after(LEFT_WITHIN):
                await self._session.gone.wait()

    def forked(self) -> None:
        """Be in a forked child, where there is no thread."""
        self._session = None

    def wanted(self, subject: Subject) -> Wanted:
        """Say what the condition of a life should be."""
        report = without_notes(subject.pod_report())
        verdict = self._judge(report)
        ending = report.phase in {Phase.DRAINING, Phase.STOPPED}
        return Wanted(verdict.passes, verdict.line, ending)

    def say_once(self, log: Callable[..., None], line: str, *args: object) -> None:
        """Log a line once for all lives."""
        if line not in self._said:
            self._said.add(line)
            log(line, *args)

    def patch(self) -> Patch | None:
        """Return what patches this Pod; None, after saying why, if nothing can. May block.

        Raises:
            KubernetesError: the environment does not tell which Pod it is.
        """
        if _gate_pod.is_outside(os.environ):
            self.say_once(logger.info, _OUTSIDE)
            return None
        account = self.settings.account or Path(_gate_pod.ACCOUNT)
        if not _gate_pod.has_token(account):
            log = logger.error if self.settings.by_environment else logger.info
            self.say_once(log, _WITHOUT_IT, account / "token")
            return None
        if importlib.util.find_spec("httpx") is None:
            self.say_once(logger.error, MISSING)
            return None
        return Patch(_gate_pod.found(os.environ, account))


class _Session:
    """One life's thread. A forked child has none of its parent's."""

    def __init__(self, gate: Gate, subject: Subject, loop: Loop) -> None:
        self._gate = gate
        self.subject = subject
        self._app_loop = loop
        self._pid = os.getpid()
        #: Set, on the life's loop, when the thread has nothing more to say.
        self.gone = anyio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake = False
        self._over = False
        #: What is said first, however soon the app is ready; None if that is for others to say.
        self._first: Wanted | None = None
        #: The last word: see `_gate_publisher.Source`.
        self.final: Wanted | None = None
        self._publisher: Publisher | None = None

    @property
    def state(self) -> str:
        """Say how it stands."""
        return "off" if self._publisher is None else self._publisher.state

    def start(self) -> None:
        """Start the thread; if there can't be one, or must not be, say so."""
        if any(other.rivals(self._gate) for other in tuple(_SESSIONS)):
            logger.error(_ANOTHER, self._gate.settings.kind)
            self._close()
            return
        _SESSIONS.add(self)
        self._first = self.look()
        try:
            _real.thread(self._run, "healthkit gate").start()
        except RuntimeError as exc:
            self._close()
            line = "readiness gate: can't start a thread (%s): expected one; nothing is published"
            logger.error(line, exc)

    def rivals(self, gate: Gate) -> bool:
        """Whether it publishes the same condition in this process, for another one."""
        is_here = self._pid == os.getpid() and self.final is None
        return is_here and self._gate is not gate and self._gate.settings.kind == gate.settings.kind

    def changed(self) -> None:
        """Have the publisher look."""
        if not self._awake and self._loop is not None and self._pid == os.getpid():
            self._awake = True
            self._wake()

    def end(self) -> None:
        """Have it say the last word."""
        if self.final is None and self._pid == os.getpid():
            self.final = self._gate.wanted(self.subject)
            self._wake()

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None and not self._over:
            try:
                loop.call_soon_threadsafe(self._woken)
            except RuntimeError:
                self._awake = False  # it has just been closed

    def _woken(self) -> None:
        self._awake = False
        if self._publisher is not None:
            self._publisher.wake()

    # -- in the thread ----------------------------------------------------------------------------

    def look(self) -> Wanted | None:
        """Say what the condition should be. See `_gate_publisher.Source`."""
        first, self._first = self._first, None
        if first is not None:  # what the container before has left is reset
            return first
        return self._gate.wanted(self.subject) if self.subject.knows_pod else None

    def _run(self) -> None:
        try:
            patch = self._gate.patch()
            if patch is not None:
                with asyncio.Runner(loop_factory=new_daemon_loop) as runner:
                    self._loop = runner.get_loop()
                    runner.run(self._publish(patch))
        except KubernetesError as exc:
            self._gate.say_once(logger.error, "readiness gate: off: %s", exc)
        except Exception:  # noqa: BLE001  # a bug must be heard of, and take no more with it
            logger.exception("the thread of the readiness gate has failed; a bug in healthkit")
        finally:
            self._close()

    async def _publish(self, patch: Patch) -> None:
        kind, path = self._gate.settings.kind, self._gate.settings.state_dir
        lead = Alone() if path is None else Lead(StateDir(path), kind)
        rng = random.Random()  # noqa: S311  # jitter is no secret
        self._publisher = Publisher(kind, self, lead, patch, rng)
        await self._publisher.run()

    def _close(self) -> None:
        self._over = True
        self._loop = None
        _SESSIONS.discard(self)
        self._app_loop.soon(self.gone.set)


#: Those that have a thread. In a forked child they stay, and their loops with them: a loop that is
#: collected takes its descriptors off the epoll instance that it shares with the parent's.
_SESSIONS: Final = set[_Session]()
