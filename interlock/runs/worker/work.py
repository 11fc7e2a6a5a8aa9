"""What a step kind is given for one try, and how a body is followed to its end."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import structlog

from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.remote import (
    Body,
    BodyState,
    BodyStatus,
    Fence,
    FenceRefused,
    HostFailed,
    Link,
    LinkLost,
    Unreachable,
)
from interlock.runs.kinds.base import Kind, Outcome, RunFacts
from interlock.runs.worker.database import DatabaseThread
from interlock.runs.worker.logbook import Logbook

log = structlog.get_logger(__name__)
T = TypeVar("T")

STOP_GRACE = 5.0  # seconds between TERM and KILL
STOP_SECONDS = STOP_GRACE + 30.0  # after that we cannot tell
# How long a host may be away while a body of ours may be running there, before we say that we cannot tell.
AWAY_SECONDS = 60.0
REACH_SECONDS = 10.0  # and while none can be running there
_NEVER_RAN = ("auth_failed", "host_key_unknown", "host_key_changed")


@dataclass
class Try:
    """One try of one step; implements ``kinds.base.Work``."""

    run: RunFacts
    step: StepPlan
    host: HostPlan | None
    try_number: int
    body_id: str
    connect: Callable[[], Awaitable[Link]]
    database: DatabaseThread
    logbook: Logbook
    stop: asyncio.Event
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    adopted: bool = False  # an earlier worker may have launched the body
    started_ago: float = 0.0
    launched: bool = False
    _asked: bool = False  # a launch was sent: from then on the body may be running

    @property
    def call_key(self) -> str:
        # "s12-1-18f3c" is the body of try 1 of step 12.
        return "interlock-" + re.sub(r"-[0-9]+", "", self.body_id, count=1)

    async def link(self) -> Link:
        return await self.connect()

    async def say(self, text: str) -> None:
        await self.logbook.say(text)

    async def in_database(self, call: Callable[[], T]) -> T:
        return await self.database.run(call)

    async def run_body(
        self,
        script: bytes,
        *,
        interpreter: Literal["sh", "bash", "python3"] = "sh",
        env: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        cwd: str | None = None,
        fence_directory: str | None = None,
    ) -> Outcome:
        fence = None
        if fence_directory is not None and self.run.lock_token:
            fence = Fence(directory=fence_directory, token=self.run.lock_token, seq=self.try_number)
        body = Body(
            id=self.body_id,
            script=script,
            interpreter=interpreter,
            env={**self.run.parameters, **self.secrets, **self._marks(), **(env or {})},
            files=files or {},
            cwd=cwd,
            fence=fence,
        )
        self.launched = True
        follower = asyncio.create_task(self._follow_to_end(body))
        stopper = asyncio.create_task(self.stop.wait())
        try:
            limit = max(self.step.timeout - self.started_ago, 0.0)
            await asyncio.wait({follower, stopper}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if follower.done():
                return follower.result()
            return await self._end_early(body, follower)
        finally:
            for task in (follower, stopper):
                task.cancel()
            await asyncio.gather(follower, stopper, return_exceptions=True)

    def _marks(self) -> dict[str, str]:
        marks = {"INTERLOCK_RUN": str(self.run.id), "INTERLOCK_TRY": str(self.try_number)}
        if self.host is not None:
            marks["INTERLOCK_HOST"] = self.host.name
        return marks

    async def _follow_to_end(self, body: Body) -> Outcome:
        """Launch (again: a no-op) and follow until the status is there, over as many links as it takes."""
        loop = asyncio.get_running_loop()
        away_since: float | None = None
        pause = 0.2
        while True:
            launched = False
            try:
                link = await self.link()
                self._asked = True
                state = await link.launch(body)
                self.adopted = launched = True
                away_since, pause = None, 0.2
                if state.status in (BodyStatus.running, BodyStatus.ended):
                    state = await link.follow(body.id, await self.logbook.open(), self.logbook.take)
                return _outcome(state)
            except FenceRefused:
                return Outcome(StepStatus.FAILED, error="fence_refused")
            except (Unreachable, LinkLost, HostFailed) as error:
                self.adopted = self.adopted or isinstance(error, LinkLost)
                if isinstance(error, HostFailed) and not launched and not self.adopted:
                    # It told us that it did not start the body.
                    return await self._unreachable(error.code, error.detail, StepStatus.FAILED)
                if not self.adopted and error.code in _NEVER_RAN:
                    return await self._unreachable(error.code, error.detail, StepStatus.FAILED)
                away_since = away_since or loop.time()
                if loop.time() - away_since > (AWAY_SECONDS if self.adopted else REACH_SECONDS):
                    # A body of ours may be running there, or may not: only a person can tell.
                    status = StepStatus.UNKNOWN if self.adopted else StepStatus.FAILED
                    return await self._unreachable(error.code, error.detail, status)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _unreachable(self, code: str, detail: str, status: StepStatus) -> Outcome:
        log.info("host_unreachable", body=self.body_id, code=code)
        await self.say(f"{code}: {detail}")
        return Outcome(status, error=code)

    async def _end_early(self, body: Body, follower: asyncio.Task[Outcome]) -> Outcome:
        """Stop asked, or time is up: end the body and read back that nothing of it lives."""
        wanted = StepStatus.CANCELED if self.stop.is_set() else StepStatus.TIMED_OUT
        outcome = await self.end_body(follower)
        # The follower stores what the body still said; it ends by itself once the status is there.
        await asyncio.wait({follower}, timeout=2.0)
        if outcome.status is not StepStatus.CANCELED:
            return outcome
        if follower.done() and not follower.cancelled() and follower.exception() is None:
            ended = follower.result()
            if ended.status is StepStatus.SUCCEEDED:
                # It had ended by itself before the stop reached it.
                return ended
        return Outcome(wanted, error="" if wanted is StepStatus.CANCELED else "timed_out")

    async def end_body(self, follower: asyncio.Task[Outcome] | None = None) -> Outcome:
        """CANCELED when it is proven that nothing of the body lives or ever will, else UNKNOWN."""
        if follower is not None and not self._asked and not self.adopted:
            # Still on its way to the host: once that is given up, there is nothing to be stopped.
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
            if not self._asked:
                return Outcome(StepStatus.CANCELED)
        why = "stop_timed_out"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while True:
                    try:
                        stopped = await (await self.link()).stop(self.body_id, grace=STOP_GRACE)
                    except (Unreachable, LinkLost, HostFailed) as error:
                        # The link may have been cut a moment ago: another one may well do.
                        why = error.code
                        await asyncio.sleep(0.5)
                        continue
                    if stopped.proven:
                        return Outcome(StepStatus.CANCELED)
                    return Outcome(StepStatus.UNKNOWN, error="stop_unproven")
        return Outcome(StepStatus.UNKNOWN, error=why)


def _outcome(state: BodyState) -> Outcome:
    match state.status:
        case BodyStatus.ended if state.exit_code == 0:
            return Outcome(StepStatus.SUCCEEDED, exit_code=0)
        case BodyStatus.ended:
            return Outcome(StepStatus.FAILED, exit_code=state.exit_code, error="exit_code")
        case BodyStatus.sealed:
            return Outcome(StepStatus.CANCELED)
        case _:
            # Claimed, its runner gone, no status: it may have done anything.
            return Outcome(StepStatus.UNKNOWN, error=f"body_{state.status.value}")


async def carry_out(kind: Kind, work: Try) -> Outcome:
    """Let the kind do the try. A stop ends what has no body by cancelling it; a body is stopped by itself."""
    task: asyncio.Task[Outcome] = asyncio.ensure_future(kind.carry_out(work))
    stopper = asyncio.create_task(work.stop.wait())
    # A kind without a body is bound by the step's time as well.
    limit = asyncio.create_task(asyncio.sleep(max(work.step.timeout - work.started_ago, 0.0)))
    try:
        await asyncio.wait({task, stopper, limit}, return_when=asyncio.FIRST_COMPLETED)
        if task.done() or work.launched:
            return await task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if work.launched:
            return await work.end_body()
        timed_out = not work.stop.is_set()
        return Outcome(StepStatus.TIMED_OUT if timed_out else StepStatus.CANCELED)
    except (Unreachable, LinkLost, HostFailed) as error:
        await work.say(f"{error.code}: {error.detail}")
        status = StepStatus.UNKNOWN if work.adopted and work.launched else StepStatus.FAILED
        return Outcome(status, error=error.code)
    finally:
        for helper in (task, stopper, limit):
            helper.cancel()
        await asyncio.gather(task, stopper, limit, return_exceptions=True)
