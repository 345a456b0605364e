"""One object of a manifest, and the API server's words for what is wrong with it."""

from __future__ import annotations

import pytest

from healthkit.manifests._composer import documents
from healthkit.manifests._document import Document, Spot
from healthkit.manifests._nodes import Mapping, dotted
from healthkit.manifests._source import Source

TEXT = "kind: Pod\nspec:\n  containers:\n  - name: web\n"


@pytest.fixture
def name() -> Spot:
    """Return where the container's name stands."""
    source = Source("web.yaml", TEXT)
    (root,) = documents(source)
    assert isinstance(root, Mapping)
    return Spot(Document(source, root), ("spec", "containers", 0, "name"))


def test_paths_are_written_as_the_api_server_does() -> None:
    """Dots between fields, brackets around indexes."""
    assert dotted(()) == ""
    assert dotted(("spec", "containers", 0, "name")) == "spec.containers[0].name"


def test_each_reason_has_its_words(name: Spot) -> None:
    """File, line, path, what it is, and the detail."""
    at = "web.yaml:4: spec.containers[0].name: "
    assert str(name.required()) == f"{at}Required value"
    assert str(name.required("a")) == f"{at}Required value: a"
    assert str(name.invalid("a", "b")) == f'{at}Invalid value: "a": b'
    assert str(name.invalid(0, "b")) == f"{at}Invalid value: 0: b"
    assert str(name.duplicate("a")) == f'{at}Duplicate value: "a"'
    assert str(name.forbidden("a")) == f"{at}Forbidden: a"
    assert str(name.unsupported("a", ["b", "c"])) == (
        f'{at}Unsupported value: "a": supported values: "b", "c"'
    )
    assert str(name.wrong("a", "b")) == f"{at}found a: expected b"
    assert str(name.unknown("a?")) == ('web.yaml:4: unknown field "spec.containers[0].name": a?')


def test_a_mapping_is_shown_as_go_shows_it(name: Spot) -> None:
    """Sorted, and not for ever."""
    shown = str(name.invalid({"b": "2", "a": "1"}, "c"))
    assert shown.endswith('Invalid value: map[string]string{"a":"1", "b":"2"}: c')
    many = str(name.invalid({str(i): "x" for i in range(1000)}, "c"))
    assert len(many) < 300
    assert many.endswith("...: c")


def test_a_template_in_a_value_is_told(name: Spot) -> None:
    """No rule that it breaks says more."""
    assert str(name.invalid("{{ .Values.name }}", "b")).endswith(
        'Invalid value: "{{ .Values.name }}": an unrendered template; '
        "render it first, as with helm template"
    )


def test_what_is_missing_has_the_line_of_what_lacks_it(name: Spot) -> None:
    """It has no line of its own. Another name for it changes the path, and not the line."""
    assert str((name / "x" / 3).required()) == (
        "web.yaml:4: spec.containers[0].name.x[3]: Required value"
    )
    other = Spot(name.document, ("spec", "image"))
    assert str(other.required()) == "web.yaml:2: spec.image: Required value"
    assert str(name.invalid(1, "a", named=other)) == "web.yaml:4: spec.image: Invalid value: 1: a"


def test_places_can_be_asked_for(name: Spot) -> None:
    """Line and column, of any path."""
    assert name.document.position(name.path) == (4, 5)
