"""Files, directories and texts, as the objects in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from healthkit.errors import ConfigError
from healthkit.lint._reading import Read, read
from healthkit.manifests._source import from_text
from tests.lint.texts import CONFIG, FINE, SERVICE, STRETCHED, read_text

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, **texts: str) -> None:
    """Write YAML files."""
    for name, text in texts.items():
        (directory / f"{name}.yaml").write_text(text)


def test_objects_of_all_files_come_together(tmp_path: Path) -> None:
    """In the order of the paths; those of a directory in the order of their names."""
    write(tmp_path, b=FINE, a=f"{SERVICE}---\n{CONFIG}")
    found = read([str(tmp_path)])
    assert [one.source.name.rpartition("/")[2] for one in found.documents] == [
        "a.yaml",
        "a.yaml",
        "b.yaml",
    ]
    assert (found.files, found.left_alone, found.unusable) == (2, 0, [])


def test_items_of_a_list_are_objects() -> None:
    """However deep the Lists are."""
    text = '{"apiVersion": "v1", "kind": "List", "items": [%s]}'
    item = '{"apiVersion": "v1", "kind": "Service"}'
    assert len(read_text(text % text % f"{item}, {item}").documents) == 2


def test_stdin_comes_first() -> None:
    """It is read once, when it is its turn."""
    found = read([], lambda: from_text(SERVICE, "<stdin>"))
    assert [one.source.name for one in found.documents] == ["<stdin>"]


def test_one_that_cannot_be_read_keeps_no_other_from_it(tmp_path: Path) -> None:
    """It is told in a line."""
    write(tmp_path, good=FINE, binary="a\x00b", broken="kind: [\napiVersion: 1")

    def closed() -> None:
        raise ConfigError("-: found no stdin")

    names = ["good", "binary", "broken", "gone"]
    found = read([f"{tmp_path}/{name}.yaml" for name in names], closed)  # type: ignore[arg-type]  # it never returns
    assert len(found.documents) == 1
    assert found.files == 5
    assert [line.rpartition(": ")[2].split()[0] for line in found.unusable] == [
        "found",
        "expected",
        "did",
        "expected",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "test.yaml: found nothing: expected Kubernetes objects"),
        ("# nothing\n---\n", "test.yaml: found nothing: expected Kubernetes objects"),
        ("a: 1", "test.yaml:1: Object 'Kind' is missing: expected apiVersion and kind"),
        ("kind: 1\napiVersion: v1", "test.yaml:1: kind: found 1: expected a string"),
        (
            "- 1",
            "test.yaml:1: found a list: expected a Kubernetes object, with apiVersion and kind",
        ),
    ],
)
def test_what_is_named_must_be_a_manifest(text: str, line: str) -> None:
    """What is not is told; in a directory it is left alone and counted."""
    assert read_text(text).unusable == [line]
    for found in (read_text(text, named=False), read_text(text, skip_others=True)):
        assert (found.unusable, found.left_alone, found.files) == ([], 1, 1)


def test_one_document_of_several_may_be_none() -> None:
    """It is told, and the others are taken; in a directory they only are."""
    text = f"a: 1\n---\n{SERVICE}"
    named, other = read_text(text), read_text(text, named=False)
    assert len(named.documents) == len(other.documents) == 1
    assert (len(named.unusable), other.unusable, other.left_alone) == (1, [], 0)


@pytest.mark.parametrize(
    "text",
    [
        '{"compilerOptions": {}, // a comment\n}',
        "a: [",
        "{{ if }}",
        "just words: in: a: row",
        '{"name": "shop", "version": "1.0.0"}',
    ],
)
def test_a_text_without_the_words_of_a_manifest_is_none(text: str) -> None:
    """Whatever else is wrong with it: nobody has said that it was one."""
    assert read_text(text, named=False).left_alone == 1
    assert len(read_text(text).unusable) == 1


def test_yaml_that_is_broken_is_told_in_a_directory_too() -> None:
    """If it may be a manifest."""
    text = f"{FINE}  bad: ["
    found = read_text(text, named=False)
    assert (len(found.unusable), found.left_alone) == (1, 0)
    assert len(read_text(text, skip_others=True).unusable) == 1


def test_a_template_is_told_and_can_be_skipped() -> None:
    """By its line, and with what to do."""
    text = "{{- if .Values.web }}\n" + FINE
    assert read_text(text, named=False).unusable == [
        (
            "test.yaml:1: found {{, a template that is not rendered: "
            "render it first, as with helm template"
        )
    ]
    skipped = read_text(text, skip_others=True)
    assert (skipped.unusable, skipped.left_alone) == ([], 1)


def test_nothing_to_look_at_is_told(tmp_path: Path) -> None:
    """A directory without manifests; but somebody may say that there need be none."""
    write(tmp_path, values="a: 1")
    expected = "found no Kubernetes object, expected manifests with apiVersion and kind"
    assert read([str(tmp_path)]).unusable == [f"{tmp_path}: {expected}"]
    (tmp_path / "more").mkdir()
    assert read([str(tmp_path), f"{tmp_path}/more"]).unusable == [expected]
    assert read([str(tmp_path)], skip_others=True).unusable == []


def test_charts_are_told_and_can_be_skipped(tmp_path: Path) -> None:
    """Also if there is nothing else."""
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: shop\n")
    assert [line.split(": ")[1] for line in read([str(tmp_path)]).unusable] == [
        "found a Helm chart, expected manifests"
    ]
    assert read([str(tmp_path)], skip_others=True).unusable == []


def test_a_kustomization_is_told_if_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what renders it; in a directory it is left alone."""
    write(tmp_path, kustomization="resources: [a.yaml]", a=FINE)
    monkeypatch.chdir(tmp_path)
    assert read(["kustomization.yaml"]).unusable == [
        (
            ".: found a kustomization, expected manifests: render it first, "
            "as in kubectl kustomize . | healthkit lint -"
        )
    ]
    found = read([str(tmp_path)])
    assert (found.unusable, found.left_alone, found.files) == ([], 1, 2)
    assert read(["kustomization.yaml"], skip_others=True).left_alone == 1


# -- what is wrong with objects --------------------------------------------------------------------


def kinds(found: Read) -> list[tuple[str, int | None]]:
    """Return what kinds of faults there are, with their lines."""
    return [(fault.kind, fault.line) for _, fault in found.refusals]


def test_what_the_api_server_says_comes_with_its_object() -> None:
    """Fields that there aren't, values that it refuses, keys that stand twice."""
    text = STRETCHED.replace("kind: Deployment", "kind: Deployment\nkind: Deployment")
    text = text.replace("image: shop:1", "imago: shop:1").replace(
        "periodSeconds: 10", "periodSeconds: -1"
    )
    found = read_text(f"{SERVICE}---\n{text}")
    assert kinds(found) == [("unknown", 17), ("refused", 16), ("duplicate", 8)]
    assert all(document is found.documents[1] for document, _ in found.refusals)


def test_a_refusal_that_follows_from_another_is_not_told() -> None:
    """A template that is no mapping is said once."""
    found = read_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: 1\n")
    assert len(found.refusals) == 1


def test_a_key_that_stands_twice_in_no_object_has_no_owner() -> None:
    """It is kept, and belongs to nothing."""
    found = read_text("a: 1\na: 2\n")
    assert [document for document, _ in found.refusals] == [None]


def test_a_version_that_is_gone_is_refused() -> None:
    """With what is served."""
    found = read_text(FINE.replace("apps/v1", "apps/v1beta2"))
    assert [fault.kind for _, fault in found.refusals] == ["refused"]


def test_without_pyyaml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is no fault of the file."""
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    write(tmp_path, a=FINE)
    with pytest.raises(ConfigError, match="PyYAML is not installed"):
        read([str(tmp_path)])
