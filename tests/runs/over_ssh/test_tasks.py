"""A template saved, made a task, run and approved: on real hosts, with a secret that stays one."""

from __future__ import annotations

import pytest
from django.conf import settings

from interlock.runs import approvals
from interlock.runs.models import Approval, Lane, LogHead, Run, Target
from interlock.runs.queries import log_bytes
from interlock.runs.task_edits import create_task
from interlock.runs.task_runs import run_task
from interlock.runs.templates import create_template
from interlock.vault.services import put
from tests.runs.over_ssh.field import Field, ended, until, working

pytestmark = [pytest.mark.ssh, pytest.mark.django_db(transaction=True, databases=list(settings.DATABASES))]
SECRET = "a-secret-of-some-length"
TEXT = """\
parameters:
  - {name: place, required: true}
  - {name: word, pattern: "[^\\n]+", required: true}
  - {name: loud, type: boolean, default: true}
  - {name: token, type: secret, default: TOKEN}
stages:
  - parallel:
      - {name: A moment, kind: wait, seconds: 0.1}
      - rollout:
          name: Look
          steps: [{name: look, kind: probe, command: 'test -d "$PARAM_PLACE"'}]
  - {name: May I, kind: approval, not_requester: true}
  - rollout:
      name: Say
      batches: [1, 100%]
      steps:
        - name: say
          kind: command
          command: |
            echo "$PARAM_WORD, loud: $PARAM_LOUD, token: $PARAM_TOKEN"
            [ "$PARAM_TOKEN" = a-secret-of"-some-length" ] && echo "$INTERLOCK_HOST" >>"$PARAM_PLACE/said"
always:
  - {name: tell, kind: command, command: 'echo "told $PARAM_WORD" | tee "$PARAM_PLACE/told"'}
"""
# As text of a script it would do harm; as a value it is said as it is.
WORD = '$(touch "$PARAM_PLACE/harm") `id` \'; exit 7; "'


def test_a_task_from_its_template_to_its_end(field: Field) -> None:
    cast, names = field.cast, [host.name for host in field.machines.hosts]
    put(by=cast.dee, name="TOKEN", value=SECRET, project_id=cast.project_id)
    template = create_template(by=cast.root, project_id=cast.project_id, name="Say", text=TEXT)
    task = create_task(
        by=cast.dee,
        project_id=cast.project_id,
        template_id=template.id,
        name="Say it",
        values={"place": str(field.folder)},
        hosts={"ids": field.ids},
    )
    with working():
        run = run_task(by=cast.ann, task_id=task.id, values={"word": WORD})
        approval = until(lambda: Approval.objects.filter(run=run, status="open").first())
        assert not (field.folder / "said").exists()
        assert Target.objects.filter(step__run=run, step__name="look", status="succeeded").count() == 3
        approvals.approve(run_id=run.id, key="1.0", by=cast.bob, plan_hash=approval.plan_hash)
        assert ended(run) == "succeeded"
    lanes = Lane.objects.filter(run=run, step__name="Say").order_by("id")
    assert [(lane.host_name, lane.batch) for lane in lanes] == list(zip(names, (0, 1, 1), strict=True))
    assert field.left("said").splitlines()[0] == names[0] and sorted(field.left("said").split()) == names
    stars = "*" * len(SECRET)
    for said in Target.objects.filter(step__run=run, step__name="say").select_related("step", "lane"):
        assert field.log(said) == f"{WORD}, loud: true, token: {stars}\n"
    assert field.left("told") == f"told {WORD}\n" and not (field.folder / "harm").exists()
    for body in LogHead.objects.filter(run_id=run.id).values_list("body", flat=True):
        assert (
            SECRET.encode() not in log_bytes(by=cast.ann, run_id=run.id, body=body, offset=0, limit=9**6).data
        )
    kept = Run.objects.get(id=run.id)
    assert SECRET not in str([kept.plan, kept.parameters, kept.secrets, kept.made_from])
