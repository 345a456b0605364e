"""The door of healthkit.manifests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import manifests
from healthkit.errors import ConfigError
from healthkit.manifests import Workload, parse, read, workload
from healthkit.manifests._schema import SCHEMA
from tests.manifests.snippets import deployment, pod, refusal

#: Manifests of public charts, kept beside the project and no part of it.
CHARTS = Path(__file__).parents[3] / "shared/rendered-charts"


def test_a_file_is_read_and_a_text_is_parsed(tmp_path: Path) -> None:
    """To the same, but for the name in messages."""
    path = tmp_path / "web.yaml"
    path.write_text(deployment())
    (found,) = read(path)
    assert found.source == f"{path}:1"
    assert parse(deployment(), str(path)) == [found] == read(str(path))
    assert parse(deployment().encode(), str(path)) == [found]


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    """As it was given."""
    path = tmp_path / "web.yaml"
    path.write_text(deployment(spec="replicas: -1"))
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value)[-200:].endswith(
        "web.yaml:12: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n---\n", "\ufeff", "null"])
def test_a_text_may_have_no_workload(text: str) -> None:
    """The door says so with an empty list."""
    assert parse(text) == []


def test_windows_line_ends_are_fine() -> None:
    """And lines are counted as editors count them."""
    text = deployment(spec="replicas: -1").replace("\n", "\r\n")
    assert parse(deployment().replace("\n", "\r\n")) == parse(deployment())
    assert refusal(text).startswith("manifest:12: spec.replicas: ")


TWO = parse(f"{deployment()}---\n{deployment(kind='StatefulSet')}---\n{pod()}".replace(
    "kind: Pod\nmetadata:\n  name: web", "kind: Pod\nmetadata:\n  name: api"))  # fmt: skip


def test_the_only_workload_needs_no_name(tmp_path: Path) -> None:
    """Of a file, or of a list that was read."""
    path = tmp_path / "web.yaml"
    path.write_text(deployment())
    assert workload(path) == workload(str(path)) == workload(read(path)) == read(path)[0]
    assert workload(path, "web") == read(path)[0]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("api", ("Pod", "api")),
        ("pod/api", ("Pod", "api")),
        ("StatefulSet/web", ("StatefulSet", "web")),
        ("deployment/web", ("Deployment", "web")),
    ],
)
def test_one_of_several_has_a_name(name: str, found: tuple[str, str]) -> None:
    """With its kind in front where others are called the same, as kubectl has it."""
    one = workload(TWO, name)
    assert (one.kind, one.name) == found


@pytest.mark.parametrize(
    ("given", "name", "line"),
    [
        ([], None, "found no workload: expected a Pod, Deployment, StatefulSet, DaemonSet or Job"),
        ([], "web",
         "found no workload: expected a Pod, Deployment, StatefulSet, DaemonSet or Job"),
        (TWO, None, ("found 3 workloads: pass the name of one of them: "
         "deployment/web, pod/api, statefulset/web")),
        (TWO, "db", ("found no workload 'db': expected one of "
         "deployment/web, pod/api, statefulset/web")),
        (TWO, "web", ("found 2 workloads 'web': expected one; pass its kind too: "
         "deployment/web, statefulset/web")),
        ([TWO[0]] * 2, "deployment/web", ("found 2 workloads 'deployment/web': expected one; "
         "pass its kind too: deployment/web")),
    ],
)  # fmt: skip
def test_no_one_workload_is_an_error(given: list[Workload], name: str | None, line: str) -> None:
    """One line, with those that there are."""
    with pytest.raises(ConfigError) as caught:
        workload(given, name)
    assert str(caught.value) == line


@pytest.mark.parametrize("manifest", [None, 5, b"web.yaml", ["web"], {"web": 1}])
def test_what_is_no_manifest_is_refused(manifest: object) -> None:
    """Neither a path nor what was read."""
    with pytest.raises(ConfigError, match="^manifest=.*: expected a path, or the workloads that"):
        workload(cast("str", manifest))


def test_a_file_without_a_workload_is_named(tmp_path: Path) -> None:
    """Where a workload is asked for."""
    path = tmp_path / "web.yaml"
    path.write_text("")
    with pytest.raises(ConfigError, match=r"web\.yaml: found no workload: expected a Pod"):
        workload(path)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("apiVersion: apps/v1\nkind: deployment\n", "deployment"),
        (
            "{apiVersion: v1, kind: Service}\n---\n{apiVersion: batch/v1, kind: CronJob}",
            "CronJob, Service",
        ),
    ],
)
def test_a_file_with_other_objects_says_which(tmp_path: Path, text: str, kinds: str) -> None:
    """A kind in small letters is none that Kubernetes has."""
    path = tmp_path / "web.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"web\.yaml: found no workload, but {kinds}: expected"):
        workload(path)


def test_importing_it_takes_no_yaml() -> None:
    """Only who reads a manifest needs PyYAML."""
    code = "import sys, healthkit.manifests; sys.exit('yaml' in sys.modules)"
    command, root = [sys.executable, "-c", code], Path(__file__).parents[2]
    done = subprocess.run(command, check=False, cwd=root)  # noqa: S603  # our own interpreter
    assert done.returncode == 0


def test_all_is_sorted_and_there() -> None:
    """What is exported can be imported."""
    assert sorted(manifests.__all__) == manifests.__all__
    assert all(hasattr(manifests, name) for name in manifests.__all__)


@pytest.mark.parametrize(
    "path", sorted(CHARTS.glob("*.yaml")) or [None], ids=lambda path: str(path and path.stem)
)
def test_real_manifests_are_admitted(path: Path | None) -> None:
    """Rendered public charts: valid, and read without a word."""
    if path is None:
        pytest.skip("the charts are kept beside the project, and are not here")
    for one in read(path):
        assert one.template.containers
        assert one.source.startswith(f"{path}:")


def test_much_is_read_fast() -> None:
    """A thousand manifests; the limit is thirty times what it takes, of the processor's time."""
    start = time.thread_time()
    assert len(parse("---\n".join([deployment()] * 1000))) == 1000
    assert time.thread_time() - start < 60


LINES = (
    deployment(
        container="livenessProbe: {httpGet: {port: 80}}\nlifecycle: {preStop: {sleep: {}}}",
        pod="terminationGracePeriodSeconds: 30",
        spec="replicas: 3\nstrategy: {rollingUpdate: {maxSurge: 1}}",
    )
    + "---\n"
    + pod(container="readinessProbe:\n  grpc:\n    port: 5\n", pod="readinessGates: []")
).splitlines()

BITS = st.sampled_from([
    "", "-", ":", "&a", "*a", "<<: *a", "{", "}", "[", "]", "|", ">", "'", '"', "!!int", "? ", "#",
    "---", "...", "%", "~", "null", "yes", "-1", "0", "3.0", "1e400", "9" * 30, ".nan", "\t", "{{",
    "kind: List", "items: [{}]", "spec:", "a b", "\ufeff", "\x85", "\u2028", "0x", "%YAML 1.1",
])  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Draw a manifest with lines and parts of lines changed, taken out and moved."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        head, colon, _ = lines[at].partition(draw(st.sampled_from([":", " ", "{", "x"])))
        bit = draw(BITS | st.text(max_size=4))
        changed = [head + colon + bit, head + bit, bit + lines[at], f"{head}: {bit}"]
        moved = lines.pop(at) if draw(st.booleans()) and len(lines) > 1 else bit
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from([*changed, moved])))
    return "\n".join(lines)


def survives(text: str | bytes) -> None:
    """Assert that a text is read, or refused with one line."""
    try:
        found = parse(text)
    except ConfigError as exc:
        line = str(exc)
        assert line.splitlines() == [line]
        assert line.startswith("manifest")
    else:
        assert all(isinstance(one, Workload) for one in found)


@settings(max_examples=300)
@given(mutated())
def test_a_spoilt_manifest_is_read_or_refused(text: str) -> None:
    """Nothing else is ever raised."""
    survives(text)


@settings(max_examples=200)
@given(st.text() | st.binary() | st.lists(BITS).map(" ".join) | st.lists(BITS).map("\n".join))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    """Nothing else is ever raised."""
    survives(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)

FIELDS = st.sampled_from(sorted({name for fields in SCHEMA.values() for name in fields}))

#: A workload of every kind, as JSON has it.
OBJECTS = [
    f'{{"apiVersion": "{version}", "kind": "{kind}", "metadata": {{"name": "a"}}, "spec": {spec}}}'
    for kind, version, spec in (
        ("Pod", "v1", '{"containers": [{"name": "web", "image": "web"}]}'),
        ("Deployment", "apps/v1", '{"selector": {"matchLabels": {"a": "b"}}, "template": {}}'),
        ("DaemonSet", "apps/v1", '{"selector": {}, "updateStrategy": {"rollingUpdate": {}}}'),
        ("StatefulSet", "apps/v1", '{"ordinals": {}, "updateStrategy": {"rollingUpdate": {}}}'),
        ("Job", "batch/v1", '{"template": {"spec": {"restartPolicy": "Never"}}}'),
    )
]


@settings(max_examples=300)
@given(st.sampled_from(OBJECTS), st.lists(FIELDS, min_size=1, max_size=7), VALUES)
def test_any_value_of_any_field_is_read_or_refused(
    one: str, path: list[str], value: object
) -> None:
    """Nothing else is ever raised."""
    spoilt = cast("dict[str, object]", json.loads(one))
    place = spoilt
    for name in path[:-1]:
        inner = place.get(name)
        place = cast("dict[str, object]", inner if isinstance(inner, dict) else place)
    place[path[-1]] = value
    survives(json.dumps(spoilt))
