"""The objects of a rendered manifest, as a cluster gets them."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import lint, manifests, render, timing
from healthkit.errors import ConfigError
from healthkit.lint import Options
from healthkit.render import PARTS, Wanted, manifest, of_app, plan
from healthkit.render._wanted import with_given
from tests.render.documents import APP, container, objects, path, times, workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._options import Version

SERVER: Final = ("uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000")  # noqa: S104  # a container's

#: What somebody may ask for, and what the linter would advise against among it.
WANTED: Final = {
    "default": Wanted(),
    "named": Wanted(name="shop", image="registry.example/shop:2.1.0", command=SERVER),
    "app": of_app(APP),
    "slow": Wanted(boot=3600, startup=600, warm_up=3600, drain_delay=60, longest_request=3600),
    "quick": Wanted(boot=0.2, drain_delay=0, longest_request=0.5, pre_stop="none"),
    "sleep": Wanted(pre_stop="sleep", drain_delay=12.5),
    "none": Wanted(pre_stop="none", workers=4),
    "alone": Wanted(replicas=1),
    "crowd": Wanted(replicas=100, workers=64),
}
#: The package has no types.
SCHEMAS: Final = importlib.import_module("kubernetes_validate")
VERSIONS: Final[list[Version]] = [(1, minor) for minor in range(29, 38)]


@pytest.fixture(scope="module", autouse=True)
def _schemas_are_read_once() -> Iterator[None]:
    """Keep the schemas: the package reads megabytes of JSON for each object that it validates."""
    utils = SCHEMAS.utils
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", lru_cache(None)(utils.schema_contents))
        yield


def wanted_by(name: str, version: Version) -> Wanted:
    """Return one of them, for a Kubernetes version."""
    found = with_given(WANTED[name], {"kube_version": version})
    lacks_sleep = found.pre_stop == "sleep" and version < (1, 30)
    return with_given(found, {"pre_stop": "none"}) if lacks_sleep else found


@pytest.mark.parametrize("version", [(1, 25), *VERSIONS], ids=str)
@pytest.mark.parametrize("name", WANTED)
def test_the_linter_has_nothing_to_say(name: str, version: Version) -> None:
    """Not even advice, and nothing that can't be read."""
    text = manifest(wanted_by(name, version))
    report = lint.check_text(text, options=Options(kube_version=version))
    assert (report.findings, report.unusable) == ((), ())
    assert report.objects == (2 if name == "alone" else 3)


def test_the_linter_finds_the_app_in_it() -> None:
    """What is rendered by an app's settings agrees with them."""
    wanted = of_app(APP)
    app = replace(APP, grace_period=float(plan(wanted).grace))  # as it is in that environment
    assert lint.check_text(manifest(wanted), options=Options(app=app)).findings == ()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: f"{version[0]}.{version[1]}")
@pytest.mark.parametrize("name", WANTED)
def test_the_schemas_take_it(name: str, version: Version) -> None:
    """Strictly: there is no field that the version doesn't have."""
    wanted = f"{version[0]}.{version[1]}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for one in yaml.safe_load_all(manifest(wanted_by(name, version))):
            assert SCHEMAS.validate(one, wanted, strict=True) == wanted


def test_the_objects_find_each_other() -> None:
    """The Service's port is the container's, by its name; all select the pods."""
    found = objects(manifest(Wanted(name="shop", port=9000)))
    assert list(found) == ["Deployment", "Service", "PodDisruptionBudget"]
    assert {one["metadata"]["name"] for one in found.values()} == {"shop"}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["ports"] == [{"name": "http", "containerPort": 9000}]


def test_what_is_asked_for_is_what_there_is() -> None:
    """Name, image, command, replicas, probes by the app's own paths."""
    words = ("sh", "-c", 'exec uvicorn main:app --log-config "a: b"', "", "--x={y}")
    found = workload(
        Wanted(name="on", image="on:1", command=words, replicas=7, paths=APP.paths, app="main:h")
    )
    (one,) = found.template.containers
    assert (found.name, one.name, one.image, one.command) == ("on", "on", "on:1", words)
    assert found.replicas == 7
    assert found.rolling_update == manifests.RollingUpdate(max_surge=1, max_unavailable=0)
    paths = [path(probe) for probe in (one.startup, one.liveness, one.readiness)]
    assert paths == ["/health/started", "/health/live", "/health/ready"]


@given(
    boot=st.floats(0.001, 3600),
    warm_up=st.floats(0, 3600),
    delay=st.floats(0.001, 3600),
    longest=st.floats(0, 3600),
    pre_stop=st.sampled_from(["exec", "sleep", "none"]),
)
@settings(max_examples=50)
def test_the_numbers_are_those_of_the_plan(
    boot: float, warm_up: float, delay: float, longest: float, pre_stop: render.PreStop
) -> None:
    """Read back as the API server reads them, and the variables as healthkit does."""
    wanted = Wanted(
        boot=boot, warm_up=warm_up, drain_delay=delay, longest_request=longest, pre_stop=pre_stop
    )
    expected, found = plan(wanted), workload(wanted)
    (one,) = found.template.containers
    assert [times(probe) for probe in (one.startup, one.liveness, one.readiness)] == [
        expected.startup,
        expected.liveness,
        expected.readiness,
    ]
    assert timing.guaranteed_boot(times(one.startup)) >= boot
    assert found.template.termination_grace_period == expected.grace
    assert found.min_ready_seconds == expected.min_ready
    assert found.progress_deadline_seconds == (expected.progress_deadline or 600)
    assert float(one.env["HEALTHKIT_DRAIN_DELAY"]) == expected.app_delay
    assert float(one.env["HEALTHKIT_DRAIN_TIMEOUT"]) == expected.in_flight
    assert float(one.env["HEALTHKIT_GRACE_PERIOD"]) == expected.grace


@pytest.mark.parametrize("name", WANTED)
def test_its_annotations_say_what_was_asked_for(name: str) -> None:
    """For the linter to hold the numbers against."""
    wanted = WANTED[name]
    annotations = objects(manifest(wanted))["Deployment"]["metadata"]["annotations"]
    boot = float(annotations["healthkit/boot"].removesuffix("s"))
    assert boot == timing.start_needed(wanted.boot, wanted.startup)
    assert float(annotations["healthkit/longest-request"].removesuffix("s")) == (
        wanted.longest_request
    )


def test_one_replica_has_no_budget() -> None:
    """It could only forbid what must be."""
    assert list(objects(manifest(Wanted(replicas=1)))) == ["Deployment", "Service"]
    assert "PodDisruptionBudget" in objects(manifest(Wanted(replicas=2)))


@pytest.mark.parametrize(("version", "policy"), [((1, 26), None), ((1, 27), "AlwaysAllow")])
def test_the_eviction_policy_is_for_versions_that_have_it(
    version: Version, policy: str | None
) -> None:
    """It is on by default since 1.27."""
    budget = objects(manifest(Wanted(kube_version=version)))["PodDisruptionBudget"]["spec"]
    assert budget.get("unhealthyPodEvictionPolicy") == policy
    assert budget["maxUnavailable"] == 1


def test_a_part_is_a_part() -> None:
    """The Deployment alone, or all."""
    alone, everything = manifest(Wanted(), "deployment"), manifest(Wanted())
    assert everything.startswith(f"{alone}---\n")
    assert list(objects(alone)) == ["Deployment"]
    assert PARTS == ("all", "deployment", "container")
    with pytest.raises(ConfigError, match="part='some': expected all or deployment or container"):
        manifest(Wanted(), "some")  # type: ignore[arg-type]  # that is the mistake


@pytest.mark.parametrize("name", WANTED)
def test_a_fragment_can_be_pasted_into_a_pod(name: str) -> None:
    """With the same numbers, and nothing that an image or a name would change."""
    wanted = WANTED[name]
    text = manifest(wanted, "container")
    pod = yaml.safe_load(text)
    assert set(pod) <= {"terminationGracePeriodSeconds", "containers", "volumes"}
    (fragment,) = pod["containers"]
    assert "image" not in fragment
    fragment["image"] = "app:1.0.0"
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}}
    (found,) = manifests.parse(yaml.safe_dump({**head, "spec": pod}))
    (one,), whole = found.template.containers, container(wanted)
    assert (one.env, one.ports, one.pre_stop) == (whole.env, whole.ports, whole.pre_stop)
    assert (one.startup, one.liveness, one.readiness) == (
        whole.startup,
        whole.liveness,
        whole.readiness,
    )
    assert found.template.termination_grace_period == plan(wanted).grace


@given(
    command=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=4
    ),
    name=st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    image=st.from_regex(r"[a-z0-9][a-z0-9._:/@-]{0,30}", fullmatch=True),
    replicas=st.integers(1, 10_000),
    port=st.integers(1, 65_535),
)
@settings(max_examples=100)
def test_what_was_asked_for_is_read_back(
    command: list[str], name: str, image: str, replicas: int, port: int
) -> None:
    """Whatever the words, names and images are."""
    found = workload(
        Wanted(command=tuple(command), name=name, image=image, replicas=replicas, port=port)
    )
    (one,) = found.template.containers
    assert (one.command, one.name, found.name, one.image) == (tuple(command), name, name, image)
    assert (found.replicas, one.ports[0].number) == (replicas, port)
