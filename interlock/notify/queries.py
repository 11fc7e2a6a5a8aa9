"""Reads of channels, subscriptions and messages. Of an address nobody reads more than its place."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, visible_projects
from interlock.lifecycle.refused import missing
from interlock.notify.models import Channel, Message, Subscription

ChannelRow, MessageRow, SubscriptionRow = Channel, Message, Subscription


def channels(
    *, by: Caller, project_id: int | None = None, kind: str = "", search: str = ""
) -> QuerySet[Channel]:
    """Those of the caller's projects, and the platform's, which are there for all.

    ``project_id``: those that this project can use.
    """
    rows = Channel.objects.select_related("project").order_by("id")
    visible = visible_projects(by)
    if visible is not None:
        rows = rows.filter(Q(project_id__in=visible) | Q(project=None)) if visible else rows.none()
    if project_id is not None:
        rows = rows.filter(Q(project_id=project_id) | Q(project=None))
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(name__contains=search) if search else rows


def channel(*, by: Caller, channel_id: int) -> Channel:
    row = channels(by=by).filter(id=channel_id).first()
    if row is None:
        raise missing("channel_not_known")
    return row


def may_change(*, by: Caller, row: Channel) -> bool:
    """Whether the caller may change it and send a test message; for doors that grey out a button."""
    if row.project_id is None or row.kind == "apprise":
        return may(by, "platform")
    return may(by, "configure", row.project_id)


def subscriptions(
    *,
    by: Caller,
    channel_id: int | None = None,
    project_id: int | None = None,
    service_id: int | None = None,
    task_id: int | None = None,
) -> QuerySet[Subscription]:
    """Of the caller's projects; those of all projects are seen by whoever sees anything."""
    rows = Subscription.objects.select_related("channel", "service", "task", "project").order_by("id")
    visible = visible_projects(by)
    if visible is not None:
        rows = rows.filter(Q(project_id__in=visible) | Q(project=None)) if visible else rows.none()
    wanted = {
        "channel_id": channel_id,
        "project_id": project_id,
        "service_id": service_id,
        "task_id": task_id,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def subscription(*, by: Caller, subscription_id: int) -> Subscription:
    row = subscriptions(by=by).filter(id=subscription_id).first()
    if row is None:
        raise missing("subscription_not_known")
    return row


def messages(
    *,
    by: Caller,
    project_id: int | None = None,
    channel_id: int | None = None,
    run_id: int | None = None,
    status: str = "",
    event: str = "",
) -> QuerySet[Message]:
    """Newest first: what was said, whether it arrived, and what the far side answered."""
    rows = Message.objects.select_related("channel").order_by("-id")
    visible = visible_projects(by)
    if visible is not None:
        rows = rows.filter(project_id__in=visible)
    wanted = {"project_id": project_id, "channel_id": channel_id, "run_id": run_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    given = {"status": status, "event": event}
    return rows.filter(**{name: value for name, value in given.items() if value})


def message(*, by: Caller, message_id: int) -> Message:
    row = messages(by=by).filter(id=message_id).first()
    if row is None:
        raise missing("message_not_known")
    return row


def named(project_id: int, names: Collection[str]) -> dict[str, Channel]:
    """The channels that a project means by these names; its own come before the platform's."""
    rows = Channel.objects.filter(Q(project_id=project_id) | Q(project=None), name__in=set(names))
    found: dict[str, Channel] = {}
    for row in rows:
        if row.project_id is not None or row.name not in found:
            found[row.name] = row
    return found


def messages_of_key(key: str, channel_ids: Collection[int]) -> dict[int, int]:
    """channel id -> the message that it has under this key"""
    rows = Message.objects.filter(key=key, channel_id__in=list(channel_ids))
    return dict(rows.values_list("channel_id", "id"))


def status_of(message_id: int) -> str:
    return Message.objects.filter(id=message_id).values_list("status", flat=True).get()
