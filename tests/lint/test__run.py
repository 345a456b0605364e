"""All rules over all manifests, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint import Options, Severity
from healthkit.lint._rule import About, Found, Rule, manifests_rule, thing_rule
from healthkit.lint._run import Report, run
from healthkit.manifests._loose import Loose
from tests.lint.texts import CONFIG, FINE, SERVICE, STRETCHED, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._manifests import Manifests, Thing


def about(rule: str, severity: Severity = Severity.WARNING) -> About:
    """Return what a rule of a test says of itself."""
    return About(id=rule, severity=severity, title="t", why="w", fix="f", source="s")


def linted(text: str, options: Options | None = None) -> Report:
    """Look at a text."""
    return run(read_text(text), options or Options())


def rules_of(report: Report) -> list[str]:
    """Return the rules that found something."""
    return [one.rule for one in report.findings]


def annotated(**reasons: str) -> str:
    """Return a manifest with a warning, and with annotations that ignore rules."""
    lines = "".join(f"    healthkit/ignore.{rule}: {value}\n" for rule, value in reasons.items())
    name = "metadata:\n  name: shop\n  annotations:\n" + lines
    return STRETCHED.replace("metadata: {name: shop}\n", name)


def test_objects_are_counted() -> None:
    """Those that rules look at, and others by their kind."""
    custom = "apiVersion: serving.knative.dev/v1\nkind: Service\n"
    other = SERVICE.replace("app: shop", "app: other")
    report = linted(f"{FINE}---\n{other}---\n{CONFIG}---\n{CONFIG}---\n{custom}")
    assert (report.objects, report.files) == (2, 1)
    assert report.skipped == {"ConfigMap": 2, "Service": 1}
    assert (report.findings, report.ignored, report.unusable) == ((), (), ())


def test_findings_are_in_the_order_of_the_text() -> None:
    """Whatever the order of the rules is."""
    report = linted(f"{STRETCHED}---\n{annotated(HK999='why')}")
    assert [(one.line, one.rule) for one in report.findings] == [
        (16, "HK202"),
        (23, "HK003"),
        (36, "HK202"),
    ]


def test_a_rule_can_be_ignored_with_a_reason() -> None:
    """Then its finding is kept with that."""
    report = linted(annotated(HK202="it is slow"))
    assert report.findings == ()
    assert [(one.rule, one.ignored) for one in report.ignored] == [("HK202", "it is slow")]


def test_a_reason_is_text() -> None:
    """Nothing, null and a number are none; each is told."""
    for value in ('""', "", "17", '"  "'):
        report = linted(annotated(HK202=value))
        assert [one for one in rules_of(report) if one != "HK001"] == ["HK003", "HK202"], value
        assert report.ignored == ()


def test_only_some_rules_are_asked_or_left_out() -> None:
    """By their ids."""
    text = annotated(HK999="why")
    assert rules_of(linted(text)) == ["HK003", "HK202"]
    assert rules_of(linted(text, Options(only=frozenset({"HK202"})))) == ["HK202"]
    assert rules_of(linted(text, Options(ignore=frozenset({"HK202"})))) == ["HK003"]
    both = Options(only=frozenset({"HK202"}), ignore=frozenset({"HK202"}))
    assert rules_of(linted(text, both)) == []


REFUSED = FINE.replace("timeoutSeconds: 2", "timeoutSeconds: 2\n            successThreshold: 2")


def test_what_a_rule_says_is_not_said_again() -> None:
    """The API server refuses it too, in its own words."""
    assert rules_of(linted(REFUSED)) == ["HK107"]


def test_a_rule_that_is_left_out_leaves_its_echo_out() -> None:
    """But if nobody asks the rule, the API server's words are all there is."""
    assert rules_of(linted(REFUSED, Options(ignore=frozenset({"HK107"})))) == []
    assert rules_of(linted(REFUSED, Options(only=frozenset({"HK001"})))) == ["HK001"]


def test_an_echo_is_of_the_same_object() -> None:
    """And of the same place."""
    other = FINE.replace("name: shop}", "name: other}").replace(
        "periodSeconds: 10", "periodSeconds: -1"
    )
    report = linted(f"{REFUSED}---\n{other}")
    assert [(one.rule, one.object) for one in report.findings] == [
        ("HK107", "Deployment/shop"),
        ("HK001", "Deployment/other"),
    ]
    both = REFUSED.replace("  selector", "  replicas: -1\n  selector")
    assert rules_of(linted(both)) == ["HK001", "HK107"]


def test_a_rule_with_a_fault_keeps_no_other_from_being_asked() -> None:
    """It is told in a line; what it had found before is told too."""

    @manifests_rule(about("HK998"))
    def broken(manifests: Manifests) -> Iterator[Found]:
        document = manifests.things[0].document
        yield Found(at=Loose(document, (), document.root), what="one")
        raise KeyError("a\nb")

    @thing_rule(about("HK999"))
    def fine(thing: Thing) -> Iterator[Found]:
        yield Found(at=thing.root, what="two")

    rules: list[Rule] = [broken, fine]
    report = run(read_text(SERVICE), Options(), rules)
    assert [one.what for one in report.findings] == ["one", "two"]
    assert report.unusable == (
        r"""HK998 could not go on (KeyError: "'a\\nb'"): this is a fault of healthkit""",
    )
