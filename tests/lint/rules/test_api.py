"""HK001 to HK004, where examples are not enough."""

from __future__ import annotations

from healthkit import lint

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: Shop}
spec: {containers: [{name: web, image: "shop:1", probe: {}}]}
"""


def test_what_has_a_path_has_its_column() -> None:
    """An editor, or an annotation in GitHub, points there."""
    found = [one for one in lint.check_text(POD).findings if one.rule in {"HK001", "HK004"}]
    assert [(one.rule, one.line, one.column) for one in found] == [
        ("HK001", 3, 12),
        ("HK004", 4, 50),
    ]


def test_what_has_no_path_has_its_line() -> None:
    """A key that stands twice has no place of its own in the object."""
    (found,) = [
        one
        for one in lint.check_text(f"{POD}metadata: {{name: a}}\n").findings
        if one.rule == "HK002"
    ]
    assert (found.line, found.column) == (5, 1)
