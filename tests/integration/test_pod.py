"""Several real workers, one pod: whichever answers, it speaks for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from examples.pod.load import Load
from tests.integration.pods import SERVERS, Drain, Pod, Sampling, Trace, Watch, ask, until
from tests.integration.stalls import again_after_a_stall
from tests.scrapes import samples
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from examples.pod.load import Tally

#: Seconds: longer than the Service takes.
DRAIN_DELAY: Final = 1.5
WITHDRAWN_AFTER: Final = 1.1
#: A request for /sleep/1 that arrives then is in flight when the delay is over.
LATE: Final = 0.9
#: By when the last worker must have heard of the drain.
HEARD_WITHIN: Final = 0.3
#: Longer than a server takes for its own end, to tell a second wait from it. uvicorn's master looks
#: for signals twice a second; gunicorn's asgi worker once, waits for half a second more, and its
#: master may sleep for another one.
LONG_DELAYS: Final = {"uvicorn": 2.0, "gunicorn asgi": 3.5, "gunicorn uvicorn": 3.5}
#: What a late request outlasts the delay by.
OUTLASTS: Final = 0.5

#: How long an idle worker is looked at, and how many requests a busy one gets.
IDLE: Final = 5.0
REQUESTS: Final = 400
#: uvicorn 0.54 uvicorn/server.py, main_loop: its own loop wakes as often.
UVICORN_TICK: Final = 0.1
#: healthkit looks after its gate ever more rarely: that often at most in so much time, later on.
GATE_LOOKS: Final = 3

THREE: Final = ("uvicorn", "gunicorn asgi", "gunicorn uvicorn")
#: The others are for `make matrix`.
FIRST: Final = [THREE[0], *(pytest.param(name, marks=pytest.mark.matrix) for name in THREE[1:])]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


@pytest.mark.parametrize("server", FIRST)
@again_after_a_stall
async def test_the_life_of_a_pod_of_four(server: str, tmp_path: Path) -> None:
    """Not ready before the slowest; drained under load within 300 ms; ended without a loss."""
    state, gate = tmp_path / "state", tmp_path / "gate"
    gate.mkdir()
    delay = LONG_DELAYS[server]
    settings = {"HEALTHKIT_DRAIN_DELAY": str(delay), "SLOW_GATE": str(gate)}
    async with Pod(server, state, workers=4, settings=settings) as pod:
        await waits_for_the_slowest(pod, gate)
        async with Load(pod.url, paths=["/quick"], new=2, keep_alive=4, pause=0.03) as load:
            load.send("/stream")
            await drains(pod, load, delay)
            tally, took = await ends(pod, load)
        assert await pod.ends() == 0
    assert (tally.lost, tally.reasons) == (0, {})
    assert min(tally.kinds.values()) >= 2, tally
    assert tally.told_to_close >= 4, tally
    assert took < delay - 0.1


async def waits_for_the_slowest(pod: Pod, gate: Path) -> None:
    """Hold one of the four up: nobody says ready, whoever is asked."""
    await pod.listens()
    async with Watch(pod, "/readyz") as watch:
        await pod.joined()
        await until("three are warm", lambda: ready(pod) == 3)
        await until("all say so", lambda: says(watch, pod) == [(503, "warming: cache")] * 4)
        assert ready(pod) == 3
        assert watch.answers(200) == []
        (gate / "go").touch()
        await until("all say yes", lambda: watch.heard(pod.records(), 200))
    assert len(pod.records()) == 4


def says(watch: Watch, pod: Pod) -> list[tuple[int, str]]:
    """Return what each living worker that was asked has said last."""
    last, pids = watch.last(), pod.records()
    return [(look.status, look.text) for pid, look in last.items() if pid in pids]


def ready(pod: Pod) -> int:
    """Count the workers that could serve by themselves."""
    return sum(facts.ready for facts in pod.records().values())


async def drains(pod: Pod, load: Load, delay: float) -> None:
    """Run the preStop hook under load, and watch who still says ready."""
    pids = set(pod.records())
    async with Watch(pod, "/readyz") as watch:
        await until("all say yes", lambda: watch.heard(pids, 200))
        async with Drain(pod) as drain:
            await asyncio.sleep(LATE)
            load.send(f"/sleep/{delay - LATE + OUTLASTS}")
            await asyncio.sleep(WITHDRAWN_AFTER - LATE)
            load.withdraw()
            assert await drain.ends() == 0
        assert drain.ended_at is not None
        heard = [look.asked - drain.asked for look in watch.answers(200)]
        assert max(heard) < HEARD_WITHIN
        assert watch.heard(pids, 503, drain.asked)
        assert drain.ended_at - drain.asked > delay + OUTLASTS
        assert drain.log[-1].startswith("healthkit drain: drained in ")


async def ends(pod: Pod, load: Load) -> tuple[Tally, float]:
    """Send SIGTERM after the drain; return what was lost, and how long the end took."""
    sent = time.monotonic()
    pod.terminate()
    await pod.ends()
    assert pod.ended_at is not None
    return await load.finish(), pod.ended_at - sent


# -- files that outlive a container ---------------------------------------------------------------


@pytest.mark.matrix
async def test_the_next_container_is_ready_whenever_the_last_one_was_killed(tmp_path: Path) -> None:
    """In the middle of a drain, and after it: no file tells the next one to drain."""
    async with asyncio.TaskGroup() as both:  # if one fails, the other is ended
        both.create_task(lives_again(tmp_path / "middle", "60", drained=False))
        both.create_task(lives_again(tmp_path / "after", "0.3", drained=True))


async def lives_again(state: Path, delay: str, *, drained: bool) -> None:
    """Drain a pod, kill everything in it with SIGKILL, and start another in the same place."""
    settings = {"HEALTHKIT_DRAIN_DELAY": delay}
    async with Pod("uvicorn", state, settings=settings) as pod:
        await pod.is_ready()
        async with Drain(pod) as drain:
            await pod.everybody_says("/readyz", 503)
            if drained:
                assert await drain.ends() == 0
            await asyncio.gather(pod.kill(), drain.kill())
    left = {name.partition("-")[0] for name in os.listdir(state)}  # noqa: PTH208  # names, not paths
    assert left >= ({"worker"} if drained else {"worker", "drain"})
    async with Pod("uvicorn", state, settings=settings) as successor:
        await successor.is_ready()
        assert [facts.told for facts in successor.records().values()] == [None, None]


# -- workers that come and go ---------------------------------------------------------------------


@pytest.mark.matrix
@pytest.mark.parametrize("server", FIRST)
async def test_a_worker_that_dies_in_a_drain_leaves_nothing_and_its_successor_joins(
    server: str, tmp_path: Path
) -> None:
    """Its request is not waited for; who comes for it never says ready."""
    settings = {"HEALTHKIT_DRAIN_DELAY": str(DRAIN_DELAY), "HEALTHKIT_DRAIN_TIMEOUT": "60"}
    async with Pod(server, tmp_path / "state", settings=settings) as pod:
        await pod.is_ready()
        first = set(pod.records())
        hanging = asyncio.create_task(pod.ask("/sleep/60"))
        async with Watch(pod, "/readyz") as watch, Drain(pod) as drain:
            await until("the request is in a record", lambda: busy(pod))
            (victim,) = busy(pod)
            second = await replaced(pod, watch, victim)
            assert (await hanging).status == 0
            assert await drain.ends() == 0
            assert drain.ended_at is not None
            assert drain.ended_at - drain.asked < DRAIN_DELAY + HEARD_WITHIN + 0.5
            (other,) = first - {victim}
            third = await replaced(pod, watch, other)  # nobody asks any more, but one knows
        said = {look.text for look in watch.answers() if look.pid in {second, third}}
        assert said == {"draining"}


async def replaced(pod: Pod, watch: Watch, victim: int) -> int:
    """Kill a worker with SIGKILL; return who has come for it, and has answered and latched."""
    before = set(pod.records())
    os.kill(victim, signal.SIGKILL)
    await until("a successor", lambda: set(pod.records()) - before)
    (successor,) = set(pod.records()) - before
    await until("it answers", lambda: watch.heard({successor}, 503))
    await until("it has latched", lambda: pod.records()[successor].told is not None)
    return successor


def busy(pod: Pod) -> list[int]:
    """Return the workers that have requests in flight, by their records."""
    return [pid for pid, facts in pod.records().items() if facts.requests]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("server", "delay"),
    [("uvicorn", "0.5"), ("gunicorn asgi", "0"), ("gunicorn uvicorn", "0"), (THREE[2], "1")],
)
async def test_a_resize_and_a_reload_are_no_drain(server: str, delay: str, tmp_path: Path) -> None:
    """TTIN, TTOU and HUP: unready only while no worker can serve, and then ready again."""
    settings = {"WARMUP_SECONDS": "0.3", "HEALTHKIT_DRAIN_DELAY": delay}
    async with Pod(server, tmp_path / "state", settings=settings) as pod:
        await pod.is_ready()
        async with Watch(pod, "/readyz") as watch, Sampling(pod) as sampling:
            pod.send(signal.SIGTTIN)
            await until("three workers", lambda: ready(pod) == 3)
            pod.send(signal.SIGTTOU)
            await until("two workers", lambda: len(pod.records()) == ready(pod) == 2)
            assert watch.answers(503) == []
            old = set(pod.records())
            pod.send(signal.SIGHUP)
            await until("new ones", lambda: not old & set(pod.records()) and ready(pod) == 2)
            now = time.monotonic()
            await until("all say yes", lambda: watch.heard(pod.records(), 200, now))
            assert watch.answers(503, now) == []
        only_excused(watch, sampling)


@pytest.mark.matrix
@pytest.mark.parametrize("server", ["gunicorn asgi", "gunicorn uvicorn"])
async def test_recycled_workers_are_no_drain(server: str, tmp_path: Path) -> None:
    """``max_requests``: one worker after the other is replaced under load."""
    options = ["--max-requests", "50", "--max-requests-jitter", "50"]
    async with Pod(server, tmp_path / "state", *options, workers=3) as pod:
        await pod.is_ready()
        seen = set(pod.records())
        async with (
            Watch(pod, "/readyz") as watch,
            Sampling(pod) as sampling,
            Load(pod.url, paths=["/quick"], new=2, keep_alive=2, pause=0.03),
        ):
            await until("six of them", lambda: len(sampling.pids) >= 6)
        only_excused(watch, sampling)
    assert len(sampling.pids - seen) >= 3


def only_excused(watch: Watch, sampling: Sampling) -> None:
    """Hold every unready answer against the records: nobody was told, and nobody could serve.

    A pod says that it is draining for as long as all that live are ending by themselves.
    """
    assert not any(sample.told for sample in sampling.samples)
    for look in watch.answers(503):
        around = sampling.around(look)
        assert not all(sample.ready for sample in around), look
        assert look.text != "draining" or any(sample.all_end for sample in around), look


@pytest.mark.matrix
@pytest.mark.parametrize("server", [*SERVERS])
async def test_every_worker_has_a_record_of_its_own(server: str, tmp_path: Path) -> None:
    """Made after the fork, the spawn, or whatever it is: none is the master's. All hear a drain."""
    settings = {"HEALTHKIT_DRAIN_DELAY": "30"}
    async with Pod(server, tmp_path / "state", workers=3, settings=settings) as pod:
        await pod.is_ready()
        status = await asyncio.to_thread(status_of, pod)
        async with Drain(pod) as drain:  # nobody has anything to do
            await asyncio.sleep(HEARD_WITHIN - (time.monotonic() - drain.asked))
            async with Watch(pod, "/readyz") as watch:
                await until("all say no", lambda: watch.heard(pod.records(), 503))
                assert watch.answers(200) == []
    pids = [worker["pid"] for worker in status["workers"]]
    assert len(set(pids)) == len(pids) == 3
    assert pod.pid not in pids
    assert status["pod"]["ready"] == {"passes": True, "line": "ok"}


def status_of(pod: Pod) -> Any:  # noqa: ANN401  # JSON
    """Return what ``healthkit status`` says."""
    command = [sys.executable, "-m", "healthkit", "status", "--json"]
    environ = {"HEALTHKIT_STATE_DIR": pod.directory.path}
    ran = subprocess.run(command, env=environ, capture_output=True, timeout=20, check=True)  # noqa: S603  # our own
    return json.loads(ran.stdout)


# -- what one worker says for all -----------------------------------------------------------------


@pytest.mark.matrix
@pytest.mark.parametrize("server", THREE[:2])
async def test_whichever_worker_answers_it_speaks_for_the_pod(server: str, tmp_path: Path) -> None:
    """A pause, metrics, and a failed liveness are everybody's."""
    async with Pod(server, tmp_path / "state", workers=4) as pod:
        await pod.is_ready()
        paused_by = (await pod.ask("/pause")).pid
        said = await pod.everybody_says("/readyz", 503)
        assert {look.text for look in said.values()} == {"paused"}
        await pod.everybody_says("/healthz", 200)
        await resumed_by_another(pod, paused_by)
        await pod.everybody_says("/readyz", 200)
        hanging = [asyncio.create_task(pod.ask("/sleep/3")) for _ in range(5)]
        await agree_in_metrics(pod, "healthkit_requests_in_flight", 5)
        await agree_in_metrics(pod, "healthkit_workers", 4)
        await agree_in_metrics(pod, "healthkit_workers_ready", 4)
        await asyncio.gather(*hanging)
        await pod.ask("/fail_liveness")
        await pod.everybody_says("/livez", 503)
        await pod.everybody_says("/startupz", 200)


async def resumed_by_another(pod: Pod, worker: int | None) -> None:
    """Resume until it was not this worker that did: each resume that comes later counts."""
    while (await ask(pod.port or 0, "/resume", spread=True)).pid == worker:
        assert (await pod.ask("/pause")).status == 200


async def agree_in_metrics(pod: Pod, series: str, value: float) -> None:
    """Wait until every worker tells the same of the whole pod."""
    async with Watch(pod, "/metrics") as watch:
        await until(
            f"{series} is {value:g}",
            lambda: (
                {pid: samples(look.text)[series] for pid, look in watch.last().items()}
                == dict.fromkeys(pod.records(), value)
            ),
            within=3,
        )


# -- what it costs --------------------------------------------------------------------------------


@pytest.mark.matrix
async def test_no_file_is_touched_by_a_probe_or_a_request(tmp_path: Path) -> None:
    """By the system calls of a worker: only its beat touches files, and comes once a second."""
    state = tmp_path / "state"
    async with Pod("uvicorn", state) as pod:
        await pod.is_ready()
        async with (
            client_of_one(pod) as (worker, http),
            Trace(worker, tmp_path / "busy") as busy,
        ):
            began = time.monotonic()
            for _ in range(REQUESTS // 4):
                for path in ("/readyz", "/livez", "/quick", "/readyz?verbose"):
                    answer = await http.get(path)
                    assert (answer.status_code, answer.headers["x-pid"]) == (200, str(worker))
            took = time.monotonic() - began
        async with Trace(worker, tmp_path / "idle") as idle:
            await asyncio.sleep(IDLE)
    beats = math.ceil(IDLE) + 1
    assert 1 <= idle.looks_at(state) <= beats
    assert busy.looks_at(state) <= math.ceil(took) + 1
    a_beat = idle.touches() / idle.looks_at(state)
    assert busy.touches() <= a_beat * (math.ceil(took) + 1) < REQUESTS / 4
    by_thread = idle.wakes()
    assert by_thread.pop(worker) <= beats + IDLE / UVICORN_TICK + 1 + GATE_LOOKS
    assert max(by_thread.values()) <= beats


@contextlib.asynccontextmanager
async def client_of_one(pod: Pod) -> AsyncGenerator[tuple[int, httpx.AsyncClient]]:
    """Keep a connection to one of the workers; say to which."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=pod.url, limits=limits, trust_env=False) as http:
        yield int((await http.get("/quick")).headers["x-pid"]), http


# -- as process 1 ---------------------------------------------------------------------------------


@pytest.mark.matrix
@pytest.mark.parametrize("server", [*THREE, "hypercorn", "granian"])
async def test_run_as_process_1_loses_nothing(server: str, tmp_path: Path) -> None:
    """``healthkit run`` in a container: SIGTERM is all that comes, and it is enough."""
    before = as_process_1(sys.executable, "-m", "healthkit", "run", "--")
    settings = {"HEALTHKIT_DRAIN_DELAY": str(DRAIN_DELAY)}
    async with Pod(server, tmp_path / "state", before=before, settings=settings) as pod:
        await pod.is_ready()
        pids = set(pod.records())
        async with (
            Watch(pod, "/readyz") as watch,
            Load(pod.url, paths=["/quick"], new=2, keep_alive=4, pause=0.03) as load,
        ):
            await until("all say yes", lambda: watch.heard(pids, 200))
            sent = time.monotonic()
            os.kill(pod.child(), signal.SIGTERM)
            await asyncio.sleep(LATE)
            load.send("/sleep/1")
            await asyncio.sleep(WITHDRAWN_AFTER - LATE)
            load.withdraw()
            assert await pod.ends() == 0
            tally = await load.finish()
    assert (tally.lost, tally.reasons) == (0, {})
    assert max(look.asked - sent for look in watch.answers(200)) < HEARD_WITHIN
    assert watch.heard(pids, 503, sent)


def as_process_1(*command: str) -> list[str]:
    """Return what runs a command as process 1 of a namespace of its own, or skip."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here: nothing can be process 1")
    tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)  # noqa: S603  # our own
    if tried.returncode:
        pytest.skip(f"no PID namespace is permitted here: {tried.stderr.strip()}")
    return [*unshare, *command]
