"""Schedules on pages: the form keeps what was typed, says when it will run, and lets in who may."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.runs.models import Run, Schedule, Task, Tick
from interlock.runs.schedules import create_schedule
from tests.cast import Cast, make_cast
from tests.web.test_templates import EVIL, errors, make, task_of
from tests.web.visits import Visitor, make_place, text

pytestmark = pytest.mark.django_db(databases="__all__")
FORM = {"name": "Nightly", "kind": "cron", "cron": "30 2 * * *", "zone": "Asia/Shanghai", "misfire": "skip",
        "grace": "300", "overlap": "skip"}  # fmt: skip


@pytest.fixture
def cast() -> Cast:
    made = make_cast()
    make_place(made, "web-1", "web-2")
    return made


@pytest.fixture
def task(cast: Cast) -> Task:
    return task_of(cast, make(cast), values={"reason": "by plan"})


def plan(cast: Cast, task: Task, **more: Any) -> Schedule:
    plain = {"name": "Nightly", "kind": "cron", "cron": "30 2 * * *", "zone": "Asia/Shanghai"}
    return create_schedule(by=cast.dee, task_id=task.id, **plain | more)


def test_a_schedule_is_made_and_told_in_words(cast: Cast, task: Task) -> None:
    visitor = Visitor(cast.dee)
    page = visitor.text(f"/schedules/new?task={task.id}")
    assert "as the task says: by plan" in page and "Asia/Shanghai" in page
    fields = FORM | {"names": "web-1", "value_grace": "9"}
    answer = visitor.post(f"/schedules/new?task={task.id}", **fields)
    row = Schedule.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/schedules/{row.id}")
    assert (row.values, row.hosts, row.owner_id) == ({"grace": 9}, {"names": ["web-1"]}, cast.dee.person_id)
    page = visitor.text(f"/schedules/{row.id}")
    assert "At 02:30 every day" in page and "18:30" in page and page.count("+0800") == 10
    assert f"/schedules/{row.id}" in visitor.text(f"/tasks/{task.id}")
    assert "Nightly" in visitor.text("/schedules?status=active")
    assert "No schedule fits" in visitor.text("/schedules?status=paused")


def test_faults_are_at_their_fields_and_what_was_typed_is_kept(cast: Cast, task: Task) -> None:
    wrong = FORM | {"name": EVIL, "cron": "61 * * * *", "zone": "Mars/Base", "value_grace": "soon"}
    answer = Visitor(cast.dee).post(f"/schedules/new?task={task.id}", **wrong)
    assert answer.status_code == 422 and errors(answer) == ["cron", "value_grace", "zone"]
    page = text(answer)
    assert "61 * * * *" in page and "Mars/Base" in page and EVIL not in page
    assert not Schedule.objects.exists()


def test_what_does_not_belong_to_the_kind_is_not_meant(cast: Cast, task: Task) -> None:
    once = FORM | {"kind": "once", "at": "2999-12-31T09:00", "starts_at": "2000-01-01T00:00"}
    assert Visitor(cast.dee).post(f"/schedules/new?task={task.id}", **once).status_code == 303
    row = Schedule.objects.get()
    assert row.at is not None and row.at.isoformat() == "2999-12-31T01:00:00+00:00"
    assert (row.cron, row.starts_at) == ("", None)


def test_changing_one_thing_leaves_the_rest(cast: Cast, task: Task) -> None:
    row = plan(cast, task, values={"grace": 7}, ends_at=datetime(2999, 1, 1, tzinfo=UTC))
    visitor = Visitor(cast.dee)
    page = visitor.get(f"/schedules/{row.id}/edit")
    form: Any = page.context["form"]  # type: ignore[attr-defined]
    shown = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in shown.items() if value} | {"overlap": "queue", "version": "1"}
    assert visitor.post(f"/schedules/{row.id}/edit", **sent).status_code == 303
    after = Schedule.objects.get()
    assert (after.overlap, after.version, after.values) == ("queue", 2, {"grace": 7})
    assert (after.cron, after.zone, after.ends_at, after.hosts) == (row.cron, row.zone, row.ends_at, None)
    stale = visitor.post(f"/schedules/{row.id}/edit", **sent)
    assert stale.status_code == 422 and "meanwhile" in text(stale)


def test_the_next_times_are_shown_while_one_types(cast: Cast) -> None:
    visitor = Visitor(cast.cy)
    told = visitor.text("/schedules/_times?kind=cron&cron=0+9+*+*+1-5&zone=Europe/Berlin")
    assert "Monday through Friday" in told and told.count("<tr>") == 11
    assert "field 1 of 5" in visitor.text("/schedules/_times?kind=cron&cron=x+9+*+*+*&zone=UTC")
    assert EVIL not in visitor.text(f"/schedules/_times?kind=cron&cron=0+9+*+*+*&zone={EVIL}")
    assert "as you type" in visitor.text("/schedules/_times?kind=cron&cron=&zone=UTC")


def test_pausing_takes_a_reason_and_resuming_takes_it_back(cast: Cast, task: Task) -> None:
    row = plan(cast, task)
    visitor = Visitor(cast.dee)
    assert visitor.post(f"/schedules/{row.id}/change", act="pause", reason=" ").status_code == 422
    visitor.post(f"/schedules/{row.id}/change", act="pause", reason=EVIL)
    page = visitor.text(f"/schedules/{row.id}")
    assert "Paused by dee" in page and EVIL not in page
    visitor.post(f"/schedules/{row.id}/change", act="resume")
    assert Schedule.objects.get().status == "active"
    assert visitor.post(f"/schedules/{row.id}/change", act="delete")["Location"] == "/schedules"
    assert not Schedule.objects.exists()


def test_each_time_that_came_is_told_with_its_run_or_why_there_is_none(cast: Cast, task: Task) -> None:
    row = plan(cast, task)
    run = Run.objects.create(
        project_id=task.project_id,
        title="x",
        origin="task",
        plan={},
        plan_hash="x",
        created_at=row.created_at,
    )
    times = {"decided_at": row.created_at, "schedule": row}
    Tick.objects.create(at="2026-01-01T00:00Z", status="started", run=run, **times)
    Tick.objects.create(at="2026-01-02T00:00Z", status="skipped", code="tick_overlaps",
                        facts={"run_id": run.id}, **times)  # fmt: skip
    visitor = Visitor(cast.cy)
    page = visitor.text(f"/schedules/{row.id}")
    assert f'href="/runs/{run.id}"' in page and f"Run {run.id} of this schedule was still open" in page
    assert "was still open" in visitor.text("/schedules")
    assert "was still open" not in visitor.text(f"/schedules/{row.id}?status=started")


def test_only_those_who_may_make_them(cast: Cast, task: Task) -> None:
    row = plan(cast, task)
    for who in (cast.ann, cast.cy):
        visitor = Visitor(who)
        assert visitor.get(f"/schedules/new?task={task.id}").status_code == 403
        assert visitor.get(f"/schedules/{row.id}/edit").status_code == 403
        assert visitor.post(f"/schedules/{row.id}/change", act="delete").status_code == 403
        assert "/edit" not in visitor.text(f"/schedules/{row.id}")
    stranger = Visitor(make_cast("other").dee)
    assert stranger.get(f"/schedules/{row.id}").status_code == 404
    assert "Nightly" not in stranger.text("/schedules")
    assert Schedule.objects.filter(id=row.id).exists()
