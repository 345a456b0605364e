"""A described app: when it listens, what it answers, how it ends. No code of anybody's runs.

It is what a recording of a cluster says of an app, and what stands in for many pods at once. What
it answers can be changed while it is played, by `answer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from healthkit import _validate
from healthkit.testing._clock import length
from healthkit.testing._process import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._process import Process, Request

#: What a container runtime reports of a process that SIGKILL has ended: 128 + 9.
KILLED: Final = 137


#: The fields of a `Life` that are seconds, some of them or None.
_SECONDS: Final = (
    "listens_at",
    "exits_after_sigterm",
    "closes_after_sigterm",
    "handles_sigterm_at",
    "exits_at",
    "timeout_overhead",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a path is answered with."""

    status: int = 200
    #: Seconds from the request to the answer.
    delay: float = 0.0
    #: How the exchange breaks, if it does: ``slow body`` never ends, ``short body`` ends too early.
    broken: Literal["eof", "reset", "slow body", "short body"] | None = None
    #: With lower-case names.
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"ok"

    def __post_init__(self) -> None:
        _validate.whole("status", self.status, least=100, most=599)
        length("delay", self.delay)


@dataclass(frozen=True, slots=True)
class Says:
    """What a path is answered with from a moment on, in seconds from the process's start."""

    #: With its query, or without: then whatever that is.
    path: str
    reply: Reply
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What comes of a command in the container."""

    #: Seconds.
    takes: float = 0.0
    exit_code: int = 0
    output: str = ""

    def __post_init__(self) -> None:
        length("takes", self.takes)


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a process, from its start to its exit. All seconds count from its start."""

    #: When the port opens. Before that a connection is refused.
    listens_at: float = 2.0
    #: In any order; what began last counts. Other paths are answered 200.
    says: tuple[Says, ...] = ()
    #: What is said from SIGTERM on, in seconds from it, if SIGTERM is heeded. Counts before `says`.
    says_draining: tuple[Says, ...] = ()
    #: Seconds from SIGTERM to the exit, with code 0. None: it ignores SIGTERM.
    exits_after_sigterm: float | None = 0.1
    #: Seconds from SIGTERM to the closing of the port.
    closes_after_sigterm: float = 0.1
    #: When SIGTERM begins to have an effect: process 1 ignores it until there is a handler. None:
    #: when it listens.
    handles_sigterm_at: float | None = None
    #: When it ends by itself, if it does, and its exit code then; SIGTERM may end it earlier only.
    exits_at: float | None = None
    exit_code: int = 0
    #: By command. Any other ends at once, with 0.
    runs: Mapping[tuple[str, ...], Ran] = field(default_factory=dict[tuple[str, ...], Ran])
    #: The ports that open; None: whatever port is asked for.
    ports: frozenset[int] | None = None
    #: Seconds that a request which times out takes more than its timeout.
    timeout_overhead: float = 0.0

    def __post_init__(self) -> None:
        for name in _SECONDS:
            moment: float | None = getattr(self, name)
            if moment is not None:
                length(name, moment, endless=name == "listens_at")


class Described:
    """An app that is described: one life for each start of the container, the last one repeated."""

    def __init__(self, *lives: Life) -> None:
        """Describe it; without any life it is one that listens after 2 s and answers 200."""
        self._lives = lives or (Life(),)
        self._starts = 0
        self._now: dict[str, Reply] = {}

    def __repr__(self) -> str:
        return f"<Described, started {self._starts} times>"

    def answer(self, path: str, reply: Reply | int | None) -> None:
        """Answer a path so from now on, in all its processes; None: as its life says.

        Args:
            path: without a query.
            reply: a whole reply, or a status.
        """
        if reply is None:
            self._now.pop(path, None)
        else:
            self._now[path] = Reply(reply) if isinstance(reply, int) else reply

    def twin(self) -> Described:
        """Return one for another pod: its lives begin anew, and `answer` holds for both."""
        twin = Described(*self._lives)
        twin._now = self._now
        return twin

    def start(self, clock: Clock, exited: Callable[[int], object]) -> Process:
        """Start one more process of it."""
        life = self._lives[min(self._starts, len(self._lives) - 1)]
        self._starts += 1
        return _DescribedProcess(life, self._now, clock, exited)


class _DescribedProcess:
    """A process that does what its life says."""

    def __init__(
        self,
        life: Life,
        now: Mapping[str, Reply],
        clock: Clock,
        exited: Callable[[int], object],
    ) -> None:
        self._life = life
        #: What is said from outside.
        self._now = now
        self._clock = clock
        self._exited = exited
        self._began = clock.now()
        self._says = sorted(life.says, key=lambda says: says.since)
        self._closes_at: float | None = None
        self._says_draining: list[Says] = []
        self._told_at = 0.0
        self._over = False
        self._ending = False
        #: What is under way: its timer, and who is told when the process dies.
        self._pending: dict[int, tuple[Timer, Callable[[], object]]] = {}
        self._count = 0
        self._exit: Timer | None = None
        if life.exits_at is not None:
            self._exit = clock.call_at(
                self._began + life.exits_at, partial(self._end, life.exit_code)
            )

    def __repr__(self) -> str:
        return f"<described process, {'over' if self._over else 'running'}>"

    def request(
        self, request: Request, timeout: float | None, answered: Callable[[Answer], object]
    ) -> None:
        """Answer as the life says."""
        if not self.listens(request.port):
            answered(Answer(error="refused"))
            return
        reply = self._reply(request.path)
        if reply is _FINE:
            answered(_FINE_ANSWER)
            return
        after, answer = _outcome(reply, timeout, self._life.timeout_overhead)
        if after == 0:
            answered(answer)
        else:
            cut_off = partial(answered, Answer(error="reset"))
            self._pend(after, partial(answered, answer), cut_off)

    def execute(self, command: tuple[str, ...], answered: Callable[[int, str], object]) -> None:
        """Run a command as the life says."""
        ran = self._life.runs.get(command, Ran())
        killed = partial(answered, KILLED, "")
        if self._over:
            killed()
        else:
            self._pend(ran.takes, partial(answered, ran.exit_code, ran.output), killed)

    def listens(self, port: int) -> bool:
        """Whether the port is open."""
        now = self._clock.now()
        if self._over or now < self._began + self._life.listens_at:
            return False
        if self._closes_at is not None and now >= self._closes_at:
            return False
        return self._life.ports is None or port in self._life.ports

    def sigterm(self) -> None:
        """End when the life says; process 1 without a handler ignores it."""
        now, life = self._clock.now(), self._life
        handles = life.listens_at if life.handles_sigterm_at is None else life.handles_sigterm_at
        if self._ending or life.exits_after_sigterm is None or now < self._began + handles:
            return
        self._ending = True
        self._told_at = now
        self._says_draining = sorted(life.says_draining, key=lambda says: says.since)
        self._closes_at = now + life.closes_after_sigterm
        ends = now + life.exits_after_sigterm
        if life.exits_at is not None and self._began + life.exits_at <= ends:
            return  # it ends by itself before that
        if self._exit is not None:
            self._exit.cancel()
        self._exit = self._clock.call_at(ends, partial(self._end, 0))

    def sigkill(self) -> None:
        """End now."""
        self._end(KILLED)

    def _end(self, code: int) -> None:
        if self._over:
            return
        self._over = True
        if self._exit is not None:
            self._exit.cancel()
        pending, self._pending = self._pending, {}
        for timer, cut_off in pending.values():
            timer.cancel()
            cut_off()
        self._exited(code)

    def _reply(self, path: str) -> Reply:
        bare = path.partition("?")[0]
        if bare in self._now:
            return self._now[bare]
        now, paths = self._clock.now(), {path, bare}
        says = _said(self._says, paths, now - self._began) or _FINE
        return _said(self._says_draining, paths, now - self._told_at) or says

    def _pend(self, after: float, due: Callable[[], object], cut_off: Callable[[], object]) -> None:
        """Have `due` called later, or `cut_off` when the process dies before that."""
        self._count += 1
        number = self._count

        def happen() -> None:
            del self._pending[number]
            due()

        self._pending[number] = (self._clock.call_at(self._clock.now() + after, happen), cut_off)


#: What is answered where nothing is said.
_FINE: Final = Reply()
_FINE_ANSWER: Final = Answer(200, body=b"ok")

#: Seconds: longer than anything is played.
_NEVER: Final = 1e9


def _said(script: Iterable[Says], paths: set[str], now: float) -> Reply | None:
    """Return what a script has last begun to say of a path; None: nothing."""
    found = None
    for says in script:
        if says.path in paths and says.since <= now:
            found = says.reply
    return found


def _outcome(reply: Reply, timeout: float | None, overhead: float) -> tuple[float, Answer]:
    """Return after how many seconds what comes back."""
    given_up = _NEVER if timeout is None else timeout + overhead
    if reply.delay > (_NEVER if timeout is None else timeout):
        return given_up, Answer(error="timeout")
    if reply.broken == "slow body":
        return given_up, Answer(reply.status, "slow body", reply.headers)
    if reply.broken in {"eof", "reset"}:
        return reply.delay, Answer(error=reply.broken)
    return reply.delay, Answer(reply.status, reply.broken, reply.headers, reply.body)
