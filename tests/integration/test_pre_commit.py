"""The hooks of .pre-commit-hooks.yaml, run by pre-commit itself on a scratch repository.

pre-commit is installed from the registry, into an environment of this test: it is too much for
everybody's. Where it can't be had, this is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.lint.texts import FINE, STRETCHED

pytestmark = pytest.mark.hooks

ROOT: Final = Path(__file__).parents[2]

#: What the package is made of. Whatever else stands beside it may be no file that can be copied.
SHIPPED: Final = (
    *("healthkit", "tests/lint/examples", "pyproject.toml", "README.md", "LICENSE"),
    ".pre-commit-hooks.yaml",
)

#: In seconds, for a step: environments are made, and packages fetched.
PATIENCE: Final = 300
#: How often a registry is asked that fails.
ATTEMPTS: Final = 3

_CONFIG: Final = """\
repos:
  - repo: {hooks}
    rev: {revision}
    hooks: [{{id: healthkit-lint}}, {{id: healthkit-lint-all, stages: [manual]}}]
"""


def run(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
    names |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in names.items()}
    return subprocess.run(  # noqa: S603  # our own words
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **names, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def pre_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install pre-commit."""
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    directory = tmp_path_factory.mktemp("pre-commit")
    run(sys.executable, "-m", "venv", directory, cwd=directory)
    for _ in range(ATTEMPTS):
        pip = run(directory / "bin" / "pip", "install", "-q", "pre-commit", cwd=directory)
        if pip.returncode == 0:
            return directory / "bin" / "pre-commit"
    pytest.skip("pre-commit can't be had from the registry")


def commit(directory: Path) -> str:
    """Make a repository of a directory; return the commit."""
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--no-verify", "-m", "all"]):
        done = run("git", *words, cwd=directory)
        assert done.returncode == 0, done.stderr
    return run("git", "rev-parse", "HEAD", cwd=directory).stdout.strip()


def test_a_commit_is_linted(pre_commit: Path, tmp_path: Path) -> None:
    """Its manifests are; what else is YAML or JSON is no mistake."""
    hooks, work = tmp_path / "hooks", tmp_path / "work"
    for name in SHIPPED:
        (hooks / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, hooks / name)
    revision = commit(hooks)
    work.mkdir()
    (work / ".pre-commit-config.yaml").write_text(_CONFIG.format(hooks=hooks, revision=revision))
    (work / "values.yaml").write_text("replicas: 1\n")
    (work / "package.json").write_text('{"name": "shop"}\n')
    (work / "de ploy.yaml").write_text(FINE)
    commit(work)
    home = str(tmp_path / "home")
    for _ in range(ATTEMPTS):
        if run(pre_commit, "install-hooks", cwd=work, PRE_COMMIT_HOME=home).returncode == 0:
            break

    clean = run(pre_commit, "run", "-a", "-v", cwd=work, PRE_COMMIT_HOME=home)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "found nothing in 1 object of 4 files; 3 files without manifests" in clean.stdout

    (work / "de ploy.yaml").write_text(STRETCHED)
    for words in (["-a"], ["--hook-stage", "manual", "healthkit-lint-all", "-a"]):
        told = run(pre_commit, "run", *words, cwd=work, PRE_COMMIT_HOME=home)
        assert told.returncode == 1, told.stdout + told.stderr
        assert "de ploy.yaml:16:13: warning HK202 Deployment/shop" in told.stdout
