"""Print what the simulator takes for a thousand pods, and for an hour of them.

    python -m tests.benchmarks.simulator [pods]

Each pod has the three probes; a rolling update replaces all of them halfway. The numbers are
seconds of a processor, pods that were made, probes that were asked, and the most memory that the
process had.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Final

# Run as a file, Python looks for modules beside it; they are those of a package two levels up.
sys.path.insert(0, str(Path(__file__).parents[2]))

from healthkit.manifests._spec import (
    Container,
    HttpGet,
    PodSpec,
    Port,
    Probe,
    RollingUpdate,
    Workload,
)
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described
from healthkit.testing._kubelet import Kubelet

PODS: Final = 1000
#: Seconds of virtual time, before the rolling update begins and behind that.
HALF: Final = 1800.0


def workload(replicas: int) -> Workload:
    """Return a Deployment that is replaced a quarter at a time, as Kubernetes does by default."""
    container = Container(
        "shop",
        image="shop:1",
        ports=(Port(8000),),
        startup=Probe(HttpGet("/startupz", 8000), period=1),
        liveness=Probe(HttpGet("/livez", 8000), period=10),
        readiness=Probe(HttpGet("/readyz", 8000), period=10),
    )
    quarter = max(1, replicas // 4)
    return Workload(
        "Deployment",
        "shop",
        PodSpec("shop", (container,)),
        replicas=replicas,
        rolling_update=RollingUpdate(quarter, quarter),
    )


async def live(replicas: int, half: float = HALF) -> Kubelet:
    """Play them, with a rolling update in the middle."""
    kubelet = Kubelet(Schedule())
    deployment = await kubelet.deploy(Described(), workload(replicas))
    await kubelet.advance(half)
    await deployment.set_image(Described(), "shop:2")
    await kubelet.advance(half)
    assert deployment.rolled_out(), deployment.rollout
    return kubelet


def probes(kubelet: Kubelet) -> int:
    """Return how many probes were asked."""
    return sum(event.name == "probe" for pod in kubelet.pods for event in pod.events)


def main() -> None:
    """Play, and print."""
    replicas = int(sys.argv[1]) if len(sys.argv) > 1 else PODS
    begun = time.process_time()
    kubelet = asyncio.run(live(replicas))
    took = time.process_time() - begun
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{2 * HALF:g} s of {replicas} pods: {took:.1f} s, {len(kubelet.pods)} pods,"
        f" {probes(kubelet)} probes, {most:.0f} MB\n"
    )


if __name__ == "__main__":
    main()
