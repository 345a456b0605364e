"""``healthkit simulate``: the life of one pod, played in virtual time and told.

It reads the manifest, plays the pod on the simulator of `healthkit.testing` and shows what
happened. No cluster, no container and no network is needed, and no real time passes but what the
app itself computes. What the app prints goes to stderr.

The JSON is one object, whose members are always there::

    pod                  its name
    ready_after_seconds  from the beginning to its first readiness, or null
    restarts             of its container
    requests             how many clients of the Service have sent to it
    lost_requests        those without a whole answer
    failed_requests      those that were answered with 500 or more
    ok                   whether it became ready, nothing was lost and nothing restarted
    events               what was seen: t (seconds), event (its name), and its details
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit import _arguments, _simulate_options
from healthkit._arguments import USAGE
from healthkit._importing import said
from healthkit._simulate_play import play
from healthkit._validate import shown
from healthkit.errors import ConfigError, HealthkitError
from healthkit.testing._picture import svg
from healthkit.testing._spans import Story
from healthkit.testing._words import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.testing._played import Pod

#: What the command exits with when the pod did not live well.
_BAD: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Play a pod's life, tell it on stdout, and return the exit code. Never a traceback.

    Args:
        arguments: what follows ``healthkit simulate``.
    """
    try:
        options = _simulate_options.read(arguments)
        if options is None:
            _arguments.write(sys.stdout, _simulate_options.HELP)
            return 0
        pod = play(options)
        show = as_json if options.json else as_text
        _arguments.write(sys.stdout, show(pod))
        if options.svg is not None:
            _draw(pod, options.svg)
    except HealthkitError as exc:
        _arguments.write(sys.stderr, f"healthkit simulate: {exc}\n")
        return USAGE
    return 0 if lived_well(pod) else _BAD


def _draw(pod: Pod, path: str) -> None:
    picture = svg([Story(pod.name, pod.events, pod.in_flight_samples, pod.spec)])
    try:
        Path(path).write_text(picture, encoding="utf-8")
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or said(exc)
        raise ConfigError(f"--svg={shown(path)}: {why}; expected a file to write") from exc


# -- what is shown ---------------------------------------------------------------------------------


def lived_well(pod: Pod) -> bool:
    """Say whether it became ready, nothing was lost, and no container had to start again."""
    return ready_after(pod) is not None and not pod.lost_requests and not pod.restarts


def ready_after(pod: Pod) -> float | None:
    """Return the seconds from the beginning to the first readiness; None if it never came."""
    ready = pod.timeline.named("ready", value=True)
    return round(ready[0].at, 3) if ready else None


def as_text(pod: Pod) -> str:
    """Tell the pod's life, and sum it up."""
    after = ready_after(pod)
    sums = {
        "ready after": "never" if after is None else f"{moment(after)} s",
        "restarts": f"{pod.restarts:,}",
        "requests": f"{pod.requests:,}",
        "lost": f"{pod.lost_requests:,}",
        "answered 5xx": f"{pod.failed_requests:,}",
    }
    lines = [f"{name:<12}  {value}" for name, value in sums.items()]
    return "\n".join([str(pod.timeline), "", *lines, ""])


def as_json(pod: Pod) -> str:
    """Write everything, in the shape that this module's docstring describes."""
    shape = {
        "pod": pod.name,
        "ready_after_seconds": ready_after(pod),
        "restarts": pod.restarts,
        "requests": pod.requests,
        "lost_requests": pod.lost_requests,
        "failed_requests": pod.failed_requests,
        "ok": lived_well(pod),
        "events": pod.timeline.to_dicts(),
    }
    return f"{json.dumps(shape, indent=2, default=str)}\n"
