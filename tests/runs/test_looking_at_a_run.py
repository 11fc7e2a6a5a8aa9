"""A run is looked at by pages, which hold no transaction: no row may be locked for it."""

import pytest
from django.conf import settings

from interlock.accounts.caller import SYSTEM_CALLER
from interlock.accounts.services import create_project
from interlock.lifecycle.run.plan import Plan, Stage, StepPlan
from interlock.runs.queries import run_view
from interlock.runs.services import create_run, start


@pytest.mark.django_db(transaction=True, databases=list(settings.DATABASES))
def test_a_run_at_work_is_read_without_a_transaction() -> None:
    project = create_project(by=SYSTEM_CALLER, name="looking", description="")
    plan = Plan(stages=(Stage((StepPlan("until told", "wait", {"manual": True}),)),))
    run = create_run(
        project_id=project.id,
        origin="adhoc",
        origin_id=None,
        title="t",
        plan=plan,
        plan_hash="",
        by=SYSTEM_CALLER,
    )
    start(run_id=run.id, by=SYSTEM_CALLER)
    view = run_view(by=SYSTEM_CALLER, run_id=run.id)
    assert view.why[0] == "why_manual"
    assert [(verb.key, verb.allowed) for verb in view.verbs if verb.verb == "go-on"] == [("0.0", True)]
