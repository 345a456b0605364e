"""Selectors of labels: what the API server admits, and whom they select."""

from __future__ import annotations

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests import parse
from tests.manifests.snippets import refusal, workload


def selector(text: str) -> str:
    """Return a Deployment with a selector, whose pods have the labels a, b and no value of c."""
    line = f"  selector: {text}"
    return workload("Deployment", selector=line, labels="{a: '1', b: '2', c: ''}")


@pytest.mark.parametrize(
    "text",
    [
        "{matchLabels: {a: '1'}}",
        "{matchLabels: {a: '1', b: '2', c: ''}}",
        "{matchLabels: {c: null}}",
        "{matchExpressions: [{key: a, operator: In, values: ['0', '1']}]}",
        "{matchExpressions: [{key: a, operator: NotIn, values: ['0']}]}",
        "{matchExpressions: [{key: d, operator: NotIn, values: ['0']}]}",
        "{matchExpressions: [{key: c, operator: Exists}]}",
        "{matchExpressions: [{key: d, operator: DoesNotExist, values: []}]}",
    ],
)
def test_a_selector_selects(text: str) -> None:
    """A label that isn't there has no value, not even one that is empty."""
    assert len(parse(selector(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{matchLabels: {a: '2'}}",
        "{matchLabels: {a: '1', d: ''}}",
        "{matchLabels: {a: '1'}, matchExpressions: [{key: a, operator: DoesNotExist}]}",
        "{matchExpressions: [{key: a, operator: In, values: ['0']}]}",
        "{matchExpressions: [{key: d, operator: In, values: ['0']}]}",
        "{matchExpressions: [{key: a, operator: NotIn, values: ['1']}]}",
        "{matchExpressions: [{key: d, operator: Exists}]}",
        "{matchExpressions: [{key: a, operator: Exists}, {key: c, operator: DoesNotExist}]}",
    ],
)
def test_a_selector_must_select_the_template(text: str) -> None:
    """Or the workload would make pods for ever."""
    assert refusal(selector(text)) == (
        "manifest:7: spec.template.metadata.labels: Invalid value: "
        'map[string]string{"a":"1", "b":"2", "c":""}: `selector` does not match template `labels`'
    )


IN = "must be specified when `operator` is 'In' or 'NotIn'"
EXISTS = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("key: a, operator: In", f"values: Required value: {IN}"),
        ("key: a, operator: NotIn, values: []", f"values: Required value: {IN}"),
        ("key: a, operator: Exists, values: [b]", f"values: Forbidden: {EXISTS}"),
        ("key: a, operator: DoesNotExist, values: [b]", f"values: Forbidden: {EXISTS}"),
        ("key: a, operator: '=='", 'operator: Invalid value: "==": not a valid selector operator'),
        ("key: a", 'operator: Invalid value: "": not a valid selector operator'),
        ("operator: Exists", 'key: Invalid value: "": name part must be non-empty'),
        ("key: a, operator: In, values: ['1', a b]", 'values[1]: Invalid value: "a b": a valid'),
    ],
)
def test_an_expression_has_its_rules(text: str, reason: str) -> None:
    """Which go before whom it selects."""
    line = refusal(selector(f"{{matchExpressions: [{{key: b, operator: Exists}}, {{{text}}}]}}"))
    assert line.startswith(f"manifest:5: spec.selector.matchExpressions[1].{reason}")


def test_labels_that_are_selected_have_their_rules() -> None:
    """The same as labels that are given."""
    line = refusal(selector("{matchLabels: {a: b c}}"))
    assert line.startswith('manifest:5: spec.selector.matchLabels: Invalid value: "b c": a valid')


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_a_selector_is_required(kind: str) -> None:
    """And it must say something."""
    assert refusal(workload(kind)) == "manifest:4: spec.selector: Required value"
    line = refusal(workload(kind, selector="  selector: {}"))
    assert line == (
        "manifest:5: spec.selector: Invalid value: map[string]string{}: "
        f"empty selector is invalid for {kind.lower()}"
    )


def test_a_job_has_a_selector_only_if_it_says_so() -> None:
    """Else the API server makes one."""
    assert len(parse(workload("Job", pod="restartPolicy: Never"))) == 1
    with pytest.raises(ConfigError, match="^manifest:4: spec.selector: Required value$"):
        parse(workload("Job", spec="manualSelector: true", pod="restartPolicy: Never"))
