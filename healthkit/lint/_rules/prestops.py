"""HK304 to HK306, and HK310: what a preStop hook does, and whether that can work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.balancers import deregistration
from healthkit.lint._facts.hooks import commands, length
from healthkit.lint._facts.inside import inside
from healthkit.lint._facts.shell import SHELLS, base
from healthkit.lint._finding import Severity
from healthkit.lint._options import written
from healthkit.lint._rule import About, Found, container_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._workload import Container

#: The first version whose API server has the action without being asked for it, and the first that
#: takes 0 seconds (KEP-3960 and KEP-4818: their betas).
SLEEPS: Final = (1, 30)
SLEEPS_ZERO: Final = (1, 33)

#: Endpoints and load balancers lag by about this much.
LEAST_HOOK: Final = 5

#: Images without a shell, by what their names have; and what says that this one has a shell.
_BARE: Final = re.compile(r"distroless|(?:^|[/:_-])scratch(?:$|[@:_-])|chisell?ed|(?:^|/)cgr\.dev/")
_NOT_BARE: Final = re.compile(
    r"[:_-](?:debug|dev|shell|busybox)(?:$|[@:_.-])|/(?:bash|busybox|wolfi-base)(?:$|[@:])"
)

#: Headers by which an app can tell the kubelet from a stranger.
_SECRET: Final = re.compile(r"(?i)auth|token|secret|key|bearer|basic|password|credential")


@container_rule(
    About(
        id="HK304",
        severity=Severity.ERROR,
        title="the oldest Kubernetes that is meant doesn't have this sleep",
        why="the API server drops the field, and refuses the hook that is left, or refuses 0",
        fix="use exec with sleep, or ask for a newer Kubernetes",
        source="https://www.kubernetes.dev/resources/keps/3960/, "
        "https://www.kubernetes.dev/resources/keps/4818/",
        arithmetic="the sleep action is on from Kubernetes 1.30, and takes 0 from 1.33 on",
    )
)
def too_new(container: Container) -> Iterator[Found]:
    """Yield hooks that sleep, where the API server doesn't know it."""
    version = container.workload.manifests.options.kube_version
    for hook in ("postStart", "preStop"):
        sleep = container.at / "lifecycle" / hook / "sleep"
        if sleep and version < SLEEPS:
            yield Found(at=sleep, what=f"the sleep action needs Kubernetes {written(SLEEPS)}")
        elif (sleep / "seconds").whole == 0 and version < SLEEPS_ZERO:
            yield Found(at=sleep, what=f"a sleep of 0 needs Kubernetes {written(SLEEPS_ZERO)}")


@container_rule(
    About(
        id="HK305",
        severity=Severity.WARNING,
        title="the hook needs a shell, or sleep, and the image seems to have none",
        why="the hook fails at once (FailedPreStopHook) and SIGTERM comes without any delay",
        fix="use the sleep action, which needs nothing in the image: sleep: {seconds: 5}",
        source="coredns/helm#43, linkerd/linkerd2#6723, fission/fission#3468",
    )
)
def no_shell(container: Container) -> Iterator[Found]:
    """Yield hooks that run what isn't there, by the image's name."""
    command = commands(container.pre_stop)
    needed = base(command[0]) if command else ""
    image = container.image
    if needed in SHELLS | {"sleep", "busybox"} and _BARE.search(image):
        if _NOT_BARE.search(image):
            return
        at = container.pre_stop / "exec" / "command"
        yield Found(at=at, what=f"the hook runs {needed}, and the image is {image}")


@container_rule(
    About(
        id="HK306",
        severity=Severity.WARNING,
        title="the hook is an HTTP request that anybody can make",
        why="whoever reaches the port can make the app drain; and the kubelet ignores the answer's "
        "status, so that a refusal is not noticed",
        fix="send a header with a token (healthkit: HEALTHKIT_PRESTOP_TOKEN), or use exec or sleep",
        source="kubernetes pkg/kubelet/lifecycle/handlers.go, runHTTPHandler",
    )
)
def open_to_all(container: Container) -> Iterator[Found]:
    """Yield preStop requests without anything secret in their headers."""
    request = container.pre_stop / "httpGet"
    if not request:
        return
    headers = (request / "httpHeaders").items
    texts = [(header / part).text for header in headers for part in ("name", "value")]
    if not any(_SECRET.search(text) for text in texts):
        path = (request / "path").text or "/"
        yield Found(at=request, what=f"GET {path} has no header with a token")


@container_rule(
    About(
        id="HK310",
        severity=Severity.INFO,
        title="the hook is shorter than what lags behind the deletion",
        why="load balancers, and kube-proxy on other nodes, go on sending connections",
        fix="make the hook, or the app's drain delay, that long",
        source="https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/"
        "ingress/annotations/#target-group-attributes; Kludex/uvicorn#2414",
        arithmetic=f"told if H + D < {LEAST_HOOK} s, or less than deregistration_delay, with "
        "H = hook, D = healthkit's drain delay",
    )
)
def brief(container: Container) -> Iterator[Found]:
    """Yield hooks that are over too soon."""
    hook, healthkit = length(container.pre_stop), inside(container)
    if not hook.is_known or not container.service_ports:
        return
    serving_on = hook.least + (healthkit.drain_delay.seconds if healthkit else 0)
    waits, said_by = deregistration(container) or (0, "")
    numbers = {"serving on": serving_on}
    if 0 < serving_on < waits:
        what = f"the app serves on for {serving_on:g} s, and {said_by} says {waits} s"
        numbers["deregistration_delay"] = waits
    elif hook.least > 0 and serving_on < LEAST_HOOK:
        what = f"the app serves on for {serving_on:g} s, less than {LEAST_HOOK} s"
    else:
        return
    yield Found(at=container.pre_stop or container.at, what=what, numbers=numbers)
