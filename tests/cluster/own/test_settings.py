"""What the environment says is read, and what it lacks is one line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cluster.settings import ROOT, USER, MissingError, settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Everything that is needed, and no more."""
    (tmp_path / "config").touch()
    return {
        "KUBECONFIG": str(tmp_path / "config"),
        "HEALTHKIT_E2E_IMAGE": "shop.test:5000/team/shop:1.0",
        "KUBECTL": "/opt/kubectl",
        "HELM3": "/opt/helm3",
        "PATH": "",
    }


def test_the_least(environ: dict[str, str]) -> None:
    """The rest has defaults; the tag begins after the last slash."""
    found = settings(environ)
    assert (found.repository, found.tag) == ("shop.test:5000/team/shop", "1.0")
    assert found.image == environ["HEALTHKIT_E2E_IMAGE"]
    assert (found.kubectl, found.helm) == ("/opt/kubectl", "/opt/helm3")
    assert (found.mount, found.python, found.user, found.next_tag) == ("", "python3", USER, "")


def test_all_of_it(environ: dict[str, str]) -> None:
    """A newer helm wins."""
    more = {
        "HEALTHKIT_E2E_MOUNT": "/srv/healthkit",
        "HEALTHKIT_E2E_PYTHON": "/venv/bin/python",
        "HEALTHKIT_E2E_USER": "1000",
        "HEALTHKIT_E2E_NEXT_TAG": "1.1",
        "HELM4": "/opt/helm4",
    }
    found = settings({**environ, **more})
    assert (found.mount, found.python) == ("/srv/healthkit", "/venv/bin/python")
    assert (found.user, found.next_tag, found.helm) == (1000, "1.1", "/opt/helm4")


def test_tools_are_looked_for_in_path(environ: dict[str, str], tmp_path: Path) -> None:
    """Where no variable names them."""
    for name in ("kubectl", "helm"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    del environ["KUBECTL"], environ["HELM3"]
    found = settings({**environ, "PATH": str(tmp_path)})
    assert found.kubectl.endswith("kubectl")
    assert "helm" in found.helm


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KUBECONFIG", "", "KUBECONFIG is not set"),
        ("KUBECONFIG", "/nowhere/config", "there is no such file"),
        ("HEALTHKIT_E2E_IMAGE", "", "HEALTHKIT_E2E_IMAGE is not set"),
        ("HEALTHKIT_E2E_IMAGE", "shop", "expected name:tag"),
        ("HEALTHKIT_E2E_IMAGE", "shop.test:5000/shop", "expected name:tag"),
        ("HEALTHKIT_E2E_IMAGE", "shop@sha256:00", "expected name:tag"),
        ("HEALTHKIT_E2E_MOUNT", "project", "expected an absolute path"),
        ("HEALTHKIT_E2E_USER", "0", "not root's"),
        ("HEALTHKIT_E2E_USER", "me", "expected a user's number"),
    ],
)
def test_what_is_wrong_is_one_line(
    environ: dict[str, str], name: str, value: str, said: str
) -> None:
    """It names the variable, and says what was expected."""
    with pytest.raises(MissingError, match=said) as caught:
        settings({**environ, name: value})
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_says_what_is_missing() -> None:
    """`make e2e` stops there: one line, exit code 1, no traceback."""
    command = [sys.executable, "-m", "tests.cluster.settings"]
    ran = subprocess.run(  # noqa: S603  # this Python
        command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, timeout=30, check=False
    )
    said = "tests/cluster can't run: HEALTHKIT_E2E_IMAGE is not set: it must name an image"
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.strip() == f"{said}, as name:tag"
