"""The example manifests are what they say: rendered, linted, valid, and played without a loss."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from healthkit import _simulate, lint, timing
from healthkit.lint import Options
from healthkit.render._plan import READINESS
from tests.rendered import (
    EXAMPLES,
    KUSTOMIZE,
    blocks,
    command,
    comments,
    contains,
    environment,
    objects,
    one,
    pod_of,
    read,
    rendered,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rendered import Object

#: What is to be copied, and what is not.
GOOD: Final = sorted(file.name for file in EXAMPLES.glob("*.yaml") if file.name != "before.yaml")
OVERLAYS: Final = ["base", "slow-requests"]

#: The packages have no types.
SCHEMAS: Final = importlib.import_module("kubernetes_validate")
YAMLLINT: Final = importlib.import_module("yamllint.linter")
YAMLLINT_CONFIG: Final = importlib.import_module("yamllint.config")

#: What the house writes: 100 columns.
STYLE: Final = "{extends: default, rules: {line-length: {max: 100}}}"

Said = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", autouse=True)
def _schemas_are_read_once() -> Iterator[None]:
    """Keep the schemas: the package reads megabytes of JSON for each object that it validates."""
    utils = SCHEMAS.utils
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", lru_cache(None)(utils.schema_contents))
        yield


@pytest.fixture(scope="module")
def kubectl() -> str:
    """Find kubectl."""
    here = Path(__file__).parents[1] / ".tools" / "kubectl"
    found = os.environ.get("KUBECTL") or (str(here) if here.exists() else shutil.which("kubectl"))
    if found is None:
        pytest.skip("no kubectl in .tools or in PATH, and KUBECTL names none")
    return found


def kustomized(kubectl: str, name: str) -> str:
    """Return what a kustomization makes."""
    build = [kubectl, "kustomize", str(KUSTOMIZE / name)]
    ran = subprocess.run(build, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # the user's own
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def nothing_found(text: str, kube_version: tuple[int, int]) -> None:
    """Assert that the linter has not even advice, and that nothing is ignored."""
    report = lint.check_text(text, options=Options(kube_version=kube_version))
    assert (report.findings, report.ignored, report.unusable) == ((), (), ())
    assert report.objects >= 2


def valid(found: list[Object], version: str) -> None:
    """Assert that each object is of Kubernetes' schema, and has no unknown field."""
    for each in found:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert SCHEMAS.validate(each, version, strict=True) == version


# -- what all of them are -------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(1, 30), (1, 34), (1, 37)], ids=str)
@pytest.mark.parametrize("name", GOOD)
def test_the_linter_has_nothing_to_say(name: str, version: tuple[int, int]) -> None:
    """A rule that we break ourselves is none."""
    nothing_found(read(name), version)


@pytest.mark.parametrize("version", ["1.34", "1.37"])
@pytest.mark.parametrize("name", [*GOOD, "before.yaml"])
def test_the_schemas_know_every_field(name: str, version: str) -> None:
    """Even what everybody writes is valid, which is why it is written."""
    valid(objects(read(name)), version)


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda file: file.name)
def test_the_yaml_is_well_written(file: Path) -> None:
    """Not even a warning."""
    config = YAMLLINT_CONFIG.YamlLintConfig(STYLE)
    assert [*YAMLLINT.run(file.read_text(encoding="utf-8"), config)] == []


@pytest.mark.parametrize("name", GOOD)
def test_it_is_what_its_command_renders(name: str, capsys: Said) -> None:
    """Each object is there with each number, and in the renderer's own words."""
    text = read(name)
    ours = rendered(capsys, command(text))
    for expected in objects(ours):
        contains(one(objects(text), expected["kind"]), expected)
    said = comments(text)
    assert [words for words in blocks(ours) if words not in said] == []


@pytest.mark.parametrize("name", GOOD)
def test_a_boot_and_a_deletion_lose_nothing(name: str, capsys: Said) -> None:
    """The pod takes all the time that it is given, warms up, gets ready, and ends."""
    boot = one(objects(read(name)), "Deployment")["metadata"]["annotations"]["healthkit/boot"]
    options = ["--boot", boot, "--warm-up", "60s"]
    assert _simulate.main([str(EXAMPLES / name), *options]) == 0
    end = capsys.readouterr().out
    assert "\nrestarts      0\n" in end
    assert "\nlost          0\n" in end


def test_the_readme_names_each_of_them() -> None:
    """And nothing that is not there."""
    readme = read("README.md")
    for path in EXAMPLES.iterdir():
        assert path.name == "README.md" or f"({path.name})" in readme
    for link in re.findall(r"\]\(([^)#]+)(?:#.*?)?\)", readme):
        assert (EXAMPLES / link).exists()


# -- each for itself ------------------------------------------------------------------------------


def test_the_bad_one_costs_what_it_says() -> None:
    """The rules in its comments are those that the linter finds, all of them and no others."""
    text = read("before.yaml")
    report = lint.check_text(text)
    assert {finding.rule for finding in report.findings} == set(re.findall(r"HK\d{3}", text))
    letters = set(re.findall(r"\(([a-i])\)", text))
    assert letters == set("abcdefghi") == set(re.findall(r"\(([a-i])\)", read("after.yaml")))


def test_the_single_one_outlives_the_start_of_its_successor() -> None:
    """It serves on for longer than a boot, its probes and kube-proxy take."""
    text = read("single-replica.yaml")
    found = objects(text)
    (container,) = pod_of(found)["containers"]
    probe = container["startupProbe"]
    startup = timing.startup_for(30, probe["periodSeconds"], probe["timeoutSeconds"])
    assert startup.failure_threshold == probe["failureThreshold"]
    needed = timing.started(startup, 30) + timing.readmitted(READINESS)
    assert f"{timing.started(startup, 30) - 30:g} s until the startup probe" in comments(text)
    assert f"= {needed:g} s" in comments(text)
    assert float(environment(found)["HEALTHKIT_DRAIN_DELAY"]) > needed
    assert environment(found)["HEALTHKIT_READYZ_WHILE_DRAINING"] == "200"


def test_the_single_one_stays_ready_while_it_drains() -> None:
    """Its own setting, in a real app: readiness passes, so that kube-proxy still sends to it."""
    manifest = str(EXAMPLES / "single-replica.yaml")
    play = [sys.executable, "-m", "healthkit", "simulate", manifest]
    play += ["--app", "examples.01_minimal:app"]
    ran = subprocess.run(play, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # our own interpreter
    assert ran.returncode == 0, ran.stdout + ran.stderr
    drained = ran.stdout.partition("SIGTERM")[2].partition("the container ended")[0]
    assert "readiness 200" in drained
    assert "readiness 503" not in drained
    assert "\nlost          0\n" in ran.stdout


def test_the_load_balancer_lets_the_longest_request_end() -> None:
    """It gives a target less than the drain does, and shows nobody what is inside."""
    found = objects(read("aws-alb.yaml"))
    settings = environment(found)
    ingress = one(found, "Ingress")
    said = {key.partition("/")[2]: v for key, v in ingress["metadata"]["annotations"].items()}
    delay = int(
        said["target-group-attributes"].removeprefix("deregistration_delay.timeout_seconds=")
    )
    assert int(settings["HEALTHKIT_DRAIN_TIMEOUT"]) < delay
    assert delay <= int(settings["HEALTHKIT_DRAIN_DELAY"])
    assert said["target-type"] == "ip"
    assert said["healthcheck-path"] == "/readyz"
    assert int(said["healthcheck-timeout-seconds"]) < int(said["healthcheck-interval-seconds"])
    times, every = (
        int(said[key]) for key in ("healthy-threshold-count", "healthcheck-interval-seconds")
    )
    assert f"healthy after {times} * {every} s = {times * every} s," in comments(
        read("aws-alb.yaml")
    )
    action = yaml.safe_load(said["actions.hidden"])
    assert action["fixedResponseConfig"]["statusCode"] == "404"
    *hidden, rest = ingress["spec"]["rules"][0]["http"]["paths"]
    assert {path["path"] for path in hidden} == {"/livez", "/readyz", "/startupz", "/healthz"}
    assert {path["backend"]["service"]["name"] for path in hidden} == {"hidden"}
    assert rest["path"] == "/"
    (container,) = pod_of(found)["containers"]
    words = container["command"]
    assert int(words[words.index("--timeout-keep-alive") + 1]) > 60


def test_the_sidecar_outlives_the_drain() -> None:
    """What it waits for is the drain delay, and the work in flight after it."""
    found = objects(read("istio.yaml"))
    settings = environment(found)
    delay, in_flight = (int(settings[f"HEALTHKIT_DRAIN_{x}"]) for x in ("DELAY", "TIMEOUT"))
    template = one(found, "Deployment")["spec"]["template"]
    config = yaml.safe_load(template["metadata"]["annotations"]["proxy.istio.io/config"])
    assert config["proxyMetadata"]["MINIMUM_DRAIN_DURATION"] == f"{delay}s"
    assert config["terminationDrainDuration"] == f"{delay + in_flight}s"
    assert delay + in_flight < template["spec"]["terminationGracePeriodSeconds"]


# -- kustomize ------------------------------------------------------------------------------------


def test_the_base_is_the_minimal_one() -> None:
    """Object by object."""
    names = ["deployment.yaml", "service.yaml", "pdb.yaml"]
    base = [(KUSTOMIZE / "base" / name).read_text(encoding="utf-8") for name in names]
    assert [each for text in base for each in objects(text)] == objects(read("minimal.yaml"))


def test_the_overlay_changes_the_drain_and_the_grace_together(capsys: Said) -> None:
    """All that the longer drain changes in a rendered manifest, the patch changes."""
    text = (KUSTOMIZE / "slow-requests" / "kustomization.yaml").read_text(encoding="utf-8")
    base = command((KUSTOMIZE / "base" / "deployment.yaml").read_text(encoding="utf-8"))
    before = objects(rendered(capsys, base))
    ours = rendered(capsys, command(text))
    (patch,) = objects(objects(text)[0]["patches"][0]["patch"])
    after = objects(ours)
    assert environment([patch]) == environment(after)
    contains(one(after, "Deployment"), patch)
    (container,) = pod_of(after)["containers"]
    (old,) = pod_of(before)["containers"]
    old["env"] = container["env"]
    changed = one(before, "Deployment")
    changed["metadata"]["annotations"] |= patch["metadata"]["annotations"]
    pod_of(before)["terminationGracePeriodSeconds"] = pod_of([patch])[
        "terminationGracePeriodSeconds"
    ]
    assert before == after
    assert next(words for words in blocks(ours) if "longest request" in words) in comments(text)


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_kubectl_makes_of_them_is_as_good(
    kubectl: str, name: str, tmp_path: Path, capsys: Said
) -> None:
    """Linted, valid, and played without a loss."""
    made = kustomized(kubectl, name)
    nothing_found(made, (1, 30))
    for version in ("1.34", "1.37"):
        valid(objects(made), version)
    manifest = tmp_path / "made.yaml"
    manifest.write_text(made, encoding="utf-8")
    assert _simulate.main([str(manifest), "--boot", "30s", "--warm-up", "60s"]) == 0
    assert "\nlost          0\n" in capsys.readouterr().out


def test_kubectl_makes_the_overlay_that_is_rendered(kubectl: str, capsys: Said) -> None:
    """The whole of it, for what the patch names."""
    text = (KUSTOMIZE / "slow-requests" / "kustomization.yaml").read_text(encoding="utf-8")
    made = objects(kustomized(kubectl, "slow-requests"))
    for expected in objects(rendered(capsys, command(text))):
        contains(one(made, expected["kind"]), expected)
        contains(expected, one(made, expected["kind"]))
