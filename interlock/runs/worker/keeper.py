"""The thread that keeps a worker's leases, hears of stops, and looks for work when there is room."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog
from django.db import connections

from interlock.runs import clock
from interlock.runs.engine import claims
from interlock.runs.models import Run, Slice, Step
from interlock.runs.wake import Ref

if TYPE_CHECKING:
    from interlock.runs.worker.process import Worker

log = structlog.get_logger(__name__)

TICK = 1.0  # seconds; how late a stop is heard of where no message carries it


class Keeper(threading.Thread):
    def __init__(self, worker: Worker) -> None:
        super().__init__(name="interlock-keeper", daemon=True)
        self._worker = worker
        self._wake = threading.Event()
        self._stopping = False
        self._renew_every = worker.claimer.lease_seconds / 3
        self._look_for_work = True

    def room_again(self) -> None:
        """Something ended: there may be ready rows that found no room before."""
        self._look_for_work = True

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self.join(timeout=10)

    def run(self) -> None:
        renewed = 0.0
        while not self._stopping:
            try:
                if time.monotonic() - renewed >= self._renew_every:
                    self._renew()
                    renewed = time.monotonic()
                self._hear_of_stops()
                if self._look_for_work:
                    self._pull()
            except Exception as error:  # the database is away: the next tick tries again
                log.warning("keeper_round_failed", error=str(error))
                connections.close_all()
            self._wake.wait(TICK)
        connections.close_all()

    def _renew(self) -> None:
        clock.measure()
        steps, slices = self._worker.held()
        if not steps and not slices:
            return
        lost_steps, lost_slices = claims.renew(steps, slices, self._worker.claimer)
        # A task that ended meanwhile is not lost, it is done: only what is still held counts.
        steps_now, slices_now = self._worker.held()
        self._worker.lose(
            {i for i in lost_steps if steps_now.get(i) == steps[i]},
            {i for i in lost_slices if slices_now.get(i) == slices[i]},
        )

    def _hear_of_stops(self) -> None:
        at_work = self._worker.runs_at_work()
        if not at_work:
            return
        stopped = Run.objects.filter(id__in=at_work, stop_requested=True).values_list("id", flat=True)
        for run_id in list(stopped):
            self._worker.stop_run(run_id)

    def _pull(self) -> None:
        """Ready rows that nobody took, oldest first."""
        self._look_for_work = False
        if not self._worker.has_room():
            return
        for what, model in (("slice", Slice), ("step", Step)):
            rows = model.objects.filter(status="ready").order_by("sent_at").values_list("id", flat=True)[:20]
            for row_id in list(rows):
                self._worker.offer_quietly(Ref("slice" if what == "slice" else "step", row_id))
