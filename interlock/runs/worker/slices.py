"""Carrying out a slice: each host takes its own way through the inner sequence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from interlock.lifecycle.run.lane import Begun, Ended, Launch
from interlock.lifecycle.run.states import LaneStatus, StepStatus
from interlock.runs.engine.claims import LaneWork, LeaseLost, SliceWork
from interlock.runs.engine.lanes import Grant, Report, flush
from interlock.runs.kinds import base as kinds
from interlock.runs.kinds.base import Outcome
from interlock.runs.logs import LogMoved
from interlock.runs.worker.logbook import Logbook
from interlock.runs.worker.together import Together
from interlock.runs.worker.work import Try, carry_out

if TYPE_CHECKING:
    from interlock.runs.worker.process import Worker

log = structlog.get_logger(__name__)


@dataclass
class SliceTask:
    """One claimed slice at work in this process."""

    worker: Worker
    work: SliceWork
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: bool = False

    def __post_init__(self) -> None:
        self._reports = Together(self.worker.database, self._write)

    async def carry_out(self) -> None:
        if self.work.stop:
            self.stop.set()
        lanes = [asyncio.create_task(self._lane(lane)) for lane in self.work.lanes]
        try:
            await asyncio.gather(*lanes)
            if not self._asked:
                # Nothing was left to do here (its hosts were excluded): say so, or the slice stays open.
                await self.worker.database.run(lambda: self._write([]))
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, lane: LaneWork) -> None:
        """From grant to grant until the lane has nothing more to do in this slice."""
        value = lane.value
        adopted = value.status is LaneStatus.RUNNING and lane.target_id is not None
        if adopted and lane.target_id is not None:
            grant: Grant | None = Grant(Launch(value.position, value.seq), lane.target_id)
        elif value.status in (LaneStatus.PENDING, LaneStatus.WAITING):
            grant = await self._report(Report(lane.id, Begun()))
        else:
            return
        while grant is not None:
            outcome = await self._try(lane, grant, adopted)
            ended = Ended(grant.launch.seq, outcome.status, outcome.error)
            grant = await self._report(Report(lane.id, ended, outcome.exit_code))
            adopted = False

    async def _try(self, lane: LaneWork, grant: Grant, adopted: bool) -> Outcome:
        step = self.work.rollout.sequence[grant.launch.position]
        body_id = f"t{grant.target_id}-{grant.launch.seq}"
        kind = kinds.find(step.kind)
        if kind is None:
            return Outcome(StepStatus.FAILED, error="kind_not_known")
        secrets = await self.worker.secrets_of(self.work.secrets)
        logbook = Logbook(self.worker.log_database, self.work.run.id, body_id, secrets.values())
        work = Try(
            run=self.work.run,
            step=step,
            host=lane.host,
            try_number=grant.launch.seq,
            body_id=self.work.run.on_host(body_id),
            connect=lambda: self.worker.link_to(lane.host.id),
            database=self.worker.database,
            logbook=logbook,
            stop=self.stop,
            secrets=secrets,
            adopted=adopted,
            started_ago=lane.started_ago if adopted else 0.0,
        )
        return await finished(kind, work, logbook)

    async def _report(self, report: Report) -> Grant | None:
        self._asked = True
        return await self._reports.ask(report)

    def _write(self, reports: Sequence[Report]) -> list[Grant | None]:
        work = self.work
        reply = flush(work.id, work.run.id, work.epoch, self.worker.claimer.worker, reports)
        return [reply.grants.get(report.lane_id) for report in reports]


async def finished(kind: kinds.Kind, work: Try, logbook: Logbook) -> Outcome:
    """Carry a try out, with its log opened before and closed after; a crash of the kind is a failure."""
    try:
        await logbook.open()
        outcome = await carry_out(kind, work)
        await logbook.close()
        return outcome
    except (LeaseLost, LogMoved, asyncio.CancelledError):
        await logbook.abandon()
        raise
    except Exception:
        log.exception("kind_crashed", kind=work.step.kind, body=work.body_id)
        await logbook.abandon()
        # What was launched may go on: nothing is known of its end.
        status = StepStatus.UNKNOWN if work.launched else StepStatus.FAILED
        return Outcome(status, error="kind_crashed")
