"""Messages: written once for each channel, claimed, and settled by what the far side said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q, QuerySet

from interlock.journal.transactions import writing
from interlock.notify.models import Channel, Message
from interlock.notify.rendering import Story, render
from interlock.notify.sending import Said

# A worker that dies leaves what it was sending to be sent again after this.
TAKEN_FOR = timedelta(seconds=60)
LONGEST_PAUSE = 900  # seconds between two tries
GIVEN_UP_AFTER = timedelta(hours=24)
KEPT_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Claimed:
    row: Message
    until: datetime  # while the row says so, it is ours


def queue(
    *,
    channels: Iterable[Channel],
    key: str,
    event: str,
    story: Story,
    project_id: int | None,
    run_id: int | None = None,
    first_try_in: timedelta = timedelta(),
) -> None:
    """Write it for each channel, in its language. What is there under that key already stays as it is."""
    now = datetime.now(UTC)
    rows = []
    for channel in channels:
        written = render(event, story, channel.language)
        rows.append(
            Message(
                channel=channel,
                key=key,
                event=event,
                project_id=project_id,
                run_id=run_id,
                level=written.level,
                title=written.title,
                text=written.text,
                link=written.link,
                due_at=now + first_try_in,
                created_at=now,
            )
        )
    with writing():
        Message.objects.bulk_create(rows, ignore_conflicts=True)


def due_channels(limit: int = 100) -> list[int]:
    """Channels that something waits for and that are not resting, the longest wait first."""
    rows = _due(datetime.now(UTC)).order_by("due_at").values_list("channel_id", flat=True)
    return list(dict.fromkeys(rows[: limit * 10]))[:limit]


def next_due(channel_id: int) -> int | None:
    rows = _due(datetime.now(UTC)).filter(channel_id=channel_id)
    return rows.order_by("due_at", "id").values_list("id", flat=True).first()


def _due(now: datetime) -> QuerySet[Message]:
    rested = Q(channel__rest_until=None) | Q(channel__rest_until__lte=now)
    return _free(now).filter(rested, due_at__lte=now, channel__enabled=True)


def _free(now: datetime) -> QuerySet[Message]:
    """Those that nobody is sending just now."""
    return Message.objects.filter(Q(taken_until=None) | Q(taken_until__lte=now), status="pending")


def claim(message_id: int) -> Claimed | None:
    """Ours for a while, due or not; None: somebody has it, or it has ended."""
    now = datetime.now(UTC)
    until = now + TAKEN_FOR
    with writing():
        mine = _free(now).filter(id=message_id)
        if not mine.update(taken_until=until, tries=F("tries") + 1):
            return None
    row = Message.objects.select_related("channel").get(id=message_id)
    return Claimed(row, until)


def settle(claimed: Claimed, said: Said) -> None:
    """Sent, to be tried again, or given up. A channel that fails rests, and holds up nobody."""
    row, now = claimed.row, datetime.now(UTC)
    ours = Message.objects.filter(id=row.pk, status="pending", taken_until=claimed.until)
    channel = Channel.objects.filter(id=row.channel_id)
    if said.sent:
        with writing():
            ours.update(status="sent", ended_at=now, error="", said=said.text)
            channel.exclude(failures=0).update(failures=0, rest_until=None, error="", said="")
        return
    facts = {"error": said.code, "said": said.text}
    with writing():
        if now - row.created_at > GIVEN_UP_AFTER:
            ours.update(status="given_up", ended_at=now, **facts)
        else:
            ours.update(due_at=now + _pause(row.tries), taken_until=None, **facts)
        rests = now + _pause(row.channel.failures + 1)
        channel.update(failures=F("failures") + 1, rest_until=rests, **facts)


def _pause(failures: int) -> timedelta:
    return timedelta(seconds=min(2 ** min(failures, 20), LONGEST_PAUSE))


def forget_old() -> int:
    """Messages are kept for a season, a thousand at a time."""
    old = Message.objects.filter(created_at__lt=datetime.now(UTC) - KEPT_FOR)
    ids = list(old.order_by("created_at").values_list("id", flat=True)[:1000])
    with writing():
        return Message.objects.filter(id__in=ids).delete()[0]
