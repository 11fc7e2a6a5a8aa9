"""Ticks when something is in their way: it is told, nothing comes twice, and nobody else waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from interlock.accounts.caller import SYSTEM_CALLER
from interlock.accounts.services import set_roles, update_person
from interlock.fleet.services import create_environment, create_host, set_grants
from interlock.journal.models import Entry
from interlock.runs import schedule_ticks
from interlock.runs.approvals import approve
from interlock.runs.models import Run, Schedule, Task, Tick
from interlock.runs.schedule_ticks import fire_due, follow_clock
from interlock.runs.schedules import resume_schedule
from interlock.runs.task_edits import change_task, disable_task, enable_task
from interlock.runs.templates import save_template
from tests.cast import Cast, person
from tests.runs.conftest import ASK, NOON
from tests.runs.ticking import FIVE, end, every_five, fresh, told

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


class Died(BaseException):
    """Ends the work as the end of its process would: nothing of ours is done afterwards."""


@pytest.mark.parametrize("place", ["_record", "append"])
def test_who_dies_on_the_way_has_made_nothing(
    cast: Cast, task: Task, clock: Any, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    every_five(cast, task)
    disable_task(by=cast.dee, task_id=task.id, reason="x") if place == "append" else None
    clock.shift(FIVE)

    def dies(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(schedule_ticks, place, dies)
        with pytest.raises(Died):
            fire_due()
    assert not Run.objects.exists() and not Tick.objects.exists() and fresh().next_at == NOON + FIVE
    fire_due()
    assert [(at, status) for at, status, _ in told()] == [
        ("12:05", "skipped" if place == "append" else "started")
    ]
    assert Run.objects.count() == (place != "append")


@pytest.mark.postgres
def test_a_database_that_goes_away_on_the_way(
    cast: Cast, task: Task, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the run and the commit: a later round, on a new connection, makes it."""
    every_five(cast, task)
    clock.shift(FIVE)

    def cut_off(*_: object, **__: object) -> None:
        assert Run.objects.count() == 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr(schedule_ticks, "_record", cut_off)
        fire_due()
    assert not Run.objects.exists() and fresh().failures == 1
    Schedule.objects.update(failures=9999)  # a database that flaps all day stops nobody's schedules
    with monkeypatch.context() as patch:
        patch.setattr(schedule_ticks, "_record", cut_off)
        clock.shift(60)
        fire_due()
    clock.shift(60)
    fire_due()
    assert fresh().failures == 0 and told() == [("12:05", "started", "")]


def test_an_owner_who_is_gone_or_has_lost_the_right_stops_it(cast: Cast, task: Task, clock: Any) -> None:
    dan = person("dan", cast.project_id, ["admin"])
    made = every_five(cast, task, by=dan)
    set_roles(by=SYSTEM_CALLER, person_id=dan.person_id or 0, project_id=cast.project_id, roles=["viewer"])
    clock.shift(FIVE)
    fire_due()
    assert told() == [("12:05", "skipped", "schedule_owner_not_allowed")]
    row = fresh()
    assert (row.status, row.code, row.facts, row.next_at) == (
        "stopped", "schedule_owner_not_allowed", {"owner": "dan"}, None,
    )  # fmt: skip
    entry = Entry.objects.get(act="schedule.stopped")
    assert (entry.reason, entry.subject_id, entry.actor_kind) == (row.code, made.pk, "system")
    clock.shift(FIVE)
    assert fire_due() == 0

    resume_schedule(by=cast.dee, schedule_id=made.pk)
    update_person(by=SYSTEM_CALLER, person_id=dan.person_id or 0, is_active=False)
    clock.shift(FIVE)
    fire_due()
    assert told()[-1] == ("12:15", "started", "") and Run.objects.get().requested_by["name"] == "dee"
    update_person(by=SYSTEM_CALLER, person_id=cast.dee.person_id or 0, is_active=False)
    clock.shift(FIVE)
    end(Run.objects.get().id, cast.root)
    fire_due()
    assert told()[-1] == ("12:20", "skipped", "schedule_owner_gone") and fresh().status == "stopped"


def test_what_stands_in_the_way_is_told_and_it_goes_on(cast: Cast, task: Task, clock: Any) -> None:
    every_five(cast, task)
    disable_task(by=cast.dee, task_id=task.id, reason="frozen")
    clock.shift(FIVE)
    fire_due()
    enable_task(by=cast.dee, task_id=task.id)
    change_task(by=cast.dee, task_id=task.id, changes={"values": {}})
    clock.shift(FIVE)
    fire_due()
    change_task(by=cast.dee, task_id=task.id, changes={"values": {"word": "hi"}})
    clock.shift(FIVE)
    fire_due()
    assert told() == [
        ("12:05", "skipped", "task_disabled"), ("12:10", "skipped", "values_unfit"), ("12:15", "started", ""),
    ]  # fmt: skip
    first, second = Tick.objects.filter(status="skipped").order_by("at")
    assert first.facts == {"reason": "frozen"} and second.facts["faults"][0]["code"] == "value_missing"
    entry = Entry.objects.filter(act="schedule.tick_skipped").earliest("id")
    assert (entry.reason, entry.facts) == (
        "task_disabled", {"tick": "2026-11-21T12:05:00+00:00", "facts": {"reason": "frozen"}},
    )  # fmt: skip


def test_hosts_that_are_not_granted_any_more(cast: Cast, task: Task, clock: Any) -> None:
    environment = create_environment(by=cast.root, name="qa")
    set_grants(by=cast.root, environment_id=environment.id, project_ids=[cast.project_id])
    create_host(by=cast.root, name="web-1", address="127.0.0.1", environment_id=environment.id)
    text = "stages: [{rollout: {name: say, steps: [{name: say, kind: command, command: id}]}}]"
    save_template(by=cast.dee, template_id=task.template_id, text=text, base=1)
    change_task(by=cast.dee, task_id=task.id, changes={"values": {}})
    every_five(cast, task, hosts={"names": ["web-1"]})
    set_grants(by=cast.root, environment_id=environment.id, project_ids=[])
    clock.shift(FIVE)
    fire_due()
    assert told() == [("12:05", "skipped", "host_not_known")]
    assert Tick.objects.get().facts == {"hosts": "web-1"} and fresh().status == "active"


def test_one_that_breaks_holds_up_nobody_and_stops_itself(
    cast: Cast, task: Task, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = every_five(cast, task), every_five(cast, task, name="Good", overlap="allow")
    run_task = schedule_ticks.run_task

    def breaks(**asked: Any) -> Run:
        if asked["tick"]["schedule_id"] == odd.pk:
            raise RuntimeError("odd")
        return run_task(**asked)

    monkeypatch.setattr(schedule_ticks, "run_task", breaks)
    clock.shift(FIVE)
    fire_due()
    assert [tick.schedule_id for tick in Tick.objects.all()] == [good.pk]
    odd.refresh_from_db()
    assert (odd.failures, odd.next_at, odd.look_at) == (1, NOON + FIVE, NOON + FIVE + timedelta(seconds=5))
    for _ in range(4):
        clock.shift(60)
        fire_due()
    odd.refresh_from_db()
    assert (odd.status, odd.code, odd.facts) == (
        "stopped",
        "schedule_broken",
        {"error": "RuntimeError", "count": 5},
    )
    monkeypatch.undo()
    resume_schedule(by=cast.dee, schedule_id=odd.pk)
    clock.shift(FIVE)
    fire_due()
    assert odd.ticks.filter(status="started").count() == 1
    odd.refresh_from_db()
    assert odd.failures == 0


def test_many_at_once_are_worked_off_in_slices(
    cast: Cast, task: Task, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        every_five(cast, task, name=f"n{n}")
    clock.shift(FIVE)
    with monkeypatch.context() as patch:
        patch.setattr(schedule_ticks, "SLICE", 3)
        assert (fire_due(), fire_due(), fire_due()) == (3, 1, 0)
    assert Run.objects.count() == 4
    clock.shift(FIVE)
    with monkeypatch.context() as patch:
        patch.setattr(schedule_ticks, "BUDGET", -1.0)  # no time at all
        assert fire_due() == 0
    assert fire_due() == 4


def test_at_rest_it_costs_one_query_by_an_index(
    cast: Cast, task: Task, clock: Any, django_assert_num_queries: Any
) -> None:
    made = every_five(cast, task)
    fire_due()
    with django_assert_num_queries(1) as queries:
        assert fire_due() == 0
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + queries.captured_queries[0]["sql"])
            assert "schedule_due" in str(cursor.fetchall())
    assert made.pk == fresh().pk


def test_a_clock_that_was_ahead_and_is_set_back(cast: Cast, task: Task, clock: Any) -> None:
    """It had gone a week ahead: what it let go by comes all the same, what it ran does not come again."""
    every_five(cast, task, overlap="allow")
    clock.move_to(NOON + timedelta(days=7))
    fire_due()
    fire_due()
    assert told() == [("12:05", "skipped", "tick_missed"), ("11:55", "started", "")]
    clock.move_to(NOON + timedelta(minutes=1))
    assert fire_due() == 0 and fresh().next_at == NOON + timedelta(days=7)  # silent, until somebody looks
    assert (follow_clock(), follow_clock()) == (1, 0)
    fire_due()
    assert fresh().next_at == NOON + FIVE
    clock.shift(FIVE)
    fire_due()
    assert told()[0] == ("12:05", "started", "")
    clock.move_to(NOON + timedelta(days=7, minutes=-5))
    for _ in range(4):
        fire_due()
    assert Run.objects.count() == 3  # 12:05, 11:50 within its grace, and the one of before
    clock.move_to(NOON + timedelta(days=7, minutes=-4))
    fire_due()
    assert Tick.objects.filter(at=NOON + timedelta(days=7, minutes=-5)).count() == 1


def test_a_clock_that_goes_back_a_little_repeats_nothing(cast: Cast, task: Task, clock: Any) -> None:
    every_five(cast, task, overlap="allow")
    clock.shift(FIVE)
    fire_due()
    clock.shift(timedelta(seconds=-30))
    assert (follow_clock(), fire_due()) == (0, 0)
    clock.shift(timedelta(seconds=31))
    fire_due()
    assert told() == [("12:05", "started", "")]


def test_the_owner_does_not_approve_where_the_requester_may_not(cast: Cast, task: Task, clock: Any) -> None:
    text = ASK.replace("kind: approval", "kind: approval, not_requester: true")
    save_template(by=cast.dee, template_id=task.template_id, text=text, base=1)
    every_five(cast, task)
    clock.shift(FIVE)
    fire_due()
    run = Run.objects.get()
    with pytest.raises(Exception, match="own"):
        approve(run_id=run.id, key="0.0", by=cast.dee, plan_hash=run.plan_hash)
    approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    assert Run.objects.get().status == "succeeded" and not Tick.objects.get().open
