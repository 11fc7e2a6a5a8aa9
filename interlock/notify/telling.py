"""From an entry of the journal, or a deadline, to messages in the channels that want them."""

from __future__ import annotations

from django.db.models import Q

from interlock.journal.services import EntryView
from interlock.notify import services
from interlock.notify.events import FOLLOWS
from interlock.notify.models import Channel, Subscription
from interlock.notify.stories import Told, of_deadline, told_of
from interlock.runs.waiting import near_deadline


def tell(entry: EntryView) -> None:
    """A consumer of the outbox: it writes rows, and sends nothing."""
    wanted = _wanting(FOLLOWS[entry.act], entry.project_id)
    if wanted:
        _queue(told_of(entry), wanted)


def tell_deadlines() -> None:
    for approval in near_deadline():
        wanted = _wanting("approval_due", approval.run.project_id)
        if wanted:
            _queue(of_deadline(approval), wanted)


def _wanting(event: str, project_id: int | None) -> list[Subscription]:
    rows = Subscription.objects.filter(channel__enabled=True).select_related("channel")
    concerned = Q(project=None) if project_id is None else Q(project=None) | Q(project_id=project_id)
    return [row for row in rows.filter(concerned) if event in row.events]


def _queue(told: Told | None, wanted: list[Subscription]) -> None:
    if told is None:
        return
    channels: dict[int, Channel] = {row.channel_id: row.channel for row in wanted if _concerns(row, told)}
    if channels:
        services.queue(
            channels=channels.values(),
            key=told.key,
            event=told.event,
            story=told.story,
            project_id=told.project_id,
            run_id=told.run_id,
        )


def _concerns(row: Subscription, told: Told) -> bool:
    return row.service_id in (None, told.service_id) and row.task_id in (None, told.task_id)
