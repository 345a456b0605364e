"""Findings for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.lint._formats.text import WIDTH, as_text, plain, summary
from tests.lint.findings import ADVICE, EVIL, FINDING, IGNORED, OTHER, report

if TYPE_CHECKING:
    from healthkit.lint._run import Report

WHOLE = """\
deploy.yaml:42:15: warning HK202 Deployment/shop, container web: timeoutSeconds 15 is longer than
    periodSeconds 10
  at:   spec.template.spec.containers[0].livenessProbe.timeoutSeconds
  why:  probes of one kind never overlap
  fix:  set timeoutSeconds to periodSeconds at most

deploy.yaml:42:15: error HK001 Deployment/shop: timeoutSeconds 15 is longer than periodSeconds 10
  with: a 1.5
  why:  probes of one kind never overlap
  fix:  set timeoutSeconds to periodSeconds at most

found 1 error, 1 warning in 3 objects of 2 files
"""


def test_a_finding_is_a_paragraph() -> None:
    """What, where, why, and what to do; numbers that the sentence has not; then a summary."""
    assert as_text(report(FINDING, OTHER)) == WHOLE


def test_a_whole_number_is_shown_as_a_sentence_has_it() -> None:
    """5.0 is 5, and is left out if the sentence has it."""
    one = replace(OTHER, what="it takes 5 s", numbers={"a": 5.0, "b": 7.0, "c": "infinity"})
    assert "\n  with: b 7, c infinity\n" in as_text(report(one))


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (report(), "found nothing in 3 objects of 2 files"),
        (report(files=1, objects=1), "found nothing in 1 object of 1 file"),
        (report(files=1000, objects=0), "found nothing in 0 objects of 1,000 files"),
        (
            report(ADVICE, ADVICE, FINDING, FINDING),
            "found 2 warnings, 2 info in 3 objects of 2 files",
        ),
        (report(OTHER, OTHER), "found 2 errors in 3 objects of 2 files"),
        (
            report(ignored=(IGNORED,), skipped=Counter(Secret=1, ConfigMap=2, Role=2)),
            (
                "found nothing in 3 objects of 2 files; 1 ignored by annotations; "
                "skipped other kinds: 2 ConfigMap, 2 Role, 1 Secret"
            ),
        ),
        (
            report(skipped=Counter("abcdefghijk")),
            (
                "found nothing in 3 objects of 2 files; skipped other kinds: "
                "1 a, 1 b, 1 c, 1 d, 1 e, 1 f, 1 g, 1 h, 3 more kinds"
            ),
        ),
        (
            report(unusable=("a", "b"), left_alone=1),
            "found nothing in 3 objects of 2 files; 1 file without manifests; 2 not usable",
        ),
    ],
)
def test_the_summary_is_one_line(found: Report, line: str) -> None:
    """Of what was looked at, and what was not."""
    assert summary(found) == line


def test_a_manifest_steers_no_terminal() -> None:
    """Nor does it begin a line."""
    text = as_text(report(EVIL, skipped=Counter({"a\n::error::\x1b": 1})))
    assert all(line.isprintable() for line in text.splitlines())
    assert len(text.splitlines()) == text.count("\n")
    assert not [line for line in text.split("\n") if line.startswith("::")]
    assert r"\x1b[31m ::error::x" in text


@given(st.text())
def test_any_text_can_be_shown(text: str) -> None:
    """In one line, and as it is if it can be."""
    shown = plain(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable() or " ".join(text.split()) == shown


@given(st.text(alphabet="abcdefg \n", max_size=400))
def test_lines_are_not_too_wide(text: str) -> None:
    """But for words that are."""
    words = " ".join(word[:50] for word in text.split()) or "a"
    shown = as_text(report(replace(FINDING, what=words, why=words)))
    assert max(len(line) for line in shown.splitlines()) <= WIDTH
