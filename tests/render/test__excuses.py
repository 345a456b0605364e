"""What the linter would advise against, and somebody has asked for."""

from __future__ import annotations

import pytest

from healthkit.render import Wanted, _manifest, manifest
from healthkit.render._excuses import excuses
from healthkit.render._plan import planned
from healthkit.render._wanted import settled
from tests.render.documents import APP, objects


def found(wanted: Wanted) -> dict[str, str]:
    """Return what is excused."""
    one = settled(wanted)
    return excuses(one, planned(one))


@pytest.mark.parametrize(
    ("wanted", "rule", "reason"),
    [
        (
            Wanted(app="main:health", paths={**APP.paths, "startup": "/up"}),
            "HK106",
            "/up is the startup endpoint of main:health",
        ),
        (Wanted(boot=1801), "HK211", "a start of 1801 s was asked for"),
        (
            Wanted(drain_delay=20, longest_request=300),
            "HK309",
            "a drain of 20 s and requests of 300 s were asked for",
        ),
        (Wanted(drain_delay=4.9), "HK310", "a drain delay of 4.9 s was asked for"),
    ],
)
def test_what_was_asked_for_is_excused(wanted: Wanted, rule: str, reason: str) -> None:
    """With who has asked."""
    assert found(wanted) == {rule: reason}


def test_no_delay_at_all_is_excused() -> None:
    """By both rules that look at it."""
    reason = "a drain delay of 0 s was asked for"
    assert found(Wanted(drain_delay=0)) == {"HK301": reason, "HK310": reason}


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(boot=1800),
        Wanted(paths=APP.paths),
        Wanted(drain_delay=5, longest_request=290),
        Wanted(replicas=1),
        Wanted(paths={"live": "/alive", "ready": "/ready"}),
    ],
)
def test_nothing_else_is_excused(wanted: Wanted) -> None:
    """Up to where the rules speak."""
    assert found(wanted) == {}


def test_an_excuse_is_an_annotation_if_there_is_such_a_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a rule that isn't there the linter would say so."""
    monkeypatch.setattr(_manifest, "IDS", {"HK310"})
    wanted = Wanted(drain_delay=2, boot=3000)
    annotations = objects(manifest(wanted))["Deployment"]["metadata"]["annotations"]
    assert annotations["healthkit/ignore.HK310"] == "a drain delay of 2 s was asked for"
    assert "healthkit/ignore.HK211" not in annotations
