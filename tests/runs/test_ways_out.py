"""Runs that nothing would have moved on, had the rows been left as they were."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from django.conf import LazySettings

from interlock.fleet.models import Host
from interlock.lifecycle.run.plan import HostPlan, Plan, Stage, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.runs import services
from interlock.runs.engine.claims import claim_slice, claim_step, expire, finish_step
from interlock.runs.kinds.base import Outcome
from interlock.runs.models import Lane, Slice
from interlock.runs.worker.database import DatabaseThread
from interlock.runs.worker.slices import SliceTask
from tests.cast import Cast
from tests.runs.conftest import ONE, TWO
from tests.runs.play import (
    begin_all,
    carry_through,
    claimed,
    end_all,
    fresh,
    make_run,
    plan_of,
    ready_slices,
    rollout,
    step_of,
)

pytestmark = pytest.mark.django_db
Hosts = tuple[HostPlan, ...]


def test_a_batch_whose_hosts_were_all_excluded_is_passed_over(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:3], 1, 1, 1)))
    services.exclude(run_id=run.id, key="0.0", by=cast.ann, reason="broken", host_ids=[hosts[1].id])
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"
    assert not Slice.objects.exclude(status="ended").exists()


def test_a_retry_of_all_leaves_the_batches_behind_as_they_are(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:3], 1, 2, threshold=1, steps=1)))
    for _ in range(2):
        work = claimed(run, ONE)
        end_all(work, ONE, begin_all(work, ONE), StepStatus.FAILED)
    services.retry(run_id=run.id, key="0.0", by=cast.ann, reason="mended")
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"
    assert sorted(Lane.objects.values_list("status", flat=True)) == ["failed", "succeeded", "succeeded"]


def test_a_stop_leaves_a_dead_workers_live_hosts_to_be_adopted(cast: Cast, hosts: Hosts) -> None:
    """Beside an idle step, whose end makes the stop cancel what is idle."""
    run = make_run(cast, Plan((Stage((StepPlan("beside", "noop"), rollout(hosts[:2], 2))),)))
    begin_all(claimed(run, ONE), ONE)
    expire(everything=True)
    services.stop(run_id=run.id, by=cast.ann, reason="wrong version")
    assert fresh(run).status == "stopping"
    work = claimed(run, TWO)
    assert work.stop
    assert {lane.value.status for lane in work.lanes} == {"running"}


def test_a_stop_ends_a_dead_workers_step_only_when_it_was_read_back(cast: Cast) -> None:
    run = make_run(cast, plan_of(StepPlan("build", "noop")))
    step_id = step_of(run, "0.0").id
    claim_step(step_id, ONE)
    expire(everything=True)
    services.stop(run_id=run.id, by=cast.ann, reason="wrong branch")
    assert fresh(run).status == "stopping"
    work = claim_step(step_id, TWO)
    assert work is not None
    assert (work.adopted, work.stop) == (True, True)
    finish_step(work, Outcome(StepStatus.CANCELED), TWO, go_on=False)
    assert fresh(run).status == "canceled"


@pytest.mark.django_db(transaction=True)
def test_a_slice_with_nothing_left_to_do_ends(cast: Cast, hosts: Hosts, settings: LazySettings) -> None:
    settings.SLICE_HOSTS = 1
    run = make_run(cast, plan_of(rollout(hosts[:2], 2)))
    services.exclude(run_id=run.id, key="0.0", by=cast.ann, reason="broken", host_ids=[hosts[0].id])
    work = claim_slice(ready_slices(run)[0], ONE)
    assert work is not None
    assert [lane.value.status for lane in work.lanes] == ["skipped"]
    database = DatabaseThread("test-slices")
    process = SimpleNamespace(database=database, claimer=ONE)
    asyncio.run(SliceTask(process, work).carry_out())  # type: ignore[arg-type]
    database.close()
    assert Slice.objects.get(id=work.id).status == "ended"


def test_hundreds_of_batches_without_a_host_are_passed_over_in_one_go(cast: Cast, hosts: Hosts) -> None:
    environment_id = Host.objects.get(id=hosts[0].id).environment_id
    names = [f"many-{number}" for number in range(400)]
    Host.objects.bulk_create([Host(name=n, address=n, environment_id=environment_id) for n in names])
    many = tuple(HostPlan(host.id, host.name) for host in Host.objects.filter(name__startswith="many-"))
    run = make_run(cast, plan_of(rollout(many, *[1] * len(many))))
    rest = [host.id for host in many[1:]]
    services.exclude(run_id=run.id, key="0.0", by=cast.ann, reason="not these", host_ids=rest)
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"
