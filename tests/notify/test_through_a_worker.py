"""A task with both kinds of steps, carried out by a real worker; the outbox and the rounds do the rest."""

from __future__ import annotations

import pytest

from interlock.notify.models import Message
from interlock.notify.services import subscribe
from interlock.runs.task_edits import create_task
from interlock.runs.task_runs import run_task
from interlock.runs.templates import create_template
from interlock.vault.services import put
from tests.cast import Cast
from tests.farside import FarSide, far_side
from tests.notify.conftest import webhook
from tests.runs.over_ssh.field import ended, until, working

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]
TEMPLATE = """\
parameters:
  - {name: pool, required: true}
  - {name: token, type: secret, required: true}
stages:
  - name: Reload
    kind: http
    method: POST
    url: "URL/pools/{pool}/reload"
    headers: {Authorization: "Bearer {token}"}
    json: {pool: "{pool}"}
    expect: [202]
always:
  - {name: Tell, kind: notify, channels: [ops], text: "{pool} is reloaded", must_arrive: true}
"""


def test_both_kinds_and_the_events_of_the_run(cast: Cast, side: FarSide) -> None:
    channel = webhook(cast, side)
    events = ["run_started", "run_succeeded"]
    subscribe(by=cast.dee, channel_id=channel.id, events=events, project_id=cast.project_id)
    put(by=cast.dee, name="lb", value="s3cr3t-token", project_id=cast.project_id)
    with far_side() as balancer:
        balancer.answer(202)
        text = TEMPLATE.replace("URL", balancer.url)
        template = create_template(by=cast.dee, project_id=cast.project_id, name="Reload", text=text)
        task = create_task(
            by=cast.dee,
            project_id=cast.project_id,
            template_id=template.pk,
            name="web",
            values={"token": "lb"},
        )
        with working():
            run = run_task(by=cast.ann, task_id=task.pk, values={"pool": "web"})
            assert ended(run) == "succeeded"
            until(lambda: Message.objects.filter(status="sent").count() == 3)
    (asked,) = balancer.asked
    assert (asked.path, asked.headers["authorization"]) == ("/pools/web/reload", "Bearer s3cr3t-token")
    assert sorted(one.json["event"] for one in side.asked) == ["run_started", "run_succeeded", "step"]
    assert [one.json["text"] for one in side.asked if one.json["event"] == "step"] == ["web is reloaded"]
