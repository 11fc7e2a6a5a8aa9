"""The peer of ``bench.engine``: Celery tasks that each send the next one. No rows, no history, no lease."""

from __future__ import annotations

import os
import sys
import time

from celery import Celery
from redis import Redis

BROKER = os.environ["INTERLOCK_BROKER_URL"]

app = Celery("raw", broker=BROKER)
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1)
_done = Redis.from_url(BROKER)


@app.task(name="raw.step")
def step(left: int) -> None:
    if left > 1:
        step.delay(left - 1)
    else:
        _done.incr("raw-ended")


def flood(runs: int, steps: int) -> float:
    """Seconds from the first message to the end of the last chain."""
    _done.delete("raw-ended")
    began = time.time()
    for _ in range(runs):
        step.delay(steps)
    while int(_done.get("raw-ended") or 0) < runs:  # type: ignore[arg-type]
        time.sleep(0.02)
    return time.time() - began


if __name__ == "__main__":
    flood(2, 10)  # connections are made, code is warm
    print(flood(*map(int, sys.argv[1:])))
