"""Objects decoded: wrong types and unknown fields."""

from __future__ import annotations

import pytest

from healthkit.manifests import parse
from healthkit.manifests._composer import documents
from healthkit.manifests._document import Document
from healthkit.manifests._fields import Fields, decode
from healthkit.manifests._nodes import Mapping, dotted
from healthkit.manifests._source import Refusal, Source
from tests.manifests.snippets import pod, refusal


def container(text: str) -> Fields:
    """Return the fields of a container."""
    source = Source("x", text)
    (root,) = documents(source)
    assert isinstance(root, Mapping)
    return decode(Document(source, root), "Container")


def test_fields_are_had_by_type() -> None:
    """As the schema says they are."""
    fields = container(
        "name: web\nargs: [a, b]\ntty: true\nenv: [{name: a}, {name: b}]\n"
        "livenessProbe: {periodSeconds: 5, httpGet: {port: http}}\n"
    )
    assert fields.text("name") == "web"
    assert fields.texts("args") == ("a", "b")
    assert fields.flag("tty") is True
    assert [one.text("name") for one in fields.many("env")] == ["a", "b"]
    probe = fields.some("livenessProbe")
    assert probe.whole("periodSeconds", 0) == 5
    assert probe.some("httpGet").port("port") == "http"
    assert "name" in fields
    assert repr(probe) == "<Fields of livenessProbe: periodSeconds, httpGet>"
    assert repr(container("{}")) == "<Fields of an object: >"


def test_what_is_not_there_has_its_default() -> None:
    """So has null, and an empty string."""
    for text in ("{}", "{name: , args: ~, env: null, tty: null, livenessProbe: null}", "name: ''"):
        fields = container(text)
        assert fields.text("name", "x") == "x"
        assert fields.texts("args") == ()
        assert fields.flag("tty") is False
        assert fields.many("env") == []
        assert fields.one("livenessProbe") is None
        assert fields.some("livenessProbe").whole("periodSeconds", 7) == 7
        assert fields.some("livenessProbe").some("httpGet").port("port", 8) == 8
        assert fields.table("labels") == {}


def test_null_in_a_list_is_an_empty_item() -> None:
    """As Go has it: a string of no length, an object without fields."""
    fields = container("args: [a, ~]\nenv: [~]\n")
    assert fields.texts("args") == ("a", "")
    assert [one.text("name") for one in fields.many("env")] == [""]


@pytest.mark.parametrize(
    ("value", "number"), [("3.0", 3), ("3e0", 3), ("0o3", 3), ("0x3", 3), ("3_0", 30), ("-0", 0)]
)
def test_whole_numbers_have_many_spellings(value: str, number: int) -> None:
    """A float that is whole is written as a whole number on the way to the API server."""
    fields = container(f"livenessProbe: {{periodSeconds: {value}}}")
    assert fields.some("livenessProbe").whole("periodSeconds", 0) == number


INT32 = "expected a whole number (int32)"
INT64 = "expected a whole number (int64)"

WRONG = [
    ("args: 5", "args: found the number 5: expected a list"),
    ("args: sleep 5", 'args: found the string "sleep 5": expected a list'),
    ("args: {a: b}", "args: found a mapping: expected a list"),
    ("args: [5]", "args[0]: found the number 5: expected a string; put it in quotes"),
    ("args: [1.5]", "args[0]: found the number 1.5: expected a string; put it in quotes"),
    ("args: [[a]]", "args[0]: found a list: expected a string"),
    ("args: [no]", "args[0]: found false: expected a string; put it in quotes"),
    ("env: [{name: A, value: 1}]",
     "env[0].value: found the number 1: expected a string; put it in quotes"),
    ("env: [{name: A, value: on}]",
     "env[0].value: found true: expected a string; put it in quotes"),
    ("env: {A: b}", "env: found a mapping: expected a list"),
    ("env: [A]", 'env[0]: found the string "A": expected a mapping'),
    ("tty: 'true'", 'tty: found the string "true": expected true or false'),
    ("tty: 1", "tty: found the number 1: expected true or false"),
    ("resources: []", "resources: found a list: expected a mapping"),
    ("volumeMounts: {}", "volumeMounts: found a mapping: expected a list"),
    ("livenessProbe: []", "livenessProbe: found a list: expected a mapping"),
    ("livenessProbe: {periodSeconds: '3'}",
     f'livenessProbe.periodSeconds: found the string "3": {INT32}; write it without quotes'),
    ("livenessProbe: {periodSeconds: 3s}",
     f'livenessProbe.periodSeconds: found the string "3s": {INT32}'),
    ("livenessProbe: {periodSeconds: 1:30}",
     f'livenessProbe.periodSeconds: found the string "1:30": {INT32}'),
    ("livenessProbe: {periodSeconds: 3.5}",
     f"livenessProbe.periodSeconds: found the number 3.5: {INT32}"),
    ("livenessProbe: {periodSeconds: true}",
     f"livenessProbe.periodSeconds: found true: {INT32}"),
    ("livenessProbe: {periodSeconds: 2147483648}",
     f"livenessProbe.periodSeconds: found the number 2147483648: {INT32}"),
    ("livenessProbe: {periodSeconds: .inf}",
     f"livenessProbe.periodSeconds: found the number inf: {INT32}"),
    ("livenessProbe: {periodSeconds: .nan}",
     f"livenessProbe.periodSeconds: found the number nan: {INT32}"),
    ("livenessProbe: {terminationGracePeriodSeconds: 9223372036854775808}",
     f"livenessProbe.terminationGracePeriodSeconds: found the number {2**63}: {INT64}"),
    ("livenessProbe: {grpc: {port: grpc}}",
     f'livenessProbe.grpc.port: found the string "grpc": {INT32}'),
    ("livenessProbe: {httpGet: {port: 8.5}}",
     f"livenessProbe.httpGet.port: found the number 8.5: {INT32} or a string"),
    ("livenessProbe: {httpGet: {port: yes}}",
     "livenessProbe.httpGet.port: found true: expected a whole number (int32) or a string"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_values_of_another_type_are_refused(text: str, line: str) -> None:
    """Nothing is made of anything else: not a string of a number, nor a list of a string."""
    assert refusal(pod(container=text)) == f"manifest:12: spec.containers[0].{line}"


UNKNOWN = [
    ("livenesProbe: {}", "livenesProbe", "did you mean livenessProbe?"),
    ("readinessprobe: {}", "readinessprobe", "did you mean readinessProbe?"),
    ("zzz:", "zzz", "Container has no such field"),
    ("livenessProbe: {path: /}", "livenessProbe.path", "Probe has no such field"),
    ("livenessProbe: {sleep: {}}", "livenessProbe.sleep", "Probe has no such field"),
    ("livenessProbe: {httpGet: {ports: 80}}", "livenessProbe.httpGet.ports", "did you mean port?"),
    ("lifecycle: {preStop: {grpc: {}}}", "lifecycle.preStop.grpc", "Hook has no such field"),
]


@pytest.mark.parametrize(("text", "path", "hint"), UNKNOWN)
def test_unknown_fields_are_refused(text: str, path: str, hint: str) -> None:
    """With the field that was meant, if there is one like it."""
    line = f'manifest:12: unknown field "spec.containers[0].{path}": {hint}'
    assert refusal(pod(container=text)) == line


def test_labels_are_strings() -> None:
    """A version such as 1.10 is none without quotes; null is an empty one."""
    text = pod().replace("app: web", "version: 1.10")
    assert refusal(text) == (
        "manifest:6: metadata.labels.version: found the number 1.1: "
        "expected a string; put it in quotes"
    )
    assert refusal(pod().replace("app: web", "- app")) == (
        "manifest:5: metadata.labels: found a list: expected a mapping"
    )


def test_a_date_may_be_anything() -> None:
    """What kubectl writes there is not looked at."""
    text = pod().replace("  labels:", "  creationTimestamp: [2026-11-23]\n  labels:")
    (workload,) = parse(text)
    assert workload.name == "web"


def test_all_that_is_wrong_can_be_told() -> None:
    """What is wrong is left out then, and all else is there."""
    text = pod(
        container="livenessprobe: {}\nreadinessProbe: {periodSeconds: two, timeoutSeconds: 3}"
    )
    told: list[Refusal] = []
    (root,) = documents(Source("x", text))
    assert isinstance(root, Mapping)
    fields = decode(Document(Source("x", text), root), "Pod", told.append)
    (one,) = fields.some("spec").many("containers")
    assert [(fault.kind, fault.line, dotted(fault.path)) for fault in told] == [
        ("unknown", 12, "spec.containers[0].livenessprobe"),
        ("refused", 13, "spec.containers[0].readinessProbe.periodSeconds"),
    ]
    assert told[1].reason == 'found the string "two": expected a whole number (int32)'
    assert "livenessprobe" not in one
    assert one.text("image") == "web:1"
    assert one.some("readinessProbe").whole("timeoutSeconds", 1) == 3
    assert "periodSeconds" not in one.some("readinessProbe")
