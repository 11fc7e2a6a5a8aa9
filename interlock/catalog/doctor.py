"""What must be true of locks and instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from interlock.catalog.models import Instance, Lock
from interlock.catalog.services import release_locks
from interlock.catalog.services.locks import HELD
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.instance import WORKING
from interlock.runs.doctor import MOST, Finding


def look() -> Iterator[Finding]:
    """No lock of an ended run but the unproven; no instance at work that nobody has reserved."""
    held = Lock.objects.filter(status=HELD, run__ended_at__isnull=False)
    for run_id in held.values_list("run_id", flat=True).distinct()[:MOST]:
        yield Finding("doctor_lock_left", {"run_id": run_id}, _keep_as_unproven(run_id))
    at_work = Instance.objects.filter(status__in=list(WORKING.values()), locks__isnull=True)
    for row in at_work.select_related("service", "host")[:MOST]:
        facts = {"service": row.service.name, "host": row.host.name, "status": row.status}
        yield Finding("doctor_at_work_unlocked", facts)


def _keep_as_unproven(run_id: int) -> Callable[[], object]:
    """Whether its hosts are still is asked of them by the chore for such locks."""
    return lambda: release_locks(run_id=run_id, still_instance_ids=set(), by=SYSTEM)
