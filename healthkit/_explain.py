"""``healthkit explain``: what a manifest's numbers will do to its pods, in words and numbers.

It reads the manifest as strictly as the API server does, and tells of one workload after the other.
No cluster is needed, and nothing is played: what depends on the app itself, `healthkit simulate`
plays.

The JSON is one object with the member ``workloads``, a list. Times are seconds; what nobody can
tell, or what never happens, is null. Each workload has::

    kind, name, namespace, source, replicas
    qos               class and why
    init_containers   the names of those that end before the others begin
    rollout           max_surge, max_unavailable, progress_deadline, needed (what a pod may need by
                      its probes, without its image), in_time, never_available; null for a Pod
                      and a Job
    containers        those that go on to run, sidecars last; each has:
      name, sidecar, restarts (after a kill), never_ready (a probe's port isn't there)
      probes          by their kinds: asks, lost (its port isn't there), initial_delay, period,
                      timeout, success_threshold, failure_threshold
      start           decided_by (startup or liveness), first_probe, guaranteed_boot,
                      documented_boot
                      (delay + failureThreshold x periodSeconds, which is too much), latest_kill,
                      latest_kill_hanging; null if no probe limits it
      running         kill, leaves_endpoints (of an app that answers 503),
                      leaves_endpoints_hanging, returns, kill_may_be_first
      endings         by deletion, liveness, startup: why, grace, hook (does, takes: null if
                      nobody can tell, and if it never ends), hook_fits (null if nobody can
                      tell; false if it takes too long at least), left_for_sigterm,
                      waits_for_others, and moments: at, what, latest (it may come sooner);
                      what is begin, prestop, last_connection, sigterm or sigkill

A stretch of time, such as ``kill``, is an object with earliest and latest.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit import _arguments, explain, manifests
from healthkit._arguments import USAGE
from healthkit._validate import refuse, shown
from healthkit.errors import ConfigError, HealthkitError
from healthkit.manifests._source import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.explain import Explanation
    from healthkit.manifests import Workload

HELP: Final = """\
usage: healthkit explain MANIFEST|- [options]

Tell what a manifest's numbers will do to its pods: for each container how long its start may take,
how soon a hung app is killed or gets no more requests, and how a deletion goes on, second by
second. Exits 0, or 2 if the API server would refuse the manifest. - is the standard input.

  --workload NAME     of which one, if the manifest has several; the default is all of them
  --container NAME    of which of its containers; the default is all of them
  --format FORMAT     text, the default, or json
  --svg FILE          draw the start and the end of each container
"""

_OPTIONS: Final = _arguments.Options(
    {"--workload": "NAME", "--container": "NAME", "--format": "text|json", "--svg": "FILE"},
    operand="MANIFEST",
)

_FORMATS: Final = ("text", "json")

#: What the standard input is called.
_STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be told, and how."""

    manifest: str
    workload: str | None = None
    container: str | None = None
    format: str = "text"
    svg: str | None = None


def main(arguments: Sequence[str]) -> int:
    """Tell of a manifest on stdout, and return the exit code. Never a traceback.

    Args:
        arguments: what follows ``healthkit explain``.
    """
    try:
        options = read(arguments)
        if options is None:
            _arguments.write(sys.stdout, HELP)
            return 0
        found = _explained(options)
        if options.svg is not None:
            _draw(found, options.svg)
    except HealthkitError as exc:
        _arguments.write(sys.stderr, f"healthkit explain: {exc}\n")
        return USAGE
    show = as_json if options.format == "json" else as_text
    _arguments.write(sys.stdout, show(found))
    return 0


def read(arguments: Sequence[str]) -> Options | None:
    """Return what was asked for; None if somebody asks what the command is for.

    Raises:
        ConfigError: something is wrong, or there is no manifest.
    """
    found = _arguments.without_rest(_arguments.parse(arguments, _OPTIONS))
    if found.help:
        return None
    if found.operand is None:
        raise ConfigError(
            "found no MANIFEST, expected a file or -, as in: healthkit explain deploy.yaml"
        )
    form = found.values.get("--format", "text")
    if form not in _FORMATS:
        raise refuse("--format", form, f"one of {', '.join(_FORMATS)}")
    return Options(
        found.operand,
        found.values.get("--workload"),
        found.values.get("--container"),
        form,
        found.values.get("--svg"),
    )


# -- what is read ----------------------------------------------------------------------------------


def _explained(options: Options) -> list[Explanation]:
    """Return what there is to tell of the workloads, and the containers, that were asked for."""
    workloads = _workloads(options)
    every = [explain.explain(one, options.container) for one in workloads]
    told = [one for one in every if one.containers]
    if not told:
        names = {c.name for one in workloads for c in explain.explain(one).containers}
        expected = f"expected one of {', '.join(sorted(names))}"
        raise ConfigError(f"found no container {shown(options.container)}: {expected}")
    return told


def _workloads(options: Options) -> list[Workload]:
    path = options.manifest
    found = _from_stdin() if path == _STDIN else manifests.read(path)
    if found and options.workload is None:
        return found
    # the one that was named; or the line that says why there is none
    return [manifests.workload(found or (path if path != _STDIN else found), options.workload)]


def _from_stdin() -> list[Workload]:
    """Read what is piped into the command, and no more of it than a manifest may have."""
    if sys.stdin is None:
        raise ConfigError("found no standard input, expected a manifest: pipe one in, or name it")
    try:
        data = sys.stdin.buffer.read(LARGEST + 1)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"the standard input can't be read: {exc}; name a file") from exc
    return manifests.parse(data, "stdin")


# -- what is shown ---------------------------------------------------------------------------------


def as_text(found: Sequence[Explanation]) -> str:
    """Tell of one workload after the other."""
    return "\n\n".join(explain.as_text(one) for one in found)


def as_json(found: Sequence[Explanation]) -> str:
    """Write everything, in the shape that this module's docstring describes."""
    shape = {"workloads": [explain.as_dict(one) for one in found]}
    return f"{json.dumps(shape, indent=2)}\n"


def _draw(found: Sequence[Explanation], path: str) -> None:
    try:
        Path(path).write_text(explain.svg(found), encoding="utf-8")
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise ConfigError(f"--svg={shown(path)}: {why}; expected a file to write") from exc
