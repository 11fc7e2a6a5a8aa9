"""What a schedule may say: every fault of it, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from interlock.lifecycle.fields import TOLD, Choice, Fault, Number, closest, fault
from interlock.lifecycle.schedule import (
    CRON_FIELDS,
    EXPRESSION_MOST,
    Timing,
    moment_of,
    plain_cron,
    wrong_field,
    zones,
)

MOMENTS = ("at", "starts_at", "ends_at")
WHEN = frozenset({"kind", "cron", "zone", *MOMENTS})
POLICIES = frozenset({"misfire", "grace", "overlap"})
WHAT = frozenset({"values", "hosts"})
CHANGEABLE = ("name", *sorted(WHEN | POLICIES | WHAT))
_KIND = Choice("once", "cron")
_POLICIES = {
    "misfire": Choice("skip", "once"),
    "overlap": Choice("allow", "skip", "queue"),
    # The reconciler looks once a second, and a server that is started again is away for some.
    "grace": Number(10, 7 * 86400),
}
# Where calculating with offsets cannot leave what a date can hold.
YEARS = range(2000, 3000)


def settled(row: Any) -> None:
    """Put an expression and moments into the form that is kept, as far as they can be read."""
    row.cron = plain_cron(row.cron)
    if row.zone not in zones():
        return
    for name in MOMENTS:
        moment = getattr(row, name)
        if moment is not None and moment.year in YEARS:
            utc = moment_of(moment, ZoneInfo(row.zone)) if moment.tzinfo is None else moment.astimezone(UTC)
            setattr(row, name, utc)


def policy_faults(row: Any) -> list[Fault]:
    return [one for name, shape in _POLICIES.items() for one in shape.faults(getattr(row, name), (name,))]


def timing_faults(row: Any, at: datetime) -> list[Fault]:
    """``at``: now."""
    faults = [*_KIND.faults(row.kind, ("kind",)), *_zone_faults(row.zone), *_kind_faults(row)]
    for name in MOMENTS:
        moment = getattr(row, name)
        if moment is not None and moment.year not in YEARS:
            faults.append(fault((name,), "moment_too_far", least=YEARS[0], most=YEARS[-1]))
    if not faults:
        faults += _coming_faults(row, at)
    return faults


def _zone_faults(zone: str) -> Iterator[Fault]:
    if zone not in zones():
        meant = closest(zone[:TOLD], {name.lower() for name in zones()})
        names = {name.lower(): name for name in zones()}
        yield fault(("zone",), "zone_not_known", zone=zone[:TOLD], meant=names.get(meant, "Europe/Berlin"))


def _kind_faults(row: Any) -> Iterator[Fault]:
    if row.kind == "once":
        if row.at is None:
            yield fault(("at",), "param_missing")
        for name in ("cron", "starts_at", "ends_at"):
            if getattr(row, name):
                yield fault((name,), "schedule_not_of_this_kind", kind=row.kind)
    elif row.kind == "cron":
        if row.at is not None:
            yield fault(("at",), "schedule_not_of_this_kind", kind=row.kind)
        yield from cron_faults(row.cron)


def cron_faults(cron: str) -> Iterator[Fault]:
    count = len(cron.split())
    if len(cron) > EXPRESSION_MOST:
        yield fault(("cron",), "param_too_long", limit=EXPRESSION_MOST)
    elif count != len(CRON_FIELDS):
        yield fault(("cron",), "cron_fields", count=count)
    elif number := wrong_field(cron):
        yield fault(("cron",), "cron_unfit", cron=cron, number=number)


def _coming_faults(row: Any, at: datetime) -> Iterator[Fault]:
    if row.kind == "once" and row.at <= at:
        yield fault(("at",), "moment_past")
    elif row.starts_at and row.ends_at and row.starts_at >= row.ends_at:
        yield fault(("ends_at",), "bounds_unfit")
    elif row.kind == "cron" and Timing(row.zone, None, row.cron, row.starts_at, row.ends_at).next(at) is None:
        yield fault(("cron",), "cron_never")
