"""Instances: made, described, and the one writer of their status."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils import timezone

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.catalog.models import Instance, Lock, Service
from interlock.catalog.queries import visible_instance
from interlock.catalog.services.declared import check_text
from interlock.journal.actor import Actor
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.instance import InstanceStatus, may_move
from interlock.lifecycle.refused import Refused, invalid, missing

KEEP: Final = -1  # leave that column as it is
CHANGEABLE = ("port", "tag", "weight", "description", "maintenance")
# A release at work has these in its plan and hands them to the service's scripts.
PLANNED = ("port", "tag", "weight")
WEIGHT_LIMIT = 65535


@dataclass(frozen=True)
class InstanceMove:
    """From ``old`` to ``new``; the versions are ids, None (no version) or KEEP."""

    instance_id: int
    old: InstanceStatus
    new: InstanceStatus
    version_id: int | None = KEEP
    next_version_id: int | None = KEEP
    previous_version_id: int | None = KEEP
    reason: str = ""


def move_instances(moves: Sequence[InstanceMove], by: Actor) -> list[int]:
    """Carry out the moves whose instance still has status ``old``; return those instances' ids.

    The only writer of an instance's status. A move that the lifecycle does not know is refused, and
    then nothing is changed. One UPDATE for all instances that go the same way.
    """
    for move in moves:
        if not may_move(move.old, move.new):
            raise Refused("instance_move_not_known", old=move.old.value, new=move.new.value)
    if not moves:
        return []
    with writing():
        rows = _locked_rows(move.instance_id for move in moves)
        alike: dict[InstanceMove, list[int]] = defaultdict(list)
        done = []
        for move in moves:
            row = rows.get(move.instance_id)
            if row is not None and row.status == move.old:
                alike[replace(move, instance_id=0)].append(row.pk)
                done.append((move, row))
        for move, ids in alike.items():
            Instance.objects.filter(pk__in=ids, status=move.old).update(
                status=move.new, updated_at=timezone.now(), updated_by_id=_person(by), **_versions(move)
            )
        append(*(_moved(move, row, by) for move, row in done))
    return [row.pk for _, row in done]


def _locked_rows(ids: Iterable[int]) -> dict[int, Instance]:
    rows = Instance.objects.select_for_update(no_key=True, of=("self",)).select_related("service", "host")
    return {row.pk: row for row in rows.filter(pk__in=set(ids)).order_by("pk")}


def _versions(move: InstanceMove) -> dict[str, int | None]:
    values = {
        "version_id": move.version_id,
        "next_version_id": move.next_version_id,
        "previous_version_id": move.previous_version_id,
    }
    return {name: value for name, value in values.items() if value != KEEP}


def _moved(move: InstanceMove, row: Instance, by: Actor) -> NewEntry:
    return NewEntry(
        by,
        "instance",
        row.pk,
        "instance.moved",
        project_id=row.service.project_id,
        from_status=move.old,
        to_status=move.new,
        reason=move.reason,
        facts={
            "service": row.service.name,
            "host": row.host.name,
            "from_version_id": row.version_id,
            **_versions(move),
        },
    )


def ensure_instances(
    *,
    service_id: int,
    hosts: Sequence[int],
    by: Actor,
    port: int | None = None,
    tag: str | None = None,
    weight: int | None = None,
) -> dict[int, int]:
    """The instance of the service on each host, made (``absent``) where there is none: host id -> id.

    Port, tag and weight are written to those that have nothing installed; None takes the service's
    default for new ones and leaves old ones as they are.
    """
    given = {
        name: value for name, value in (("port", port), ("tag", tag), ("weight", weight)) if value is not None
    }
    check_values(given)
    with writing():
        service = Service.objects.filter(pk=service_id).first()
        if service is None:
            raise missing("service_not_known", service=service_id)
        known = dict(Instance.objects.filter(service=service, host__in=hosts).values_list("host", "pk"))
        person = _person(by)
        values = {"port": service.settings.get("port"), **given}
        new = [
            Instance(service=service, host_id=host, created_by_id=person, updated_by_id=person, **values)
            for host in dict.fromkeys(hosts)
            if host not in known
        ]
        # Another transaction may be making the same rows; the unique (service, host) decides.
        Instance.objects.bulk_create(new, ignore_conflicts=True)
        if given and known:
            settled = Instance.objects.filter(service=service, host__in=known, locks__isnull=True)
            settled.filter(status__in=[InstanceStatus.ABSENT, InstanceStatus.INSTALL_FAILED]).update(**given)
        found = dict(Instance.objects.filter(service=service, host__in=hosts).values_list("host", "pk"))
        append(*(_made(found[row.host_id], row, service, by) for row in new))
    return found


def _made(instance_id: int, row: Instance, service: Service, by: Actor) -> NewEntry:
    return NewEntry(
        by,
        "instance",
        instance_id,
        "instance.created",
        project_id=service.project_id,
        to_status=InstanceStatus.ABSENT,
        facts={"service": service.name, "host_id": row.host_id},
    )


def update_instance(*, by: Caller, instance_id: int, changes: Mapping[str, Any]) -> Instance:
    """``changes`` may name any of CHANGEABLE; what a release has in its plan waits for its end."""
    for name in changes:
        if name not in CHANGEABLE:
            raise invalid("field_not_known", field=name)
    check_values(changes)
    with writing():
        row = visible_instance(by, instance_id, lock=True)
        require(by, "operate", row.service.project_id)
        changed = sorted(name for name in changes if changes[name] != getattr(row, name))
        if set(changed) & set(PLANNED):
            _refuse_locked(row)
        for name in changed:
            setattr(row, name, changes[name])
        if changed:
            row.updated_by_id = by.person_id
            row.save(update_fields=[*changed, "updated_by", "updated_at"])
            facts = {"service": row.service.name, "host": row.host.name}
            facts |= {name: changes[name] for name in changed}
            append(
                NewEntry(
                    by, "instance", row.pk, "instance.changed", project_id=row.service.project_id, facts=facts
                )
            )
    return row


def _refuse_locked(row: Instance) -> None:
    lock = Lock.objects.filter(instance=row).first()
    if lock is not None:
        raise Refused(
            "instance_locked", host=row.host.name, holder=lock.holder, reason=lock.reason, run_id=lock.run_id
        )


def check_values(values: Mapping[str, Any]) -> None:
    port, weight = values.get("port"), values.get("weight", 0)
    if port is not None and (type(port) is not int or not 1 <= port <= 65535):
        raise invalid("instance_port_unfit", port=str(port)[:20])
    if type(weight) is not int or not 0 <= weight <= WEIGHT_LIMIT:
        raise invalid("weight_unfit", weight=str(weight)[:20], limit=WEIGHT_LIMIT)
    check_text("tag", values.get("tag", ""), 64)
    check_text("description", values.get("description", ""), 256)
    if type(values.get("maintenance", False)) is not bool:
        raise invalid("field_unfit", field="maintenance")


def _person(by: Actor) -> int | None:
    return by.person_id if isinstance(by, Caller) else None
