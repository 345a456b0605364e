"""What a manifest is to be written for, and what of it can't be.

The surprising fact: what nobody has said is None here where the command line of the server may say
it, and `settled` fills it in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from healthkit import _validate
from healthkit.errors import ConfigError
from healthkit.lint._facts.servers import Server, server
from healthkit.lint._options import MEASURED, written
from healthkit.lint._rules.prestops import SLEEPS
from healthkit.manifests import _names
from healthkit.manifests._app import AppSettings
from healthkit.render import _server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.lint._options import Version
    from healthkit.manifests._app import Endpoint

#: What runs before SIGTERM: ``healthkit drain``, the kubelet's own ``sleep``, or nothing.
PreStop = Literal["exec", "sleep", "none"]

#: Seconds. A start or a drain that takes longer is a slip of the unit, or no web app.
LONGEST: Final = 3600.0

#: Where the workers' records are, unless the app says otherwise.
STATE_DIR: Final = "/run/healthkit"
#: The other directory that may be written to.
TMP: Final = "/tmp"  # noqa: S108  # a path in the container

PORT: Final = 8000

#: Seconds that the app serves on when the kubelet has slept already. Not 0: kept connections would
#: be closed without a word, and what their clients send just then is lost.
AFTER_SLEEP: Final = 1.0

#: More pods, or more workers, are a slip.
_MOST_REPLICAS: Final = 10_000
_MOST_WORKERS: Final = 1_000

#: A server of which nothing is known.
_UNKNOWN: Final = Server(name="")

#: The servers that start WEB_CONCURRENCY workers if their command says nothing of them
#: (uvicorn 0.54 docs/settings.md, "--workers"; gunicorn 27 docs, "workers"); and those that nobody
#: knows, which may.
_ASK_WEB_CONCURRENCY: Final = frozenset({"uvicorn", "gunicorn", _UNKNOWN.name})

#: The characters of an image's reference (distribution/reference, reference.go: the grammar there).
_IMAGE: Final = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants a manifest for. All times are seconds."""

    #: Of all objects, and of the container. A Service's name begins with a letter.
    name: str = "app"
    #: None: ``<name>:1.0.0``.
    image: str | None = None
    #: Of the server; empty: the image's own.
    command: tuple[str, ...] = ()
    #: None: the command's, or 8000.
    port: int | None = None
    replicas: int = 3
    #: How many processes the server starts; None: as its command says, or one.
    workers: int | None = None
    #: The oldest Kubernetes that it is for.
    kube_version: Version = MEASURED
    pre_stop: PreStop = "exec"
    #: From the container's start until the port is open.
    boot: float = 30.0
    #: Work that the startup endpoint waits for, from then on.
    startup: float = 0.0
    #: Work that readiness waits for, from then on.
    warm_up: float = 0.0
    #: How long the pod serves on after its deletion.
    drain_delay: float = 5.0
    #: How long what is in flight may take after that.
    longest_request: float = 15.0
    #: Where the endpoints are; one that is switched off is not here.
    paths: Mapping[Endpoint, str] = field(default_factory=lambda: AppSettings("").paths)
    state_dir: str = STATE_DIR
    #: Whose settings these are, for comments: ``main:health``; None: nobody's.
    app: str | None = None

    @property
    def app_delay(self) -> float:
        """How long the app itself serves on."""
        return AFTER_SLEEP if self.pre_stop == "sleep" else self.drain_delay


def of_app(app: AppSettings) -> Wanted:
    """Return what an app's own settings want."""
    return Wanted(
        app=app.name,
        port=app.port,
        workers=app.workers,
        startup=app.startup or 0.0,
        warm_up=app.warm_up or 0.0,
        drain_delay=app.drain_delay,
        longest_request=app.drain_timeout,
        paths=app.paths,
        state_dir=app.state_dir or STATE_DIR,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is wanted, checked, with nothing left open."""

    wanted: Wanted
    image: str
    port: int
    workers: int
    #: What the command starts, as far as it is known.
    server: Server
    #: Seconds from the end of the drain to the exit, by the server's own limit too.
    reserve: float
    startup_path: str
    live_path: str
    ready_path: str

    @property
    def has_state_dir(self) -> bool:
        """Whether the workers need a directory: to be told of the drain, or of each other."""
        return self.wanted.pre_stop == "exec" or self.workers > 1

    @property
    def shows_startup(self) -> bool:
        """Whether the app has an endpoint for the startup probe; else liveness is asked."""
        return self.startup_path != self.live_path


def settled(wanted: Wanted) -> Settled:
    """Check what is wanted, and fill in what is open.

    Raises:
        ConfigError: it can't be.
    """
    _check_words(wanted)
    _check_times(wanted)
    _check_sleep(wanted)
    started = server(wanted.command, {}) or _UNKNOWN
    _server.check(wanted, started)
    live, ready = (_path(wanted, endpoint) for endpoint in ("live", "ready"))
    return Settled(
        wanted=wanted,
        image=_image(wanted),
        port=_agreed("port", wanted.port, started.port, PORT),
        workers=_workers(wanted, started),
        server=started,
        reserve=_server.reserve(wanted, started),
        startup_path=wanted.paths.get("startup", live),
        live_path=live,
        ready_path=ready,
    )


def _check_words(wanted: Wanted) -> None:
    problem = _names.dns_1035_label(wanted.name)
    if problem is not None:
        raise _validate.refuse("name", wanted.name, f"the name of a Service: {problem}")
    _validate.whole("replicas", wanted.replicas, least=1, most=_MOST_REPLICAS)
    if wanted.pre_stop not in get_args(PreStop):
        raise _validate.refuse("pre-stop", wanted.pre_stop, "exec, sleep or none")
    for word in wanted.command:
        if any("\ud800" <= char <= "\udfff" or char == "\0" for char in word):
            raise _validate.refuse("command", word, "words that are UTF-8, without a NUL")
    directory = wanted.state_dir
    if directory in {"/", TMP} or ":" in directory or not directory.startswith("/"):
        expected = f"an absolute path of its own without ':', as in {STATE_DIR}"
        raise _validate.refuse("state_dir", directory, expected)


def _check_times(wanted: Wanted) -> None:
    _seconds("boot", wanted.boot, zero=False, hint="a container's start, in which it boots")
    _seconds("startup", wanted.startup, hint="the timeouts of start-up work, together")
    _seconds("warm-up", wanted.warm_up, hint="the deadline of a warm-up")
    _seconds("drain", wanted.drain_delay, hint="what endpoints and load balancers need")
    _seconds("longest-request", wanted.longest_request, hint="a request, not a job")


def _seconds(what: str, value: float, *, hint: str, zero: bool = True) -> None:
    try:
        fits = _validate.seconds(what, value, zero=zero) <= LONGEST
    except ConfigError:
        fits = False
    if not fits:
        least = "from" if zero else "above"
        raise _validate.refuse(what, value, f"seconds {least} 0 to {LONGEST:.0f}: {hint}")


def _check_sleep(wanted: Wanted) -> None:
    if wanted.pre_stop != "sleep":
        return
    if wanted.kube_version < SLEEPS:
        raise ConfigError(
            f"found pre-stop=sleep for Kubernetes {written(wanted.kube_version)}, which has no "
            f"sleep action: expected {written(SLEEPS)} or later, or pre-stop=exec"
        )
    if not wanted.drain_delay:
        raise ConfigError(
            "found pre-stop=sleep and drain=0: expected seconds to sleep for, or pre-stop=none"
        )


def _image(wanted: Wanted) -> str:
    image = f"{wanted.name}:1.0.0" if wanted.image is None else wanted.image
    if _IMAGE.fullmatch(image) is None:
        raise _validate.refuse("image", image, "an image, as in registry.example/shop:1.0.0")
    return image


def _path(wanted: Wanted, endpoint: Endpoint) -> str:
    path = wanted.paths.get(endpoint)
    if path is None:
        raise ConfigError(
            f"found no {endpoint} endpoint in the paths of {_validate.shown(wanted.app)}: "
            f"expected one for its probe; give {endpoint} a path"
        )
    return path


def _agreed(what: str, said: int | None, by_command: int | None, otherwise: int) -> int:
    """Return a number that two places may say.

    Raises:
        ConfigError: they don't agree, or it is none.
    """
    if said is not None and by_command is not None and said != by_command:
        raise ConfigError(
            f"found {what}={said} and {by_command} in the command: expected one number; "
            "change one of them"
        )
    number = next((one for one in (said, by_command) if one is not None), otherwise)
    most = 65_535 if what == "port" else _MOST_WORKERS
    return _validate.whole(what, number, least=1, most=most)


def _workers(wanted: Wanted, started: Server) -> int:
    """Return how many workers there are.

    Raises:
        ConfigError: the server would start another number.
    """
    workers = _agreed("workers", wanted.workers, started.workers, 1)
    if workers > 1 and started.workers is None and started.name not in _ASK_WEB_CONCURRENCY:
        raise ConfigError(
            f"found workers={workers} and a command of {started.name} that does not say so: "
            f"expected the number in it too, as in --workers {workers}"
        )
    return workers


def with_given(wanted: Wanted, given: Mapping[str, object]) -> Wanted:
    """Return what is wanted, but for what was given: that wins."""
    return replace(wanted, **given)  # type: ignore[arg-type]  # whoever gives it has checked it
