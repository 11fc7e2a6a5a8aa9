"""When a schedule runs, as pages tell it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from interlock.cron_text import in_words


def when_of(row: Any) -> dict[str, Any]:
    """``words`` of an expression; ``at`` is what the clock of its zone shows."""
    return {"words": in_words(row.cron), "at": wall(row.at, row.zone), "zone": row.zone}


def wall(moment: datetime | None, zone: str) -> datetime | None:
    """Without its zone: the templates would put it into UTC."""
    return moment and moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
