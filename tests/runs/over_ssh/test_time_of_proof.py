"""A batch that has to prove itself for a while, on real hosts."""

from __future__ import annotations

import pytest
from django.conf import settings

from interlock.lifecycle.run.plan import StepPlan
from interlock.runs import services
from interlock.runs.adhoc import RolloutAsked
from interlock.runs.models import Target
from tests.runs.over_ssh.field import Field, ended, until, working

pytestmark = [pytest.mark.ssh, pytest.mark.django_db(transaction=True, databases=list(settings.DATABASES))]


def test_a_batch_that_falls_ill_in_its_time_of_proof_is_put_back_and_the_next_never_begins(
    field: Field,
) -> None:
    rollout = RolloutAsked(
        name="upgrade",
        hosts={"ids": field.ids[:2]},
        steps=(StepPlan("switch", "command", {"command": 'echo on >>"$PLACE/$INTERLOCK_HOST"'}),),
        gate=(StepPlan("still healthy", "command", {"command": "exit 3"}),),
        put_back=(StepPlan("switch back", "command", {"command": 'echo back >>"$PLACE/$INTERLOCK_HOST"'}),),
        batches=("1", "100%"),
        bake=1,
    )
    with working():
        run = field.start(rollout)
        assert ended(run, "waiting", "failed") == "waiting"
        until(
            lambda: Target.objects.filter(
                step__run=run, step__name="switch back", status="succeeded"
            ).exists()
        )
        first, second = (host.name for host in field.machines.hosts[:2])
        assert field.left(first) == "on\nback\n"
        assert not (field.folder / second).exists()
        services.stop(run_id=run.id, by=field.cast.ann, reason="seen enough")
        assert ended(run) == "canceled"
