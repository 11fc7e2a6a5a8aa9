"""Schedules: when a task runs by itself, and what became of each tick."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from interlock.api.schemas.pieces import (
    NO_NUL,
    Answered,
    Asked,
    Filter,
    Id,
    Json,
    Line,
    PageQuery,
    PathId,
    Short,
    When,
    number,
)
from interlock.api.schemas.problems import Fault
from interlock.api.schemas.tasks import Hosts, Values
from interlock.api.schemas.templates import Title

Kind = Literal["once", "cron"]
Misfire = Literal["skip", "once"]
Overlap = Literal["allow", "skip", "queue"]
Status = Literal["active", "paused", "stopped", "ended"]
TickStatus = Literal["started", "waiting", "skipped"]
Cron = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
Grace = Annotated[int, number(10, 7 * 86400)]


class ScheduleFilter(PageQuery):
    status: Status | None = None
    search: Filter = Field(default="", description="Part of the name.")


class ScheduleQuery(ScheduleFilter):
    project_id: PathId | None = None
    task_id: PathId | None = None


class TickQuery(PageQuery):
    status: TickStatus | None = None


class TimingAsked(Asked):
    """``kind`` once: ``at``. ``kind`` cron: 5 fields in ``cron``, and maybe ``starts_at`` and ``ends_at``.

    A time without an offset is one of the ``zone``.
    """

    kind: Kind
    at: datetime | None = None
    cron: Cron = ""
    zone: Short = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class NewSchedule(TimingAsked):
    """``values`` over the task's own; ``hosts`` instead of the task's own, null: the task's own.

    ``misfire``: a tick runs up to ``grace`` seconds late and not at all after that (skip), or one run stands
    for all that were missed (once). ``overlap``: while a run of the schedule is open, the next is started all
    the same (allow), left out (skip), or waits, one at most (queue).
    """

    task_id: Id
    name: Title
    values: Values = {}
    hosts: Hosts | None = None
    misfire: Misfire = "skip"
    grace: Grace = 300
    overlap: Overlap = "skip"


class ScheduleChange(Asked):
    """Fields that are not sent stay as they are. ``version``: refused when it is another by now."""

    name: Title | None = None
    kind: Kind | None = None
    at: datetime | None = None
    cron: Cron | None = None
    zone: Short | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    values: Values | None = None
    hosts: Hosts | None = None
    misfire: Misfire | None = None
    grace: Grace | None = None
    overlap: Overlap | None = None
    version: Id | None = None


class SchedulePause(Asked):
    reason: Line


class NextTime(Answered):
    """``at`` in UTC, ``local`` as the clock of the zone shows it."""

    at: When
    local: When


class Times(Answered):
    """``words``: the expression in words."""

    words: str
    times: list[NextTime]


class Told(Answered):
    code: str
    facts: Json
    text: str


class LastTick(Answered):
    at: When
    status: str
    run_id: int | None


class ScheduleLine(Answered):
    """``reason``: why a person paused it. ``why``: why it stopped itself, and what to do."""

    id: int
    project_id: int
    task_id: int
    task: str
    name: str
    kind: str
    at: When | None
    cron: str
    zone: str
    starts_at: When | None
    ends_at: When | None
    misfire: str
    grace: int
    overlap: str
    status: str
    reason: str
    why: Told | None
    owner_id: int | None
    owner: str
    next_at: When | None
    last_tick: LastTick | None
    version: int
    created_at: When
    created_by: str
    updated_at: When
    updated_by: str


class Schedule(ScheduleLine):
    """``next_times``: the next ten; none while it is not active."""

    values: Json
    hosts: Json | None
    words: str
    next_times: list[NextTime]


class Tick(Answered):
    """``why`` there is no run, or why it waits; ``errors``: the values that did not fit."""

    at: When
    status: TickStatus
    run_id: int | None
    run_status: str | None
    why: Told | None
    errors: list[Fault]
    decided_at: When
