"""Ticks: one run each, whoever looks at them at once, and what becomes of those that overlap."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from interlock.journal.models import Entry
from interlock.journal.transactions import writing
from interlock.runs.models import Run, Schedule, Task, Tick
from interlock.runs.reconciler import Reconciler
from interlock.runs.schedule_ticks import fire_due
from interlock.runs.schedules import change_schedule, pause_schedule
from tests.cast import Cast
from tests.runs.conftest import NOON
from tests.runs.test_schedules import make
from tests.runs.ticking import FIVE, at_once, end, every_five, fresh, seen, told

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_tick_becomes_one_run_of_its_owner(cast: Cast, task: Task, clock: Any) -> None:
    made = every_five(cast, task, values={"count": 7})
    assert fire_due() == 1 and not Tick.objects.exists()  # looked at when it was made
    clock.shift(FIVE)
    assert (fire_due(), fire_due()) == (1, 0)
    run = Run.objects.get()
    assert seen() == [("12:05", "started", "", run.id)]
    assert (run.origin, run.origin_id, run.status) == ("task", task.id, "waiting")
    assert run.requested_by == {"kind": "person", "id": str(cast.dee.person_id), "name": "dee"}
    facts = {"schedule_id": made.pk, "schedule": "Nightly", "tick": "2026-11-21T12:05:00+00:00"}
    assert run.made_from["values"] == {"word": "hi", "count": 7} and facts.items() <= run.made_from.items()
    assert facts.items() <= Entry.objects.get(act="task.run_asked").facts.items()
    assert fresh().next_at == fresh().look_at == NOON + 2 * FIVE


def test_a_moment_comes_once_and_that_is_the_end(cast: Cast, task: Task, clock: Any) -> None:
    make(cast, task, kind="once", cron="", at=NOON + FIVE)
    clock.shift(FIVE)
    fire_due()
    assert told() == [("12:05", "started", "")]
    assert (fresh().status, fresh().next_at, fresh().look_at) == ("ended", None, None)
    change_schedule(by=cast.dee, schedule_id=fresh().pk, changes={"at": NOON + 2 * FIVE})
    assert (fresh().status, fresh().next_at) == ("active", NOON + 2 * FIVE)


def test_reconcilers_at_once_make_one_run(cast: Cast, task: Task, clock: Any) -> None:
    every_five(cast, task)
    clock.shift(FIVE)
    at_once(fire_due, fire_due, fire_due)
    assert told() == [("12:05", "started", "")] and Run.objects.count() == 1


@pytest.mark.postgres
def test_nobody_waits_for_who_is_at_a_schedule(cast: Cast, task: Task, clock: Any) -> None:
    held, other = every_five(cast, task), every_five(cast, task, name="Other")
    clock.shift(FIVE)
    with writing():
        Schedule.objects.select_for_update().get(id=held.pk)
        at_once(fire_due)
        assert set(Tick.objects.values_list("schedule_id", flat=True)) == {other.pk}
    fire_due()
    assert set(Tick.objects.values_list("schedule_id", flat=True)) == {other.pk, held.pk}


def test_what_was_missed_is_told_and_not_made_up(cast: Cast, task: Task, clock: Any) -> None:
    every_five(cast, task, overlap="allow")
    clock.shift(timedelta(minutes=61))
    for _ in range(3):
        fire_due()
    assert told() == [("12:05", "skipped", "tick_missed"), ("13:00", "started", "")]
    missed = Tick.objects.earliest("at")
    assert missed.facts == {"count": 11, "until": "2026-11-21T12:55:00+00:00", "grace": 300}
    assert fresh().next_at == NOON + timedelta(minutes=65)


def test_one_run_stands_for_all_that_were_missed(cast: Cast, task: Task, clock: Any) -> None:
    every_five(cast, task, misfire="once")
    clock.shift(timedelta(minutes=61))
    fire_due()
    assert told() == [("12:05", "skipped", "tick_made_up"), ("13:00", "started", "")]
    assert Tick.objects.earliest("at").facts["by"] == "2026-11-21T13:00:00+00:00"


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("allow", [("started", ""), ("started", ""), ("started", "")]),
        ("skip", [("started", ""), ("skipped", "tick_overlaps"), ("skipped", "tick_overlaps")]),
        ("queue", [("started", ""), ("waiting", "tick_waits"), ("skipped", "tick_queue_full")]),
    ],
)
def test_a_run_that_is_still_open(
    cast: Cast, task: Task, clock: Any, overlap: str, expected: list[tuple[str, str]]
) -> None:
    every_five(cast, task, overlap=overlap)
    for _ in range(3):
        clock.shift(FIVE)
        fire_due()
    assert [(status, code) for _, status, code in told()] == expected
    end(seen()[0][3], cast.dee)
    clock.shift(FIVE / 5)
    fire_due()
    first = {"allow": "started", "skip": "skipped", "queue": "started"}[overlap]
    assert told()[1][1] == first and len(told()) == 3
    for _, _, _, run_id in seen()[1:]:
        if run_id is not None:
            end(run_id, cast.dee)
    clock.shift(FIVE)
    fire_due()
    assert told()[3][1] == "started"


def test_what_waits_goes_first_and_the_next_waits_for_it(cast: Cast, task: Task, clock: Any) -> None:
    every_five(cast, task, overlap="queue")
    for _ in range(2):
        clock.shift(FIVE)
        fire_due()
    clock.shift(FIVE)
    end(seen()[0][3], cast.dee)
    fire_due()
    assert told() == [("12:05", "started", ""), ("12:10", "started", ""), ("12:15", "waiting", "tick_waits")]
    waiting = Tick.objects.get(status="waiting")
    assert waiting.facts == {"run_id": seen()[1][3]}
    assert Run.objects.get(id=seen()[1][3]).made_from["tick"] == "2026-11-21T12:10:00+00:00"


def test_what_waits_when_it_is_paused_is_left_out(cast: Cast, task: Task, clock: Any) -> None:
    made = every_five(cast, task, overlap="queue")
    for _ in range(2):
        clock.shift(FIVE)
        fire_due()
    pause_schedule(by=cast.dee, schedule_id=made.pk, reason="freeze")
    assert told()[1] == ("12:10", "skipped", "schedule_paused")
    end(seen()[0][3], cast.dee)
    fire_due()
    assert len(told()) == 2 and fresh().look_at is None


def test_a_run_that_ends_while_its_successor_is_decided_upon(cast: Cast, task: Task, clock: Any) -> None:
    """Whichever of the two is first, what waits is started in the end."""
    every_five(cast, task, overlap="queue")
    clock.shift(FIVE)
    fire_due()
    first = seen()[0][3]
    clock.shift(FIVE)
    at_once(lambda: end(first, cast.dee), fire_due)
    fire_due()
    assert told() == [("12:05", "started", ""), ("12:10", "started", "")]


def test_the_reconciler_does_it_by_itself(cast: Cast, task: Task, clock: Any) -> None:
    made = make(cast, task, kind="once", cron="", at=NOON + FIVE)
    clock.shift(FIVE)
    reconciler = Reconciler()
    reconciler.start()
    try:
        patience = threading.Event()
        for _ in range(100):
            if Tick.objects.filter(schedule=made).exists():
                break
            patience.wait(0.1)
    finally:
        reconciler.stop()
    tick = Tick.objects.get(schedule=made)
    assert (tick.status, tick.run and tick.run.status) == ("started", "waiting")
    assert fresh().status == "ended"
