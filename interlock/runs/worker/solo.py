"""Carrying out solo steps, one after another while the engine lets the same worker go on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from interlock.lifecycle.run.states import StepStatus
from interlock.remote import HostSpec, Link
from interlock.runs.engine.claims import Ending, StepWork
from interlock.runs.kinds import base as kinds
from interlock.runs.kinds.base import Outcome
from interlock.runs.worker.logbook import Logbook
from interlock.runs.worker.slices import finished
from interlock.runs.worker.work import Try

if TYPE_CHECKING:
    from interlock.runs.worker.process import Worker

# Where others wait for room here, a run hands over after so much.
STEPS_IN_A_ROW = 20
SECONDS_IN_A_ROW = 10.0


@dataclass
class StepTask:
    """One claimed solo step, and those that follow it at once, at work in this process."""

    worker: Worker
    work: StepWork
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry_out(self) -> None:
        work: StepWork | None = self.work
        began, done = time.monotonic(), 0
        while work is not None:
            self.work = work
            self.worker.hold_step(self)
            if work.stop:
                self.stop.set()
            outcome = await self._try(work)
            done += 1
            fresh = done < STEPS_IN_A_ROW and time.monotonic() - began < SECONDS_IN_A_ROW
            go_on = fresh or self.worker.has_room()
            self.worker.drop_step(self)
            go_on = go_on and not self.worker.draining
            work = await self.worker.endings.ask(Ending(work, outcome, go_on))

    async def _try(self, work: StepWork) -> Outcome:
        kind = kinds.find(work.step.kind)
        if kind is None:
            return Outcome(StepStatus.FAILED, error="kind_not_known")
        if kind.name in kinds.INSTANT:
            # Nothing to follow, nothing to log: no rows but the engine's own.
            return await kind.carry_out(None)  # type: ignore[arg-type]
        secrets = await self.worker.secrets_of(work.secrets)
        body_id = f"s{work.id}-{work.try_number}"
        logbook = Logbook(self.worker.log_database, work.run.id, body_id, secrets.values())
        attempt = Try(
            run=work.run,
            step=work.step,
            host=None,
            try_number=work.try_number,
            body_id=work.run.on_host(body_id),
            connect=self._here,
            database=self.worker.database,
            logbook=logbook,
            stop=self.stop,
            secrets=secrets,
            adopted=work.adopted,
            started_ago=work.started_ago,
        )
        return await finished(kind, attempt, logbook)

    async def _here(self) -> Link:
        return await self.worker.links.get(here())


def here() -> HostSpec:
    """This machine, for platform-side bodies: the same wrapper as on hosts, under the data folder."""
    from django.conf import settings

    return HostSpec(
        id=0, name="platform", address="", local=True, state_dir=str(settings.DATA_DIR / "bodies")
    )
