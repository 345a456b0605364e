"""What a recording may say, though none of those here does: each key is read by its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.testing import recordings

if TYPE_CHECKING:
    from tests.testing.recordings import Json

_EXITS: Final = {"does": "exit", "stops_listening_after_s": 0.1}


def probe(path: str, **more: int) -> Json:
    """Return a probe that asks every second."""
    return {"httpGet": {"path": path, "port": 8080}, "periodSeconds": 1, **more}


def played(
    *processes: Json,
    container: Json,
    actions: tuple[Json, ...] = (),
    phase: Json | None = None,
    on_sigterm: Json | None = None,
    until: float = 20,
) -> list[Json]:
    """Play a case, and return what was seen."""
    case: dict[str, Any] = {
        "pod": {
            "terminationGracePeriodSeconds": 5,
            "containers": [{"name": "app", **container}],
        },
        "app": {"default_status": 200, "on_sigterm": on_sigterm or _EXITS},
        "actions": list(actions),
    }
    run: dict[str, Any] = {"processes": list(processes), "window": [-5, until]}
    if phase is not None:
        run["probe_phase"] = phase
    return recordings.play(case, run)


def moments(events: list[Json], **wanted: object) -> list[float]:
    """Return when something was seen."""
    return [round(one["t"], 2) for one in events if wanted.items() <= one.items()]


def test_a_ticker_that_is_not_given_began_with_the_others() -> None:
    """Periods of 4 and 3 s: both began 0.55 s before the container, whichever tick was noted."""
    events = played(
        {"container_started": 0, "startedAt": -1, "listens_at": 0.1},
        container={
            "livenessProbe": probe("/live", periodSeconds=4),
            "readinessProbe": probe("/ready", periodSeconds=3, initialDelaySeconds=4),
        },
        phase={"liveness": 11.45},
        until=9,
    )
    assert moments(events, event="probe", type="liveness") == [3.45, 7.45]
    assert moments(events, event="probe", type="readiness") == [5.45, 8.45]


def test_without_phases_all_tickers_begin_at_the_usual_moment() -> None:
    """Neither the key nor what is in it has to be there."""
    first = {"container_started": 0, "startedAt": 0, "listens_at": 0.1}
    container = {"livenessProbe": probe("/live"), "readinessProbe": probe("/ready")}
    bare = played(first, container=container, until=1)
    assert moments(bare, event="probe") == [0.5, 0.5, 1.5, 1.5]
    assert bare == played(first, container=container, phase={}, until=1)


def test_what_is_done_before_the_container_runs_is_done_then() -> None:
    """A condition long before, and a deletion shortly before: the container still starts."""
    events = played(
        {"container_started": 0, "startedAt": 0, "listens_at": -0.5, "exits_after_sigterm_s": 1},
        container={},
        actions=(
            {"t": -4.0, "do": "set_condition", "type": "a/b", "status": "True"},
            {"t": -0.2, "do": "delete"},
        ),
    )
    assert moments(events, event="condition") == [-4.0]
    assert moments(events, event="killing", why="deletion") == [0]
    assert moments(events, event="exit", code=0) == [1]


def test_sigterm_is_lost_in_a_boot_unless_an_exit_was_measured() -> None:
    """What is recorded is the log of the app's handler, and there is none yet."""
    booting = {"container_started": 0, "startedAt": 0, "listens_at": 4}
    delete = ({"t": 2, "do": "delete"},)
    lost = played(booting, container={}, actions=delete)
    assert moments(lost, event="sigterm") == []
    assert moments(lost, event="exit", code=137) == [7]
    heeded = played({**booting, "exits_after_sigterm_s": 1}, container={}, actions=delete)
    assert moments(heeded, event="sigterm") == [2]
    assert moments(heeded, event="exit", code=0) == [3]
    ignores = played(booting, container={}, actions=delete, on_sigterm={"does": "ignore"})
    assert moments(ignores, event="sigterm") == []


def test_an_end_by_itself_counts_after_sigterm_as_well() -> None:
    """Whatever comes first."""
    process = {"container_started": 0, "startedAt": 0, "listens_at": 1, "exits_at": 4}
    delete = ({"t": 2, "do": "delete"},)
    for measured, ends in ((1, 3), (3, 4)):
        events = played(
            {**process, "exits_after_sigterm_s": measured}, container={}, actions=delete
        )
        assert moments(events, event="exit", code=0) == [ends]
