"""When a schedule is due: moments out of a cron expression and a time zone. The time comes in with the call.

Local times that a change of the clocks leaves out or repeats:

- An expression for every hour follows the clock's course: it goes on through a repeated hour, and what a
  gap leaves out does not happen.
- Any other names its times, and each happens once: at its first occurrence, or right behind the gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

Misfire = Literal["skip", "once"]
EXPRESSION_MOST = 100  # characters
CRON_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
COUNTED = 1000  # missed ticks; beyond that nobody cares how many
_WALL = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # what a clock on a wall shows
_LEAST = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Timing:
    """Once ``at`` a moment, or by ``cron`` in a zone, from ``starts_at`` up to ``ends_at``."""

    zone: str
    at: datetime | None = None
    cron: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def times(self, after: datetime) -> Iterator[datetime]:
        """All moments behind ``after``, rising, in UTC."""
        if self.at is not None:
            if self.at > after:
                yield self.at
            return
        if self.starts_at is not None:
            after = max(after, self.starts_at - _LEAST)
        for moment in _moments(self.cron, self.zone, after):
            if self.ends_at is not None and moment > self.ends_at:
                return
            yield moment

    def next(self, after: datetime) -> datetime | None:
        return next(self.times(after), None)

    def last(self, first: datetime, until: datetime) -> datetime:
        """The last moment up to ``until``; ``first`` is one of them. A year costs no more than a day."""
        span = _MINUTE
        while until - span > first:
            found = list(_until(self.times(until - span), until))
            if found:
                return found[-1]
            span *= 4
        return [first, *_until(self.times(first), until)][-1]


@dataclass(frozen=True)
class Missed:
    """Moments that went by: ``count`` of them, as far as they were counted, the last one at ``until``."""

    first: datetime
    until: datetime
    count: int


@dataclass(frozen=True)
class Due:
    """What is to be done about a moment that has come."""

    missed: Missed | None
    tick: datetime | None  # to be run now
    next_at: datetime | None


def due(timing: Timing, tick: datetime, at: datetime, *, misfire: Misfire, grace: timedelta) -> Due:
    """``tick`` has come, ``at`` is now. ``skip``: each tick runs up to ``grace`` late, or not at all.

    ``once``: however late it is, one run stands for all that have come.
    """
    if misfire == "once":
        last = timing.last(tick, at)
        missed = _missed(timing, tick, last - _LEAST) if last > tick else None
        return Due(missed, last, timing.next(last))
    if at - tick <= grace:
        return Due(None, tick, timing.next(tick))
    too_old = at - grace - _LEAST
    return Due(_missed(timing, tick, too_old), None, timing.next(too_old))


def _missed(timing: Timing, first: datetime, until: datetime) -> Missed:
    counted = sum(1 for _ in islice(_until(timing.times(first), until), COUNTED - 1))
    return Missed(first, timing.last(first, until), counted + 1)


def _until(moments: Iterator[datetime], until: datetime) -> Iterator[datetime]:
    for moment in moments:
        if moment > until:
            return
        yield moment


def _moments(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    here = ZoneInfo(zone)
    local = after.astimezone(here)
    if every_hour(cron):
        minute, _, *days = cron.split()
        for moment in CronSim(" ".join((minute, "*", *days)), local):
            yield moment.astimezone(UTC)
        return
    # On the clock on the wall, which knows no offsets: what it shows twice or never is settled here.
    last = after
    for shown in CronSim(cron, local.replace(tzinfo=None)):
        moment = moment_of(shown, here)
        if moment > last:
            last = moment
            yield moment


def moment_of(shown: datetime, zone: ZoneInfo) -> datetime:
    """When the clock of the zone first shows this, in UTC; what it never shows is right behind the gap."""
    moment = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while moment.astimezone(zone).replace(tzinfo=None) != shown:
        shown = shown.replace(second=0, microsecond=0) + _MINUTE
        moment = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment


@lru_cache(maxsize=1024)
def every_hour(cron: str) -> bool:
    return CronSim(cron, _WALL).hours == set(range(24))


def plain_cron(text: str) -> str:
    """Single spaces and capitals, as it is kept."""
    return " ".join(text.upper().split())


def wrong_field(cron: str) -> int:
    """The number, from 1, of the field that cannot be read or never comes; 0: it is fine."""
    try:
        CronSim(cron, _WALL)
    except CronSimError as error:
        return 1 + next((n for n, name in enumerate(CRON_FIELDS) if str(error).endswith(f" {name}")), 0)
    return 0


@cache
def zones() -> frozenset[str]:
    """IANA names. Not those that mean whatever the machine is set to."""
    return frozenset(available_timezones() - {"localtime", "Factory"})
