"""The facade: what a user holds, registers work with, and asks.

A `Health` outlives its lives: it has the settings and what was registered, and hands everything
that happens in time to the present :class:`~healthkit._life.Life`. It also keeps the answers: one
per probe, made again only after something has changed.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Literal, NoReturn, cast, final

import anyio

from healthkit import _settings, _validate
from healthkit._answering import Answering
from healthkit._calls import is_async
from healthkit._hold import Hold
from healthkit._life import Life
from healthkit._log import logger
from healthkit._model import Phase, Probe
from healthkit._registering import Registrar
from healthkit._streams import rule_of, send_raises
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from prometheus_client.registry import Collector
    from starlette.types import Scope

    from healthkit._desk import Desk
    from healthkit._gate import Gate
    from healthkit._metrics import MetricsDesk
    from healthkit._prestop import PreStopDesk
    from healthkit._registry import Registry
    from healthkit._settings import Settings
    from healthkit._traffic import Traffic
    from healthkit._workers import Workers

    #: The names of `paths`.
    Preset = Literal["kubernetes", "microprofile", "spring", "dockerflow"]

    #: The keys of `paths`.
    ProbeName = Probe | Literal["live", "ready", "startup", "health"]


@final
class Health(Registrar):
    """The health of one app: register its work here and hand it to `HealthMiddleware`.

    All seconds are floats from 0 to 86,400. Each setting can be overridden by the environment
    variable ``HEALTHKIT_<NAME>``, which wins over the code and is logged once.

    Args:
        drain_delay: seconds of serving on after a drain began, while endpoints and load balancers
            catch up. None is 5 in Kubernetes (``KUBERNETES_SERVICE_HOST`` is set), else 0.
        drain_timeout: seconds that work in flight may take after the delay; 15.
        grace_period: seconds the platform gives from the request to end until it kills: the pod's
            ``terminationGracePeriodSeconds``; 30. A drain that does not fit is warned about.
        readyz_while_draining: 503, or 200 where a terminating endpoint must stay in use (a single
            replica, ``externalTrafficPolicy: Local``).
        paths: ``"kubernetes"`` (``/livez``, ``/readyz``, ``/startupz``, ``/healthz``), another
            preset (``"microprofile"``, ``"spring"``, ``"dockerflow"``), or a mapping of ``live``,
            ``ready``, ``startup``, ``health`` to a path, or to None to switch one off. What the
            mapping leaves out stays as in the first.
        reject_while_starting: answer other requests 503 until started. Off, because test clients
            often open no lifespan.
        retry_after: whole seconds in ``Retry-After`` of a 503; 5.
        metrics_path: where the middleware serves Prometheus metrics, such as ``/metrics``. None is
            nowhere.
        state_dir: the absolute path of a directory that all workers of the pod share, such as an
            emptyDir: then the endpoints and metrics speak for the pod, whichever worker answers,
            and ``healthkit drain`` reaches all of them. It is made if only its last part is
            missing. Probes and requests touch no file. One that can't be used is said once, loudly;
            the worker speaks for itself then. None is one worker, and no files.
        workers: with how many workers the pod begins, 1 to 1,000: as many must be ready before it
            is. After that, one is enough. None is ``WEB_CONCURRENCY`` if that is set, else all that
            have joined. Only with `state_dir`.
        prestop_path: where a GET drains the whole pod, for a ``preStop.httpGet`` hook: the answer
            is held until it is drained. None is ``/prestop`` if there is a token. Without a token
            there is no such path.
        prestop_token: what the hook must send, as ``Authorization: Bearer <token>``: 16 to 200
            printable ASCII characters without spaces. Anybody else is answered 404. It is never
            logged. None is no drain over HTTP.
        metrics_registry: a registry whose metrics are served there too. None is healthkit's alone.
            It is only read: nothing is registered in it. It is collected on the event loop, as by
            prometheus_client's own ASGI app: a collector that blocks holds up everything.
        websocket_close_code: what a drain closes WebSockets with when its delay is over; 1012,
            "service restart". Any code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999.
        stream_jitter: seconds over which the ends of WebSockets and other long-lived streams are
            spread at random, so that not all clients connect again at once; 1. At most half of
            `drain_timeout` is used.
        long_lived: a plain function of the ASGI scope that says whether a request is for such a
            stream, which the drain ends: True, False (the app ends it by itself, by `draining`, and
            the drain waits for it as for a request), or None for the rule: WebSockets, and GET
            requests that accept ``text/event-stream``, as EventSource sends them. Called on the
            loop while a drain or somebody who counts looks, not for each request.
        show_reasons: a plain function of the ASGI scope that returns True for a client which may
            read in detailed answers why a check fails: exception texts, which can hold host names
            and passwords. None is nobody. Called on the loop, for ``?verbose`` and JSON only.

    Raises:
        ConfigError: a value is wrong, in the code or in the environment.

    Liveness has no checks: no parameter, hook or path lets one reach ``/livez``, for a failing
    dependency must not get containers killed. The class is final for the same reason.
    """

    def __init__(  # noqa: PLR0913  # the settings are this class's interface; all by keyword
        self,
        *,
        drain_delay: float | None = None,
        drain_timeout: float = 15.0,
        grace_period: float = 30.0,
        readyz_while_draining: Literal[503, 200] = 503,
        paths: Preset | Mapping[ProbeName, str | None] = "kubernetes",
        reject_while_starting: bool = False,
        retry_after: int = 5,
        metrics_path: str | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        websocket_close_code: int = 1012,
        stream_jitter: float = 1.0,
        prestop_path: str | None = None,
        prestop_token: str | None = None,
        metrics_registry: Collector | None = None,
        long_lived: Callable[[Scope], bool | None] | None = None,
        show_reasons: Callable[[Scope], bool] | None = None,
    ) -> None:
        super().__init__()
        self._settings = _settings.read(
            {
                "drain_delay": drain_delay,
                "drain_timeout": drain_timeout,
                "grace_period": grace_period,
                "readyz_while_draining": readyz_while_draining,
                "paths": paths,
                "reject_while_starting": reject_while_starting,
                "retry_after": retry_after,
                "metrics_path": metrics_path,
                "state_dir": state_dir,
                "workers": workers,
                "websocket_close_code": websocket_close_code,
                "stream_jitter": stream_jitter,
                "prestop_path": prestop_path,
                "prestop_token": prestop_token,
            },
            os.environ,
            rule_of(_of_scope("long_lived", long_lived, "True, False or None for the rule")),
        )
        self._notes = self._settings.notes
        self._metrics_registry = _validated_registry(metrics_registry)
        #: What the endpoints answer, for the doors.
        self.answering = Answering(
            self._settings,
            lambda: self.life,
            _of_scope("show_reasons", show_reasons, "True or False"),
        )
        self._waiters: set[anyio.Event] = set()
        self._lifespan_is_open = False
        self._workers = _workers_of(self._settings, self.answering)
        self._gate: Gate | None = None
        #: Whether the code has said that there is one.
        self._published = False
        if self._settings.readiness_gate:
            self._gate = self._gate_of(self._settings.readiness_gate)
        #: The present life, for the doors; see its module for what may be called from where.
        self.life: Life
        #: What is in flight through it: each request asks for it, and so has one step less to go.
        self.traffic: Traffic
        self._await_life()

    def __init_subclass__(cls) -> NoReturn:
        """Refuse subclasses: an override could give a check a way to liveness."""
        message = f"class {cls.__name__}(Health): expected no subclass; liveness must not depend on"
        raise ConfigError(f"{message} checks, use the public methods instead")

    def __repr__(self) -> str:
        return f"<Health {self.phase} in_flight={self.traffic.in_flight}>"

    # -- conditions -------------------------------------------------------------------------------

    def fail_liveness(self, reason: str) -> None:
        """Ask the kubelet for a restart: ``/livez`` is 503 for the rest of this life.

        For a process that is broken by itself. While it is ending anyway this changes nothing. Safe
        in any thread. The reason goes to the log only.

        Raises:
            ConfigError: called from a check, or from a task that one has started: what a check
                watches must not get containers killed. (A thread that a check starts by itself is
                not recognised: this guards against mistakes, not against intent.)
        """
        accepted = self.life.fail_liveness()
        line = "liveness failed: %s" if accepted else "liveness failed while ending, ignored: %s"
        said = _validate.one_line(str(reason))
        logger.error(line, said, extra={"reason": said})

    def pause(self, reason: str) -> None:
        """Take readiness off by hand until `resume`. Safe in any thread.

        The reason goes to the log only. It holds for the present life, or for the next one if none
        has begun; lives after that begin unpaused.
        """
        line = _validate.one_line(str(reason))
        if self._present_life().pause(line):
            logger.warning("paused: %s", line, extra={"reason": line})

    def resume(self) -> None:
        """Give readiness back after `pause`. Safe in any thread; harmless when not paused."""
        if self._present_life().pause(None):
            logger.info("resumed")

    # -- the drain --------------------------------------------------------------------------------

    def drain(self) -> None:
        """Begin the drain: unready at once, serving on. Safe in any thread; again is harmless.

        With `state_dir`, of all workers of the pod, and of those that join later.

        The SIGTERM that follows counts the time that has passed since. On the app's loop the answer
        has changed when this returns; from another thread it changes a moment later.
        """
        self.life.drain()

    async def draining(self) -> None:
        """Wait until a drain begins, for work that wants to end with it. On the app's loop."""
        await self._present_life().draining.wait()

    def hold(self, name: str) -> Hold:
        """Make a context manager for work that a drain waits for, up to ``drain_timeout``.

        ``async with health.hold("checkout job"):``, or ``with`` in a thread. What delays an exit is
        logged by this name.

        Raises:
            ConfigError: the name is empty or no text.
        """
        checked = _validate.text("hold name", name)
        return Hold(checked, lambda: self.traffic.take(f"hold {checked!r}"))

    # -- asking -----------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """The present life's phase. Safe in any thread."""
        return self.life.phase

    async def wait_for(self, phase: Phase | str, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # the kubelet's word; a test wants it on one line
        """Wait until the present life has reached `phase`, also if it has moved on since.

        For tests, on the app's loop: instead of sleeping, wait for ``"serving"``.

        Args:
            phase: a `Phase` or its value.
            timeout: seconds; 5.

        Raises:
            TimeoutError: it was not reached; the message says what it waits for.
            ConfigError: there is no such phase, or the timeout is wrong.
        """
        if phase not in list(Phase):
            raise _validate.refuse("phase", phase, f"one of {', '.join(Phase)}")
        awaited = Phase(phase)
        limit = _validate.seconds("wait_for timeout", timeout, zero=True)
        with anyio.move_on_after(limit):
            while not self._has_reached(awaited):
                await self._next_move()
            return
        line = self.answering.verdict(Probe.READY, self.life.report()).line
        idle = "" if self.life.begun else "; nothing has begun: open a lifespan or send a request"
        message = f"not {awaited} within {limit:g} s: {line}{idle}"
        raise TimeoutError(message)

    # -- for the doors ----------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The settings that a life would have that began here and now."""
        return _settings.placed(self._settings, os.environ)

    @property
    def registered(self) -> Registry:
        """What is registered so far for every life, as a copy."""
        return self._registry.copy()

    @property
    def paths(self) -> Mapping[str, Probe]:
        """Which path asks which probe."""
        return self._settings.paths

    @property
    def metrics_path(self) -> str | None:
        """Where the metrics are, if anywhere."""
        return self._settings.metrics_path

    @property
    def desks(self) -> Mapping[str, Desk]:
        """What answers at which path. Made anew each time: ask once."""
        desks: dict[str, Desk] = {
            path: self.answering.desks[probe] for path, probe in self.paths.items()
        }
        if self.metrics_path is not None:
            desks[self.metrics_path] = self._metrics_desk()
        return desks

    @property
    def prestop_desks(self) -> Mapping[str, PreStopDesk]:
        """What drains the pod at which path, if anything does. Made anew each time: ask once."""
        path, token = self._settings.prestop_path, self._settings.prestop_token
        if path is None or token is None:
            return {}
        from healthkit._prestop import PreStopDesk  # noqa: PLC0415  # only some apps pay for it

        return {path: PreStopDesk(token, self._settings, self._life_to_drain)}

    def publish(self, condition: str, account: Path | None) -> Gate | None:
        """Have the verdict of readiness published; return by what. None: the deployment says no.

        Raises:
            ConfigError: it is published already, or a life has begun.
        """
        said = self._settings.readiness_gate
        if self._published or self.life.begun:
            found = "has begun" if self.life.begun else "has a readiness gate already"
            expected = "one ReadinessGate per Health, made beside it before the app starts"
            raise ConfigError(f"ReadinessGate: the Health {found}: expected {expected}")
        self._published = True
        self._gate = None if said == "" else self._gate_of(said or condition, account)
        return self._gate

    def begin(self, scope: Scope) -> Life | None:
        """Begin a life for a lifespan; None if another lifespan's life is under way."""
        if self._lifespan_is_open and self.life.running:
            logger.warning("a second lifespan on one Health: passed through, nothing begins twice")
            return None
        self._lifespan_is_open = True
        return self._begin(scope, by_lifespan=True)

    def lifespan_closed(self) -> None:
        """Note that the server and the app have nothing more to say to each other."""
        self._lifespan_is_open = False

    def begin_without_lifespan(self, scope: Scope) -> None:
        """Begin a life at a request, unless there is one or the server is just ending it."""
        if self.life.running or (self._lifespan_is_open and self.life.is_here):
            return
        life = self._begin(scope, by_lifespan=False)
        life.exit.guard()
        life.app_started({})

    def _life_to_drain(self) -> Life:
        self.begin_without_lifespan({})
        return self.life

    def begin_without_server(self) -> Life:
        """Begin a life on the running loop, which is no server's, unless there is one already.

        What comes next, `Life.app_started` for instance, is for whoever has made the loop.
        """
        return self.life if self.life.running else self._begin({}, by_lifespan=False)

    def forked(self) -> None:
        """Be in a forked child, where nothing of what the parent has begun goes on."""
        self._lifespan_is_open = False
        self._waiters = set()
        self._workers = _workers_of(self._settings, self.answering)
        if self._gate is not None:
            self._gate.forked()
        self._await_life()
        self.answering.forget()

    def _metrics_desk(self) -> MetricsDesk:
        from healthkit._metrics import Metrics, MetricsDesk  # noqa: PLC0415  # see its docstring

        return MetricsDesk(Metrics(lambda: self.life, self.answering), self._metrics_registry)

    # -- inside -----------------------------------------------------------------------------------

    def _gate_of(self, condition: str, account: Path | None = None) -> Gate:
        """Make what publishes the verdict of readiness, and have it told of changes."""
        from healthkit._gate import Gate, GateSettings  # noqa: PLC0415  # only some apps pay for it

        settings = GateSettings(
            condition,
            by_environment=self._settings.readiness_gate is not None,
            state_dir=self._settings.state_dir,
            account=account,
        )
        gate = Gate(settings, lambda report: self.answering.verdict(Probe.READY, report))
        self.answering.news = gate.changed
        return gate

    def _present_life(self) -> Life:
        """Return the life that a condition is about: after the end of one, the next."""
        if self.phase is Phase.STOPPED and not self._lifespan_is_open:
            self._await_life()
        return self.life

    def _begin(self, scope: Scope, *, by_lifespan: bool) -> Life:
        if self.life.begun:
            self.life.abandon()
            self._await_life()
        notes, self._notes = self._notes, ()
        for level, line in notes:
            logger.log(level, line)
        registry, watches = self._registry.copy(), send_raises(scope)
        settings = _settings.placed(self._settings, os.environ)
        self.life.begin(
            registry, settings, by_lifespan=by_lifespan, watches=watches, published_by=self._gate
        )
        return self.life

    def _await_life(self) -> None:
        """Have a new life, which nothing has begun yet."""
        self.life = Life(
            self._settings,
            changed=self._changed,
            moved=self._wake_waiters,
            workers=self._workers,
        )
        self.traffic = self.life.traffic

    def _changed(self) -> None:
        """Forget the answers, and have the other workers told. Called in any thread."""
        self.answering.forget()
        if self._workers is not None:
            self._workers.changed()

    def _open_registry(self) -> Registry:
        """Return the registry of the app that is starting up, else the one for all lives."""
        if not self.life.running:
            return self._registry
        if self.life.open_registry is None:
            message = "registered after start-up: expected before the app's lifespan start-up is"
            message += (
                " complete, at import or inside the lifespan function; and one app per Health"
            )
            raise ConfigError(message)
        return self.life.open_registry

    def _has_reached(self, phase: Phase) -> bool:
        over = self.phase is Phase.STOPPED and phase is not Phase.STOPPED
        return phase in self.life.lifecycle.entered and not over

    async def _next_move(self) -> None:
        """Wait until a phase has changed."""
        moved = anyio.Event()
        self._waiters.add(moved)
        try:
            await moved.wait()
        finally:
            self._waiters.discard(moved)

    def _wake_waiters(self) -> None:
        for moved in self._waiters:
            moved.set()


def _workers_of(settings: Settings, answering: Answering) -> Workers | None:
    """Make this worker one of its pod's, if there is a state directory."""
    if settings.state_dir is None:
        return None
    if sys.platform != "linux":
        expected = f"None on {sys.platform}: several workers are for Linux, where pods are"
        raise _validate.refuse("state_dir", settings.state_dir, expected)
    from healthkit._clerk import Clerk  # noqa: PLC0415  # one worker alone does not pay for it
    from healthkit._state_dir import StateDir  # noqa: PLC0415  # as above
    from healthkit._workers import Workers  # noqa: PLC0415  # as above

    return Workers(settings, Clerk(StateDir(settings.state_dir)), answering)


def _of_scope(name: str, found: object, returns: str) -> Callable[[Scope], bool] | None:
    """Return the predicate of that name if it is one."""
    if found is None:
        return None
    expected = f"a plain function of the ASGI scope that returns {returns}, or None"
    if not callable(found) or is_async(found) or not _takes_one(found):
        raise _validate.refuse(name, found, expected)
    return cast("Callable[[Scope], bool]", found)


def _takes_one(function: Callable[..., object]) -> bool:
    """Whether it can be called with one argument, as far as its signature tells."""
    try:
        inspect.signature(function).bind({})
    except TypeError:
        return False
    except ValueError:  # some builtins have none
        return True
    return True


def _validated_registry(found: object) -> Collector | None:
    """Return `metrics_registry` if metrics can be collected from it."""
    if found is not None and not callable(getattr(found, "collect", None)):
        expected = "a prometheus_client.CollectorRegistry, or None"
        raise _validate.refuse("metrics_registry", found, expected)
    return cast("Collector | None", found)
