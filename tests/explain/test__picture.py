"""The picture of a start and an end: what is drawn, and that everybody can read it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from healthkit.errors import ConfigError
from healthkit.explain import Explanation, explain, svg
from healthkit.explain._panel_end import End
from healthkit.explain._panel_start import Begin
from healthkit.explain._panels import LANE, LEFT, RIGHT, WIDTH
from healthkit.manifests import Container, Exec, Port, Probe, Sleep, Workload, read
from tests.explain.pods import EXPLANATIONS, LIVE, pod, told

SVG = "{http://www.w3.org/2000/svg}"
START = Probe(LIVE, failure_threshold=30)


def drawn(*workloads: Workload, title: str | None = None) -> ET.Element:
    """Draw, and read what was written."""
    text = svg([explain(one) for one in workloads], title)
    return ET.fromstring(text)  # noqa: S314  # our own words


def texts(picture: ET.Element) -> list[str]:
    """Return what is written in a picture."""
    return [one.text or "" for one in picture.iter(f"{SVG}text")]


def shapes(picture: ET.Element, css: str) -> list[ET.Element]:
    """Return the elements of a class."""
    return [one for one in picture.iter() if one.get("class") == f"hk-{css}"]


def test_the_numbers_of_a_good_manifest_are_written() -> None:
    """Guaranteed boot, latest kill, the deletion, kube-proxy, the signals."""
    found = texts(drawn(*read(Path(__file__).parent / "good.yaml")))
    assert found[:2] == ["Deployment/shop", "Deployment/shop, container app"]
    for words in (
        "Start", "290 s guaranteed", "300 s latest kill", "a start is never killed", "first probe",
        "startup, early", "startup, late", "End", "deleted, preStop begins",
        "1.1 s kube-proxy stops", "10 s SIGTERM", "40 s SIGKILL", "sleep 10 s", "30 s to end",
        "readiness", "5:00", "40 s",
    ):  # fmt: skip
        assert words in found


def test_a_start_shows_each_probe_that_fails() -> None:
    """As early as they may come, and as late; the last of them kills."""
    container = Container("app", startup=Probe(LIVE, failure_threshold=4))
    picture = drawn(pod(container))
    early, late = (one.get("d", "") for one in shapes(picture, "bad"))
    axis = Begin(told(container)).axis
    for path, moments in ((early, (0, 10, 20, 30)), (late, (10, 20, 30, 40))):
        starts = [float(x) + 3 for x in re.findall(r"M([0-9.]+) -3", path)]
        assert starts == [pytest.approx(axis.x(at), abs=0.1) for at in moments]
    assert len(shapes(picture, "kill")) == 2
    (window,) = shapes(picture, "waiting")
    assert float(window.get("width", "")) == pytest.approx(axis.x(10) - axis.x(0), abs=0.1)


def test_many_probes_become_a_block() -> None:
    """And a single one is a cross like any other."""
    many = drawn(pod(Container("app", startup=replace(START, failure_threshold=2**31 - 1))))
    assert len(shapes(many, "bads")) == 2
    one = drawn(pod(Container("app", liveness=replace(START, failure_threshold=1))))
    assert len(shapes(one, "bad")) == 2
    assert "0 s guaranteed" in texts(one)
    assert not any(box.get("height") == "20" for box in shapes(one, "many"))


def test_a_start_without_a_limit_says_so() -> None:
    """On a minute's axis."""
    picture = drawn(pod(Container("app")))
    assert "no probe limits the start" in texts(picture)
    assert shapes(picture, "over")
    assert not shapes(picture, "bad")


def test_the_end_is_a_bar_with_its_lanes() -> None:
    """What the process has, the hook, the grace period, and who still sends."""
    container = Container("app", pre_stop=Sleep(10), readiness=Probe(LIVE))
    end = End(told(container, grace=40))
    picture = drawn(pod(container, grace=40))
    (hook,), (ending,) = shapes(picture, "hook"), shapes(picture, "ending")
    (leaving,) = shapes(picture, "leaving")
    for box, reach in ((hook, (0, 10)), (ending, (10, 40)), (leaving, (0, 1.1))):
        x, width = (float(box.get(name, "")) for name in ("x", "width"))
        assert x == pytest.approx(end.axis.x(reach[0]), abs=0.1)
        assert x + width == pytest.approx(end.axis.x(reach[1]), abs=0.1)
    assert len(shapes(picture, "good")) == 4
    (grace,) = shapes(picture, "grace")
    assert re.match(rf"M{LEFT:.1f} ", grace.get("d", ""))


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (Container("app", pre_stop=Exec(("./drain",))), "run ./drain (nobody can tell how long)"),
        (Container("app", pre_stop=Exec(("sleep", "60"))), "run sleep 60"),
        (Container("app"), "no hook"),
        (Container("app"), "deleted, SIGTERM"),
        (Container("app", pre_stop=Exec(("./drain",))), "by 30 s SIGTERM"),
    ],
)
def test_each_hook_has_its_words(container: Container, words: str) -> None:
    """One that nobody knows, one that is cut, and none."""
    assert words in texts(drawn(pod(container)))


def test_readiness_has_a_lane_if_it_counts() -> None:
    """Often asked, it is a block; asked less often than the end lasts, nothing but a line."""
    often = drawn(pod(Container("app", readiness=replace(START, period=1)), grace=600))
    assert any(box.get("height") == "8" for box in shapes(often, "many"))
    rare = drawn(pod(Container("app", readiness=replace(START, period=300))))
    assert shapes(rare, "base")
    assert not shapes(rare, "good")
    lost = Container("app", ports=(Port(80, "a"),), readiness=Probe(replace(LIVE, port="b")))
    assert "readiness" not in texts(drawn(pod(lost)))
    assert End(told(lost)).height + LANE == End(told(replace(lost, ports=(Port(1, "b"),)))).height


def test_several_workloads_stand_below_each_other() -> None:
    """Named in the title while they are few; sidecars are said to be some."""
    two = [pod(Container("a")), pod(Container("b"), first=(
        Container("proxy", restart_policy="Always"),))]  # fmt: skip
    assert texts(drawn(*two))[0] == "Pod/web, Pod/web"
    assert "Pod/web, sidecar proxy" in texts(drawn(*two))
    assert texts(drawn(*two, *two))[0] == "4 workloads"
    assert texts(drawn(*two, title="mine"))[0] == "mine"
    (one,) = (float(drawn(two[0]).get("height", "")),)
    assert float(drawn(two[0], two[0]).get("height", "")) > 1.5 * one


def test_it_says_in_words_what_it_shows() -> None:
    """To those who can't see it."""
    both = drawn(pod(Container("a", startup=START)), pod(Container("b")))
    description = both.findtext(f"{SVG}desc") or ""
    assert description == (
        "Pod/web, container a: 290 s of boot are guaranteed, the latest kill is at 300 s; "
        "deleted, SIGTERM at 0 s, SIGKILL at 30 s. "
        "Pod/web, container b: no probe limits its start; "
        "deleted, SIGTERM at 0 s, SIGKILL at 30 s."
    )
    assert both.get("role") == "img"


def test_nothing_to_draw_is_an_error() -> None:
    """In one line."""
    with pytest.raises(ConfigError, match="^found no container to draw, expected one or more$"):
        svg([explain(pod(Container("a")), "b")])


@settings(max_examples=60)
@given(EXPLANATIONS)
def test_any_workload_is_drawn_inside_the_picture(found: Explanation) -> None:
    """Well-formed, with every box between the edges, and small."""
    text = svg([found])
    picture = ET.fromstring(text)  # noqa: S314  # our own words
    assert len(text) < 400_000
    for one in picture.iter(f"{SVG}rect"):
        x, width = float(one.get("x", "")), float(one.get("width", ""))
        assert x >= 0
        assert x + width <= WIDTH
        assert width > 0
        if one.get("class") != "hk-bg":
            assert LEFT - 0.1 <= x <= x + width <= RIGHT + 0.6
