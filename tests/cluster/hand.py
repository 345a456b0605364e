"""The suite's end of the client pod: what it is told to do, and what it says.

It is reached by the API server's proxy or, where that does not get through to pods, by
`kubectl exec`: which of the two is found out once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypedDict, cast
from urllib.parse import urlencode

from tests.cluster import objects
from tests.cluster.client import PORT
from tests.cluster.cluster import CommandError
from tests.cluster.promises import Seen, Span, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cluster.cluster import Cluster

#: Seconds for one request to the client pod; it has 10 s for what it asks itself.
REQUEST: Final = 30.0


class _Seen(TypedDict):
    status: int
    headers: dict[str, str]
    body: str


class _Answers(TypedDict):
    answers: list[_Seen]


class _Span(TypedDict):
    status: int
    text: str
    first: float
    last: float


class _Spans(TypedDict):
    spans: list[_Span]


class _Tally(TypedDict):
    sent: int
    answered: int
    lost: int
    stale: int
    told_to_close: int
    versions: dict[str, int]
    reasons: list[str]


class Hand:
    """Asks, watches and puts load on what is inside the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._by_exec = False

    def __repr__(self) -> str:
        return f"<Hand by {'kubectl exec' if self._by_exec else 'proxy'}>"

    def is_there(self) -> bool:
        """Whether the client pod answers, in one way or the other.

        The proxy is far quicker. It is asked again when `kubectl exec` got an answer: the pod may
        just have begun to listen.
        """
        return self._answers(by_exec=False) or (
            self._answers(by_exec=True)
            and (self._answers(by_exec=False) or self._answers(by_exec=True))
        )

    def _answers(self, *, by_exec: bool) -> bool:
        self._by_exec = by_exec
        try:
            return "here" in self._do("/", {})
        except (CommandError, ValueError):
            return False

    def why_not(self, module: str) -> str:
        """Return why the image can't import a module; empty if it can."""
        return str(self._do("/can", {"import": module})["why"])

    def ask(self, url: str) -> Seen:
        """Send one GET, on a connection of its own."""
        return _answer(cast("_Seen", self._do("/ask", {"url": url})))

    def asks(self, urls: Iterable[str]) -> list[Seen]:
        """Send one GET to each URL, all at once."""
        found = cast("_Answers", self._do("/asks", {"urls": json.dumps(list(urls))}))
        return [_answer(one) for one in found["answers"]]

    def watch(self, name: str, url: str) -> None:
        """Ask a URL all the time from now on."""
        self._do("/watch", {"name": name, "url": url})

    def seen(self, name: str) -> list[Span]:
        """End a watch, and return what it has seen."""
        found = cast("_Spans", self._do("/seen", {"name": name, "stop": "1"}))
        return [Span(**span) for span in found["spans"]]

    def load(self, name: str, url: str) -> None:
        """Put load on a URL from now on."""
        self._do("/load", {"name": name, "url": url})

    def tally(self, name: str) -> Tally:
        """Return what became of a load so far."""
        return self._tally("/tally", name)

    def stop(self, name: str) -> Tally:
        """End a load, and return what became of it."""
        return self._tally("/stop", name)

    def quiet(self) -> None:
        """End all watches and loads."""
        self._do("/quiet", {})

    def _tally(self, path: str, name: str) -> Tally:
        found = cast("_Tally", self._do(path, {"name": name}))
        return Tally(
            sent=found["sent"],
            answered=found["answered"],
            lost=found["lost"],
            stale=found["stale"],
            told_to_close=found["told_to_close"],
            versions=found["versions"],
            reasons=tuple(found["reasons"]),
        )

    def _do(self, path: str, query: dict[str, str]) -> dict[str, object]:
        target = f"{path}?{urlencode(query)}"
        text = self._exec(target) if self._by_exec else self._proxy(target)
        told: dict[str, object] = json.loads(text)
        if "error" in told:
            raise CommandError(f"the client pod: {told['error']}")
        return told

    def _proxy(self, target: str) -> str:
        space = f"/api/v1/namespaces/{self._cluster.namespace}"
        path = f"{space}/pods/{objects.CLIENT}:{PORT}/proxy{target}"
        return self._cluster.kubectl("get", "--raw", path, limit=REQUEST)

    def _exec(self, target: str) -> str:
        program = [self._cluster.settings.python, "-m", "tests.cluster.client", target]
        return self._cluster.kubectl("exec", objects.CLIENT, "--", *program, limit=REQUEST)


def _answer(found: _Seen) -> Seen:
    return Seen(found["status"], found["headers"], found["body"].rstrip("\n"))
