"""Whether healthkit is in a container, and what is known of its settings.

It is if a variable says one of its settings, if ``healthkit run`` starts the server, if a hook or a
probe is one of its commands, or if somebody has named its app. A variable ``HEALTHKIT_PORT`` says
nothing: a Service of that name makes Kubernetes set it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit._validate import duration
from healthkit.errors import ConfigError
from healthkit.lint._facts.hooks import commands
from healthkit.lint._facts.launch import launch
from healthkit.lint._facts.own import own_command
from healthkit.lint._facts.servers import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from healthkit.lint._facts.launch import Launch
    from healthkit.lint._workload import Container

_PREFIX: Final = "HEALTHKIT_"

#: The variable that says where the workers meet.
STATE_DIR: Final = f"{_PREFIX}STATE_DIR"

#: The settings that may be variables; `healthkit._settings` has the same.
SETTINGS: Final = frozenset(
    {"drain_delay", "drain_timeout", "grace_period", "readyz_while_draining", "paths"}
    | {"reject_while_starting", "retry_after", "metrics_path", "state_dir", "workers"}
    | {"websocket_close_code", "stream_jitter", "prestop_path", "prestop_token", "readiness_gate"}
)

#: What `healthkit.Health` takes in Kubernetes if nobody says it.
DRAIN_DELAY: Final = 5.0
DRAIN_TIMEOUT: Final = 15.0


@dataclass(frozen=True, slots=True)
class Said:
    """A number of seconds, and whether somebody has said it: else it is a default."""

    seconds: float
    is_said: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What is known of the healthkit in a container."""

    drain_delay: Said
    drain_timeout: Said
    #: None: nobody has said.
    state_dir: str | None
    #: Whether ``healthkit run`` gives the workers a directory if nobody names one.
    has_private_dir: bool


def inside(container: Container) -> Inside | None:
    """Return what is known of the healthkit in a container; None if it seems not to be there."""
    started = launch(container.words, container.env)
    app = container.workload.manifests.app_of(container)
    if not (app or started.run_options is not None or _speaks(container)):
        return None
    by_app = app.drain_delay if app else None
    if started.run_options is not None:
        by_app = by_app or None  # of 0 `healthkit run` makes its own default
    option = values(started.run_options or (), "--drain-delay")
    delays = [*option[-1:], _env(container, "drain_delay")]
    timeouts = [_env(container, "drain_timeout")]
    return Inside(
        drain_delay=_said(delays, by_app, DRAIN_DELAY),
        drain_timeout=_said(timeouts, app.drain_timeout if app else None, DRAIN_TIMEOUT),
        state_dir=_state_dir(container, started),
        has_private_dir=started.run_options is not None,
    )


def _speaks(container: Container) -> bool:
    """Whether a variable, a hook or a probe is healthkit's."""
    names = {_PREFIX + name.upper() for name in SETTINGS}
    is_run = any(own_command(words) is not None for words in _run_in(container))
    return is_run or bool(names & container.variables)


def _run_in(container: Container) -> Iterator[tuple[str, ...]]:
    yield commands(container.pre_stop)
    for probe in container.probes.values():
        yield probe.command


def _env(container: Container, setting: str) -> str | None:
    return container.env.get(_PREFIX + setting.upper())


def _said(texts: Sequence[str | None], by_app: float | None, default: float) -> Said:
    """Return the first that is a number; else what the app says, else the default."""
    for text in texts:
        try:
            if text is not None:
                return Said(duration("seconds", text))
        except ConfigError:
            continue
    return Said(default, is_said=False) if by_app is None else Said(by_app)


def _state_dir(container: Container, started: Launch) -> str | None:
    """Return where the workers meet: an empty variable is none, and wins."""
    option = values(started.run_options or (), "--state-dir")
    if option:
        return option[-1]
    found = _env(container, "state_dir")
    app = container.workload.manifests.app_of(container)
    by_app = app.state_dir if app else None
    return found or None if found is not None else by_app
