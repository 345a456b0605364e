"""Which files are looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from healthkit.lint._places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator


class Told:
    """What a walk has yielded and told."""

    def __init__(self, *paths: Path | str) -> None:
        self.unreadable: list[str] = []
        self.charts: list[str] = []
        places = Places(self.unreadable.append, self.charts.append)
        found = [place for path in paths for place in places.of(str(path))]
        self.names = [Path(one.path).name for one in found]
        self.named = {one.named for one in found}
        self.left_alone = places.left_alone


def put(directory: Path, *names: str, text: str = "x") -> None:
    """Write files."""
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_file_is_named_and_those_of_a_directory_are_not(tmp_path: Path) -> None:
    """A file may be called anything then; of a directory YAML and JSON are taken, in order."""
    put(tmp_path, "b.yaml", "a.yml", "sub/c.JSON", "readme.md", "a.yaml.bak")
    assert Told(tmp_path / "readme.md").named == {True}
    found = Told(tmp_path)
    assert found.names == ["a.yml", "b.yaml", "c.JSON"]
    assert found.named == {False}


def test_each_file_comes_once(tmp_path: Path) -> None:
    """Whatever leads to it: twice named, a directory, a link."""
    put(tmp_path, "a.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    assert Told(tmp_path / "a.yaml", tmp_path, f"{tmp_path}/./a.yaml").names == ["a.yaml"]


def test_a_file_that_is_not_there_is_left_to_who_reads_it(tmp_path: Path) -> None:
    """And so is a path that can be none."""
    assert Told(tmp_path / "gone.yaml", "a\0b", "").names == ["gone.yaml", "a\0b", ""]


def test_nothing_in_a_directory_is_waited_for(tmp_path: Path) -> None:
    """A FIFO, a device, a socket, a link to nothing, a directory with a file's name."""
    put(tmp_path, "a.yaml")
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "null.yaml").symlink_to("/dev/null")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "dir.yaml").mkdir()
    assert Told(tmp_path).names == ["a.yaml"]


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    """They may lead in a circle; one that is named is followed."""
    put(tmp_path, "real/a.yaml")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "real" / "self.yaml").symlink_to("self.yaml")
    (tmp_path / "link").symlink_to("real")
    assert Told(tmp_path).names == ["a.yaml"]
    assert Told(tmp_path / "link").names == ["a.yaml"]


def test_some_directories_are_passed_by(tmp_path: Path) -> None:
    """Those of tools; others that are hidden are not."""
    put(tmp_path, "node_modules/a/package.json", ".git/b.yaml", ".k8s/c.yaml")
    assert Told(tmp_path).names == ["c.yaml"]


def test_any_name_is_fine(tmp_path: Path) -> None:
    """Blanks, line breaks, bytes that are no UTF-8."""
    names = [b"a b.yaml", b"a\nb.yaml", b"\xff.yaml", b"::error::.yaml"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")
    assert sorted(Told(tmp_path).names) == sorted(os.fsdecode(name) for name in names)


def test_a_directory_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are gone through."""
    put(tmp_path, "a.yaml", "shut/b.yaml")
    scandir = os.scandir

    def refused(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    found = Told(tmp_path)
    assert found.names == ["a.yaml"]
    assert found.unreadable == [f"{tmp_path}/shut: permission denied: expected a directory to read"]


# -- charts ----------------------------------------------------------------------------------------


def test_a_chart_is_told_and_not_looked_into(tmp_path: Path) -> None:
    """Nor are the charts in it; what stands beside it is looked at."""
    put(tmp_path, "a.yaml", "chart/Chart.yaml", "chart/values.yaml", "chart/templates/b.yaml")
    put(tmp_path, "chart/charts/redis/Chart.yaml", "chart/charts/redis/templates/c.yaml")
    found = Told(tmp_path)
    assert found.names == ["a.yaml"]
    assert found.charts == [
        (
            f"{tmp_path}/chart: found a Helm chart, expected manifests: render it first, "
            f"as in helm template {tmp_path}/chart | healthkit lint -"
        )
    ]


@pytest.mark.parametrize(
    "path", ["chart", "chart/templates", "chart/templates/b.yaml", "chart/templates/sub/c.yaml"]
)
def test_a_template_of_a_chart_is_one_however_it_is_named(tmp_path: Path, path: str) -> None:
    """By its neighbours, two levels up."""
    put(tmp_path, "chart/Chart.yaml", "chart/templates/b.yaml", "chart/templates/sub/c.yaml")
    found = Told(tmp_path / path)
    assert found.names == []
    assert len(found.charts) == 1


def test_a_directory_may_be_called_templates(tmp_path: Path) -> None:
    """Without a chart around it, it is one like others."""
    put(tmp_path, "templates/a.yaml")
    assert Told(tmp_path / "templates" / "a.yaml", tmp_path).names == ["a.yaml"]


# -- kustomizations --------------------------------------------------------------------------------

_KUSTOMIZATION = """\
resources: [a.yaml, "{{"]
patches:
  - path: patch.yaml
  - patch: "- op: remove"
  - 17
patchesJson6902:
  - path: sub/json.yaml
patchesStrategicMerge:
  - ../shared/merge.yaml
  - |
    kind: Deployment
"""


def test_patches_are_left_alone(tmp_path: Path) -> None:
    """They look like objects, and are parts of them."""
    put(tmp_path, "over/kustomization.yaml", text=_KUSTOMIZATION)
    put(tmp_path, "over/a.yaml", "over/patch.yaml", "over/sub/json.yaml", "shared/merge.yaml")
    found = Told(tmp_path)
    assert found.names == ["a.yaml", "kustomization.yaml"]
    assert found.left_alone == 3


def test_a_patch_that_is_named_is_left_alone(tmp_path: Path) -> None:
    """Its kustomization is looked for beside it and above it."""
    put(tmp_path, "kustomization.yml", text=_KUSTOMIZATION)
    put(tmp_path, "a.yaml", "patch.yaml", "sub/json.yaml")
    files = [tmp_path / name for name in ("a.yaml", "patch.yaml", "sub/json.yaml")]
    assert Told(*files).names == ["a.yaml"]


@pytest.mark.parametrize("text", ["a: [", "- 1", "patches: 1", "patches: {path: a.yaml}", "\0"])
def test_a_kustomization_may_be_anything(tmp_path: Path, text: str) -> None:
    """Then it names no patches."""
    put(tmp_path, "Kustomization", text=text)
    put(tmp_path, "a.yaml")
    assert Told(tmp_path).names == ["a.yaml"]
