"""Channels, what goes to them, and what became of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.channels import (
    Channel,
    ChannelChange,
    ChannelQuery,
    Message,
    MessageQuery,
    NewChannel,
    NewSubscription,
    Subscription,
    SubscriptionChange,
    SubscriptionQuery,
    Tested,
)
from interlock.api.schemas.pieces import Nothing, NothingAsked, Page, PathId
from interlock.notify import queries, services
from interlock.words import sentence

router = Router(tags=["notify"])
_CHANNEL = ("id", "project_id", "name", "kind", "language", "enabled", "place", "sender", "recipients",
            "failures", "rest_until", "error", "said", "created_at", "created_by")  # fmt: skip
_SUBSCRIPTION = ("id", "channel_id", "project_id", "service_id", "task_id", "events", "created_at",
                 "created_by")  # fmt: skip
_MESSAGE = ("id", "channel_id", "event", "project_id", "run_id", "level", "title", "text", "link", "status",
            "tries", "due_at", "error", "said", "created_at", "ended_at")  # fmt: skip


def _same(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _said(code: str) -> str:
    return sentence(code, {}) if code else ""


def _channel(row: Any) -> Channel:
    return Channel(**_same(row, _CHANNEL), text=_said(row.error))


def _subscription(row: Any) -> Subscription:
    return Subscription(
        **_same(row, _SUBSCRIPTION),
        channel=row.channel.name,
        service=row.service.name if row.service else "",
        task=row.task.name if row.task else "",
    )


def _message(row: Any) -> Message:
    return Message(**_same(row, _MESSAGE), uid=str(row.uid), channel=row.channel.name, why=_said(row.error))


@router.get("/channels", response=Page[Channel])
def list_channels(request: HttpRequest, query: Query[ChannelQuery]) -> Page[Channel]:
    """Of the projects that one sees, and the platform's. Addresses are never told."""
    rows = queries.channels(
        by=caller(request), project_id=query.project_id, kind=query.kind or "", search=query.search
    )
    return page_of(rows, query, _channel, of="channels")


@router.post("/channels", response={201: Channel})
@idempotent
def create_channel(request: HttpRequest, body: NewChannel) -> Status[Channel]:
    return Status(201, _channel(services.create_channel(by=caller(request), **dict(body))))


@router.get("/channels/{int:channel_id}", response=Channel)
def get_channel(request: HttpRequest, channel_id: PathId) -> Channel:
    return _channel(queries.channel(by=caller(request), channel_id=channel_id))


@router.patch("/channels/{int:channel_id}", response=Channel)
def change_channel(request: HttpRequest, channel_id: PathId, body: ChannelChange) -> Channel:
    """A channel that rested is tried again at once. Switched off, it forgets what waits for it."""
    changes = body.model_dump(exclude_none=True)
    return _channel(services.change_channel(by=caller(request), channel_id=channel_id, **changes))


@router.delete("/channels/{int:channel_id}", response=Nothing)
def delete_channel(request: HttpRequest, channel_id: PathId) -> Nothing:
    """With its subscriptions and messages."""
    services.delete_channel(by=caller(request), channel_id=channel_id)
    return Nothing()


@router.post("/channels/{int:channel_id}/test", response=Tested)
def test_channel(request: HttpRequest, channel_id: PathId, body: NothingAsked | None = None) -> Tested:
    """Sends a test message now, for ten seconds at most; 200 also when it did not arrive: see `sent`."""
    said = services.test_channel(by=caller(request), channel_id=channel_id)
    return Tested(sent=said.sent, code=said.code, text=_said(said.code), said=said.text, seconds=said.seconds)


@router.get("/subscriptions", response=Page[Subscription])
def list_subscriptions(request: HttpRequest, query: Query[SubscriptionQuery]) -> Page[Subscription]:
    asked = query.model_dump(exclude={"limit", "cursor"})
    return page_of(
        queries.subscriptions(by=caller(request), **asked), query, _subscription, of="subscriptions"
    )


@router.post("/subscriptions", response={201: Subscription})
@idempotent
def subscribe(request: HttpRequest, body: NewSubscription) -> Status[Subscription]:
    """Events of a project, or of one of its services or tasks, to a channel of it or of the platform."""
    by = caller(request)
    row = services.subscribe(by=by, **dict(body))
    return Status(201, _subscription(queries.subscription(by=by, subscription_id=row.pk)))


@router.patch("/subscriptions/{int:subscription_id}", response=Subscription)
def change_subscription(
    request: HttpRequest, subscription_id: PathId, body: SubscriptionChange
) -> Subscription:
    by = caller(request)
    services.change_subscription(by=by, subscription_id=subscription_id, events=body.events)
    return _subscription(queries.subscription(by=by, subscription_id=subscription_id))


@router.delete("/subscriptions/{int:subscription_id}", response=Nothing)
def delete_subscription(request: HttpRequest, subscription_id: PathId) -> Nothing:
    services.delete_subscription(by=caller(request), subscription_id=subscription_id)
    return Nothing()


@router.get("/messages", response=Page[Message])
def list_messages(request: HttpRequest, query: Query[MessageQuery]) -> Page[Message]:
    """Newest first: what was said, whether it arrived, and what the far side answered."""
    asked = query.model_dump(exclude={"limit", "cursor"})
    asked |= {"status": query.status or "", "event": query.event or ""}
    rows = queries.messages(by=caller(request), **asked)
    return page_of(rows, query, _message, of="messages", newest_first=True)


@router.get("/messages/{int:message_id}", response=Message)
def get_message(request: HttpRequest, message_id: PathId) -> Message:
    return _message(queries.message(by=caller(request), message_id=message_id))
