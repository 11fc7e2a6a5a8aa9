"""Working off what waits: a thread for each channel, so that one that hangs holds up no other."""

from __future__ import annotations

import threading

import structlog
from django.db import connections

from interlock.lifecycle.refused import Refused
from interlock.notify import services
from interlock.notify.addresses import Reach
from interlock.notify.parcel import Parcel
from interlock.notify.sending import Said, parcel_of, send
from interlock.notify.services import Claimed

log = structlog.get_logger(__name__)

AT_ONCE = 8  # channels that one process sends to at the same time
IN_A_ROW = 20  # messages of one channel before others have their turn
_at_work: set[int] = set()
_guard = threading.Lock()


def begin_due() -> None:
    """A chore: begin with what is due, and wait for nothing."""
    for channel_id in services.due_channels():
        with _guard:
            if len(_at_work) >= AT_ONCE or channel_id in _at_work:
                continue
            _at_work.add(channel_id)
        name = f"interlock-notify-{channel_id}"
        threading.Thread(target=_in_thread, args=(channel_id,), name=name, daemon=True).start()


def _in_thread(channel_id: int) -> None:
    try:
        work_off(channel_id)
    except Exception as error:  # the database is away, or a row is odd: the next round tries again
        log.warning("notify_failed", channel=channel_id, error=type(error).__name__)
    finally:
        connections.close_all()
        with _guard:
            _at_work.discard(channel_id)


def work_off(channel_id: int) -> int:
    """Send what is due, until there is no more or the channel fails; returns how much arrived."""
    for arrived in range(IN_A_ROW):
        message_id = services.next_due(channel_id)
        said = None if message_id is None else send_one(message_id)
        if said is None or not said.sent:
            return arrived
    return IN_A_ROW


def send_one(message_id: int) -> Said | None:
    """None: somebody else has it, or it has ended."""
    claimed = services.claim(message_id)
    if claimed is None:
        return None
    said = carry(claimed)
    services.settle(claimed, said)
    if not said.sent:
        log.info("notify_unsent", channel=claimed.row.channel_id, message=message_id, code=said.code)
    return said


def carry(claimed: Claimed) -> Said:
    try:
        reach, parcel = pack(claimed)
    except Refused as refused:  # the vault's key is gone: it counts like a far side that is away
        return Said(refused.code, "", 0.0)
    return send(reach, parcel)


def pack(claimed: Claimed) -> tuple[Reach, Parcel]:
    """All that the sending takes, so that it needs no database."""
    row = claimed.row
    more = {"project_id": row.project_id, "run_id": row.run_id}
    parcel = parcel_of(str(row.uid), row.event, row, row.channel.language, row.created_at, **more)
    return services.reach_of(row.channel), parcel
