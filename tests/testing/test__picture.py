"""The picture of a pod's life: what is drawn, where, and that it can be read by everybody."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit._scale import levels, runs, scale
from healthkit._shapes import BAR, LEVEL
from healthkit.errors import ConfigError
from healthkit.testing import _lanes
from healthkit.testing._lanes import LEFT, RIGHT, WIDTH
from healthkit.testing._marks import endings, marks
from healthkit.testing._picture import svg
from healthkit.testing._spans import Span, Story, endpoints, states
from healthkit.testing._terse import NAMES
from tests.testing.stories import BARE, SPEC, WHOLE, endpoint, event, every_second, probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.testing._events import Event

SVG: Final = "{http://www.w3.org/2000/svg}"

#: The samples of a pod that serves two requests for a while, then four.
FLIGHT: Final = [(3.5, 2), (10.0, 4), (21.0, 1), (25.9, 0)]

STORY: Final = Story("web", WHOLE, FLIGHT, SPEC)


def drawn(*stories: Story, title: str | None = None) -> ET.Element:
    """Draw, and read what was written."""
    return ET.fromstring(svg(stories, title))  # noqa: S314  # our own words


def having(root: ET.Element, css: str) -> list[ET.Element]:
    """Return the elements of a class, those of the legend (the last group) left out."""
    legend = set(list(root)[-1].iter())
    return [one for one in root.iter() if one.get("class") == f"hk-{css}" and one not in legend]


def texts(root: ET.Element) -> list[str]:
    """Return all text that is seen."""
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def legend(root: ET.Element) -> list[str]:
    """Return what the legend names."""
    return texts(list(root)[-1])


def x_of(at: float, end: float = 27.0) -> float:
    """Return where a moment lies, on a linear axis."""
    return LEFT + (RIGHT - LEFT) * at / end


def place(box: ET.Element) -> tuple[float, float]:
    """Return where a rectangle begins and ends."""
    x, width = (float(box.get(name, "")) for name in ("x", "width"))
    return x, x + width


def crosses(path: ET.Element) -> list[float]:
    """Return where the parts of a path begin."""
    return [float(x) for x in re.findall(r"M([\d.]+) ", path.get("d", ""))]


# -- a whole picture ------------------------------------------------------------------------------


def test_states_lie_where_they_were() -> None:
    """Each is a bar from its beginning to its end, named if there is room."""
    root = drawn(STORY)
    bars = {
        "waiting": (0, 0.5),
        "booting": (0.5, 2),
        "unready": (2, 3),
        "ready": (3, 20.5),
        "over": (26.1, 27),
    }
    for css, (start, end) in bars.items():
        (box,) = having(root, css)
        assert place(box) == pytest.approx((x_of(start), x_of(end)), abs=0.11)
    assert "ready" in texts(root)
    (ending, _after_sigterm) = having(root, "ending")
    assert place(ending) == pytest.approx((x_of(20.5), x_of(26.1)), abs=0.11)


def test_probes_are_ticks_above_and_crosses_below() -> None:
    """One for each, at the moment it was sent, with their number beside the lane."""
    root = drawn(STORY)
    startup, readiness = having(root, "good")
    assert crosses(startup) == pytest.approx([x_of(2)], abs=0.1)
    assert crosses(readiness) == pytest.approx([x_of(at) for at in range(2, 21)], abs=0.1)
    assert readiness.get("d", "").count("v-8") == 19
    (failed,) = having(root, "bad")
    assert crosses(failed) == pytest.approx([x_of(1) - 3], abs=0.1)
    assert {"1 ok, 1 failed", "19 ok"} < set(texts(root))


def test_the_service_and_the_end_have_lanes() -> None:
    """In and out of the Service; the hook, SIGTERM, and the grace period as far as it is seen."""
    root = drawn(STORY)
    (inside,) = having(root, "in")
    assert place(inside) == pytest.approx((x_of(3.1), x_of(20.5)), abs=0.11)
    (leaving,) = having(root, "leaving")
    assert place(leaving) == pytest.approx((x_of(20.5), x_of(26.5)), abs=0.11)
    (out,) = having(root, "out")
    assert float(out.get("x2", "")) == pytest.approx(x_of(3.1), abs=0.1)
    (hook,) = having(root, "hook")
    assert place(hook) == pytest.approx((x_of(20.5), x_of(25.5)), abs=0.11)
    (term,) = having(root, "signal")
    assert crosses(term) == pytest.approx([x_of(25.5) - 5], abs=0.1)
    (grace,) = having(root, "grace")
    assert grace.get("d", "").endswith(f"h{x_of(27) - x_of(20.5):.1f}")


def test_a_grace_period_that_ends_in_the_picture_is_closed() -> None:
    """And SIGKILL at its end is a cross."""
    events = [*WHOLE[:-5], event(40.5, "exit", code=137), event(50, "deleted")]
    root = drawn(Story("web", events, spec=SPEC))
    (grace,) = having(root, "grace")
    assert grace.get("d", "").endswith(f"h{(RIGHT - LEFT) * 20 / 50:.1f}v-4")
    (kill,) = having(root, "kill")
    assert crosses(kill) == pytest.approx([x_of(40.5, 50) - 5], abs=0.1)
    assert {"SIGKILL", "grace period"} < set(legend(root))


def test_moments_are_named_above_the_bar() -> None:
    """With their seconds; a line leads down to the bar, and none crosses another's text."""
    root = drawn(STORY)
    named = [one for one in having(root, "text") if re.match(r"[\d.]+ s ", one.text or "")]
    assert [one.text for one in named] == [
        "3 s ready",
        "20.5 s deleted",
        "25.5 s SIGTERM",
        "26.1 s exit 0",
    ]
    assert [float(one.get("x", "")) - 4 for one in named] == pytest.approx(
        [x_of(at) for at in (3, 20.5, 25.5, 26.1)], abs=0.1
    )
    heights = [float(one.get("y", "")) for one in named]
    assert heights == [2 * LEVEL - 2, 2 * LEVEL - 2, LEVEL - 2, 2 * LEVEL - 2]
    lines = [one for one in having(root, "lead") if one.get("x1") == one.get("x2")]
    assert {float(one.get("y2", "")) - BAR for one in lines} == {max(heights) + 2}


def test_requests_are_an_area_and_lost_ones_crosses() -> None:
    """The area is as high as the most in flight; the sum is beside it."""
    events = sorted([*WHOLE, event(21, "request", why="refused")], key=lambda one: one.at)
    root = drawn(Story("web", events, FLIGHT, SPEC))
    (area,) = having(root, "flight")
    outline = area.get("d", "")
    assert re.match(r"M200 40H200V26\.0H388V12\.0", outline)
    assert outline.endswith("V40z")
    (cross,) = having(root, "lost")
    assert crosses(cross) == pytest.approx([x_of(21) - 4], abs=0.1)
    assert "max 4, 1 lost" in texts(root)
    assert {"requests in flight", "lost request"} < set(legend(root))
    assert "1 lost request." in (root.findtext(f"{SVG}desc") or "")


def test_without_requests_there_is_no_lane_for_them() -> None:
    """And no entry in the legend; lost ones alone have a lane without an area."""
    assert "requests" not in texts(drawn(Story("web", WHOLE, [(3, 0), (20, 0)])))
    lost = [*WHOLE, event(28, "request", why="eof"), event(28, "request", why="eof")]
    root = drawn(Story("web", lost))
    assert not having(root, "flight")
    assert len(having(root, "lost")) == 1
    assert "2 lost" in texts(root)


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    """A state too short to be seen is not."""
    assert legend(drawn(STORY)) == [
        *("waiting", "booting", "not ready", "ready", "terminating", "over"),
        *("probe: success", "failure"),
        *("in the Service", "terminating, still serving", "in no Service"),
        *("preStop", "grace period", "SIGTERM", "requests in flight"),
    ]
    brief = [
        event(0, "container_started", n=1),
        event(99.99, "started", value=True),
        event(100, "x"),
    ]
    assert legend(drawn(Story("web", brief))) == ["booting"]


def test_a_crash_loop_is_seen_as_one() -> None:
    """Broken frames between the containers; results of each kind have a shape of their own."""
    events = [
        event(0, "container_started", n=1),
        event(1, "started", value=True),
        probe(2, "readiness", 302, result="warning"),
        probe(3, "readiness", "slow body"),
        event(4, "event", reason="Unhealthy"),
        event(5, "killing", why="liveness", grace=3),
        event(5, "sigterm"),
        event(6, "exit", code=1),
        event(6.1, "backoff", seconds=10),
        event(18, "container_started", n=2),
        event(20, "condition", type="a", status="True"),
    ]
    root = drawn(Story("web", events))
    (backoff,) = having(root, "backoff")
    assert place(backoff) == pytest.approx((x_of(6.1, 20), x_of(18, 20)), abs=0.11)
    assert "CrashLoopBackOff" in texts(root)
    (grace,) = having(root, "grace")
    assert grace.get("d", "").endswith(f"h{(RIGHT - LEFT) * 3 / 20:.1f}v-4")
    assert len(having(root, "warned")) == 1
    assert len(having(root, "thrown")) == 1
    assert "1 warned, 1" in texts(root)
    assert "discarded" in texts(root)


def test_dense_ticks_are_blocks() -> None:
    """Many successes that touch are one rectangle, with their number to be pointed at."""
    events = [probe(at / 10, "liveness", 200 if at < 900 else 500) for at in range(1000)]
    root = drawn(Story("web", events))
    (good,) = having(root, "many")
    assert place(good) == pytest.approx((LEFT - 1, x_of(89.9, 99.9) + 1), abs=0.2)
    (bad,) = having(root, "bads")
    assert place(bad)[0] == pytest.approx(x_of(90, 99.9) - 1, abs=0.2)
    assert "900 ok, 100 failed" in texts(root)


# -- several pods ---------------------------------------------------------------------------------


def test_several_pods_share_the_axis() -> None:
    """Each has its name, and of the probes only readiness."""
    later = [event(one.at + 10, one.name, **one.details) for one in WHOLE]
    root = drawn(Story("web-a", WHOLE), Story("web-b", later))
    found = texts(root)
    assert found[0] == "2 pods"
    assert found.index("web-a") < found.index("web-b")
    assert found.count("readiness") == 2
    assert "startup" not in found
    first, second = (place(one)[0] for one in having(root, "ready"))
    assert second - first == pytest.approx((RIGHT - LEFT) * 10 / 37, abs=0.11)


def test_names_and_messages_are_escaped() -> None:
    """They come from a manifest; a control character is no XML at all, and is replaced."""
    name = "<&\">'\x00\x1b\ud800"
    root = drawn(Story(name, WHOLE), Story("b", [event(1, "killing", why="</title>&")]))
    assert "<&\">'\ufffd\ufffd\ufffd" in texts(root)
    assert "1 s </title>& kill" in texts(root)
    assert "Pod <&\">'\ufffd\ufffd\ufffd: ready at 3 s" in (root.findtext(f"{SVG}desc") or "")


def test_nothing_to_draw_is_refused() -> None:
    """But a pod of which nothing was seen can be drawn."""
    with pytest.raises(ConfigError, match="found no pod to draw, expected one or more"):
        svg([])
    root = drawn(Story("web", []))
    assert root.findtext(f"{SVG}desc") == "Pod web: nothing happened."
    assert legend(root) == []


# -- for everybody --------------------------------------------------------------------------------


def test_it_says_what_it_shows() -> None:
    """It is an image to a screen reader, with a title and a description, which come first."""
    root = drawn(STORY, title="A drain")
    assert root.get("role") == "img"
    assert [one.tag.removeprefix(SVG) for one in root][:2] == ["title", "desc"]
    assert root.findtext(f"{SVG}title") == "A drain"
    assert texts(root)[0] == "A drain"
    assert root.findtext(f"{SVG}desc") == (
        "Pod web: ready at 3 s, deleted at 20.5 s, SIGTERM at 25.5 s, exit 0 at 26.1 s."
    )


def test_a_long_life_is_described_shortly() -> None:
    """The first moments, and how many more there are."""
    many = [event(float(at), "killing", why="liveness") for at in range(20)]
    said = drawn(Story("web", many)).findtext(f"{SVG}desc") or ""
    assert said.count("liveness kill") == 12
    assert said.endswith("8 more.")


def test_it_has_a_dark_side() -> None:
    """By the style sheet alone: no script, no id, nothing from the network."""
    text = svg([STORY])
    assert "@media (prefers-color-scheme: dark)" in text
    assert not re.search(r"\bid=|<script|href|url\(", text)
    assert set(re.findall(r"https?://[^\"]*", text)) == {"http://www.w3.org/2000/svg"}
    style = drawn(STORY).findtext(f"{SVG}style") or ""
    used = {css for one in drawn(STORY).iter() if (css := one.get("class"))}
    assert all(f".{css}" in style for css in used)


def test_the_same_life_is_the_same_picture() -> None:
    """Byte for byte, whatever was drawn before."""
    first = svg([STORY])
    svg([Story("other", WHOLE[:3])])
    assert svg([STORY]) == first


def test_an_hour_is_small() -> None:
    """3600 probes that take turns to fail are folded; so are 36,000 samples of requests."""
    events = [probe(float(at), "readiness", 200 if at % 2 else 503) for at in range(3600)]
    events += [event(at + 0.5, "request", why="reset") for at in range(0, 3600, 2)]
    events.sort(key=lambda one: one.at)
    flight = [(at / 10, at % 7) for at in range(36_000)]
    assert len(svg([Story("web", events, flight)])) < 60_000


# -- the axis -------------------------------------------------------------------------------------


def test_a_quiet_hour_is_condensed() -> None:
    """The boot and the drain have room; the axis is shaded, broken, and says how much it hides."""
    quiet = [*WHOLE[:10], *(event(one.at + 3600, one.name, **one.details) for one in WHOLE[-9:])]
    root = drawn(Story("web", quiet))
    (shade,) = having(root, "break")
    assert place(shade)[1] - place(shade)[0] == pytest.approx(90)
    (ready,) = having(root, "ready")
    assert place(ready)[0] > LEFT + 100
    assert "60:12 in short" not in texts(root)
    assert any(re.fullmatch(r"1:00:\d\d in short", text) for text in texts(root))


def test_what_changes_is_not_condensed() -> None:
    """Neither a minute, nor a stretch that is a small part of the whole, nor what helps little."""
    assert scale(3600, [], 0, 100).breaks == ()
    assert scale(120, [1, 120], 0, 100).breaks == ()
    assert scale(3600, range(0, 3600, 50), 0, 100).breaks == ()
    assert scale(1000, [500, *range(500, 1000, 10)], 0, 100).breaks == ()
    assert scale(3600, [5, 3590], 0, 1000).breaks == ((7.0, 3588.0),)


@given(
    end=st.floats(0, 100_000),
    changes=st.lists(st.floats(0, 100_000), max_size=20),
    moments=st.lists(st.floats(-10, 110_000), min_size=2, max_size=10),
)
def test_later_is_further_right(end: float, changes: list[float], moments: list[float]) -> None:
    """Whatever is condensed; the edges are the edges; ticks are apart and on the axis."""
    axis = scale(end, changes, LEFT, RIGHT)
    places = [axis.x(at) for at in sorted(moments)]
    assert places == sorted(places)
    assert axis.x(0) == LEFT
    assert axis.x(max(end, 1.0)) == pytest.approx(RIGHT)
    ticks = [axis.x(at) for at in axis.ticks()]
    assert all(LEFT <= x <= RIGHT + 1e-6 for x in ticks)
    assert all(after - before > 55 for before, after in pairwise(ticks))


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (1, ["0 s", "0.1 s"]),
        (27, ["0 s", "5 s"]),
        (300, ["0 s", "30 s"]),
        (301, ["0:00", "0:30"]),
        (7200, ["0:00", "10:00"]),
        (86_400, ["0:00", "2:00:00"]),
        (864_000, ["0:00", "24:00:00"]),
    ],
)
def test_the_axis_is_marked_in_round_numbers(end: float, said: list[str]) -> None:
    """Seconds up to five minutes, then minutes and hours."""
    axis = scale(end, range(0, int(end), max(int(end) // 50, 1)), LEFT, RIGHT)
    assert [axis.said(at) for at in axis.ticks()][:2] == said


# -- rules ----------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), max_size=15))
def test_no_label_meets_another_or_its_line(texts: list[tuple[int, int]]) -> None:
    """Of all that have a level: those it reaches over stand below it."""
    ordered = sorted(texts)
    found = levels([(float(x), float(width)) for x, width in ordered], 4)
    for n, (x, width) in enumerate(ordered):
        for other in range(n + 1, len(ordered)):
            mine, level = found[n], found[other]
            if mine is not None and level is not None and ordered[other][0] < x + width:
                assert level < mine < 4


def test_a_label_without_room_is_a_line() -> None:
    """It can be pointed at; the later ones keep theirs."""
    many = [event(at / 4, "container_started", n=at + 2) for at in range(100)]
    found = _lanes.labels(Story("web", many), scale(100, [], LEFT, RIGHT), 2)
    assert found[-1].level == 0
    assert {one.level for one in found} == {0, 1, None}
    root = drawn(Story("web", many))
    named = [one for one in having(root, "text") if "restart" in (one.text or "")]
    assert 0 < len(named) < len(having(root, "lead"))


def test_moments_that_fall_together_share_a_label() -> None:
    """Two are named, the weightiest; near the right edge one."""
    end = [event(50, "killing", why="deletion"), event(50, "sigterm"), event(50.1, "exit", code=0)]
    (label,) = _lanes.labels(Story("web", end), scale(100, [], LEFT, RIGHT), 5)
    assert label.text == "50 s deleted, SIGTERM"
    assert label.tip == "50 s deleted, 50 s SIGTERM, 50.1 s exit 0"
    (label,) = _lanes.labels(Story("web", end), scale(50.1, [], LEFT, RIGHT), 5)
    assert label.text == "50 s deleted"


@pytest.mark.parametrize(
    ("events", "named"),
    [
        ([event(1, "ready", value=False)], []),
        ([event(1, "ready", value=True), event(2, "ready", value=False)], ["ready", "not ready"]),
        (
            [event(1, "ready", value=True), event(2, "exit"), event(3, "ready", value=False)],
            ["ready", "exit ?"],
        ),
        ([event(1, "container_started", n=1)], []),
        ([event(1, "container_started", n=3)], ["restart 2"]),
        ([event(1, "killing", why="startup")], ["startup kill"]),
    ],
)
def test_only_news_is_marked(events: Sequence[Event], named: list[str]) -> None:
    """A container that has ended is unready anyway."""
    assert [mark.text for mark in marks(Story("web", events))] == named


@pytest.mark.parametrize(
    ("events", "spans"),
    [
        ([event(1, "sigterm"), event(2, "exit")], [Span(1, 2, "ending")]),
        (
            [event(1, "sigterm"), event(1.01, "killing", why="x"), event(2, "exit")],
            [Span(1, 2, "ending")],
        ),
        ([event(1, "killing", why="x"), event(1.4, "sigterm")], [Span(1.4, 9, "ending")]),
        (
            [event(1, "killing", why="x"), event(2, "sigterm")],
            [Span(2, 9, "ending"), Span(1, 2, "preStop")],
        ),
        ([event(1, "killing", why="x"), event(1.1, "exit")], []),
        ([event(1, "exit")], []),
        ([event(1, "prestop_begin"), event(1.2, "exit")], [Span(1, 1.2, "preStop")]),
    ],
)
def test_ends_are_hook_and_signal(events: Sequence[Event], spans: list[Span]) -> None:
    """A SIGTERM that comes late has waited for a hook that nobody saw."""
    assert endings(Story("web", events), 9) == spans


@pytest.mark.parametrize(
    ("why", "grace"), [("deletion", 20), ("liveness", 12), ("startup", 20), ("other", 20)]
)
def test_the_grace_period_is_that_of_the_decision(why: str, grace: float) -> None:
    """A probe may have its own; without a spec nobody knows; the event knows best."""
    kill = event(1, "killing", why=why)
    assert endings(Story("web", [kill], spec=SPEC), 9)[-1] == Span(1, 1 + grace, "grace")
    assert endings(Story("web", [kill], spec=BARE), 9)[-1] == Span(1, 31, "grace")
    assert endings(Story("web", [kill]), 9)[-1].kind == "preStop"
    kill = event(1, "killing", why=why, grace=4.5)
    assert endings(Story("web", [kill], spec=SPEC), 9)[-1] == Span(1, 5.5, "grace")


def test_a_pod_that_ends_by_itself_is_over() -> None:
    """A Job's; and a container that ends to be started again waits."""
    events = [event(0, "container_started", n=1), event(1, "exit", code=0)]
    assert [span.kind for span in states(Story("web", events), 5)] == ["booting", "waiting"]
    events.append(event(1, "phase", value="Succeeded"))
    assert [span.kind for span in states(Story("web", events), 5)] == ["booting", "over"]


def test_a_deletion_during_a_kill_ends_the_next_container_too() -> None:
    """It starts, and is ended at once."""
    events = [
        event(0, "container_started", n=1),
        event(1, "killing", why="liveness"),
        event(2, "killing", why="deletion"),
        event(3, "exit", code=0),
        event(4, "container_started", n=2),
    ]
    kinds = [span.kind for span in states(Story("web", events), 5)]
    assert kinds == ["booting", "ending", "over", "ending"]


def test_an_endpoint_that_serves_no_more_is_a_broken_line() -> None:
    """Until it is gone."""
    events = [
        endpoint(1, ready=False, serving=False, terminating=True),
        event(2, "endpoint", gone=True),
        event(3, "deleted"),
    ]
    assert endpoints(Story("web", events), 3) == [Span(1, 2, "terminating")]
    assert len(having(drawn(Story("web", events)), "out")) == 1


def test_ticks_that_touch_are_one_run() -> None:
    """From the first to the last, and how many."""
    found = runs([1.0, 2.0, 3.0, 9.0], float, 1.5)
    assert found == [(1.0, 3.0, 3), (9.0, 9.0, 1)]


def test_requests_are_drawn_in_columns() -> None:
    """What comes and goes within one is the most of it; a column keeps what the last one had."""
    end = (RIGHT - LEFT) / 4
    axis = scale(end, [end / 2], LEFT, RIGHT)
    samples = [(0.1, 1), (0.2, 5), (0.3, 0), (3.5, 2)]
    assert _lanes.columns(samples, axis, 6) == {0: 5, 1: 0, 3: 2}


def seen(at: float, name: str, kind: str, *, value: bool) -> Event:
    """Make an event of any name, with whatever details it may have."""
    return event(at, name, type=kind, why=kind, value=value, ready=value, n=2, code=137, status=200)


ANY: Final = st.builds(
    seen,
    st.floats(0, 5000),
    st.sampled_from(sorted(NAMES)),
    st.sampled_from(["startup", "liveness", "deletion"]),
    value=st.booleans(),
)


@settings(max_examples=50)
@given(st.lists(st.lists(ANY, max_size=20), min_size=1, max_size=3))
def test_any_life_can_be_drawn(lives: list[list[Event]]) -> None:
    """Well-formed, and with everything inside the frame."""
    stories = [Story("web", sorted(one, key=lambda each: each.at), [(1, 2)]) for one in lives]
    root = drawn(*stories)
    for box in root.iter(f"{SVG}rect"):
        x, stop = place(box)
        assert 0 <= x <= stop <= WIDTH + 0.5
    last = float(list(root)[-1].get("transform", "(0 0)").split()[1][:-1])
    assert last < float(root.get("height", ""))


def test_every_second_is_what_it_says() -> None:
    """The helper of these tests."""
    assert [one.at for one in every_second(1, 3, "liveness", 200)] == [1, 2, 3]
