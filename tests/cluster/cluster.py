"""The cluster as the suite reaches it: kubectl and helm, each call with a limit.

Owns no rule: what comes back is read by `facts`, and judged by `promises`. Whatever goes wrong is
one line that says which command, and what it said.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from tests.cluster import facts, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.cluster.facts import Endpoint, Pod, Rollout
    from tests.cluster.objects import Object
    from tests.cluster.settings import Settings

#: Seconds for one command.
COMMAND: Final = 60.0
#: Seconds for the first one, which finds out whether there is a cluster.
FIRST: Final = 15.0
#: Seconds for each of those that tell of a failure: there are many.
TELLING: Final = 15.0
#: Seconds for an eviction: kubectl repeats one that the API server is not ready to judge.
EVICTION: Final = 150.0
#: Seconds between two looks at what is waited for.
LOOK: Final = 0.3

#: What a chart gives everything that belongs to a release.
RELEASE_LABEL: Final = "app.kubernetes.io/instance"

T = TypeVar("T")


class CommandError(Exception):
    """A command failed, or took too long."""


def until(what: str, ask: Callable[[], T | None], within: float) -> T:
    """Ask until there is an answer that is neither None, False nor empty; return it.

    A command that fails is asked again: the API server may be busy.

    Raises:
        AssertionError: there was none within so many seconds; it says what was waited for.
    """
    limit = time.monotonic() + within
    said = ""
    while True:
        try:
            found = ask()
        except CommandError as exc:
            found, said = None, f"; at last: {exc}"
        if found:
            return found
        if time.monotonic() > limit:
            raise AssertionError(f"waited {within:g} s in vain for {what}{said}")
        time.sleep(LOOK)


def never(what: str, ask: Callable[[], object], during: float) -> None:
    """Ask for so many seconds, and see that the answer is always empty.

    A command that fails is asked again, as in `until`; the last look must be one.

    Raises:
        AssertionError: it was not.
    """
    limit = time.monotonic() + during
    while time.monotonic() < limit:
        with suppress(CommandError):
            found = ask()
            assert not found, f"{what}: {found}"
        time.sleep(LOOK)
    found = ask()
    assert not found, f"{what}: {found}"


class Cluster:
    """One namespace of a cluster."""

    def __init__(self, settings: Settings, namespace: str) -> None:
        self.settings = settings
        self.namespace = namespace

    def __repr__(self) -> str:
        return f"<Cluster namespace={self.namespace}>"

    def kubectl(self, *words: str, given: Object | None = None, limit: float = COMMAND) -> str:
        """Run kubectl in the namespace, and return what it says.

        Raises:
            CommandError: it failed, or took too long.
        """
        text = "" if given is None else json.dumps(given)
        return self._run([self.settings.kubectl, "-n", self.namespace, *words], text, limit)

    def helm(self, *words: str) -> str:
        """Run helm in the namespace, and return what it says.

        Raises:
            CommandError: it failed, or took too long.
        """
        return self._run([self.settings.helm, "-n", self.namespace, *words], "", COMMAND)

    def _run(self, command: Sequence[str], given: str, limit: float) -> str:
        name = " ".join([Path(command[0]).name, *command[1:]])
        env = {**os.environ, "KUBECONFIG": self.settings.kubeconfig}
        try:
            ran = subprocess.run(  # noqa: S603  # the user's own tools
                command,
                input=given,
                env=env,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CommandError(f"{name}: took more than {limit:g} s") from None
        except OSError as exc:
            raise CommandError(f"{name}: {exc}") from exc
        if ran.returncode:
            said = " ".join(ran.stderr.split())
            raise CommandError(f"{name}: exit code {ran.returncode}, {said}")
        return ran.stdout

    def reached(self) -> None:
        """See that there is a cluster, and that it answers soon.

        Raises:
            CommandError: it does not.
        """
        self.kubectl("get", "--raw", "/version", limit=FIRST)

    # -- what is there -----------------------------------------------------------------------------

    def pods(self, release: str) -> tuple[Pod, ...]:
        """Return the pods of a release, those that end too."""
        selector = f"{RELEASE_LABEL}={release}"
        return facts.pods(self.kubectl("get", "pods", "-l", selector, "-o", "json"))

    def endpoints(self, service: str) -> tuple[Endpoint, ...]:
        """Return what the slices of a Service say."""
        selector = f"kubernetes.io/service-name={service}"
        text = self.kubectl("get", "endpointslices", "-l", selector, "-o", "json")
        return facts.endpoints(text)

    def admitted(self, service: str) -> frozenset[str]:
        """Return the names of the pods that get a Service's traffic."""
        return facts.admitted(self.endpoints(service))

    def rollout(self, deployment: str) -> Rollout:
        """Return how far a Deployment is."""
        return facts.rollout(self.kubectl("get", "deployment", deployment, "-o", "json"))

    def exists(self, kind: str, name: str) -> bool:
        """Whether there is an object."""
        found = self.kubectl("get", kind, name, "--ignore-not-found", "-o", "name")
        return bool(found.strip())

    def events(self, pod: str, reason: str) -> tuple[tuple[float, str], ...]:
        """Return when events about a pod were first seen, and what they say."""
        selector = f"involvedObject.kind=Pod,involvedObject.name={pod}"
        text = self.kubectl("get", "events", "--field-selector", selector, "-o", "json")
        return facts.events(text, reason)

    def about(self, release: str, reason: str) -> list[str]:
        """Return what events of a reason say about the pods of a release, gone ones too."""
        selector = f"involvedObject.kind=Pod,reason={reason}"
        text = self.kubectl("get", "events", "--field-selector", selector, "-o", "json")
        return facts.about(text, f"{release}-")

    def address(self, service: str) -> str:
        """Return the URL of a Service, by its cluster IP: no name is looked up."""
        path = "{.spec.clusterIP} {.spec.ports[0].port}"
        text = self.kubectl("get", "service", service, "-o", f"jsonpath={path}")
        host, port = text.split()
        return f"http://{bracketed(host)}:{port}"

    def logs(self, pod: str, *more: str) -> str:
        """Return what a pod's app has written."""
        return self.kubectl("logs", pod, *more)

    # -- what is done ------------------------------------------------------------------------------

    def apply(self, made: Object) -> None:
        """Create or change an object."""
        self.kubectl("apply", "-f", "-", given=made)

    def install(self, release: str, values: Object) -> None:
        """Install the chart, or upgrade what is installed."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "values.json"
            path.write_text(json.dumps(values), encoding="utf-8")
            self.helm("upgrade", "--install", release, str(objects.CHART), "-f", str(path))

    def uninstall(self, release: str) -> None:
        """Take a release away, and wait for nothing."""
        self.helm("uninstall", release)

    def delete(self, kind: str, name: str, *more: str) -> None:
        """Delete an object, and wait for nothing."""
        self.kubectl("delete", kind, name, "--wait=false", *more)

    def evict(self, pod: str) -> bool:
        """Ask for a pod's eviction; return whether the disruption budget lets it go."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        asked = objects.eviction(pod, self.namespace)
        try:
            self.kubectl("create", "--raw", path, "-f", "-", given=asked, limit=EVICTION)
        except CommandError as exc:
            if "disruption budget" in str(exc):
                return False
            raise
        return True

    def may(self, account: str, verb: str, what: str, subresource: str) -> bool:
        """Whether a ServiceAccount of the namespace has a right."""
        user = f"system:serviceaccount:{self.namespace}:{account}"
        try:
            self.kubectl("auth", "can-i", verb, what, f"--subresource={subresource}", "--as", user)
        except CommandError:
            return False
        return True

    def told(self) -> str:
        """Return all that may explain a failure: pods, events, descriptions, logs."""
        commands = [
            ("get", "pods,deployments,replicasets,endpointslices", "-o", "wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("describe", "pods"),
            *self._log_commands(),
        ]
        return "\n".join(f"== {' '.join(words)}\n{self._said(words)}" for words in commands)

    def _log_commands(self) -> list[tuple[str, ...]]:
        names = self._said(("get", "pods", "-o", "name")).split()
        pods = [name for name in names if name.startswith("pod/")]
        more = [(), ("--previous",)]
        return [("logs", pod, "--tail=60", *which) for pod in pods for which in more]

    def _said(self, words: tuple[str, ...]) -> str:
        try:
            return self.kubectl(*words, limit=TELLING)
        except CommandError as exc:
            return str(exc)


def bracketed(host: str) -> str:
    """Write an address as a URL has it."""
    return f"[{host}]" if ":" in host else host
