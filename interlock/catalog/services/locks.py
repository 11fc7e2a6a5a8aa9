"""Locks: instances, and with the scope ``service`` the whole service, reserved by one run.

Everything here begins with the service's row under lock: takers and freers of one service queue there.
"""

import time
from collections.abc import Collection, Sequence

from django.utils import timezone

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, require
from interlock.catalog.models import Instance, Lock, Service
from interlock.catalog.services.declared import check_text
from interlock.journal.actor import Actor
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing

HELD, UNPROVEN = "held", "unproven"


def take_locks(
    *, service_id: int, run_id: int, instance_ids: Sequence[int], holder: str, reason: str, by: Actor
) -> int:
    """Reserve the instances for the run, all or nothing; return the lock token.

    Refused with ``locked`` and who holds what, since when and why. A run that already holds locks keeps
    its token and gets the rest. The token only grows, also after the database went back to a backup:
    hosts refuse a lower one than they have seen.
    """
    wanted = sorted(set(instance_ids))
    with writing():
        service = _service_under_lock(service_id)
        if Instance.objects.filter(service=service, pk__in=wanted).count() != len(wanted):
            raise missing("instance_not_known", instance=", ".join(map(str, wanted[:20])))
        locks = list(
            Lock.objects.filter(service=service).select_related("instance__host").order_by("instance_id")
        )
        _refuse_others(service, locks, run_id, set(wanted))
        mine = [lock for lock in locks if lock.run_id == run_id]
        token = mine[0].token if mine else max(service.last_lock_token + 1, time.time_ns() // 1_000_000)
        Lock.objects.filter(pk__in=[lock.pk for lock in mine], status=UNPROVEN).update(status=HELD)
        held = {lock.instance_id for lock in mine}
        targets: list[int | None] = [None, *wanted] if service.lock_scope == "service" else [*wanted]
        Lock.objects.bulk_create(
            Lock(
                service=service,
                instance_id=target,
                run_id=run_id,
                token=token,
                holder=holder[:150],
                reason=reason[:255],
                taken_at=timezone.now(),
            )
            for target in targets
            if target not in held
        )
        Service.objects.filter(pk=service.pk).update(last_lock_token=token)
        append(_entry(service, by, "locks.taken", reason, run_id=run_id, token=token, instances=wanted))
    return token


def _service_under_lock(service_id: int) -> Service:
    # no_key: rows that merely point at the service can be made meanwhile.
    service = Service.objects.select_for_update(no_key=True).filter(pk=service_id).first()
    if service is None:
        raise missing("service_not_known", service=service_id)
    return service


def _refuse_others(service: Service, locks: list[Lock], run_id: int, wanted: set[int]) -> None:
    whole = service.lock_scope == "service"
    in_the_way = [
        lock
        for lock in locks
        if lock.run_id != run_id and (whole or lock.instance_id is None or lock.instance_id in wanted)
    ]
    if not in_the_way:
        return
    named = [lock for lock in in_the_way if lock.instance_id in wanted] or in_the_way
    raise Refused(
        "locked",
        service=service.name,
        holder=named[0].holder,
        since=_time(named[0]),
        reason=named[0].reason,
        run_id=named[0].run_id,
        instances=[
            {
                "instance_id": lock.instance_id,
                "host": lock.instance.host.name if lock.instance else "",
                "holder": lock.holder,
                "since": _time(lock),
                "reason": lock.reason,
                "run_id": lock.run_id,
                "status": lock.status,
            }
            for lock in named
        ],
    )


def _time(lock: Lock) -> str:
    return lock.taken_at.isoformat(timespec="seconds")


def release_locks(*, run_id: int, still_instance_ids: Collection[int] | None, by: Actor) -> int:
    """Free the run's locks where its host was read back as still; None: everywhere.

    The others stay as ``unproven``, and with them the lock of the service. Repeatable, as proof comes
    in. Returns how many instances stay locked.
    """
    left = 0
    with writing():
        services = Lock.objects.filter(run_id=run_id).values_list("service", flat=True)
        for service_id in sorted(set(services)):
            service = _service_under_lock(service_id)
            locks = Lock.objects.filter(run_id=run_id, service=service, instance__isnull=False)
            proven = locks if still_instance_ids is None else locks.filter(instance__in=still_instance_ids)
            freed, _ = proven.delete()
            doubted = Lock.objects.filter(run_id=run_id, service=service, status=HELD).update(status=UNPROVEN)
            unproven = locks.count()
            _free_service(service, run_id)
            left += unproven
            if freed or doubted:
                append(_entry(service, by, "locks.freed", "", run_id=run_id, freed=freed, unproven=unproven))
    return left


def _free_service(service: Service, run_id: int) -> None:
    """Free the lock of the service once nothing of the run is locked any more."""
    locks = Lock.objects.filter(run_id=run_id, service=service)
    if not locks.filter(instance__isnull=False).exists():
        locks.delete()


def free_unproven(*, by: Caller, lock_ids: Sequence[int], note: str) -> int:
    """A person answers for it that nothing of the run is alive on these hosts any more."""
    check_text("note", note, 1000)
    if not note.strip():
        raise invalid("note_missing")
    with writing():
        locks = Lock.objects.filter(pk__in=lock_ids)
        services = {s: _service_under_lock(s) for s in sorted(set(locks.values_list("service", flat=True)))}
        # Read again: what came in front of us on those services is done now.
        rows = list(locks.select_related("instance__host").order_by("pk"))
        hidden = [row for row in rows if not may(by, "view", services[row.service_id].project_id)]
        if hidden or len(rows) != len(set(lock_ids)):
            raise missing("lock_not_known")
        for row in rows:
            require(by, "operate", services[row.service_id].project_id)
            if row.instance is None:
                raise Refused("lock_of_service", holder=row.holder, run_id=row.run_id)
            if row.status != UNPROVEN:
                raise Refused("lock_held", holder=row.holder, reason=row.reason, run_id=row.run_id)
        locks.delete()
        for service_id, run_id in {(row.service_id, row.run_id) for row in rows}:
            _free_service(services[service_id], run_id)
        append(*(_freed(row, services[row.service_id], by, note) for row in rows))
    return len(rows)


def _freed(row: Lock, service: Service, by: Caller, note: str) -> NewEntry:
    host = row.instance.host.name if row.instance else ""
    return NewEntry(
        by,
        "instance",
        row.instance_id or 0,
        "lock.freed_by_hand",
        project_id=service.project_id,
        reason=note,
        facts={"service": service.name, "host": host, "holder": row.holder, "run_id": row.run_id},
    )


def _entry(service: Service, by: Actor, act: str, reason: str, **facts: object) -> NewEntry:
    facts = {"service": service.name, **facts}
    return NewEntry(by, "service", service.pk, act, project_id=service.project_id, reason=reason, facts=facts)
