"""From what happens to a run to one message in each channel that wants it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from interlock.accounts.services import set_roles
from interlock.journal.services import deliver_due
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.events import StepEnded
from interlock.lifecycle.run.plan import Key, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.notify.events import EVENTS
from interlock.notify.models import Message
from interlock.notify.services import change_channel, create_channel, subscribe
from interlock.notify.telling import tell_deadlines
from interlock.runs import approvals
from interlock.runs.engine.apply import apply
from interlock.runs.engine.claims import claim_step
from interlock.runs.kinds import base
from interlock.runs.schedule_ticks import fire_due
from interlock.runs.schedules import create_schedule
from interlock.runs.services import give_up, start, stop
from interlock.runs.task_edits import create_task
from interlock.runs.templates import create_template
from tests.cast import Cast, make_cast
from tests.farside import FarSide
from tests.notify.conftest import webhook
from tests.runs.conftest import ONE, Noop
from tests.runs.play import make_run, plan_of, step_of

pytestmark = pytest.mark.django_db(databases="__all__")
ALL = sorted(EVENTS)
ASK = StepPlan("Ask", "approval", {"deadline": 3600, "on_deadline": "reject", "people": ["bob"]})
WORK = StepPlan("Work", "noop")


@pytest.fixture(autouse=True)
def noop() -> None:
    base.register(Noop())


def told(**where: Any) -> list[tuple[str, str]]:
    """Deliver what the outbox has; (event, title) of all messages, oldest first."""
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=True):
        deliver_due()
        deliver_due()
    rows = Message.objects.filter(**where).order_by("id")
    return list(rows.values_list("event", "title"))


def carry_out(run: Any, key: str, status: StepStatus) -> None:
    assert claim_step(step_of(run, key).id, ONE) is not None
    apply(run.id, StepEnded(Key.parse(key), status))


def test_a_run_from_its_start_to_its_end(cast: Cast, side: FarSide) -> None:
    subscribe(by=cast.dee, channel_id=webhook(cast, side).id, events=ALL, project_id=cast.project_id)
    run = make_run(cast, plan_of(ASK, WORK))
    assert told() == [("run_started", "a run: started"), ("approval_opened", "a run: waits for approval")]
    assert "Until" in Message.objects.get(event="approval_opened").text
    approvals.approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    carry_out(run, "1.0", StepStatus.FAILED)
    assert told()[2:] == [("approval_decided", "a run: approved"), ("run_held", "a run: needs a person")]
    held = Message.objects.get(event="run_held")
    assert "“Work” is failed" in held.text and held.link.endswith(f"/runs/{run.id}")
    give_up(run_id=run.id, by=cast.ann, reason="enough")
    assert told()[4:] == [("run_failed", "a run: failed")]
    # The outbox may deliver an entry once more: the message is there already.
    assert told() == told()
    assert set(Message.objects.values_list("project_id", "run_id", "status")) == {
        (cast.project_id, run.id, "pending")
    }


def test_a_run_that_is_stopped_says_by_whom(cast: Cast, side: FarSide) -> None:
    subscribe(
        by=cast.dee, channel_id=webhook(cast, side).id, events=["run_canceled"], project_id=cast.project_id
    )
    run = make_run(cast, plan_of(ASK))
    stop(run_id=run.id, by=cast.ann, reason="wrong window")
    assert told() == [("run_canceled", "a run: stopped")]
    text = Message.objects.get().text
    assert f"By {cast.ann.name}" in text and "Reason: wrong window" in text


def test_a_deadline_is_told_once_before_it_passes(cast: Cast, side: FarSide) -> None:
    subscribe(by=cast.dee, channel_id=webhook(cast, side).id, project_id=cast.project_id,
              events=["approval_due", "approval_decided"])  # fmt: skip
    run = make_run(cast, plan_of(ASK))
    tell_deadlines()
    assert Message.objects.count() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=40)):
        tell_deadlines()
        tell_deadlines()
    assert told() == [("approval_due", "a run: the time to approve runs out")]
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        approvals.close_expired(run.approvals.get().id)
    with time_machine.travel(timezone.now() + timedelta(hours=3)):
        assert told()[1:] == [("approval_decided", "a run: nobody decided in time")]


def test_only_what_is_wanted_goes_where_it_is_wanted(cast: Cast, side: FarSide) -> None:
    mine, other = webhook(cast, side), webhook(cast, side, "other", "zh-hans")
    everywhere = create_channel(by=cast.root, name="all", kind="slack", address=side.url)
    subscribe(by=cast.dee, channel_id=mine.id, events=["run_succeeded"], project_id=cast.project_id)
    subscribe(by=cast.dee, channel_id=other.id, events=["run_started"], project_id=cast.project_id)
    subscribe(by=cast.root, channel_id=everywhere.id, events=["run_started"])
    # Twice wanted is told once.
    subscribe(by=cast.dee, channel_id=everywhere.id, events=["run_started"], project_id=cast.project_id)
    stranger = make_cast("elsewhere")
    make_run(stranger, plan_of(WORK))
    make_run(cast, plan_of(WORK))
    assert told(channel=mine) == []
    assert told(channel=other) == [("run_started", "a run：已开始")]
    assert told(channel=everywhere) == [("run_started", "a run: started")] * 2
    change_channel(by=cast.dee, channel_id=other.id, enabled=False)
    assert set(Message.objects.filter(channel=other).values_list("status", "error")) == {
        ("given_up", "channel_disabled")
    }
    make_run(cast, plan_of(WORK))
    assert len(told(channel=other)) == 1


def test_builds_are_told_as_versions_only(cast: Cast, side: FarSide) -> None:
    subscribe(by=cast.dee, channel_id=webhook(cast, side).id, events=ALL, project_id=cast.project_id)
    run = make_run(cast, plan_of(WORK), origin="build", start=False)
    start(run_id=run.id, by=cast.ann)
    assert told() == []


def test_a_schedule_that_starts_no_more_runs(cast: Cast, side: FarSide) -> None:
    text = "stages: [{name: a, kind: wait, seconds: 1}]"
    template = create_template(by=cast.dee, project_id=cast.project_id, name="Wait", text=text)
    task = create_task(by=cast.dee, project_id=cast.project_id, template_id=template.pk, name="Wait")
    channel = webhook(cast, side)
    subscribe(by=cast.dee, channel_id=channel.id, events=ALL, project_id=cast.project_id, task_id=task.pk)
    nightly = create_schedule(by=cast.dee, task_id=task.pk, name="Nightly", kind="cron", cron="0 2 * * *")
    set_roles(by=cast.root, person_id=int(cast.dee.id), project_id=cast.project_id, roles=[])
    with time_machine.travel(nightly.next_at + timedelta(seconds=1)):
        assert fire_due() == 1
        assert told() == [("schedule_stopped", "Nightly: the schedule was stopped")]
    message = Message.objects.get()
    assert "It ran as dee, who may not run tasks here any more" in message.text
    assert message.link.endswith(f"/tasks/{task.pk}")


def test_who_may_subscribe_whom_to_what(cast: Cast, side: FarSide) -> None:
    mine = webhook(cast, side)
    stranger = make_cast("elsewhere")
    refused = [
        ({"by": cast.ann, "project_id": cast.project_id}, "not_allowed"),
        ({"by": cast.dee}, "not_allowed"),
        ({"by": stranger.dee, "project_id": stranger.project_id}, "channel_not_known"),
        ({"by": cast.root}, "channel_not_known"),  # a project's channel hears of no other project
        ({"by": cast.dee, "project_id": cast.project_id, "events": ["run_ended"]}, "events_unfit"),
        (
            {"by": cast.dee, "project_id": cast.project_id, "service_id": 1, "task_id": 1},
            "subscription_of_one",
        ),
    ]
    for asked, code in refused:
        with pytest.raises(Refused) as error:
            subscribe(**{"channel_id": mine.id, "events": ["run_failed"], **asked})  # type: ignore[arg-type]
        assert error.value.code == code
