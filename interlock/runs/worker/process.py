"""A process's worker: what it holds, and how it takes more."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future

import structlog
from django.conf import settings

from interlock.fleet.queries import host_spec
from interlock.remote import Link, Links
from interlock.runs import machine, wake
from interlock.runs.engine import claims
from interlock.runs.engine.apply import Claimer
from interlock.runs.engine.claims import Ending, LeaseLost, StepWork
from interlock.runs.logs import LogMoved
from interlock.runs.worker.database import DatabaseThread
from interlock.runs.worker.keeper import Keeper
from interlock.runs.worker.slices import SliceTask
from interlock.runs.worker.solo import StepTask
from interlock.runs.worker.together import Together
from interlock.vault.services import reveal

log = structlog.get_logger(__name__)

# What one process carries at once. A slice is up to SLICE_HOSTS hosts; 500 sessions cost about 40 MB.
SLICES, STEPS = 20, 64


class Worker:
    """One a process. Start it, ``offer`` refs from any thread, ``stop`` it: bodies on hosts go on."""

    def __init__(self) -> None:
        self.claimer = Claimer(
            worker=str(uuid.uuid4()), machine=machine.identity(), lease_seconds=settings.LEASE_SECONDS
        )
        self.draining = False
        self._steps: dict[int, StepTask] = {}
        self._slices: dict[int, SliceTask] = {}
        self._tasks: dict[wake.Ref, asyncio.Task[None]] = {}
        self._claiming: set[wake.Ref] = set()
        # Only hints, as every wake-up is: others may have taken it by then, and the oldest may fall out.
        self._no_room_for: deque[wake.Ref] = deque(maxlen=1000)
        self._secrets: dict[tuple[int, int], str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="interlock-loop", daemon=True)
        self._ready = threading.Event()
        self.keeper = Keeper(self)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()
        self.keeper.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self.database = DatabaseThread("interlock-engine")
        self.log_database = DatabaseThread("interlock-logs")
        self.endings: Together[Ending, StepWork | None] = Together(
            self.database, lambda ended: claims.finish_steps(ended, self.claimer)
        )
        self.links = Links()
        self._loop.call_soon(self._ready.set)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._leave_nothing())
            self._loop.close()

    async def _leave_nothing(self) -> None:
        """The last turn of the loop: whatever is still in it would be destroyed half done."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            _, late = await asyncio.wait(rest, timeout=2)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    # --- taking work

    def offer(self, ref: wake.Ref) -> Future[bool]:
        """Claim it if there is room; the future says whether it was claimed."""
        taking = self._take(ref)
        try:
            return asyncio.run_coroutine_threadsafe(taking, self._loop)
        except RuntimeError:
            taking.close()
            raise

    def offer_quietly(self, ref: wake.Ref) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is on its way out
            self.offer(ref).add_done_callback(_say_why)

    def has_room(self) -> bool:
        # What is on its way in counts, or a burst of wake-ups would be taken whole; so does what is ending.
        carried = [ref.what for ref in (*self._claiming, *self._tasks)]
        return not self.draining and carried.count("slice") < SLICES and carried.count("step") < STEPS

    async def _take(self, ref: wake.Ref) -> bool:
        if ref in self._claiming:
            return False
        if not self.has_room():
            self._no_room_for.append(ref)
            return False
        self._claiming.add(ref)
        try:
            task: StepTask | SliceTask
            if ref.what == "step":
                step = await self.database.run(lambda: claims.claim_step(ref.id, self.claimer))
                if step is None:
                    return False
                task = StepTask(self, step)
                self.hold_step(task)
            else:
                hosts = await self.database.run(lambda: claims.claim_slice(ref.id, self.claimer))
                if hosts is None:
                    return False
                task = self._slices[hosts.id] = SliceTask(self, hosts)
        finally:
            self._claiming.discard(ref)
        job = asyncio.create_task(self._carry_out(ref, task))
        self._tasks[ref] = job
        return True

    async def _carry_out(self, ref: wake.Ref, task: StepTask | SliceTask) -> None:
        try:
            await task.carry_out()
        except (LeaseLost, LogMoved):
            log.info("lease_lost", what=ref.what, id=ref.id)
        except asyncio.CancelledError:
            pass
        except Exception:
            # Unwritten results are not lost: the lease runs out and the next worker adopts the try.
            log.exception("work_dropped", what=ref.what, id=ref.id)
        finally:
            if self._tasks.get(ref) is asyncio.current_task():
                del self._tasks[ref]
            if isinstance(task, SliceTask):
                if self._slices.get(task.work.id) is task:
                    del self._slices[task.work.id]
            else:
                self.drop_step(task)
            self.keeper.room_again()
            if self._no_room_for and self.has_room():
                self.offer_quietly(self._no_room_for.popleft())

    def hold_step(self, task: StepTask) -> None:
        self._steps[task.work.id] = task

    def drop_step(self, task: StepTask) -> None:
        if self._steps.get(task.work.id) is task:
            del self._steps[task.work.id]

    # --- for the keeper

    def held(self) -> tuple[dict[int, int], dict[int, int]]:
        """(step id -> epoch, slice id -> epoch), each tied to a live task."""
        steps = {step_id: task.work.epoch for step_id, task in list(self._steps.items())}
        return steps, {slice_id: task.work.epoch for slice_id, task in list(self._slices.items())}

    def runs_at_work(self) -> set[int]:
        tasks: list[StepTask | SliceTask] = [*list(self._steps.values()), *list(self._slices.values())]
        return {task.work.run.id for task in tasks}

    def stop_run(self, run_id: int) -> None:
        """Somebody stopped the run: end what it has here. From any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop_run, run_id)

    def _stop_run(self, run_id: int) -> None:
        tasks: list[StepTask | SliceTask] = [*self._steps.values(), *self._slices.values()]
        for task in tasks:
            if task.work.run.id == run_id:
                task.stop.set()

    def lose(self, step_ids: set[int], slice_ids: set[int]) -> None:
        """Leases are gone: stop following and writing, and touch nothing on the hosts."""
        refs = [wake.Ref("step", i) for i in step_ids] + [wake.Ref("slice", i) for i in slice_ids]
        for ref in refs:
            job = self._tasks.get(ref)
            if job is not None:
                self._loop.call_soon_threadsafe(job.cancel)

    # --- for the tasks

    async def link_to(self, host_id: int) -> Link:
        spec = await self.database.run(lambda: host_spec(host_id))
        return await self.links.get(spec)

    async def secrets_of(self, references: Mapping[str, list[int]]) -> dict[str, str]:
        """Secret parameters by name; a version of a secret never changes, so it is read once."""
        values = {}
        for name, (secret_id, number) in references.items():
            key = (secret_id, number)
            if key not in self._secrets:
                self._secrets[key] = await self.database.run(lambda k=key: reveal(*k))  # type: ignore[misc]
            values[name] = self._secrets[key]
        return values

    # --- the end

    def stop(self) -> None:
        """Claim no more, store what is known, hand leases back, leave bodies running."""
        self.draining = True
        self.keeper.stop()
        try:
            asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result(timeout=20)
        except TimeoutError:
            log.warning("drain_timed_out", leases="run out by themselves")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self.database.close()
        self.log_database.close()

    async def _drain(self) -> None:
        steps, slices = self.held()
        jobs = list(self._tasks.values())
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        worker = self.claimer.worker
        await self.database.run(lambda: claims.hand_back(steps, slices, worker))
        await self.links.close()


def spare_the_collector() -> None:
    """What a server has loaded by now stays: looking through it again and again took a tenth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _say_why(claiming: Future[bool]) -> None:
    """Nobody waits for this answer; the row stays ready and is offered again."""
    error = None if claiming.cancelled() else claiming.exception()
    if error is not None:
        log.error("claim_failed", exc_info=error)
