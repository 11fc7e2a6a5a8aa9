"""Which events go to which channel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, require
from interlock.catalog.queries import service as find_service
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import invalid, missing
from interlock.notify.events import EVENTS
from interlock.notify.models import Channel, Subscription
from interlock.runs.template_queries import task as find_task


def subscribe(
    *,
    by: Caller,
    channel_id: int,
    events: Sequence[str],
    project_id: int | None = None,
    service_id: int | None = None,
    task_id: int | None = None,
) -> Subscription:
    """Events of a project, or of one of its services or tasks. ``project_id`` None: of all projects."""
    _may_configure(by, project_id)
    channel = Channel.objects.filter(id=channel_id).first()
    if channel is None or channel.project_id not in (None, project_id):
        raise missing("channel_not_known")
    _check_events(events)
    _check_subject(by, project_id, service_id, task_id)
    with writing():
        row = Subscription.objects.create(
            channel=channel,
            project_id=project_id,
            service_id=service_id,
            task_id=task_id,
            events=sorted(set(events)),
            created_at=datetime.now(UTC),
            created_by=by.name,
        )
        append(_entry(by, row, "subscription.created"))
    return row


def change_subscription(*, by: Caller, subscription_id: int, events: Sequence[str]) -> Subscription:
    row = _own(by, subscription_id)
    _check_events(events)
    with writing():
        row.events = sorted(set(events))
        row.save(update_fields=["events"])
        append(_entry(by, row, "subscription.changed"))
    return row


def delete_subscription(*, by: Caller, subscription_id: int) -> None:
    row = _own(by, subscription_id)
    with writing():
        append(_entry(by, row, "subscription.deleted"))
        Subscription.objects.filter(id=row.pk).delete()


def _own(by: Caller, subscription_id: int) -> Subscription:
    row = Subscription.objects.filter(id=subscription_id).first()
    if row is None or (row.project_id is not None and not may(by, "view", row.project_id)):
        raise missing("subscription_not_known")
    _may_configure(by, row.project_id)
    return row


def _may_configure(by: Caller, project_id: int | None) -> None:
    if project_id is None:
        require(by, "platform")
    else:
        require(by, "configure", project_id)


def _check_events(events: Sequence[str]) -> None:
    strange = sorted(set(events) - set(EVENTS))
    if strange or not events:
        raise invalid("events_unfit", known=", ".join(EVENTS))


def _check_subject(by: Caller, project_id: int | None, service_id: int | None, task_id: int | None) -> None:
    if service_id is not None and task_id is not None:
        raise invalid("subscription_of_one")
    if service_id is not None and find_service(by=by, service_id=service_id).project_id != project_id:
        raise invalid("not_of_this_project")
    if task_id is not None and find_task(by=by, task_id=task_id).project_id != project_id:
        raise invalid("not_of_this_project")


def _entry(by: Caller, row: Subscription, act: str) -> NewEntry:
    facts = {"channel_id": row.channel_id, "events": row.events}
    return NewEntry(by, "subscription", row.pk, act, project_id=row.project_id, facts=facts)
