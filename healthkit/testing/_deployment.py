"""A Deployment in virtual time: its pods, its rollouts, and a Service with clients before them.

It plays Kubernetes 1.36: `_rollout` says how many pods of which version there are to be,
`_controller` takes the steps, a `_replicas.ReplicaSet` for each version has the pods, and the
kubelet lives their lives. Where it differs:

1. `max_surge` and `max_unavailable` are the numbers that the manifest's percentages come to for its
   own replicas. `scale` doesn't resolve them anew.
2. Each controller sees what the other one has done before it acts again. The real ones race there
   by some milliseconds.
3. It is never paused, keeps all its revisions, and knows of no PodDisruptionBudget and no
   autoscaler.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from healthkit import _validate
from healthkit.errors import ConfigError
from healthkit.testing import _rollout
from healthkit.testing._controller import Controller
from healthkit.testing._played import Pod
from healthkit.testing._rules import Pace
from healthkit.testing._template import Image, Template, tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import Workload
    from healthkit.testing._clock import Clock
    from healthkit.testing._process import App
    from healthkit.testing._rollout import Condition
    from healthkit.testing._service import Service
    from healthkit.testing._template import Deployable, Runnable

    #: What becomes of the pods of what is deleted.
    Cascade = Literal["background", "foreground", "orphan"]

#: More pods than one simulation can live through.
MOST: Final = 100_000

_CASCADES: Final = ("background", "foreground", "orphan")


class Deployment:
    """Pods of one kind, kept at a number and rolled from version to version.

    Made by `Kubelet.deploy`. Nothing happens at once: let time pass by the kubelet's `advance` or
    `until`, for instance ``await kubelet.until(deployment.rolled_out, within=60)``.
    """

    def __init__(  # noqa: PLR0913  # what it is made of, by name
        self,
        workload: Workload,
        image: Image,
        clock: Clock,
        service: Service,
        *,
        port: int,
        build: Callable[[Runnable], App | None],
        admit: Callable[[Pod], object],
    ) -> None:
        """Make one; its first pods are there some milliseconds later.

        Args:
            workload: a Deployment, with the played container first.
            image: what stands in its image.
            clock: the time.
            service: the one that selects its pods.
            port: where they listen.
            build: makes what can be run to what the kubelet starts.
            admit: told of each pod.
        """
        self.name = workload.name
        self._service = service
        self._clock = clock
        self._port = port
        self._build = build
        self._admit = admit
        #: Each template that was ever rolled out, in the order of the revisions.
        self._history = [Template(workload.template, image)]
        self._deleted: Cascade | None = None
        _allow(image, self.name, workload.replicas)
        self._controller = Controller(workload, self._history[-1], clock, self._pod)

    def __repr__(self) -> str:
        lost = f", {self.lost_requests} requests lost" if self.lost_requests else ""
        return (
            f"<Deployment {self.name}: {self.ready_replicas}/{self.replicas} ready,"
            f" {self.updated_replicas} up to date, {self.available_replicas} available{lost}>"
        )

    # What is seen of it.

    @property
    def pods(self) -> list[Pod]:
        """The pods that are there, terminating ones behind the others of their version."""
        return [pod for replicas in self._controller.sets for pod in replicas.pods]

    @property
    def replicas(self) -> int:
        """How many pods there are to be."""
        return self._controller.plan.replicas

    @property
    def image(self) -> str:
        """The image's name that is rolled out, or is to be."""
        return self._history[-1].tag

    @property
    def ready_replicas(self) -> int:
        """How many pods are ready, of all versions. Terminating pods are in none of these."""
        return self._controller.counts.ready

    @property
    def available_replicas(self) -> int:
        """How many have been ready for `minReadySeconds`."""
        return self._controller.counts.available

    @property
    def updated_replicas(self) -> int:
        """How many pods of the newest version there are, ready or not."""
        return self._controller.counts.updated

    @property
    def conditions(self) -> dict[str, Condition]:
        """Available, and Progressing unless there is no progress deadline."""
        return dict(self._controller.conditions)

    @property
    def rollout(self) -> str:
        """The line that ``kubectl rollout status`` would say now."""
        seen = self._controller
        if not seen.observed:
            return "Waiting for deployment spec update to be observed..."
        return _rollout.told(self.name, seen.plan, seen.counts, seen.conditions.get("Progressing"))

    def rolled_out(self) -> bool:
        """Whether the last change is rolled out, to the end. For `Kubelet.until`."""
        return self.rollout.endswith("successfully rolled out")

    def failed(self) -> bool:
        """Whether the rollout has exceeded its progress deadline. It is not rolled back."""
        progress = self.conditions.get("Progressing")
        return progress is not None and progress.reason == _rollout.EXCEEDED

    @property
    def service(self) -> Service:
        """The Service in front of the pods, with the counts of its clients' requests."""
        return self._service

    @property
    def requests(self) -> int:
        """How many requests the Service's clients have sent."""
        return self._service.requests

    @property
    def lost_requests(self) -> int:
        """How many of them got no whole answer: refused, reset, or no endpoint at all."""
        return self._service.lost

    # What is done to it.

    async def set_image(self, app: Deployable, image: str, *, factory: bool = False) -> None:
        """Roll out another version, as ``kubectl set image`` does; returns at once.

        Args:
            app: the new version: see `Kubelet.deploy`. None for an image that is missing.
            image: its name, for instance ``shop:2``.
            factory: whether `app` is a function that makes one for each pod.

        Raises:
            ConfigError: the image is not new, or the app can't be run.
        """
        if any(template.tag == image for template in self._history):
            raise ConfigError(
                f"image={_validate.shown(image)}: found that {self.name} has had it already,"
                " expected a new name; rollout_undo goes back, rollout_restart begins anew"
            )
        made = Image(app, self._build, factory=factory)
        _allow(made, self.name, self.replicas)
        spec = tagged(self._history[-1].spec, _validate.text("image", image))
        self._roll_out(Template(spec, made, self._history[-1].restarts))

    async def rollout_restart(self) -> None:
        """Replace all pods by new ones of the same version, as ``kubectl rollout restart`` does.

        Raises:
            ConfigError: there is one app object only, for what would be two pods at a time.
        """
        present = self._history[-1]
        if self._controller.plan.rolling is not None:
            present.image.allow("rollout_restart")
        self._roll_out(replace(present, restarts=present.restarts + 1))

    async def rollout_undo(self) -> None:
        """Go back to the version before, as ``kubectl rollout undo`` does.

        Raises:
            ConfigError: there is none.
        """
        if len(self._history) == 1:
            raise ConfigError(f"{self.name}: found one version only, expected one to go back to")
        before = self._history.pop(-2)
        self._roll_out(before)

    async def scale(self, replicas: int) -> None:
        """Have so many pods. During a rollout each version gets its share of them.

        Raises:
            ConfigError: not from 0 to 100,000, or there is one app object for more than one.
        """
        _validate.whole("replicas", replicas, least=0, most=MOST)
        _allow(self._history[-1].image, self.name, replicas)
        self._controller.scale(replicas)

    async def evict(self, *pods: Pod) -> None:
        """Delete pods, as ``kubectl drain`` does with those of a node. They are replaced.

        Raises:
            ConfigError: one is another's, or there is one app object only: what replaces a pod
                runs beside it while it ends.
        """
        self._history[-1].image.allow("evict")
        own = set(self.pods)
        for pod in pods:
            if pod not in own:
                raise ConfigError(f"evict found {pod.name}, expected pods of {self.name}")
        for pod in pods:
            pod.delete_now()

    async def delete(self, cascade: Cascade = "background") -> None:
        """Delete it, as ``kubectl delete deployment --cascade`` does; returns at once.

        Args:
            cascade: ``background`` deletes its pods, and is gone before they are; ``foreground``
                stays until they are gone; ``orphan`` leaves them alone, and nobody replaces them.

        Raises:
            ConfigError: another cascade.
        """
        if cascade not in _CASCADES:
            raise _validate.refuse("cascade", cascade, f"one of {', '.join(_CASCADES)}")
        self.stop()
        self._deleted = cascade
        if cascade != "orphan":
            for replicas in self._controller.sets:
                replicas.delete_pods()

    @property
    def deleted(self) -> bool:
        """Whether the Deployment's object is gone."""
        if self._deleted == "foreground":
            return not self.pods
        return self._deleted is not None

    def stop(self) -> None:
        """Let the controllers do no more. Pods that are there live on."""
        self._controller.stop()

    def _roll_out(self, template: Template) -> None:
        self._history.append(template)
        self._controller.roll_out(template)

    def _pod(self, template: Template, name: str, admitted: float) -> Pod:
        pod = Pod(
            template.pod(name),
            template.image.app(),
            self._clock,
            port=self._port,
            services=(self._service,),
            pace=Pace(admitted=admitted),
        )
        self._admit(pod)
        return pod


def _allow(image: Image, name: str, replicas: int) -> None:
    """Refuse one app object for more than one pod.

    Raises:
        ConfigError: it is so.
    """
    if replicas > 1:
        image.allow(f"{name} with {replicas} replicas")
