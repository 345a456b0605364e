"""The servers whose endings are counted: how each is started, and what it needs for its own end.

The allowances are the server's own, measured without healthkit: what it takes to hear of SIGTERM,
and to end when nothing is in flight. SERVERS is the table; a server that is not in it is not known
to lose nothing.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Stands for a port that nobody has, in a command line: granian does not say which one it has.
PORT: Final = "{port}"


class Gate(StrEnum):
    """Whether healthkit can stand before the server's SIGTERM inside the process."""

    #: It does.
    HERE = "here"
    #: The signal never reaches the worker: `healthkit run` comes before.
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Seconds that a server takes by itself, and why."""

    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Server:
    """How one server is started, and how it ends."""

    name: str
    #: The module and its arguments; ``{loop}``, ``{workers}`` and ``{port}`` are filled in.
    command: str
    #: What fills in for each event loop. WSGI servers have one, called "threads" or the like.
    loops: Mapping[str, str]
    workers: Sequence[int] = (1, 2)
    gate: Gate = Gate.HERE
    #: Where it hands a request to the app only when all of it is there, why that is a loss.
    buffers: str = ""
    wsgi: bool = False
    #: Whether a worker serves several requests at once; None else but the small ones are sent.
    concurrent: bool = True
    keeps_alive: bool = True
    #: Its exit code after SIGTERM by the number of workers, where it is not 0.
    exit_codes: Mapping[int, int]
    #: From SIGTERM to the last worker that knows of it, with several workers.
    hears: Allowance = Allowance()
    #: From the end of the last request to that of the process, beside the second that all have.
    ends: Allowance = Allowance()
    #: Where its ways were discussed.
    upstream: str = ""

    def line(self, loop: str, workers: int, port: str) -> list[str]:
        """Return the module and its arguments, without the app."""
        words = {"loop": self.loops[loop], "workers": str(workers), "port": port}
        return [word.format_map(words) for word in self.command.split()]

    def exit_code(self, workers: int, *, run: bool) -> int:
        """Return the code it ends with, or that of `healthkit run`, which is a shell's."""
        code = self.exit_codes.get(workers, 0)
        return 128 - code if run and code < 0 else code


_BOTH: Final = {"asyncio": "asyncio", "uvloop": "uvloop"}
_ALL: Final = {**_BOTH, "trio": "trio"}

#: Five seconds of keep-alive, as others have. By default it is two, which a client on a very busy
#: machine may need for a pause, and what it sends at the instant of the timeout is lost.
_GUNICORN: Final = (
    "gunicorn --bind 127.0.0.1:0 --no-control-socket --graceful-timeout 10 --keep-alive 5"
)
_MASTER: Final = "gunicorn's master looks after its workers once a second (arbiter.py, sleep)"
#: The worker looks for the signal once a second, then waits for half a second (gasgi.py, run).
_GASGI: Final = Allowance(2.5, f"its worker wakes once a second, waits 0.5 s more; {_MASTER}")
_UVICORN_TICK: Final = "uvicorn's master looks for signals twice a second (supervisors, run)"

_HYPERCORN: Final = "hypercorn --bind 127.0.0.1:0 --graceful-timeout 5 --worker-class {loop}"
#: The signal is the master's: its workers poll an event that it sets.
_ONLY_MASTER: Final = "hypercorn/run.py, run: only the master hears of a signal"

UVICORN: Final = Server(
    name="uvicorn",
    command="uvicorn --host 127.0.0.1 --port 0 --no-access-log --loop {loop} --workers {workers} "
    "--timeout-graceful-shutdown 5",
    loops=_BOTH,
    exit_codes={1: -signal.SIGTERM},  # it raises it again when it is done
    hears=Allowance(0.5, _UVICORN_TICK),
    ends=Allowance(0.5, _UVICORN_TICK),
    upstream="Kludex/uvicorn#2414",
)

SERVERS: Final = (
    UVICORN,
    Server(
        name="gunicorn asgi",
        command=f"{_GUNICORN} --worker-class asgi --asgi-loop {{loop}} --workers {{workers}}",
        loops=_BOTH,
        exit_codes={},
        hears=Allowance(0.2, "the master passes the signal on"),
        ends=_GASGI,
        upstream="benoitc/gunicorn#3397",
    ),
    Server(
        name="gunicorn UvicornWorker",
        command=f"{_GUNICORN} --worker-class uvicorn_worker.{{loop}} --workers {{workers}}",
        # The class is what chooses the loop; UvicornWorker takes uvloop where it is installed.
        loops={"asyncio": "UvicornH11Worker", "uvloop": "UvicornWorker"},
        exit_codes={},
        hears=Allowance(0.2, "the master passes the signal on"),
        ends=Allowance(1.0, _MASTER),
        upstream="Kludex/uvicorn#2010",
    ),
    Server(
        name="hypercorn -w 0",
        command=f"{_HYPERCORN} --workers 0",
        loops=_ALL,
        workers=(1,),
        exit_codes={},
        ends=Allowance(0.2, "the loop is closed in order"),
        upstream="pgjones/hypercorn#374",
    ),
    Server(
        name="hypercorn -w 1",
        command=f"{_HYPERCORN} --workers 1",
        loops=_ALL,
        workers=(1,),
        gate=Gate.NEVER,
        exit_codes={},
        ends=Allowance(0.5, "the worker polls an event ten times a second"),
        upstream=_ONLY_MASTER,
    ),
    Server(
        name="hypercorn -w 2",
        command=f"{_HYPERCORN} --workers 2",
        loops=_ALL,
        workers=(2,),
        gate=Gate.NEVER,
        exit_codes={},
        ends=Allowance(0.5, "the worker polls an event ten times a second"),
        upstream=_ONLY_MASTER,
    ),
    Server(
        name="granian",
        command=f"granian --interface asgi --host 127.0.0.1 --port {PORT} --loop {{loop}} "
        "--workers {workers} --workers-kill-timeout 30",
        loops=_BOTH,
        exit_codes={},
        hears=Allowance(0.2, "the master passes the signal on"),
        ends=Allowance(0.5, "the master joins its workers one after the other"),
        upstream="emmett-framework/granian#568",
    ),
    Server(
        name="daphne",
        command="daphne --bind 127.0.0.1 --port 0",
        loops={"asyncio": ""},
        workers=(1,),
        buffers="the app hears of an upload when all of it is there (daphne/http_protocol.py)",
        exit_codes={},
        ends=Allowance(0.3, "twisted takes its reactor down in order"),
        upstream="django/daphne#264",
    ),
)

_WSGI: Final = f"{_GUNICORN} --config python:tests.integration.endings_gunicorn"

WSGI_SERVERS: Final = (
    Server(
        name="gunicorn sync",
        command=f"{_WSGI} --worker-class {{loop}} --workers {{workers}}",
        loops={"sync": "sync"},
        wsgi=True,
        concurrent=False,
        keeps_alive=False,
        exit_codes={},
        hears=Allowance(1.0, "a busy worker answers no probe"),
        ends=Allowance(1.0, _MASTER),
        upstream="benoitc/gunicorn#1236",
    ),
    Server(
        name="gunicorn gthread",
        command=f"{_WSGI} --worker-class {{loop}} --threads 16 --workers {{workers}}",
        loops={"threads": "gthread"},
        wsgi=True,
        exit_codes={},
        hears=Allowance(0.2, "the master passes the signal on"),
        ends=Allowance(2.0, f"its worker wakes once a second; {_MASTER}"),
        upstream="benoitc/gunicorn#1236",
    ),
    Server(
        name="gunicorn gevent",
        command=f"{_WSGI} --worker-class {{loop}} --workers {{workers}}",
        loops={"gevent": "gevent"},
        wsgi=True,
        exit_codes={},
        hears=Allowance(0.2, "the master passes the signal on"),
        ends=Allowance(2.0, f"its worker wakes once a second; {_MASTER}"),
        upstream="benoitc/gunicorn#1236",
    ),
)
