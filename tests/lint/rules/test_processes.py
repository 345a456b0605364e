"""HK311 to HK313."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.lint.served import APP, env, findings, manifest

_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: once, image: "shop:1", command: [sh, -c, python -m once]}]
"""


def test_a_job_may_have_a_shell() -> None:
    """It answers nobody, and ends by itself."""
    assert findings("HK311", _JOB) == []


@pytest.mark.parametrize(
    ("volume", "kind"),
    [
        ({"emptyDir": {}}, None),
        ({}, None),
        ({"ephemeral": {}}, None),
        ({"hostPath": {"path": "/x"}}, "hostPath"),
        ({"persistentVolumeClaim": {"claimName": "x"}}, "persistentVolumeClaim"),
        ({"configMap": {"name": "x"}}, "configMap"),
    ],
)
def test_a_volume_must_be_the_pods_own(volume: dict[str, object], kind: str | None) -> None:
    """What outlives the pod has another's state in it, and some can't be written to."""
    mounts = [{"name": "other", "mountPath": "/x"}, {"name": "state", "mountPath": "/run"}]
    fields: dict[str, object] = {"volumeMounts": mounts, "env": env(HEALTHKIT_STATE_DIR="/run/hk")}
    volumes = [{"name": "other"}, {"name": "state", **volume}]
    found = findings("HK312", manifest(fields, pod={"volumes": volumes}))
    expected = [f"the state directory is in a volume of the type {kind}"] if kind else []
    assert [one.what for one in found] == expected


def test_a_volume_that_is_not_there_is_not_told_here() -> None:
    """The API server refuses it."""
    fields: dict[str, object] = {
        "volumeMounts": [{"name": "state", "mountPath": "/run"}],
        "env": env(HEALTHKIT_STATE_DIR="/run/hk"),
    }
    assert findings("HK312", manifest(fields)) == []


def test_the_app_may_say_where_its_state_is() -> None:
    """Then the container is what is told."""
    (found,) = findings("HK312", manifest({}), replace(APP, state_dir="/var/hk"))
    assert found.what == "no volume is mounted at /var/hk: it is in the root file system"
    assert found.path == "spec.template.spec.containers[0]"


def test_a_directory_that_nobody_can_tell_is_left_alone() -> None:
    """As one that Kubernetes is to fill in."""
    assert findings("HK312", manifest({"env": env(HEALTHKIT_STATE_DIR="$(HOME)/hk")})) == []


def test_shared_memory_is_the_pods_and_not_the_containers() -> None:
    """Two containers with the same path there meet."""
    variables = env(A="1", HEALTHKIT_STATE_DIR="/dev/shm/hk")  # noqa: S108  # it is no file of this test
    second = {"name": "second", "image": "shop:1", "env": variables}
    text = manifest({"env": variables})
    assert findings("HK312", text) == []
    both = text.replace('"image": "shop:1"', '"image": "shop:2"').replace(
        '"containers": [', f'"containers": [{str(second).replace(chr(39), chr(34))}, '
    )
    (found,) = findings("HK312", both)
    assert found.what == "web and second have their state in the same directory"
    assert found.container == "web"


@pytest.mark.parametrize(
    ("command", "workers", "expected"),
    [
        (["gunicorn", "-w", "3"], None, 3),
        (["gunicorn", "-w", "3"], 2, 3),
        (["gunicorn"], 2, 2),
        ([], 2, 2),
        (["gunicorn", "-w", "1"], 2, None),
        ([], None, None),
    ],
)
def test_workers_are_counted_by_who_starts_them(
    command: list[str], workers: int | None, expected: int | None
) -> None:
    """The server's own word first, then the app's."""
    found = findings("HK313", manifest({"command": command}), replace(APP, workers=workers))
    assert [one.numbers for one in found] == ([{"workers": expected}] if expected else [])
