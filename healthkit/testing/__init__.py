"""A pod's life in milliseconds: the kubelet, played in virtual time against your own app.

    async def test_dead_database_restarts_nothing(kubelet):
        pod = await kubelet.run(app, "deploy.yaml")
        await kubelet.until(pod.ready, within=30)
        database.fail()
        await kubelet.advance(60)
        assert pod.restarts == 0

It plays what the kubelet of Kubernetes 1.36 was seen to do, and is tested against recordings of it.
It knows nothing of the rest of healthkit: any ASGI app can be played.

Importing the package imports none of its modules: its pytest plugin is in every run of pytest.
"""

TYPE_CHECKING = False  # typing's own costs more than all the rest of this module
if TYPE_CHECKING:
    from typing import Final

    from healthkit.testing._deployment import Deployment
    from healthkit.testing._described import Described, Life, Ran, Reply, Says
    from healthkit.testing._events import Event
    from healthkit.testing._kubelet import Kubelet
    from healthkit.testing._played import Pod
    from healthkit.testing._running import run
    from healthkit.testing._service import Traffic
    from healthkit.testing._stuck import StuckError
    from healthkit.testing._timeline import Timeline

__all__ = [
    "Deployment",
    "Described",
    "Event",
    "Kubelet",
    "Life",
    "Pod",
    "Ran",
    "Reply",
    "Says",
    "StuckError",
    "Timeline",
    "Traffic",
    "run",
]

_HOME: "Final" = {
    "Deployment": "_deployment",
    "Described": "_described",
    "Event": "_events",
    "Kubelet": "_kubelet",
    "Life": "_described",
    "Pod": "_played",
    "Ran": "_described",
    "Reply": "_described",
    "Says": "_described",
    "StuckError": "_stuck",
    "Timeline": "_timeline",
    "Traffic": "_service",
    "run": "_running",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module it lives in."""
    import importlib  # noqa: PLC0415  # not for whoever imports the package only

    home = _HOME.get(name)
    if home is None:
        message = f"module 'healthkit.testing' has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(importlib.import_module(f"healthkit.testing.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
