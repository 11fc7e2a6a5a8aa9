"""Hosts of a project, a real worker, and what to wait for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.db import connections

from demo.hosts import DemoHosts
from interlock.lifecycle.run.plan import StepPlan
from interlock.runs import wake
from interlock.runs.adhoc import RolloutAsked, start_adhoc
from interlock.runs.models import Run, Target
from interlock.runs.queries import body_of, log_bytes
from interlock.runs.reconciler import Reconciler
from interlock.runs.worker.process import Worker
from tests.cast import Cast

T = TypeVar("T")


@dataclass
class Field:
    """Hosts of a project, and where bodies leave what they did."""

    cast: Cast
    machines: DemoHosts
    folder: Path
    ids: list[int]

    def rollout(self, *steps: StepPlan, hosts: int = 1) -> RolloutAsked:
        return RolloutAsked(name="on hosts", hosts={"ids": self.ids[:hosts]}, steps=steps)

    def start(self, *stages: StepPlan | RolloutAsked, secrets: tuple[str, ...] = ()) -> Run:
        parameters = {"PLACE": str(self.folder)}
        return start_adhoc(
            by=self.cast.ann,
            project_id=self.cast.project_id,
            title="over ssh",
            stages=[[stage] for stage in stages],
            parameters=parameters,
            secrets=secrets,
        )

    def target(self, run: Run, step: str) -> Target:
        return Target.objects.select_related("step", "lane").get(step__run=run, step__name=step)

    def log(self, target: Target, try_number: int | None = None) -> str:
        body = body_of(target, try_number)
        run_id = target.step.run_id
        return log_bytes(by=self.cast.ann, run_id=run_id, body=body, offset=0, limit=10**6).data.decode()

    def left(self, name: str) -> str:
        return (self.folder / name).read_text()

    def alive(self) -> list[str]:
        """Processes of bodies: they know the place."""
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"PLACE={self.folder}".encode() in environ.read_bytes().split(b"\0"):
                    found.append(environ.parent.name)
        return found


@contextlib.contextmanager
def working() -> Iterator[Worker]:
    worker, reconciler = Worker(), Reconciler(owns_database=True)
    worker.start()
    reconciler.start()
    wake.serve_here(worker.offer_quietly, worker.stop_run)
    try:
        yield worker
    finally:
        wake.serve_here(None, None)
        reconciler.stop()
        worker.stop()
        connections.close_all()


def until(look: Callable[[], T], seconds: float = 30) -> T:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def ended(run: Run, *statuses: str) -> str:
    wanted = statuses or ("succeeded", "failed", "rejected", "canceled")
    rows = Run.objects.filter(id=run.id, status__in=wanted)
    until(rows.exists)
    return rows.get().status
