"""HK115 to HK117: probes that run a command in the container."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.own import own_command
from healthkit.lint._facts.programs import Program, has_pipeline, programs, scripts
from healthkit.lint._facts.shell import base
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, probe_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container

#: The clients, and what the time limit of each looks like: ``-m 5``, ``-sfm5``, ``-T 5``. Before
#: its letter only those may stand that take no value, or it is part of one, as in ``-XGET``.
_CLIENTS: Final[Mapping[str, re.Pattern[str]]] = {
    "curl": re.compile(r"-[012346aBfgGiIjJklLMnNOpqRsSvVZ#]*m.*|--max-time(=.*)?"),
    "wget": re.compile(r"-[46bcdEFHhkKLmnNpqrSvVx]*T.*|--timeout(=.*)?"),
}

#: What reaps orphans as process 1, by its name.
_REAPERS: Final = frozenset(
    {"catatonit", "docker-init", "dumb-init", "my_init", "s6-svscan", "tini", "tini-static"}
)

#: Interpreters; what is always one, under a name of its own; and scripts that name theirs inside.
_INTERPRETERS: Final = re.compile(
    r"(bun|deno|java|jshell|node|nodejs|perl|php|pypy|python|ruby|Rscript)[0-9.]*"
    r"|celery|django-admin|.+\.(js|php|pl|py|rb)"
)

#: Below this period, in seconds, forks cost more than they tell.
_SHORT_PERIOD: Final = 10


@probe_rule(
    About(
        id="HK115",
        severity=Severity.WARNING,
        title="a probe runs curl or wget",
        why="slim images have neither, and one that hangs outlives the probe's timeout: such "
        "processes pile up",
        fix="use httpGet, which the kubelet does itself; where it must be a command and the app "
        "has healthkit, healthkit probe",
        source="kubernetes#110070",
    )
)
def client(probe: Probe) -> Iterator[Found]:
    """Yield probes that run an HTTP client; advice only, if it has a time limit of its own."""
    found = programs(probe.command)
    is_cut = any(program.name == "timeout" for program in found)
    for program in found:
        if program.name in _CLIENTS:
            limit = _CLIENTS[program.name]
            limited = is_cut or any(limit.fullmatch(one) for one in program.arguments)
            without = "" if limited else " without a time limit of its own"
            yield Found(
                at=probe.at / "exec" / "command",
                what=f"the {probe.field} runs {program.name}{without}",
                why="slim images have neither, and it is a new process each time"
                if limited
                else None,
                severity=Severity.INFO if limited else None,
            )
            return


@probe_rule(
    About(
        id="HK116",
        severity=Severity.WARNING,
        title="a probe runs a pipeline or timeout, and nothing shows that process 1 reaps",
        why="when the probe is cut off, what it has started becomes a child of process 1; one "
        "that waits for no children it did not start keeps each as a zombie, until the node has "
        "no process ids left",
        fix="use httpGet, or one program without shell and timeout; or let process 1 reap: tini, "
        "healthkit run, or shareProcessNamespace: true",
        source="datazip-inc/olake-helm#176; kubernetes#81042; containerd#4255",
    )
)
def orphans(probe: Probe) -> Iterator[Found]:
    """Yield probes that leave processes to a process 1 that may not care for them."""
    if _reaps(probe.container):
        return
    piped = any(has_pipeline(one) for one in scripts(probe.command))
    timed = any(program.name == "timeout" for program in programs(probe.command))
    if piped or timed:
        does = "a pipeline" if piped else "timeout"
        what = f"the {probe.field} runs {does}, and nothing shows that process 1 reaps"
        yield Found(at=probe.at / "exec" / "command", what=what)


def _reaps(container: Container) -> bool:
    """Whether process 1 is known to reap: the pod's, the node's, or an init's own."""
    pod, words = container.workload.pod, container.words
    if (pod / "shareProcessNamespace").flag is True or (pod / "hostPID").flag is True:
        return True
    return base("".join(words[:1])) in _REAPERS or own_command(words) == "run"


@probe_rule(
    About(
        id="HK117",
        severity=Severity.INFO,
        title="a probe starts processes often, or starts an interpreter",
        why="each probe is a new process in the container, and counts against its CPU limit",
        fix="use httpGet; or a period of 10 s and more, and a program that starts fast; "
        "healthkit probe --command prints the cheapest way to ask healthkit",
        source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/"
        "#probe-check-methods",
        arithmetic=f"often: periodSeconds below {_SHORT_PERIOD}; a startup probe ends with the "
        "start, and may be quick",
    )
)
def forking(probe: Probe) -> Iterator[Found]:
    """Yield exec probes with a short period, or that start an interpreter."""
    if not probe.command:
        return
    period, started = probe.times.period, next(_interpreters(probe), None)
    often = period < _SHORT_PERIOD and probe.kind != "startup"
    does = [f"starts {started}"] if started else []
    does += [f"runs a command every {period} s"] if often else []
    if does:
        yield Found(
            at=probe.at / "exec",
            what=f"the {probe.field} {' and '.join(does)}",
            numbers={"periodSeconds": period},
        )


def _interpreters(probe: Probe) -> Iterator[str]:
    """Yield the interpreters that a probe starts; healthkit's own probe is made to start fast."""
    for program in programs(probe.command):
        if _INTERPRETERS.fullmatch(program.name) and not _is_own_probe(program):
            yield program.name


def _is_own_probe(program: Program) -> bool:
    words = program.arguments
    is_file = any(one.endswith("healthkit/probe.py") for one in words)
    return is_file or own_command((program.name, *words)) == "probe"
