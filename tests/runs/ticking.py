"""What the tests of ticks share: a schedule for every five minutes, and what became of it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from django.db import connection

from interlock.runs import services
from interlock.runs.models import Run, Schedule, Task, Tick
from tests.cast import Cast
from tests.runs.test_schedules import make

FIVE = timedelta(minutes=5)


def every_five(cast: Cast, task: Task, **more: Any) -> Schedule:
    return make(cast, task, cron="*/5 * * * *", **more)


def seen() -> list[tuple[str, str, str, int | None]]:
    """Time, status, code and run of each tick."""
    rows = Tick.objects.order_by("at").values_list("at", "status", "code", "run_id")
    return [(f"{at:%H:%M}", status, code, run) for at, status, code, run in rows]


def told() -> list[tuple[str, str, str]]:
    return [(at, status, code) for at, status, code, _ in seen()]


def fresh() -> Schedule:
    return Schedule.objects.get()


def end(run_id: int | None, by: Any) -> None:
    assert run_id is not None
    services.stop(run_id=run_id, by=by, reason="enough")
    assert Run.objects.get(id=run_id).ended_at is not None


def at_once(*calls: Any) -> None:
    start = threading.Barrier(len(calls))

    def go(call: Any) -> None:
        start.wait()
        call()
        connection.close()

    threads = [threading.Thread(target=go, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
