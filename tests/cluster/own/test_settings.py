"""What the environment says is read, and what it lacks is one line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cluster.settings import ROOT, USER, MissingError, lacks, settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Everything that is needed, and no more."""
    (tmp_path / "config").touch()
    for name in ("kubectl", "helm3", "helm4"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return {
        "KUBECONFIG": str(tmp_path / "config"),
        "HEALTHKIT_E2E_IMAGE": "shop.test:5000/team/shop:1.0",
        "KUBECTL": str(tmp_path / "kubectl"),
        "HELM3": str(tmp_path / "helm3"),
        "PATH": "",
    }


def test_the_least(environ: dict[str, str]) -> None:
    """The rest has defaults; the tag begins after the last slash."""
    found = settings(environ)
    assert (found.repository, found.tag) == ("shop.test:5000/team/shop", "1.0")
    assert found.image == environ["HEALTHKIT_E2E_IMAGE"]
    assert (found.kubectl, found.helm) == (environ["KUBECTL"], environ["HELM3"])
    assert (found.mount, found.python, found.user, found.next_tag) == ("", "python3", USER, "")


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("given", "repository", "tag"),
    [
        ("shop", "shop", "latest"),
        ("shop.test:5000/shop", "shop.test:5000/shop", "latest"),
        (f"shop.test/shop@{DIGEST}", "shop.test/shop", DIGEST),
        (f"shop.test/shop:1@{DIGEST}", "shop.test/shop", DIGEST),
    ],
)
def test_any_image(environ: dict[str, str], given: str, repository: str, tag: str) -> None:
    """Without a tag it is the latest; a digest is a tag, as the chart takes it."""
    found = settings({**environ, "HEALTHKIT_E2E_IMAGE": given})
    assert (found.repository, found.tag) == (repository, tag)
    assert found.image == f"{repository}{'@' if tag == DIGEST else ':'}{tag}"


def test_all_of_it(environ: dict[str, str], tmp_path: Path) -> None:
    """A newer helm wins."""
    more = {
        "HEALTHKIT_E2E_MOUNT": "/srv/healthkit",
        "HEALTHKIT_E2E_PYTHON": "/venv/bin/python",
        "HEALTHKIT_E2E_USER": "1000",
        "HEALTHKIT_E2E_NEXT_TAG": "1.1",
        "HELM4": str(tmp_path / "helm4"),
    }
    found = settings({**environ, **more})
    assert (found.mount, found.python) == ("/srv/healthkit", "/venv/bin/python")
    assert (found.user, found.next_tag, found.helm) == (1000, "1.1", more["HELM4"])


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
        ("HEALTHKIT_E2E_IMAGE", "shop:", "expected name:tag"),
        ("HEALTHKIT_E2E_IMAGE", "shop.test/", "expected name:tag"),
        ("HEALTHKIT_E2E_IMAGE", "shop@", "expected name:tag"),
        ("KUBECTL", "/nowhere/kubectl", "there is no such program"),
        ("HELM4", "/nowhere/helm", "there is no such program"),
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
    assert list(lacks({**environ, name: value})) == [str(caught.value)]


def test_the_command_says_what_is_missing() -> None:
    """`make e2e` stops there: a line for each variable, exit code 1, no traceback."""
    command = [sys.executable, "-m", "tests.cluster.settings"]
    ran = subprocess.run(  # noqa: S603  # this Python
        command,
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    first, second, *tools = ran.stderr.splitlines()
    assert first.startswith("tests/cluster can't run: KUBECONFIG is not set")
    assert second.startswith("tests/cluster can't run: HEALTHKIT_E2E_IMAGE is not set")
    assert all("is neither in PATH nor in .tools" in line for line in tools)


def test_the_first_reason_to_skip_is_the_cluster() -> None:
    """Who has set nothing is told of KUBECONFIG."""
    with pytest.raises(MissingError, match="KUBECONFIG is not set"):
        settings({})
