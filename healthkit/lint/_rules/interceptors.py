"""HK121 to HK123: what answers a probe in place of the app: redirects, host filters, a mesh."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from healthkit._validate import shown
from healthkit.lint._facts.endpoints import OWN_PATHS, is_own
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, probe_rule, workload_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container, Workload

#: The variables by which apps are told to redirect all plain HTTP, and what says yes.
_REDIRECTING: Final = ("SECURE_SSL_REDIRECT", "DJANGO_SECURE_SSL_REDIRECT", "RAILS_FORCE_SSL",
                       "FORCE_SSL", "FORCE_HTTPS")  # fmt: skip
_YES: Final = frozenset({"1", "true", "yes", "on", "y", "t"})

#: The variables that say which Host header an app takes. FORWARDED_ALLOW_IPS is about addresses of
#: proxies, ALLOWED_ORIGINS about browsers: neither is one of them.
_HOSTS: Final = ("ALLOWED_HOSTS", "DJANGO_ALLOWED_HOSTS", "TRUSTED_HOSTS", "DD_ALLOWED_HOSTS",
                 "HOMEPAGE_ALLOWED_HOSTS", "PAPERLESS_ALLOWED_HOSTS")  # fmt: skip

_ISTIO: Final = "sidecar.istio.io"
_REWRITE: Final = f"{_ISTIO}/rewriteAppHTTPProbers"
_EXCLUDED: Final = "traffic.sidecar.istio.io/excludeInboundPorts"


@probe_rule(
    About(
        id="HK121",
        severity=Severity.WARNING,
        title="a probe asks where the app redirects",
        why="a redirect to another host is a success that proves nothing, and one to the same host "
        "is followed, perhaps to a port that the pod does not have",
        fix="ask for the path that answers itself: with the slash, or exempt from the redirect",
        source="kubernetes pkg/probe/http/http.go, RedirectChecker; kubernetes#103877; "
        "https://docs.djangoproject.com/en/stable/ref/settings/#append-slash",
    )
)
def redirected(probe: Probe) -> Iterator[Found]:
    """Yield HTTP probes that a redirect answers, by what the manifest shows of the app."""
    if not probe.http or is_own(probe.path, probe.container):
        return
    variable = _https_redirect(probe)
    if variable is not None:
        what = f"the {probe.field} speaks HTTP, and {variable} redirects that to HTTPS"
        yield Found(at=probe.http, what=what)
    elif _lacks_slash(probe.path) and _is_django(probe.container):
        what = f"the {probe.field} asks Django for {shown(probe.path)}, without a slash at its end"
        yield Found(at=probe.http / "path", what=what)


def _https_redirect(probe: Probe) -> str | None:
    """Return the variable by which a probe is redirected to HTTPS.

    A request that says it has come over HTTPS, as a proxy would say it, is not redirected.
    """
    env, says_https = probe.container.env, _headers(probe).get("x-forwarded-proto") == "https"
    if (probe.http / "scheme").text == "HTTPS" or says_https:
        return None
    return next((name for name in _REDIRECTING if env.get(name, "").lower() in _YES), None)


def _headers(probe: Probe) -> dict[str, str]:
    found = (probe.http / "httpHeaders").items
    return {(one / "name").text.lower(): (one / "value").text.lower() for one in found}


def _lacks_slash(path: str) -> bool:
    """Whether a path is one that Django would append a slash to, had it no page there.

    Whoever calls a page ``/healthz`` means it without a slash, in Django too.
    """
    last = path.rpartition("/")[2]
    return bool(last) and "." not in last and not path.endswith(OWN_PATHS)


def _is_django(container: Container) -> bool:
    words = " ".join(container.words)
    shown = "DJANGO_SETTINGS_MODULE" in container.variables
    return shown or re.search(r"\bmanage\.py\b|\bdjango\b", words) is not None


@probe_rule(
    About(
        id="HK122",
        severity=Severity.INFO,
        title="a probe has no Host header, and the app takes only some",
        why="the kubelet sends the pod's address as the Host, which such an app answers with 400",
        fix="add httpHeaders with a Host that the app takes, or let the app take any Host there",
        source="freelawproject/courtlistener#2059; paperless-ngx/paperless-ngx#3214; "
        "kubernetes#14713; kubernetes pkg/probe/http/request.go",
    )
)
def refused_host(probe: Probe) -> Iterator[Found]:
    """Yield HTTP probes without a Host header of an app that looks at it."""
    asks_host = probe.http and "host" not in _headers(probe)
    if not asks_host or is_own(probe.path, probe.container):
        return
    for name in _HOSTS:
        value = probe.container.env.get(name, "")
        if value and not _takes_any(value):
            what = f"the {probe.field} sends no Host header, and {name} is {shown(value)}"
            yield Found(at=probe.http, what=what)
            return


def _takes_any(value: str) -> bool:
    """Whether a list of hosts has one that stands for all, or takes one from elsewhere.

    What is filled in by Kubernetes is most often the pod's own address.
    """
    return "$(" in value or "*" in re.split(r"[\s,;\[\]\"']+", value)


@workload_rule(
    About(
        id="HK123",
        severity=Severity.WARNING,
        title="Istio is told not to take the probes to itself",
        why="the kubelet has no certificate of the mesh: where mutual TLS is required, the sidecar "
        "refuses its requests",
        fix=f"remove the annotation {_REWRITE}, or exclude the probes' ports by {_EXCLUDED}",
        source="https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/",
    )
)
def not_rewritten(workload: Workload) -> Iterator[Found]:
    """Yield workloads whose HTTP and gRPC probes go through the sidecar as they are."""
    annotations = workload.template / "metadata" / "annotations"
    if annotations.table.get(_REWRITE, "").lower() != "false" or not _is_injected(workload):
        return
    excluded = re.split(r"[\s,]+", annotations.table.get(_EXCLUDED, ""))
    probes = [one for one in _asking(workload) if _number(one) not in excluded]
    if probes:
        names = " and ".join(dict.fromkeys(one.field for one in probes))
        what = f"{_REWRITE} is 'false', so that the sidecar gets the {names} unchanged"
        yield Found(at=annotations / _REWRITE, what=what)


def _is_injected(workload: Workload) -> bool:
    """Whether a sidecar may be injected: nobody says no, and the pod has a network of its own.

    The annotations are those of the pods, for Istio looks at no others.
    """
    pod = workload.template / "metadata"
    said = [(pod / name).table.get(f"{_ISTIO}/inject", "") for name in ("labels", "annotations")]
    on_host = (workload.pod / "hostNetwork").flag is True
    return not on_host and not any(one.lower() == "false" for one in said)


def _asking(workload: Workload) -> Iterator[Probe]:
    for container in workload.containers:
        yield from (one for one in container.probes.values() if one.http or one.at / "grpc")


def _number(probe: Probe) -> str:
    return str(probe.container.port_number(probe.port.value))
