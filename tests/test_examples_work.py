"""The examples of warm caches and of work in the background do what they say.

Redis itself is asked in tests/integration/test_redis.py; here a fake says what Redis may say.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from starlette.testclient import TestClient

from examples.pod.probes import ENDPOINTS
from tests.test_examples import example, parts, statuses, until, wait, with_rests

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


# -- SQLite ---------------------------------------------------------------------------------------


def test_sqlite_is_ready_when_all_of_it_is_cached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While it is read the pod has started, tells how far it is, and serves nothing by halves."""
    module = example("17_sqlite_warmup", "fastapi")
    app, health = parts(module)
    monkeypatch.setenv("CATALOGUE", str(tmp_path / "catalogue.sqlite3"))
    looked = threading.Event()
    monkeypatch.setattr(module, "time", with_rests(time, lambda _seconds: looked.wait(30)))
    with TestClient(app) as client:
        until(lambda: "%" in client.get("/readyz").text)
        assert client.get("/readyz").text.startswith("warming: catalogue ")
        assert client.get("/startupz").status_code == 200
        assert client.get("/products/1").status_code == 404
        looked.set()
        wait(client, health, "serving")
        assert client.get("/products/2000").json() == {"name": "product 2000"}
        assert client.get("/products/2001").status_code == 404


def test_a_catalogue_that_is_not_there_yet_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is restarted for it: readiness waits until there is something to read."""
    module = example("17_sqlite_warmup", "fastapi")
    app, health = parts(module)
    make_file = module.make_file
    monkeypatch.setenv("CATALOGUE", str(tmp_path / "catalogue.sqlite3"))
    monkeypatch.setattr(module, "REST", 0)
    monkeypatch.setattr(module, "make_file", lambda: None)
    with TestClient(app) as client:
        until(lambda: "no such table" in caplog.text)
        assert client.get("/readyz").text.startswith("warming: catalogue")
        assert client.get("/livez").status_code == 200
        make_file()
        wait(client, health, "serving")


# -- Redis ----------------------------------------------------------------------------------------


class FakeRedis:
    """Say what Redis may say: keys twice, a key that is gone, and nothing at all."""

    def __init__(self) -> None:
        self.away = True
        self.asked: list[list[str]] = []

    async def dbsize(self) -> int:
        """Return how many keys there are, whatever they are called."""
        if self.away:
            raise RedisConnectionError("no route to host redis.internal.example")
        return 1200

    async def scan(self, cursor: int, *, match: str, count: int) -> tuple[int, list[str]]:
        """Return some keys, and where to go on; 0 is the end."""
        assert match == "product:*"
        assert count == 500
        pages: dict[int, tuple[int, list[str]]] = {
            0: (7, ["product:1", "product:gone"]),
            7: (9, []),
            9: (0, ["product:1", "product:2"]),
        }
        return pages[cursor]

    async def mget(self, keys: list[str]) -> list[str | None]:
        """Return the values."""
        self.asked.append(keys)
        return [None if key == "product:gone" else f"the {key}" for key in keys]

    async def ping(self) -> bool:
        """Answer."""
        if self.away:
            raise RedisConnectionError("no route to host redis.internal.example")
        return True

    async def aclose(self) -> None:
        """Have nothing to close."""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    """Put the fake into the example."""
    module = example("18_redis_warmup", "fastapi")
    module.products.clear()
    made = FakeRedis()
    monkeypatch.setattr(module, "redis", made)
    return made


def test_redis_may_come_later(fake: FakeRedis) -> None:
    """Until it is there the pod lives and warms; then each key is cached, a gone one is not."""
    app, health = parts(example("18_redis_warmup", "fastapi"))
    with TestClient(app) as client:
        until(lambda: "[!]redis_answers" in client.get("/readyz?verbose").text)
        warming = {"/startupz": 200, "/livez": 200, "/readyz": 503, "/healthz": 503}
        assert statuses(client) == warming
        assert "internal" not in client.get("/readyz?verbose").text
        fake.away = False
        wait(client, health, "serving")
        assert statuses(client) == dict.fromkeys(ENDPOINTS, 200)
        assert client.get("/products/2").json() == {"name": "the product:2"}
        assert client.get("/products/3").status_code == 404
    assert fake.asked == [["product:1", "product:gone"], ["product:1", "product:2"]]
    assert "product:gone" not in example("18_redis_warmup").products


# -- a queue --------------------------------------------------------------------------------------


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the worker an empty queue, and short jobs."""
    module = example.__wrapped__("19_background_worker", "fastapi")
    monkeypatch.setattr(module, "JOB", 0)
    return module


def test_the_job_in_hand_is_finished_and_no_other_begun(
    worker: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The exit waits for one job by its name; the rest of the queue is left for others."""
    app, health = parts(worker)
    caplog.set_level(logging.INFO)

    async def rest(_seconds: float) -> None:
        while worker.done and "waiting for hold" not in caplog.text:  # noqa: ASYNC110  # the second job's
            await asyncio.sleep(0.005)

    monkeypatch.setattr(worker, "asyncio", with_rests(asyncio, rest))
    with TestClient(app) as client:
        wait(client, health, "serving")
        for job in (1, 2, 3):
            assert client.post(f"/jobs/{job}").status_code == 202
        until(lambda: client.get("/jobs").json() == {"done": [1]})
        until(lambda: worker.queue.qsize() == 1)  # the next one has begun
    assert worker.done == [1, 2]
    assert worker.queue.qsize() == 1
    assert "waiting for hold 'job 2'" in caplog.text
    assert "no more jobs; 1 left for others" in caplog.text


def test_a_job_that_fails_is_no_end_of_the_worker(
    worker: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the next one is done, and nobody restarts anything."""
    app, health = parts(worker)
    monkeypatch.setattr(worker, "JOB", "long")
    with TestClient(app) as client:
        wait(client, health, "serving")
        client.post("/jobs/1")
        until(lambda: "job 1 failed" in caplog.text)
        monkeypatch.setattr(worker, "JOB", 0)
        client.post("/jobs/2")
        until(lambda: client.get("/jobs").json() == {"done": [2]})
        assert client.get("/livez").status_code == 200


def test_a_worker_that_takes_no_more_jobs_asks_for_a_restart(
    worker: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process would serve for ever, and its work stand still: that is what liveness is for."""

    async def take() -> int:
        raise RuntimeError("the broker's library is in a state that it never leaves")

    monkeypatch.setattr(worker, "take", take)
    app, _ = parts(worker)
    with TestClient(app) as client:
        until(lambda: client.get("/livez").status_code == 503)
    assert "the consumer has ended" in caplog.text
