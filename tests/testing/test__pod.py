"""A pod's life: what leads to what, and when."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from healthkit.manifests._spec import Exec, HttpGet, Sleep, TcpSocket
from healthkit.testing._described import Life, Ran, Reply, Says
from healthkit.testing._pod import NODE_GRACE
from healthkit.testing._rules import Pace, Sync
from tests.testing.lives import Played, command, http, tcp

if TYPE_CHECKING:
    from healthkit.manifests._spec import ProbeKind, RestartPolicy

WELL = Life(listens_at=0, exits_after_sigterm=1)
DEAF = replace(WELL, exits_after_sigterm=None)
#: Answers liveness badly from 4 s of its life on.
SICK = replace(WELL, says=(Says("/live", Reply(500), 4),))
LIVE = http("/live", failure_threshold=2)
CRASHES = Life(listens_at=0, exits_at=2, exit_code=1)


# Starting.


def test_a_pod_starts_half_a_second_after_its_admission() -> None:
    """It is Pending, then Running; ready with its first good answer."""
    played = Played(WELL, readiness=http(period=10)).until(3)
    assert [(event.at, event.details["value"]) for event in played.seen("phase")] == [
        (0, "Pending"),
        (0.5, "Running"),
    ]
    assert played.times("probe", type="readiness") == [0.5]
    assert played.times("ready", value=True) == [0.5]
    assert repr(played.pod) == "<PodLife web: Running, Running, ready>"
    assert played.pod.restarts == 0


def test_without_a_startup_probe_a_slow_app_waits_a_whole_period() -> None:
    """The syncs of its start come before it listens, the next tick a period after the last one."""
    played = Played(Life(listens_at=2), readiness=http(period=10)).until(30)
    assert played.times("probe", error="refused") == [0.5, 0.9]
    assert played.times("ready", value=True) == [10.9]


def test_a_startup_probe_gates_and_then_asks_at_once() -> None:
    """Liveness and readiness are not asked before it; readiness right after it."""
    played = Played(
        Life(listens_at=2),
        startup=http("/start", failure_threshold=30),
        liveness=http("/live", period=10),
        readiness=http(period=10),
    ).until(30)
    assert played.times("probe", type="startup") == [1, 2, 3]
    assert played.times("probe", type="readiness")[0] == 3
    assert played.times("probe", type="liveness") == [10, 20, 30]
    assert played.times("started", value=True) == [3]


def test_a_delay_counts_from_the_start_in_every_container() -> None:
    """Cut to the second: a probe may come that much early."""
    played = Played(replace(WELL, exits_at=20), readiness=http(initial_delay=5)).until(27)
    assert played.times("probe")[0] == 5.9
    second = played.times("container_started", n=2)[0]
    assert min(at for at in played.times("probe") if at > second) == int(second) + 5.9


def test_an_image_that_is_missing_never_starts() -> None:
    """It waits, and says so; a deletion ends it as one that failed."""
    played = Played(image=False, readiness=http()).until(0.5)
    assert str(played.pod.status.state) == "Waiting (ErrImagePull)"
    played.until(60)
    assert str(played.pod.status.state) == "Waiting (ImagePullBackOff)"
    assert played.seen("probe") == played.seen("container_started") == []
    played.delete(60).until(70)
    assert [event.details["value"] for event in played.seen("phase")] == ["Pending", "Failed"]
    assert played.pod.status.deleted
    early = Played(image=False).delete(0.5).until(70)
    assert early.seen("event") == []


def test_a_process_that_ends_at_its_start() -> None:
    """It was there for a moment; then it is restarted as any other."""
    played = Played(replace(WELL, exits_at=0, exit_code=1), readiness=http()).until(3)
    assert played.times("exit", code=1)[0] == 0.5
    assert played.times("container_started", n=2) == [1.3]
    assert played.pod.process is None


# Killed by a probe.


def test_a_liveness_kill_stops_and_restarts() -> None:
    """The pod stays ready, and in its Service, until the next container runs."""
    patient = http(failure_threshold=9)
    played = Played(SICK, WELL, liveness=LIVE, readiness=patient, hook=Sleep(3)).until(20)
    killed = played.times("killing", why="liveness")
    assert len(killed) == 1
    assert played.times("sigterm") == [killed[0] + 3]
    assert played.times("exit", code=0) == [killed[0] + 4]
    started = played.times("container_started", n=2)
    assert played.times("ready", value=False) == started
    assert not [at for at in played.times("probe", type="liveness") if killed[0] < at < started[0]]
    assert played.pod.restarts == 1


@pytest.mark.parametrize(
    ("own", "policy", "others", "took"),
    [
        (None, "Always", 0, 30),
        (4, "Always", 0, 4),
        (4, "OnFailure", 0, 4),
        (4, "Never", 1, 4),
        (4, "Never", 0, 30),
        (1, "Always", 0, 2),
    ],
)
def test_the_grace_of_a_kill_is_the_probes_own(
    own: int | None, policy: RestartPolicy, others: int, took: int
) -> None:
    """Else the pod's; where the whole pod ends by it there is no probe any more."""
    probe = http("/live", termination_grace_period=own)
    sick = replace(SICK, exits_after_sigterm=None)
    played = Played(sick, liveness=probe, policy=policy, others=others).until(60)
    killed = played.times("killing")[0]
    assert played.times("exit", code=137)[0] == killed + took


def test_a_startup_kill_has_the_startup_probes_grace() -> None:
    """Not liveness's."""
    played = Played(
        Life(listens_at=99, handles_sigterm_at=99),
        startup=http("/start", termination_grace_period=3),
        liveness=http("/live", termination_grace_period=9),
    ).until(10)
    killed = played.times("killing", why="startup")[0]
    assert played.times("exit", code=137)[0] == killed + 3


def test_a_hook_longer_than_the_probes_grace_is_cut_off() -> None:
    """SIGTERM comes at the grace's end, two seconds are left."""
    probe = http("/live", termination_grace_period=3)
    sick = replace(SICK, exits_after_sigterm=None, runs={("drain",): Ran(20)})
    played = Played(sick, liveness=probe, hook=Exec(("drain",))).until(20)
    killed = played.times("killing")[0]
    assert played.times("sigterm")[0] == killed + 3
    assert played.times("exit")[0] == killed + 5
    assert played.times("event", reason="FailedPreStopHook")[0] == killed + 5.1


#: Liveness ticks when readiness does: its ticker begins anew with the container.
AT_ONCE = Pace(phases={"liveness": 0.5})


def test_readiness_and_liveness_that_fail_together_cost_a_second() -> None:
    """The sync for the one comes first; the one that kills waits for the next relist."""
    bad = (Says("/live", Reply(500, delay=0.01), 4), Says("/ready", Reply(500), 4))
    life = replace(WELL, says=bad)
    played = Played(life, liveness=http("/live"), readiness=http(), pace=AT_ONCE).until(6)
    unready = played.times("ready", value=False)[0]
    assert played.times("probe", type="liveness", result="failure")[0] == unready == 4.5
    assert played.times("killing") == [4.9]


def test_a_process_that_ends_before_its_kill_is_not_killed() -> None:
    """The decision waited for a relist, and comes to nothing."""
    bad = (Says("/live", Reply(500, delay=0.01), 4), Says("/ready", Reply(500), 4))
    sick = replace(WELL, says=bad, exits_at=4.25, exit_code=1)
    played = Played(sick, WELL, liveness=http("/live"), readiness=http(), pace=AT_ONCE).until(12)
    assert played.times("exit") == [4.75]
    assert played.seen("killing") == []
    assert played.pod.restarts == 1


def test_a_probe_that_fails_after_the_end_kills_no_other_container() -> None:
    """Until the kubelet has looked, the dead one is asked; what comes of it is not the next one's.

    It ends at 4.95 s, refuses at 5 s, and is noticed at 5.9 s.
    """
    played = Played(replace(WELL, exits_at=4.45), WELL, liveness=http("/live")).until(20)
    assert played.times("probe", type="liveness", error="refused")[0] == 5.0
    assert played.times("container_started") == [0.5, 6.3]
    assert played.seen("killing") == []


def test_a_first_failure_is_no_change_and_asks_no_second_time() -> None:
    """Readiness begins as a failure: the next question comes with the ticker's next tick."""
    probe = http(initial_delay=5, period=4)
    played = Played(Life(listens_at=99), readiness=probe).until(16)
    assert played.times("probe", type="readiness") == [8.9, 12.9]


def test_a_deletion_in_the_last_kill_of_a_pod_ends_it() -> None:
    """The policy wants no other container, so there is none to wait for."""
    stubborn = replace(SICK, exits_after_sigterm=None)
    played = Played(stubborn, liveness=LIVE, policy="Never", grace=5)
    killed = played.until(20).times("killing")[0]
    again = Played(stubborn, liveness=LIVE, policy="Never", grace=5).delete(killed + 1).until(30)
    assert again.times("exit", code=137) == [killed + 5]
    assert again.times("deleted") == [killed + 5.5]
    assert again.times("killing") == [killed]


@pytest.mark.parametrize(
    ("policy", "code", "phase", "containers"),
    [
        ("Always", 0, "Running", 3),
        ("OnFailure", 1, "Running", 3),
        ("OnFailure", 0, "Succeeded", 1),
        ("Never", 0, "Succeeded", 1),
        ("Never", 1, "Failed", 1),
    ],
)
def test_what_follows_an_exit(
    policy: RestartPolicy, code: int, phase: str, containers: int
) -> None:
    """The policy decides; a pod that is through asks nothing, and leaves its Service."""
    played = Played(
        replace(CRASHES, exit_code=code), readiness=http(), liveness=LIVE, policy=policy
    ).until(60)
    assert played.pod.status.shown_phase == phase
    assert min(len(played.seen("container_started")), 3) == containers
    if containers == 1:
        assert played.times("endpoint", gone=True) == [2.9]
        assert max(played.times("probe")) <= 3
        played.delete(60).until(70)
        assert played.times("deleted") == [60.5]
        assert played.pod.status.shown_phase == phase


@pytest.mark.parametrize(("policy", "again"), [("OnFailure", True), ("Never", False)])
def test_a_kill_restarts_whatever_the_exit_code_is(policy: RestartPolicy, again: bool) -> None:
    """The kubelet had decided before it; under Never it was a good end."""
    played = Played(SICK, WELL, liveness=LIVE, policy=policy).until(20)
    assert played.times("exit", code=0) != []
    assert (played.pod.restarts == 1) is again
    assert played.pod.status.shown_phase == ("Running" if again else "Succeeded")


# Probes over restarts.


def test_started_stands_until_the_next_startup_tick_after_a_kill() -> None:
    """Till then the booting container is asked; that tick itself does not ask."""
    boots = Life(listens_at=3, exits_after_sigterm=0.1)
    sick = replace(boots, says=(Says("/live", Reply(500), 23),))
    played = Played(
        sick,
        boots,
        startup=http("/start", period=10, failure_threshold=30),
        liveness=http("/live", failure_threshold=2),
        readiness=http(),
    ).until(50)
    assert played.times("started", value=True, container=1) == [10]
    second = played.times("container_started", n=2)[0]
    assert 25 < second < 26
    refused = played.times("probe", type="liveness", error="refused")
    assert refused == [26, 27]  # ten seconds, in which it is killed again
    assert played.times("started", value=True, container=2)[0] == second
    assert played.times("started", value=False, container=2) == [30]


def test_a_crash_that_was_noticed_takes_started_away() -> None:
    """The next container is gated from its beginning."""
    played = Played(
        replace(CRASHES, exits_at=15),
        Life(listens_at=3),
        startup=http("/start", period=10, failure_threshold=30),
        liveness=http("/live"),
        readiness=http(),
    ).until(35)
    second = played.times("container_started", n=2)[0]
    after = [event for event in played.seen("probe") if event.at >= second]
    assert (after[0].at, after[0].details["type"]) == (20, "startup")
    assert played.times("started", value=False, container=2) == [second]


def test_results_in_a_row_are_counted_over_a_crash() -> None:
    """Two good answers before it, one after it: the third in a row makes it ready."""
    life = Life(listens_at=0, exits_at=2.6, exit_code=1)
    probe = http(period=10, success_threshold=3)
    pace = Pace(phases={"readiness": 1.0}, starts=(0.5, 4.0), syncs=(Sync(2.0),))
    played = Played(life, WELL, readiness=probe, pace=pace).until(30)
    assert played.times("probe", result="success") == [1.0, 2.0, 12.0, 22.0]
    assert played.times("ready", value=True) == [12.0]


def test_a_discarded_probe_neither_counts_nor_breaks_the_row() -> None:
    """Two failures, one that is thrown away, one more failure: three in a row."""
    says = (
        Says("/live", Reply(500), 0),
        Says("/live", Reply(broken="short body"), 2),
        Says("/live", Reply(500), 3),
    )
    life = replace(WELL, says=says)
    played = Played(life, liveness=http("/live", failure_threshold=3)).until(5)
    results = [event.details["result"] for event in played.seen("probe")]
    assert results[:6] == ["failure", "failure", "discarded", "discarded", "discarded", "failure"]
    assert played.times("killing") == [4]


@pytest.mark.parametrize("handler", [HttpGet("/x", "nope"), TcpSocket("nope")])
def test_a_port_name_that_does_not_exist(handler: HttpGet | TcpSocket) -> None:
    """As readiness it is never ready, as liveness never killed."""
    probe = replace(http(), handler=handler)
    played = Played(WELL, readiness=probe, liveness=probe).until(120)
    assert played.seen("probe") == played.seen("ready") == played.seen("killing") == []
    assert Played(WELL, startup=probe).until(120).seen("started", value=True) == []


def test_other_probes_than_http() -> None:
    """A command that is too slow kills; a closed port is not ready."""
    life = replace(WELL, listens_at=4, handles_sigterm_at=0, runs={("live",): Ran(5)})
    played = Played(life, liveness=command("live", timeout=2, period=5), readiness=tcp()).until(12)
    assert played.times("probe", type="liveness", error="timeout")[0] == 5
    assert played.times("killing")[0] == 7
    assert played.times("ready", value=True) == [4.9]


def test_a_container_is_killed_once() -> None:
    """Whichever probe fails next, and when there is nothing left to kill."""
    played = Played(replace(SICK, exits_after_sigterm=3), liveness=LIVE, startup=http()).until(6.5)
    assert len(played.seen("killing")) == 1
    played.pod._probed("startup", False, 1)  # noqa: FBT003  # as told
    played.until(9.2)
    assert len(played.seen("exit")) == 1
    played.pod._probed("liveness", False, 1)  # noqa: FBT003  # as told
    played.until(10)
    assert len(played.seen("killing")) == 1


def test_a_result_of_the_container_before_changes_nothing() -> None:
    """It came too late: that one is gone."""
    played = Played(CRASHES, liveness=LIVE, readiness=http()).until(4)
    count = len(played.events)
    told: list[tuple[ProbeKind, bool]] = [
        ("readiness", False),
        ("liveness", False),
        ("startup", True),
    ]
    for kind, passes in told:
        played.pod._probed(kind, passes, 1)
    assert len(played.events) == count
    assert played.pod.status.ready


# Back-off.


def test_crashes_wait_longer_and_longer() -> None:
    """At once, then 10, 20, 40 s and on to 300; nothing is asked meanwhile."""
    played = Played(CRASHES, readiness=http()).until(2000)
    backoffs = [event.details["seconds"] for event in played.seen("backoff")]
    assert backoffs[:8] == [10, 20, 40, 80, 160, 300, 300, 300]
    exits, starts = played.times("exit"), played.times("container_started")
    waits = [round(start - ended) for ended, start in zip(exits, starts[1:], strict=False)]
    assert waits[:4] == [1, 12, 25, 50]
    held_off = played.times("backoff")[0]
    assert not [at for at in played.times("probe") if held_off <= at < starts[2]]
    assert str(played.pod.status.state) == "Waiting (CrashLoopBackOff)"


@pytest.mark.parametrize(("runs", "announced"), [(590, [20]), (601, [10])])
def test_ten_minutes_of_running_well_are_forgiven(runs: int, announced: list[int]) -> None:
    """A crash after them is as the first one; just before them the back-off goes on."""
    lives = [CRASHES, CRASHES, replace(CRASHES, exits_at=runs), CRASHES]
    played = Played(*lives).until(runs + 30)
    third, ended = played.times("container_started", n=3)[0], played.times("exit")[2]
    assert [event.details["seconds"] for event in played.seen("backoff")][1:] == announced
    at_once = [at for at in played.times("container_started") if third < at < ended + 2]
    assert len(at_once) == (1 if runs > 600 else 0)


ROWS = json.loads((Path(__file__).with_name("traces") / "restart-backoff.json").read_text("utf-8"))


@pytest.mark.parametrize("row", ROWS["rows"], ids=[f"{row[0]}-{row[1]}" for row in ROWS["rows"]])
def test_restarts_wait_as_recorded(row: list[Any]) -> None:
    """The parameters of the recording: kills by liveness, one second of grace."""
    probe = http("/live", period=3, failure_threshold=2)
    life = Life(listens_at=1, says=(Says("/live", Reply(500)),), exits_after_sigterm=None)
    played = Played(life, liveness=probe, grace=1).until(300)
    kill: int = row[1]
    announced: int = row[5]
    ended = played.times("exit")[kill - 1]
    again = played.times("container_started")[kill]
    said = [
        event.details["seconds"] for event in played.seen("backoff") if ended < event.at < again
    ]
    assert said == ([announced] if announced else [])
    assert announced <= again - ended <= 1.5 * announced + 1
    assert played.times("killing")[kill - 1] + 2 == pytest.approx(ended, abs=0.02)


# The deletion.


def test_a_deletion_ends_it_step_by_step() -> None:
    """The endpoint first, liveness is silent, readiness goes on; the object goes last."""
    played = Played(SICK, liveness=LIVE, readiness=http(), hook=Sleep(5)).delete(3.25).until(30)
    assert played.times("endpoint", terminating=True) == [3.25, 8.5]
    assert played.seen("endpoint", terminating=True)[0].details["serving"]
    assert played.times("killing", why="deletion") == [3.25]
    assert played.times("sigterm") == [8.25]
    assert played.times("exit") == [9.25]
    assert played.times("endpoint", gone=True) == [9.55]
    assert played.times("deleted") == [9.75]
    assert max(played.times("probe", type="liveness")) < 3.25
    assert [at for at in played.times("probe", type="readiness") if at > 3.25][:2] == [3.5, 4.5]
    assert played.pod.status.shown_phase == "Succeeded"


def test_readiness_that_fails_meanwhile_is_seen() -> None:
    """In `serving`; and no sync asks once more."""
    says = (Says("/ready", Reply(500), 5),)
    played = Played(replace(WELL, says=says), readiness=http(), hook=Sleep(9)).delete(3).until(9)
    assert played.times("probe", result="failure") == [5.5, 6.5, 7.5, 8.5]
    assert played.times("endpoint", serving=False, terminating=True) == [5.5]


def test_a_pod_that_is_not_ready_is_asked_once_more() -> None:
    """At the deletion, and then at its ticks."""
    says = (Says("/ready", Reply(500)),)
    played = Played(replace(WELL, says=says), readiness=http(period=10), hook=Sleep(15))
    played.delete(4.5).until(18)
    assert played.times("probe") == [0.5, 0.9, 4.5, 14.5]


def test_a_liveness_probe_under_way_is_not_repeated_after_the_deletion() -> None:
    """What has ticked meanwhile is lost, and a verdict changes nothing."""
    slow = replace(DEAF, says=(Says("/live", Reply(500, delay=2.5)),))
    played = Played(slow, liveness=http("/live", timeout=5)).delete(3.2).until(20)
    assert played.seen("probe") == []
    assert played.times("killing") == [3.2]
    asked = (
        Played(
            replace(slow, says=(Says("/live", Reply(200, delay=2.5)),)),
            liveness=http("/live", timeout=5),
        )
        .delete(7)
        .until(20)
    )
    assert asked.times("probe") == [1, 3.5]


def test_a_deletion_during_a_kill_waits_for_the_next_container() -> None:
    """It is started, and ended at once: nearly twice the grace, as SIGTERM finds no handler."""
    boots = Life(listens_at=5, exits_after_sigterm=None)
    sick = replace(boots, says=(Says("/live", Reply(500), 8),))
    slowly = http("/live", failure_threshold=2, initial_delay=6)
    played = Played(sick, boots, liveness=slowly, readiness=http()).until(11)
    killed = played.times("killing", why="liveness")[0]
    played.delete(killed + 4).until(100)
    second = played.times("container_started", n=2)[0]
    assert played.times("exit", code=137) == [killed + 30, pytest.approx(second + 30)]
    assert played.times("killing", why="deletion") == [second]
    assert 56 < second + 30 - (killed + 4) < 57
    assert played.times("endpoint", terminating=True)[0] == killed + 4
    assert played.pod.status.shown_phase == "Failed"


def test_a_deletion_before_the_container_runs_waits_for_it() -> None:
    """The start is under way, and nothing interrupts it."""
    played = Played(WELL, readiness=http()).delete(0.2).until(10)
    assert played.times("killing") == played.times("container_started") == [0.5]
    assert played.times("exit") == [1.5]
    assert played.times("deleted") == [2.0]


def test_a_deletion_before_the_admission_starts_nothing() -> None:
    """There is a pod that was never seen by its node."""
    played = Played(WELL, pace=Pace(admitted=5)).delete(1).until(10)
    assert played.seen("container_started") == []
    assert played.times("deleted") == [1.5]


def test_a_deletion_in_a_backoff_ends_at_once() -> None:
    """There is no container, and there comes no other one."""
    played = Played(CRASHES, readiness=http()).until(8)
    assert str(played.pod.status.state) == "Waiting (CrashLoopBackOff)"
    played.delete(8).until(60)
    assert played.seen("killing") == []
    assert len(played.seen("container_started")) == 2
    assert played.times("deleted") == [8.5]
    assert played.pod.status.shown_phase == "Failed"


def test_a_deletion_of_a_process_that_has_just_ended() -> None:
    """Its end is not noticed yet: there is nothing to kill, and nothing restarts."""
    played = Played(CRASHES, readiness=http()).delete(2.7).until(60)
    assert played.times("exit") == [2.5]
    assert played.seen("killing") == []
    assert len(played.seen("container_started")) == 1
    assert played.times("deleted") == [3.2]


def test_a_deletion_during_a_kill_that_leads_to_a_backoff() -> None:
    """The third kill waits; the deletion does not."""
    boots = Life(listens_at=0, says=(Says("/live", Reply(500)),), exits_after_sigterm=0.5)
    killed = Played(boots, liveness=http("/live")).until(20).times("killing")[2]
    played = Played(boots, liveness=http("/live")).delete(killed + 0.2).until(60)
    assert played.times("deleted") == [pytest.approx(killed + 1.0, abs=0.02)]
    assert played.seen("backoff") == []


def test_a_process_that_ends_while_the_kubelet_sleeps_is_waited_for() -> None:
    """The hook is the kubelet's own sleep: the pod is gone after it, not before."""
    played = Played(replace(WELL, exits_at=5), readiness=http(), hook=Sleep(9)).delete(3).until(60)
    assert played.times("exit") == [5.5]
    assert played.seen("sigterm") == []
    assert played.times("deleted") == [12.5]


def test_a_second_deletion_comes_too_late_for_a_stop() -> None:
    """Whatever it asks for; the first one's grace has begun."""
    played = Played(DEAF, grace=20).delete(2)
    played.delete(3, 5).delete(4, 40).until(60)
    assert played.times("exit") == [22]
    assert played.times("killing") == [2]


def test_the_shortest_grace_counts_for_a_stop_that_is_still_to_come() -> None:
    """Two deletions during a kill: the next container has the shorter one."""
    sick = replace(DEAF, says=(Says("/live", Reply(500), 4),))
    played = Played(sick, DEAF, liveness=LIVE, grace=10).until(7)
    killed = played.times("killing")[0]
    played.delete(killed + 1, 8).delete(killed + 2, 4).delete(killed + 3, 6).until(60)
    second = played.times("container_started", n=2)[0]
    assert played.times("exit")[1] == second + 4


@pytest.mark.parametrize(("grace", "asked"), [(30, 0), (0, None)])
def test_a_forced_deletion_takes_the_object_at_once(grace: int, asked: int | None) -> None:
    """The process has a second, and two more; a manifest may say so too. Probes stop early."""
    says = (Says("/ready", Reply(500), 2.9),)
    life = replace(DEAF, says=says)
    played = Played(life, readiness=http(), hook=Sleep(5), grace=grace).delete(3.25, asked)
    played.delete(3.26).until(60)
    assert played.times("deleted") == [3.27]
    assert played.times("endpoint", gone=True) == [3.3]
    assert played.times("sigterm") == [4.25]
    assert played.times("exit") == [6.25]
    assert "code" not in played.seen("exit")[0].details
    assert max(played.times("probe", status=500)) == max(played.times("probe")) == 3.5
    assert played.times("ready") == [0.5]


def test_a_forced_deletion_without_a_container() -> None:
    """The object is gone once."""
    played = Played(CRASHES).until(8)
    played.delete(8, 0).until(60)
    assert played.times("deleted") == [8.02]


def test_a_liveness_kill_with_a_grace_of_nothing() -> None:
    """No hook; two seconds."""
    sick = replace(DEAF, says=(Says("/live", Reply(500), 4),))
    played = Played(sick, liveness=http("/live"), hook=Sleep(5), grace=0).until(9)
    killed = played.times("killing")[0]
    assert played.times("sigterm") == [killed]
    assert played.times("exit") == [killed + 2]


# Gates, conditions and nodes.


def test_a_condition_may_be_there_before_the_container() -> None:
    """And stays over its restarts."""
    played = Played(CRASHES, readiness=http(), gates=("warm",))
    played.pod.set_condition("warm", "True")
    played.until(4)
    assert played.times("condition") == [0]
    assert played.times("ready", value=True) == [0.5, 3.3]


def test_a_gate_that_closes_during_the_termination_is_seen() -> None:
    """The endpoint serves no more."""
    played = Played(WELL, readiness=http(), gates=("warm",), hook=Sleep(5))
    played.pod.set_condition("warm", "True")
    played.delete(3).until(4)
    played.pod.set_condition("warm", "False")
    assert played.times("endpoint", serving=False, terminating=True) == [4]


def test_a_lost_node_is_noticed_late_and_forgotten_at_once() -> None:
    """The container runs on; nothing of it is heard."""
    says = (Says("/ready", Reply(500), 20), Says("/ready", Reply(200), 30))
    played = Played(replace(WELL, says=says), readiness=http()).until(10)
    played.pod.lose_node()
    played.pod.lose_node()
    played.until(10 + NODE_GRACE - 1)
    assert played.times("ready") == [0.5]
    played.until(70)
    assert played.times("ready", value=False) == played.times("phase", value="Unknown") == [60]
    played.pod.find_node()
    played.pod.find_node()
    assert played.times("ready", value=True) == [0.5, 70]
    assert played.pod.status.shown_phase == "Running"
    assert played.pod.restarts == 0


def test_a_node_that_is_found_in_time_was_never_lost() -> None:
    """Nothing is said of it."""
    played = Played(WELL, readiness=http()).until(10)
    played.pod.lose_node()
    played.until(30)
    played.pod.find_node()
    played.until(200)
    assert played.times("ready") == [0.5]


def test_a_deletion_reaches_a_lost_node_when_it_is_found() -> None:
    """Until then the container runs, and the object stays."""
    played = Played(WELL, readiness=http()).until(10)
    played.pod.lose_node()
    played.delete(20).until(100)
    assert played.times("endpoint", terminating=True)[0] == 20
    assert played.seen("killing") == []
    played.pod.find_node()
    played.until(110)
    assert played.times("killing") == [100]
    assert played.times("deleted") == [101.5]


def test_the_end_of_a_pod_is_told_by_its_node() -> None:
    """One that is lost in between tells it when it is found."""
    played = Played(WELL, readiness=http(), hook=Sleep(5)).delete(10)
    played.pod.lose_node()
    played.until(40)
    assert played.times("exit") == [16]
    assert played.seen("deleted") == []
    played.pod.find_node()
    assert played.times("deleted") == [40]


# The end of a simulation, and recordings.


@pytest.mark.parametrize("moment", [0.2, 5, 8])
def test_an_abandoned_pod_does_nothing_more(moment: float) -> None:
    """Before its start, in its life, in a back-off."""
    played = Played(CRASHES, readiness=http(), liveness=LIVE).until(moment)
    played.pod.abandon()
    assert played.pod.process is None
    count = len(played.events)
    played.until(500)
    assert len(played.events) == count


def test_a_given_sync_may_begin_the_ticker_anew_only() -> None:
    """Where a recording says that nothing was asked."""
    pace = Pace(phases={"readiness": 0}, starts=(0.5,), syncs=(Sync(3.5, asks=False), Sync(7.25)))
    played = Played(WELL, readiness=http(period=2), pace=pace).until(12)
    assert played.times("probe") == [2, 5.5, 7.25, 9.25, 11.25]
    without = Played(SICK, liveness=LIVE, pace=pace).until(12)
    assert without.times("killing") == [6]
    assert without.times("exit") == [7]
    assert len(without.seen("container_started")) == 1


def test_a_deletion_does_not_wait_for_a_start_that_is_not_recorded() -> None:
    """The recording ended with the last container."""
    played = Played(CRASHES, pace=Pace(starts=(0.5,), syncs=())).delete(20).until(30)
    assert played.times("deleted") == [20.5]


@pytest.mark.parametrize(("second", "noticed"), [(2.9, 2.6), (14.0, 3.4), (2.6, 2.5)])
def test_a_recorded_restart_says_when_the_end_was_noticed(second: float, noticed: float) -> None:
    """Just before it; unless it came much later, after a back-off."""
    pace = Pace(phases={"readiness": 0}, starts=(0.5, second), syncs=())
    played = Played(CRASHES, readiness=http(period=10), pace=replace(pace, admitted=0.5)).until(2)
    played.pod.status.readiness(passed=True)
    played.until(15)
    assert played.times("ready", value=False) == [noticed]
