"""Where a container may write."""

from __future__ import annotations

import pytest

from healthkit.lint._facts.mounts import is_writable, mount_at
from tests.lint.objects import container, pod

SPEC = """\
containers:
  - name: web
    securityContext: {readOnlyRootFilesystem: %s}
    volumeMounts:
      - {name: run, mountPath: /run}
      - {name: config, mountPath: /run/config/}
      - {name: claim, mountPath: /data}
      - {name: run, mountPath: /fixed, readOnly: true}
volumes:
  - {name: run, emptyDir: {}}
  - {name: config, configMap: {name: shop}}
"""


@pytest.mark.parametrize(
    ("path", "writable"),
    [
        ("/run", True),
        ("/run/healthkit", True),
        ("/run/healthkit/", True),
        ("/run/config", False),
        ("/run/config/x", False),
        ("/run/configs", True),
        ("/runs", False),
        ("/data/x", True),
        ("/fixed/x", False),
        ("/tmp/x", False),  # noqa: S108  # a path in somebody's container
    ],
)
def test_the_innermost_mount_decides(path: str, writable: bool) -> None:
    """A volume that is not listed is one of a StatefulSet's templates."""
    assert is_writable(container(pod(SPEC % "true")), path) is writable


def test_the_image_may_be_written_to_by_default() -> None:
    """Where nothing is mounted."""
    found = container(pod(SPEC % "false"))
    assert mount_at(found, "/srv/x") is None
    assert is_writable(found, "/srv/x")
