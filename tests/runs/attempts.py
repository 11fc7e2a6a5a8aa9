"""One try of a step kind on the platform's side, as a worker makes it, without a run around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.lifecycle.run.plan import StepPlan
from interlock.remote import Link
from interlock.runs.kinds.base import Kind, Outcome, RunFacts
from interlock.runs.models import LogChunk
from interlock.runs.worker.database import DatabaseThread
from interlock.runs.worker.logbook import Logbook
from interlock.runs.worker.slices import finished
from interlock.runs.worker.work import Try


async def _nowhere() -> Link:
    raise AssertionError("this kind has no body")


@dataclass
class Attempts:
    """Tries of one step, each with what a worker would hand to the kind."""

    kind: Kind
    project_id: int = 1
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    step_id: int = 12

    def make(self, number: int = 1, *, adopted: bool = False, timeout: int = 600, **params: Any) -> Outcome:
        return asyncio.run(self._make(number, adopted, timeout, params))

    async def _make(self, number: int, adopted: bool, timeout: int, params: dict[str, Any]) -> Outcome:
        database = DatabaseThread("test-attempt")
        body = f"s{self.step_id}-{number}"
        logbook = Logbook(database, 1, body, self.secrets.values())
        facts = RunFacts(1, "Restart shop", "task", None, self.project_id, 0, self.parameters)
        work = Try(
            run=facts,
            step=StepPlan("tell", self.kind.name, params, timeout=timeout),
            host=None,
            try_number=number,
            body_id=facts.on_host(body),
            connect=_nowhere,
            database=database,
            logbook=logbook,
            stop=asyncio.Event(),
            secrets=self.secrets,
            adopted=adopted,
        )
        try:
            return await finished(self.kind, work, logbook)
        finally:
            await asyncio.to_thread(database.close)

    def log(self, number: int = 1) -> str:
        chunks = LogChunk.objects.filter(head__body=f"s{self.step_id}-{number}").order_by("start")
        return b"".join(bytes(chunk.data) for chunk in chunks).decode()
