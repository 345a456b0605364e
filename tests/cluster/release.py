"""One release of the chart, as the tests see it: its pods, what they are told, what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.cluster import promises
from tests.cluster.cluster import bracketed, until

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.facts import Pod
    from tests.cluster.hand import Hand
    from tests.cluster.promises import Seen, Tally

#: Seconds, each with slack for a slow node: for pods to run, to be ready, to be gone; and for a
#: word to be heard, by all workers.
RUNNING: Final = 90.0
READY: Final = 90.0
GONE: Final = 60.0
HEARD: Final = 15.0

#: How often a question is asked that each worker would answer by chance.
OFTEN: Final = 16

#: The status of an answer that is none of a probe's.
OK: Final = 200

#: Requests that must have been answered before anything is done under load.
UNDER_WAY: Final = 100


class Release:
    """A release, which has the name of its Deployment and its Service."""

    def __init__(self, cluster: Cluster, hand: Hand, name: str) -> None:
        self.cluster = cluster
        self.hand = hand
        self.name = name

    def __repr__(self) -> str:
        return f"<Release {self.name}>"

    # -- its pods ----------------------------------------------------------------------------------

    def pods(self) -> tuple[Pod, ...]:
        """Return all pods, those that end too."""
        return self.cluster.pods(self.name)

    def running(self) -> Pod:
        """Wait for a pod that runs and answers, and return it."""

        def first() -> Pod | None:
            return next((pod for pod in self.pods() if pod.up and self._answers(pod)), None)

        return until(f"a running pod of {self.name}", first, RUNNING)

    def _answers(self, pod: Pod) -> bool:
        return self.hand.ask(self.url(pod, "/livez")).status != 0

    def ready(self, count: int = 1) -> tuple[Pod, ...]:
        """Wait until exactly so many pods are there, all ready and in the Service; return them."""

        def all_ready() -> tuple[Pod, ...] | None:
            pods = self.pods()
            good = all(pod.ready and pod.up for pod in pods) and len(pods) == count
            names = frozenset(pod.name for pod in pods)
            return pods if good and self.admitted() == names else None

        return until(f"{count} ready pods of {self.name} in its Service", all_ready, READY)

    def again(self, pod: Pod) -> Pod:
        """Return a pod as it is now.

        Raises:
            AssertionError: it is gone.
        """
        found = [one for one in self.pods() if one.uid == pod.uid]
        assert found, f"{pod.name} is gone"
        return found[0]

    def gone(self, *pods: Pod, within: float = GONE) -> None:
        """Wait until these pods are there no more."""
        uids = {pod.uid for pod in pods}
        names = ", ".join(pod.name for pod in pods)

        def all_gone() -> bool:
            return not uids & {pod.uid for pod in self.pods()}

        until(f"the end of {names}", all_gone, within)

    def restarted(self, pod: Pod, within: float, count: int = 1) -> Pod:
        """Wait until a pod's container runs after so many restarts, and return the pod."""

        def once_more() -> Pod | None:
            found = self.again(pod)
            runs = found.restarts >= count and found.up
            return found if runs and self._answers(found) else None

        return until(f"restart {count} of {pod.name}", once_more, within)

    def admitted(self) -> frozenset[str]:
        """Return the names of the pods that get the Service's traffic."""
        return self.cluster.admitted(self.name)

    def in_service(self, pod: Pod, *, within: float = HEARD) -> None:
        """Wait until a pod gets the Service's traffic."""
        until(f"{pod.name} in its Service", lambda: pod.name in self.admitted(), within)

    def out_of_service(self, pod: Pod, *, within: float = HEARD) -> None:
        """Wait until a pod gets no more of the Service's traffic."""
        until(f"{pod.name} out of its Service", lambda: pod.name not in self.admitted(), within)

    def failed_hooks(self) -> list[str]:
        """Return the pods whose preStop hook has failed, those that are gone too."""
        return self.cluster.about(self.name, "FailedPreStopHook")

    # -- what they say -----------------------------------------------------------------------------

    def url(self, pod: Pod, path: str = "") -> str:
        """Return where a pod listens."""
        return f"http://{bracketed(pod.ip)}:8000{path}"

    def do(self, pod: Pod, what: str, word: str) -> None:
        """Tell a pod to do something. There is no answer to what ends it."""
        self.hand.ask(self.url(pod, f"/do/{what}/{word}"))

    def answers(self, pod: Pod) -> dict[str, Seen]:
        """Return what each probe is answered now."""
        seen = self.hand.asks(self.url(pod, probe) for probe in promises.PROBES)
        return dict(zip(promises.PROBES, seen, strict=True))

    def often(self, pod: Pod, path: str = "") -> list[Seen]:
        """Ask so often at once that each worker would answer by chance."""
        return self.hand.asks([self.url(pod, path)] * OFTEN)

    def promised(self, phase: str, pod: Pod, within: float = HEARD) -> None:
        """Wait until a pod answers what is promised for a phase."""
        complaints: list[str] = []

        def as_promised() -> bool:
            complaints[:] = promises.broken(phase, self.answers(pod))
            return not complaints

        try:
            until(f"what is promised while {phase}", as_promised, within)
        except AssertionError as exc:
            raise AssertionError(f"{exc}: {'; '.join(complaints)}") from exc

    # -- under load --------------------------------------------------------------------------------

    def load(self) -> None:
        """Put load on the Service, and wait until it is under way."""
        loaded(self.hand, self.name, self.cluster.address(self.name))

    def unload(self) -> Tally:
        """End the load, and return what became of it."""
        return self.hand.stop(self.name)


def loaded(hand: Hand, name: str, url: str) -> None:
    """Put load on a URL, and wait until it is under way.

    Not before the URL has answered: kube-proxy follows the slices up to 1.1 s late, and refuses
    what comes to a Service that has nobody yet.
    """
    until(f"an answer of {url}", lambda: hand.ask(url).status == OK, HEARD)
    hand.load(name, url)
    until(f"load on {name}", lambda: hand.tally(name).answered >= UNDER_WAY, HEARD)
