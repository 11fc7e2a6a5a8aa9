"""What benches have done inside an installation: ``python -m bench.jobs JOB [arguments]`` prints JSON."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Count, Max  # noqa: E402

from interlock.accounts.services import authenticate_password, bootstrap_admin, create_project  # noqa: E402
from interlock.journal.actor import SYSTEM  # noqa: E402
from interlock.journal.models import Entry  # noqa: E402
from interlock.lifecycle.run.events import Started  # noqa: E402
from interlock.lifecycle.run.plan import Plan, Stage, StepPlan  # noqa: E402
from interlock.runs import embedded  # noqa: E402
from interlock.runs.engine.apply import apply  # noqa: E402
from interlock.runs.models import Run, Step  # noqa: E402
from interlock.runs.services import create_run  # noqa: E402

LONGEST = 120.0  # seconds that a job waits for runs


def prepare() -> None:
    for database in settings.DATABASES:
        call_command("migrate", verbosity=0, database=database)
    bootstrap_admin(username="bench", password="of-this-bench-only")
    create_project(by=authenticate_password("bench", "of-this-bench-only"), name="bench")


def made(runs: int, steps: int) -> list[int]:
    plan = Plan(tuple(Stage((StepPlan(f"step {n}", "stamp"),)) for n in range(steps)))
    facts: dict[str, Any] = {"project_id": 1, "origin": "bench", "origin_id": None, "plan_hash": "bench"}
    return [create_run(**facts, title=f"run {n}", plan=plan, by=SYSTEM).id for n in range(runs)]


def flood(runs: int, steps: int) -> dict[str, Any]:
    """Many runs at once, from the first start to the last end."""
    ids = made(runs, steps)
    with serving():
        began = time.time()
        used = cpu_seconds()
        for run_id in ids:
            apply(run_id, Started())
        wait_for(ids)
        used = cpu_seconds() - used
    ended = Run.objects.filter(id__in=ids).aggregate(last=Max("ended_at"))["last"].timestamp()
    return {"seconds": ended - began, "steps": runs * steps, "cpu": used, "odd": completed_oddly(ids, steps)}


def alone(runs: int, steps: int) -> dict[str, Any]:
    """One run at a time: milliseconds from a body's end to the next one's begin."""
    ids = made(runs, steps)
    pauses: list[float] = []
    with serving():
        for run_id in ids:
            apply(run_id, Started())
            wait_for([run_id])
            results = Step.objects.filter(run_id=run_id).order_by("stage").values_list("result", flat=True)
            stamps = [result["at"] for result in results]
            pauses += [(after - before) / 1e6 for before, after in pairwise(stamps)]
            time.sleep(0.2)
    return {"pauses": pauses, "odd": completed_oddly(ids, steps)}


def begin(runs: int, steps: int) -> None:
    """Start runs and carry them out until killed."""
    ids = made(runs, steps)
    with serving():
        for run_id in ids:
            apply(run_id, Started())
        wait_for(ids)


def held() -> list[int]:
    """Steps that a worker has claimed just now."""
    return list(Step.objects.filter(status="running", position=-1).values_list("id", flat=True))


def succeeded() -> int:
    return Step.objects.filter(status="succeeded").count()


def carry_on(steps: int) -> dict[str, Any]:
    """Carry out what a killed process has left, to the end."""
    began = time.time()
    ids = list(Run.objects.values_list("id", flat=True))
    for run_id in Run.objects.filter(status="pending").values_list("id", flat=True):
        apply(run_id, Started())
    with serving():
        wait_for(ids)
    return {"began": began, "odd": completed_oddly(ids, steps)}


def ended(*step_ids: int) -> list[float]:
    """When steps ended, in seconds since the epoch."""
    times = Step.objects.filter(id__in=step_ids).values_list("ended_at", flat=True)
    return [at.timestamp() for at in times if at is not None]


def settle() -> None:
    """What autovacuum does within a minute: until then PostgreSQL plans for tables that are nearly empty."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


@contextlib.contextmanager
def serving() -> Iterator[None]:
    """With a broker the workers are processes of their own; without, they live in this one."""
    if settings.BROKER_URL:
        yield
        return
    embedded.started()
    try:
        yield
    finally:
        embedded.stopped()


def wait_for(ids: list[int]) -> None:
    deadline = time.monotonic() + LONGEST
    while Run.objects.filter(id__in=ids, status="succeeded").count() < len(ids):
        if time.monotonic() > deadline:
            states = Counter(Run.objects.filter(id__in=ids).values_list("status", flat=True))
            raise SystemExit(f"runs did not end: {dict(states)}")
        time.sleep(0.02)


def completed_oddly(ids: list[int], steps: int) -> int:
    """Steps that the journal does not say to have succeeded exactly once."""
    succeeded = Entry.objects.filter(subject="run", subject_id__in=ids, act="step.succeeded")
    times = succeeded.values_list("subject_id", "facts__key").annotate(times=Count("id")).order_by()
    good = sum(1 for *_, count in times if count == 1)
    return len(ids) * steps - good


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


JOBS = {job.__name__: job for job in (prepare, flood, settle, alone, begin, held, succeeded, carry_on, ended)}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](*map(int, sys.argv[2:]))))
