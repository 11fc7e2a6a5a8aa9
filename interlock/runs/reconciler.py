"""The loop that makes lost wake-ups, dead workers and passed deadlines harmless.

Everything here is a conditional UPDATE or the engine's own ``apply``: ten at once would be correct, a
guard row sees to it that normally one works.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connections
from django.db.models import Exists, F, OuterRef, Q

from interlock.journal.services import deliver_due
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.events import StepEnded, TimerDue
from interlock.lifecycle.run.plan import Key
from interlock.lifecycle.run.states import RunStatus, StepStatus
from interlock.runs import wake
from interlock.runs.clock import now
from interlock.runs.engine import claims
from interlock.runs.engine.apply import apply, nudge
from interlock.runs.engine.snapshot import lock_run
from interlock.runs.models import Approval, Guard, Run, Slice, Step
from interlock.runs.schedule_ticks import fire_due

log = structlog.get_logger(__name__)

TICK = 1.0
GUARD_SECONDS = 5.0
FIRST_RESEND, LAST_RESEND = 2.0, 60.0
MACHINE_GONE_SECONDS = 120.0
STILL_SECONDS = 5.0

Chore = Callable[[], object]
_chores: dict[str, tuple[float, Chore]] = {}


def register_chore(name: str, every_seconds: float, chore: Chore) -> None:
    """A periodic duty of another context, done by whoever reconciles. It must be repeatable."""
    _chores[name] = (every_seconds, chore)


class Reconciler(threading.Thread):
    def __init__(self, *, owns_database: bool = False) -> None:
        super().__init__(name="interlock-reconciler", daemon=True)
        self._me = str(uuid.uuid4())
        self._stopping = threading.Event()
        # In embedded mode no other process exists: leases of former ones are dead at once.
        self._first_round = owns_database
        self._healthy_since: float | None = None
        self._last_chores: dict[str, float] = {}
        self._at_chores: threading.Thread | None = None

    def stop(self) -> None:
        self._stopping.set()
        self.join(timeout=10)
        if self._at_chores is not None:
            self._at_chores.join(timeout=10)

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._guarded():
                    self.round()
            except Exception as error:  # the database is away, or a row is odd: log it, try again
                log.warning("reconciler_round_failed", error=repr(error))
                connections.close_all()
                self._healthy_since = None
            self._stopping.wait(TICK)
        connections.close_all()

    def _guarded(self) -> bool:
        at = now()
        until = at + timedelta(seconds=GUARD_SECONDS)
        with writing():
            mine = Guard.objects.filter(Q(holder=self._me) | Q(until__lt=at), name="reconciler")
            if mine.update(holder=self._me, until=until):
                return True
            if self._first_round:
                Guard.objects.update_or_create(
                    name="reconciler", defaults={"holder": self._me, "until": until}
                )
                return True
            _, made = Guard.objects.get_or_create(
                name="reconciler", defaults={"holder": self._me, "until": until}
            )
        return made

    def round(self) -> None:
        """One look at everything."""
        if self._first_round:
            claims.expire(everything=True)
            self._first_round = False
        elif self._leases_can_be_believed():
            claims.expire()
        resend()
        fire_timers()
        pass_deadlines()
        fire_due()
        give_up_on_machines()
        nudge(standing_still())
        deliver_due()
        self._do_chores()

    def _leases_can_be_believed(self) -> bool:
        """After an outage of the database every lease looks old: give the keepers one lease's time."""
        if self._healthy_since is None:
            self._healthy_since = time.monotonic()
        return time.monotonic() - self._healthy_since > min(settings.LEASE_SECONDS, 5.0)

    def _do_chores(self) -> None:
        """Those that are due, in a thread of their own: one that asks hosts must not hold up the leases."""
        if self._at_chores is not None and self._at_chores.is_alive():
            return
        due = [
            (name, chore)
            for name, (every, chore) in _chores.items()
            if time.monotonic() - self._last_chores.get(name, -every) >= every
        ]
        if due:
            self._last_chores |= {name: time.monotonic() for name, _chore in due}
            self._at_chores = threading.Thread(target=_do, args=(due,), name="interlock-chores", daemon=True)
            self._at_chores.start()


def _do(due: list[tuple[str, Chore]]) -> None:
    for name, chore in due:
        try:
            chore()
        except Refused as refused:
            log.warning("chore_refused", chore=name, code=refused.code)
        except Exception as error:  # the database is away, or a row is odd: the next round tries again
            log.warning("chore_failed", chore=name, error=repr(error))
    connections.close_all()


def resend() -> int:
    """Wake workers again for ready rows that nobody took, with a rising pause."""
    at = now()
    refs: list[wake.Ref] = []
    for what, model in (("slice", Slice), ("step", Step)):
        rows = model.objects.filter(status="ready", sent_at__lt=at - timedelta(seconds=FIRST_RESEND))
        for row_id, sent_at, sends in rows.order_by("sent_at").values_list("id", "sent_at", "sends")[:200]:
            pause = min(FIRST_RESEND * 2 ** min(max(sends - 1, 0), 10), LAST_RESEND)
            if sent_at is None or sent_at + timedelta(seconds=pause) > at:
                continue
            taken = model.objects.filter(id=row_id, status="ready", sent_at=sent_at).update(
                sent_at=at, sends=F("sends") + 1
            )
            if taken:
                refs.append(wake.Ref("slice" if what == "slice" else "step", row_id))
    wake.send(refs)
    return len(refs)


def fire_timers() -> None:
    due = Step.objects.filter(wake_at__lte=now(), status=StepStatus.WAITING).order_by("wake_at")
    for run_id, key in list(due.values_list("run_id", "key")[:200]):
        _quietly(lambda r=run_id, k=key: fire_timer(r, k))  # type: ignore[misc]


def fire_timer(run_id: int, key: str) -> None:
    """Call the timer due, if it still is: another may have fired it, and the next one may run already."""
    with writing():
        lock_run(run_id)
        rows = Step.objects.filter(run_id=run_id, key=key, status=StepStatus.WAITING, wake_at__lte=now())
        if rows.exists():
            apply(run_id, TimerDue(Key.parse(key)))


def pass_deadlines() -> None:
    from interlock.runs.approvals import close_expired

    late = Approval.objects.filter(status="open", deadline_at__lte=now()).values_list("id", flat=True)[:200]
    for approval_id in list(late):
        _quietly(lambda a=approval_id: close_expired(a))  # type: ignore[misc]


def give_up_on_machines() -> None:
    """A platform-side try whose machine does not come back: nobody can tell what became of it."""
    before = now() - timedelta(seconds=MACHINE_GONE_SECONDS)
    gone = Step.objects.filter(status="ready", started_at__lt=before, sends__gte=5).exclude(machine="")
    for step_id, run_id, key in list(gone.values_list("id", "run_id", "key")[:50]):
        _quietly(lambda s=step_id, r=run_id, k=key: give_up_on(s, r, k))  # type: ignore[misc]


def give_up_on(step_id: int, run_id: int, key: str) -> None:
    with writing():
        lock_run(run_id)
        if claims.take_from_gone_machine(step_id):
            apply(run_id, StepEnded(Key.parse(key), StepStatus.UNKNOWN))


def standing_still() -> list[int]:
    """Runs that say they are at work while nothing of them is alive."""
    alive_step = Step.objects.filter(
        run_id=OuterRef("id"), position=-1, status__in=["ready", "running", "waiting"]
    ).exclude(kind="rollout", status="running")
    alive_slice = Slice.objects.filter(run_id=OuterRef("id"), status__in=["ready", "running"])
    still = Run.objects.filter(
        ~Exists(alive_step),
        ~Exists(alive_slice),
        status__in=[RunStatus.RUNNING, RunStatus.STOPPING],
        started_at__lt=now() - timedelta(seconds=STILL_SECONDS),
    )
    return list(still.values_list("id", flat=True)[:50])


def _quietly(call: Callable[[], object]) -> None:
    """What became moot meanwhile is no news."""
    try:
        call()
    except Refused as refused:
        log.info("moot", code=refused.code)
