"""A worker that takes jobs off a queue, and leaves none of them half done.

Run it, give it a few jobs, and send SIGTERM: the job in hand is finished, the next one is not
begun, and the log tells what the exit waits for::

    HEALTHKIT_DRAIN_DELAY=2 uvicorn --app-dir examples 19_background_worker:app
    for job in 1 2 3; do curl -X POST http://127.0.0.1:8000/jobs/$job; done

The queue here is in memory, so that this runs alone. With a broker, such as RabbitMQ or SQS, `take`
asks that one, and a job is acknowledged after its hold: what was never begun, or was cut by a
SIGKILL, is given to another worker.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from fastapi import FastAPI

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

logging.basicConfig(level=logging.INFO)  # one line, and healthkit's log is seen
log = logging.getLogger(__name__)

#: Seconds that a job takes. The longest must fit into `drain_timeout`: a drain waits no longer.
JOB = 3.0

health = Health(drain_timeout=15)

queue: asyncio.Queue[int] = asyncio.Queue()
done: list[int] = []


async def take() -> int:
    """Wait for the next job."""
    return await queue.get()


async def work(job: int) -> None:
    """Do a job. What it raises is the job's failure, not the worker's."""
    async with health.hold(f"job {job}"):  # a drain waits for it, and logs this name
        try:
            await asyncio.sleep(JOB)
            done.append(job)
        except Exception:
            log.exception("job %s failed", job)


async def consume() -> None:
    """Do one job after the other until the pod drains. The job in hand is always finished."""
    async with anyio.create_task_group() as group:
        group.start_soon(stop_taking, group.cancel_scope)
        # Asked, too: a queue that has something gives it at once, without hearing of a cancel.
        while not group.cancel_scope.cancel_called:
            job = await take()
            with anyio.CancelScope(shield=True):
                await work(job)


async def stop_taking(consumer: anyio.CancelScope) -> None:
    """End the consumer when a drain begins: what it takes now would only hold up the exit."""
    await health.draining()
    log.info("no more jobs; %d left for others", queue.qsize())
    consumer.cancel()


async def keep_consuming() -> None:
    """Ask for a restart if the consumer breaks: the process serves, but its work stands still."""
    try:
        await consume()
    except Exception:
        log.exception("the consumer has ended")
        health.fail_liveness("the consumer has ended")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Consume beside the app."""
    async with anyio.create_task_group() as group:
        group.start_soon(keep_consuming)
        yield
        group.cancel_scope.cancel()


app = FastAPI(lifespan=lifespan)
app.add_middleware(HealthMiddleware, health=health)  # last added, so outermost


@app.post("/jobs/{job}", status_code=202)
async def take_in(job: int) -> dict[str, int]:
    """Take a job in."""
    queue.put_nowait(job)
    return {"waiting": queue.qsize()}


@app.get("/jobs")
async def jobs() -> dict[str, list[int]]:
    """Tell which jobs are done."""
    return {"done": done}
