"""What people may do with schedules, and what is refused, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.services import create_project
from interlock.journal.models import Entry
from interlock.lifecycle.refused import Refused, Unfit
from interlock.runs.models import Schedule, Task, Tick
from interlock.runs.schedule_queries import preview_times, schedule, schedules, ticks, times_of
from interlock.runs.schedules import (
    change_schedule,
    create_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
)
from interlock.runs.task_edits import create_task, delete_task
from interlock.runs.templates import create_template
from tests.cast import Cast, person
from tests.runs.conftest import NOON

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("clock")]


def make(cast: Cast, task: Task, **more: Any) -> Schedule:
    facts = {"by": cast.dee, "task_id": task.id, "name": "Nightly", "kind": "cron", "cron": "0 2 * * *"}
    return create_schedule(**{**facts, **more})


def refused(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


def acts() -> list[str]:
    return list(Entry.objects.filter(subject="schedule").order_by("id").values_list("act", flat=True))


def test_it_is_made_with_its_next_times(cast: Cast, task: Task) -> None:
    made = make(cast, task, cron=" 30  2 * * mon-fri ", zone="Europe/Berlin")
    assert (made.cron, made.status, made.owner_id, made.owner_name) == (
        "30 2 * * MON-FRI", "active", cast.dee.person_id, "dee",
    )  # fmt: skip
    assert made.next_at == datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    found = times_of(schedule(by=cast.cy, schedule_id=made.pk))
    assert (len(found.times), found.words) == (10, "At 02:30 on Monday through Friday")
    assert (
        found.times[0].at == made.next_at and found.times[0].local.isoformat() == "2026-11-23T02:30:00+01:00"
    )
    assert not ticks(by=cast.cy, schedule_id=made.pk).exists()
    assert acts() == ["schedule.created"]


def test_times_without_an_offset_are_of_its_zone(cast: Cast, task: Task) -> None:
    local = datetime(2026, 12, 1, 9, 0)  # noqa: DTZ001
    once = make(cast, task, kind="once", cron="", at=local, zone="Asia/Shanghai")
    assert once.at == once.next_at == datetime(2026, 12, 1, 1, tzinfo=UTC)
    bound = make(
        cast, task, name="b", zone="Asia/Shanghai", starts_at=local, ends_at=local + timedelta(days=3)
    )
    assert [one.local.day for one in times_of(bound).times] == [2, 3, 4]


def test_all_that_does_not_fit_is_told_at_once(cast: Cast, task: Task) -> None:
    call = partial(
        make, cast, task, cron="0 25 * * *", zone="europe/berlni", at=NOON, overlap="maybe", misfire="",
        grace=1, values={"wrod": "x", "count": "x"},
    )  # fmt: skip
    found = refused(call)
    assert isinstance(found, Unfit) and (found.code, found.facts) == ("schedule_unfit", {"count": 8})
    assert [(fault.path, fault.code) for fault in found.faults] == [
        (("misfire",), "param_not_a_choice"), (("overlap",), "param_not_a_choice"),
        (("grace",), "param_not_whole"), (("zone",), "zone_not_known"),
        (("at",), "schedule_not_of_this_kind"), (("cron",), "cron_unfit"),
        (("values", "wrod"), "key_mistaken"), (("values", "count"), "value_not_integer"),
    ]  # fmt: skip
    assert found.faults[3].facts["meant"] == "Europe/Berlin"
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"kind": "often"}, "param_not_a_choice"),
        ({"kind": "once", "cron": ""}, "param_missing"),
        ({"kind": "once", "cron": "", "at": NOON}, "moment_past"),
        ({"kind": "once", "cron": "", "at": datetime(9999, 12, 31, tzinfo=UTC)}, "moment_too_far"),
        ({"kind": "once", "cron": "", "at": datetime(1, 1, 1)}, "moment_too_far"),  # noqa: DTZ001
        ({"kind": "once", "at": NOON + timedelta(1)}, "schedule_not_of_this_kind"),
        ({"cron": "@daily"}, "cron_fields"),
        ({"cron": "0 0 9 * * *"}, "cron_fields"),
        ({"cron": ""}, "cron_fields"),
        ({"cron": ",".join("0" * 99) + " 0 * * *"}, "param_too_long"),
        ({"cron": "0 0 */31 2 MON#5"}, "cron_never"),
        ({"ends_at": NOON + timedelta(hours=1)}, "cron_never"),
        ({"starts_at": NOON + timedelta(2), "ends_at": NOON + timedelta(1)}, "bounds_unfit"),
        ({"zone": "../../etc/passwd"}, "zone_not_known"),
        ({"zone": "\0"}, "zone_not_known"),
        ({"values": {"word": None}}, ""),  # null stands for the default, and there is none
    ],
)
def test_what_never_comes_or_cannot_be_read(cast: Cast, task: Task, asked: dict[str, Any], code: str) -> None:
    found = refused(lambda: make(cast, task, **asked))
    assert isinstance(found, Unfit) and [fault.code for fault in found.faults] == [code or "value_missing"]
    if not code:
        return
    timing = {"kind": "cron", "cron": "0 2 * * *", **asked}
    assert refused(lambda: preview_times(**timing)).code == "schedule_unfit"


def test_it_is_changed_and_becomes_whose_change_it_was(cast: Cast, task: Task) -> None:
    made = make(cast, task)
    other = person("dan", cast.project_id, ["admin"])
    changed = change_schedule(
        by=other, schedule_id=made.pk, changes={"cron": "0 3 * * *", "grace": 60}, version=1
    )
    assert (changed.owner_name, changed.version, changed.grace) == ("dan", 2, 60)
    assert changed.next_at == datetime(2026, 11, 22, 3, tzinfo=UTC)
    stale = refused(lambda: change_schedule(by=cast.dee, schedule_id=made.pk, changes={}, version=1))
    assert (stale.code, stale.facts["by"]) == ("schedule_changed", "dan")
    strange = refused(lambda: change_schedule(by=cast.dee, schedule_id=made.pk, changes={"status": "ended"}))
    assert strange.code == "fields_not_known"
    make(cast, task, name="Other")
    taken = partial(change_schedule, by=cast.dee, schedule_id=made.pk, changes={"name": "Other"})
    assert refused(taken).code == "name_taken"
    assert acts()[:2] == ["schedule.created", "schedule.changed"]


def test_a_change_of_policy_does_not_drop_the_tick_that_is_due(cast: Cast, task: Task, clock: Any) -> None:
    made = make(cast, task)
    clock.shift(timedelta(hours=15))
    changed = change_schedule(by=cast.dee, schedule_id=made.pk, changes={"overlap": "queue"})
    assert changed.next_at == datetime(2026, 11, 22, 2, tzinfo=UTC)
    moved = change_schedule(
        by=cast.dee, schedule_id=made.pk, changes={"cron": "0 2 * * *", "zone": "Asia/Tokyo"}
    )
    assert moved.next_at == datetime(2026, 11, 22, 17, tzinfo=UTC)


def test_it_is_paused_and_resumed(cast: Cast, task: Task, clock: Any) -> None:
    made = make(cast, task)
    assert (
        refused(lambda: pause_schedule(by=cast.dee, schedule_id=made.pk, reason=" ")).code == "reason_missing"
    )
    paused = pause_schedule(by=cast.dee, schedule_id=made.pk, reason="freeze")
    assert (paused.status, paused.reason, paused.next_at) == ("paused", "freeze", None)
    assert times_of(paused).times == ()
    again = refused(lambda: pause_schedule(by=cast.dee, schedule_id=made.pk, reason="x"))
    assert (again.code, again.facts) == ("schedule_not_active", {"status": "paused"})
    assert change_schedule(by=cast.dee, schedule_id=made.pk, changes={"cron": "0 4 * * *"}).status == "paused"
    clock.shift(timedelta(days=3))
    resumed = resume_schedule(by=cast.root, schedule_id=made.pk)
    assert (resumed.status, resumed.reason, resumed.owner_name) == ("active", "", "root-shop")
    assert resumed.next_at == datetime(2026, 11, 25, 4, tzinfo=UTC)
    assert resume_schedule(by=cast.dee, schedule_id=made.pk).owner_name == "root-shop"
    assert acts() == ["schedule.created", "schedule.paused", "schedule.changed", "schedule.resumed"]


def test_what_is_over_is_not_resumed(cast: Cast, task: Task, clock: Any) -> None:
    made = make(cast, task, kind="once", cron="", at=NOON + timedelta(hours=1))
    pause_schedule(by=cast.dee, schedule_id=made.pk, reason="wait")
    clock.shift(timedelta(hours=2))
    assert refused(lambda: resume_schedule(by=cast.dee, schedule_id=made.pk)).code == "schedule_over"
    assert Schedule.objects.get().status == "paused"


def test_viewing_and_editing_are_different_rights(cast: Cast, task: Task) -> None:
    made = make(cast, task)
    narrow = replace(cast.dee, scopes=frozenset({"view", "configure"}))
    changes: list[Callable[[Caller], object]] = [
        lambda by: make(cast, task, name="x", by=by),
        lambda by: change_schedule(by=by, schedule_id=made.pk, changes={"name": "x"}),
        lambda by: resume_schedule(by=by, schedule_id=made.pk),
    ]
    others: list[Callable[[Caller], object]] = [
        lambda by: pause_schedule(by=by, schedule_id=made.pk, reason="x"),
        lambda by: delete_schedule(by=by, schedule_id=made.pk),
    ]
    for call in changes + others:
        for by in (cast.ann, cast.bob, cast.cy):
            assert refused(partial(call, by)).facts == {"right": "configure"}
    pause_schedule(by=narrow, schedule_id=made.pk, reason="x")
    for call in changes:
        # It would run with all the rights of its person.
        assert refused(partial(call, narrow)).facts == {"right": "operate"}
    assert (
        refused(lambda: resume_schedule(by=SYSTEM_CALLER, schedule_id=made.pk)).code
        == "schedule_needs_person"
    )
    assert schedule(by=cast.cy, schedule_id=made.pk).task.name == "Ask them"
    assert (
        schedules(
            by=cast.cy, project_id=cast.project_id, task_id=task.id, status="paused", search="nigh"
        ).count()
        == 1
    )


def test_strangers_hear_that_it_is_not_there(cast: Cast, task: Task) -> None:
    made = make(cast, task)
    sam = person("sam", create_project(by=SYSTEM_CALLER, name="other").id, ["admin"])
    for call in (
        lambda: schedule(by=sam, schedule_id=made.pk),
        lambda: ticks(by=sam, schedule_id=made.pk),
        lambda: change_schedule(by=sam, schedule_id=made.pk, changes={"name": "x"}),
        lambda: pause_schedule(by=sam, schedule_id=made.pk, reason="x"),
        lambda: resume_schedule(by=sam, schedule_id=made.pk),
        lambda: delete_schedule(by=sam, schedule_id=made.pk),
    ):  # fmt: skip
        found = refused(call)  # type: ignore[arg-type]
        assert (found.code, found.kind) == ("schedule_not_known", "missing")
    assert refused(lambda: make(cast, task, by=sam)).code == "task_not_known"
    assert not schedules(by=sam).exists()


def test_hosts_are_looked_at_when_it_is_saved(cast: Cast, task: Task) -> None:
    assert refused(lambda: make(cast, task, hosts={})).code == "hosts_missing"
    text = "stages: [{rollout: {name: say, steps: [{name: say, kind: command, command: id}]}}]"
    template = create_template(by=cast.dee, project_id=cast.project_id, name="Say", text=text)
    on_hosts = create_task(by=cast.dee, project_id=cast.project_id, template_id=template.id, name="Say")
    assert refused(lambda: make(cast, on_hosts)).code == "task_needs_hosts"
    assert refused(lambda: make(cast, on_hosts, hosts={"names": ["nowhere"]})).code == "host_not_known"


def test_it_goes_with_its_task(cast: Cast, task: Task) -> None:
    made = make(cast, task)
    gone = make(cast, task, name="Other")
    delete_schedule(by=cast.dee, schedule_id=gone.pk)
    delete_task(by=cast.dee, task_id=task.id)
    assert not Schedule.objects.exists()
    entries = Entry.objects.filter(act="schedule.deleted").order_by("id")
    assert [(e.subject_id, e.facts["name"]) for e in entries] == [(gone.pk, "Other"), (made.pk, "Nightly")]


def test_the_database_keeps_ticks_apart(cast: Cast, task: Task) -> None:
    made = make(cast, task)
    facts = {"schedule": made, "decided_at": NOON}
    Tick.objects.create(at=NOON, status="waiting", **facts)
    for at, status in ((NOON, "skipped"), (NOON + timedelta(1), "waiting"), (NOON + timedelta(1), "odd")):
        with pytest.raises(IntegrityError), transaction.atomic():
            Tick.objects.create(at=at, status=status, **facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        Schedule.objects.filter(id=made.pk).update(status="paused")
