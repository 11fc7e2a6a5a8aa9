"""How instances and locks follow a release's run: the real engine, with the test as its worker."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.catalog.models import Lock
from interlock.catalog.services import update_instance, update_service
from interlock.fleet.services import update_environment
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.lane import Ended
from interlock.lifecycle.run.states import StepStatus
from interlock.releases import queries, services
from interlock.releases.models import Release
from interlock.runs import approvals
from interlock.runs import services as runs
from interlock.runs.engine.apply import Claimer
from interlock.runs.engine.claims import SliceWork
from interlock.runs.engine.lanes import Reply, Report
from interlock.runs.models import Approval, Run
from interlock.runs.queries import run_view
from interlock.words import SENTENCES, sentence
from tests.releases.conftest import Shop
from tests.runs.play import begin_all, carry_through, claimed, end_all, ready_slices, report

pytestmark = pytest.mark.django_db(databases="__all__")

ONE = Claimer(worker="worker-one", machine="here", lease_seconds=15)


def run_of(release: Release) -> Run:
    return Run.objects.get(pk=release.run_id)


def begun(release: Release) -> tuple[SliceWork, Reply]:
    work = claimed(run_of(release), ONE)
    return work, begin_all(work, ONE)


def succeed_until(work: SliceWork, reply: Reply, name: str) -> Reply:
    """Each lane up to the step of this name, which is left at work."""
    names = [step.name for step in work.rollout.sequence]
    while {grant.launch.position for grant in reply.grants.values()} != {names.index(name)}:
        reply = end_all(work, ONE, reply, StepStatus.SUCCEEDED)
    return reply


def follow(work: SliceWork, reply: Reply, status: StepStatus = StepStatus.SUCCEEDED) -> None:
    while reply.grants:
        reply = end_all(work, ONE, reply, status)


def fresh(release: Release) -> Release:
    return Release.objects.get(pk=release.pk)


def versions(shop: Shop, host: str) -> tuple[str, str, str]:
    row = shop.instance(host)
    return tuple(v.name if v else "" for v in (row.version, row.previous_version, row.next_version))  # type: ignore[return-value]


def test_instances_move_when_their_lane_begins_not_before(shop: Shop) -> None:
    release = shop.ask(batches=["1", "100%"])
    assert set(shop.statuses().values()) == {"running"}
    assert Lock.objects.filter(run_id=release.run_id).count() == 4  # three instances and their service
    begun(release)
    assert shop.statuses() == {"qa-1": "upgrading", "qa-2": "running", "live-1": "running"}
    assert versions(shop, "qa-1") == ("v1", "", "v2")


@pytest.mark.parametrize(("action", "version", "now"), [("upgrade", "v2", "v2"), ("revert", "v0", "v0")])
def test_a_success_has_the_new_version_and_remembers_the_former(
    shop: Shop, action: str, version: str, now: str
) -> None:
    release = shop.ask(action, version)
    carry_through(run_of(release), ONE)
    assert run_of(release).status == "succeeded"
    assert set(shop.statuses().values()) == {"running"}
    assert {versions(shop, host) for host in ("qa-1", "qa-2", "live-1")} == {(now, "v1", "")}
    assert not Lock.objects.exists()


def test_a_deploy_makes_the_instance_with_what_was_asked(shop: Shop) -> None:
    release = shop.ask("deploy", hosts=["qa-3"], port=9005, tag="blue", weight=7)
    assert shop.statuses()["qa-3"] == "absent"
    work, reply = begun(release)
    assert shop.statuses()["qa-3"] == "installing"
    follow(work, reply)
    row = shop.instance("qa-3")
    assert (row.status, row.port, row.tag, row.weight) == ("running", 9005, "blue", 7)
    assert versions(shop, "qa-3") == ("v2", "", "")


def test_a_deleted_instance_is_absent_and_may_be_deployed_again(shop: Shop) -> None:
    before = shop.instance("qa-1").pk
    carry_through(run_of(shop.ask("delete", None, hosts=["qa-1"])), ONE)
    assert shop.statuses()["qa-1"] == "absent"
    assert versions(shop, "qa-1")[0] == ""
    carry_through(run_of(shop.ask("deploy", hosts=["qa-1"])), ONE)
    assert versions(shop, "qa-1")[0] == "v2"
    assert shop.instance("qa-1").pk == before


@pytest.mark.parametrize(
    ("action", "version", "host", "at", "status", "still_at"),
    [
        ("deploy", "v2", "qa-3", "start", "install_failed", ""),
        ("upgrade", "v2", "qa-1", "health", "upgrade_failed", "v1"),
        ("revert", "v0", "qa-1", "start", "revert_failed", "v1"),
        ("delete", None, "qa-1", "remove", "delete_failed", "v1"),
    ],
)
def test_a_failed_host_that_was_put_back_has_its_former_version(
    shop: Shop, action: str, version: str | None, host: str, at: str, status: str, still_at: str
) -> None:
    release = shop.ask(action, version, hosts=[host])
    work, reply = begun(release)
    reply = end_all(work, ONE, succeed_until(work, reply, at), StepStatus.FAILED)
    while reply.grants:
        reply = end_all(work, ONE, reply, StepStatus.SUCCEEDED)
    if at == "remove":
        # Our own steps may be tried again after a lost worker, never after a failure.
        assert reply.ended
    assert shop.instance(host).status == status
    assert versions(shop, host) == (still_at, "", "")
    assert run_of(release).status == "waiting"
    assert Lock.objects.filter(run_id=release.run_id).exists()


def test_a_failed_host_that_is_retried_is_at_work_again(shop: Shop) -> None:
    release = shop.ask(hosts=["qa-1"])
    work, reply = begun(release)
    follow(work, end_all(work, ONE, succeed_until(work, reply, "health"), StepStatus.FAILED))
    assert shop.instance("qa-1").status == "upgrade_failed"
    runs.retry(run_id=release.run_id or 0, key="0.0", by=shop.cast.ann, reason="the disk was full")
    assert ready_slices(run_of(release))
    carry_through(run_of(release), ONE)
    assert shop.instance("qa-1").status == "running"
    assert versions(shop, "qa-1") == ("v2", "v1", "")
    assert not Lock.objects.exists()


def test_giving_up_frees_the_locks_and_leaves_what_failed_as_failed(shop: Shop) -> None:
    release = shop.ask(batches=["1", "100%"])
    work, reply = begun(release)
    follow(work, end_all(work, ONE, reply, StepStatus.FAILED), StepStatus.FAILED)
    runs.give_up(run_id=release.run_id or 0, by=shop.cast.ann, reason="the package is bad")
    assert run_of(release).status == "failed"
    assert shop.statuses() == {"qa-1": "upgrade_failed", "qa-2": "running", "live-1": "running"}
    assert not Lock.objects.exists()


def test_a_stopped_run_leaves_the_untouched_as_they_were(shop: Shop) -> None:
    release = shop.ask(hosts=["qa-1", "qa-2"])
    work, reply = begun(release)
    assert set(shop.statuses().values()) == {"upgrading", "running"}
    by_host = {lane.host.name: lane.id for lane in work.lanes}
    # qa-1 goes on to its stop script, which touches it; qa-2 is still at its transfer.
    grant = reply.grants[by_host["qa-1"]]
    reply = report(work, ONE, Report(by_host["qa-1"], Ended(grant.launch.seq, StepStatus.SUCCEEDED)))
    further = reply.grants[by_host["qa-1"]]
    runs.stop(run_id=release.run_id or 0, by=shop.cast.ann, reason="wrong version")
    first = report(work, ONE, Report(by_host["qa-1"], Ended(further.launch.seq, StepStatus.CANCELED)))
    assert not first.grants
    report(work, ONE, Report(by_host["qa-2"], Ended(1, StepStatus.CANCELED)))
    assert run_of(release).status == "canceled"
    assert shop.statuses() == {"qa-1": "upgrade_failed", "qa-2": "running", "live-1": "running"}
    assert versions(shop, "qa-2") == ("v1", "", "")
    assert not Lock.objects.exists()


def test_a_host_that_nobody_can_tell_of_stays_locked_until_proof(shop: Shop) -> None:
    release = shop.ask(hosts=["qa-1", "qa-2"])
    work, reply = begun(release)
    reply = succeed_until(work, reply, "start")
    by_host = {lane.host.name: lane.id for lane in work.lanes}
    lost = reply.grants.pop(by_host["qa-1"])
    report(work, ONE, Report(by_host["qa-1"], Ended(lost.launch.seq, StepStatus.UNKNOWN)))
    follow(work, reply)
    runs.give_up(run_id=release.run_id or 0, by=shop.cast.ann, reason="the machine is gone")
    left = Lock.objects.filter(instance__isnull=False)
    assert [(lock.instance.host.name, lock.status) for lock in left if lock.instance] == [
        ("qa-1", "unproven")
    ]
    with pytest.raises(Refused) as caught:
        shop.ask("delete", None, hosts=["qa-1"])
    assert caught.value.code == "instance_held"


def approved(shop: Shop, **more: Any) -> Release:
    """An environment that demands a second pair of eyes; asked for, not yet answered."""
    update_environment(
        by=shop.cast.root, environment_id=shop.environments["qa"], changes={"approvals_required": 1}
    )
    release = shop.ask(**more)
    assert run_of(release).status == "waiting"
    assert not Lock.objects.exists()
    return release


def approve(shop: Shop, release: Release) -> None:
    run = run_of(release)
    approvals.approve(run_id=run.id, key="0.0", by=shop.cast.bob, plan_hash=run.plan_hash)


def test_an_approved_plan_that_still_holds_is_begun(shop: Shop) -> None:
    release = approved(shop, hosts=["qa-1"])
    approve(shop, release)
    assert Lock.objects.filter(run_id=release.run_id).count() == 2
    carry_through(run_of(release), ONE)
    assert (run_of(release).status, fresh(release).round) == ("succeeded", 1)


def new_settings(shop: Shop) -> None:
    settings = {"port": 8000, "start": "echo other"}
    update_service(by=shop.cast.dee, service_id=shop.service_id, changes={"settings": settings})


CHANGES: dict[str, Any] = {
    "a new instance": (lambda shop: shop.install("v1", "qa-3"), ("hosts", "qa-3")),
    "another port": (
        lambda shop: update_instance(
            by=shop.cast.ann, instance_id=shop.instance("qa-1").pk, changes={"port": 9001}
        ),
        ("hosts", "qa-1"),
    ),
    "another script": (new_settings, ("settings.start", None)),
    "maintenance": (
        lambda shop: update_instance(
            by=shop.cast.ann, instance_id=shop.instance("qa-2").pk, changes={"maintenance": True}
        ),
        ("hosts", "qa-2"),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_plan_that_changed_before_its_locks_is_asked_about_again(shop: Shop, what: str) -> None:
    change, told = CHANGES[what]
    release = approved(shop)
    change(shop)
    approve(shop, release)
    again = fresh(release)
    assert again.round == 2
    assert again.plan_hash != release.plan_hash
    assert told in {(entry["field"], entry.get("host")) for entry in again.changes}
    run = run_of(release)
    assert (run.status, run.plan_hash) == ("waiting", again.plan_hash)
    assert not Lock.objects.exists()
    asked = Approval.objects.get(run=run, status="open")
    assert asked.plan_hash == again.plan_hash
    assert Approval.objects.filter(run=run).count() == 2
    approve(shop, release)
    assert Lock.objects.filter(run_id=run.id).exists()
    assert fresh(release).round == 2


def test_a_lock_that_somebody_else_has_makes_the_run_wait_with_the_reason(shop: Shop) -> None:
    release = approved(shop, hosts=["qa-1"])
    other = shop.ask(hosts=["live-1"])
    approve(shop, release)
    run = run_of(release)
    assert (run.status, run.hold) == ("waiting", "instance_held")
    assert run.hold in SENTENCES
    said = sentence(*run_view(by=shop.cast.ann, run_id=run.pk).why)
    assert "?" not in said
    assert str(run.hold_facts["holder"]) in said
    assert set(Lock.objects.values_list("run_id", flat=True)) == {other.run_id}
    assert shop.instance("qa-1").status == "running"


def test_a_change_before_the_work_is_asked_about_again_and_one_of_words_is_not(shop: Shop) -> None:
    release = approved(shop)
    noted = services.change_release(by=shop.cast.ann, release_id=release.id, changes={"note": "for the fair"})
    assert (noted.round, noted.plan_hash) == (1, release.plan_hash)
    changed = services.change_release(
        by=shop.cast.ann, release_id=release.id, changes={"batches": ["1", "100%"]}
    )
    assert changed.round == 2
    assert [entry["field"] for entry in changed.changes] == ["batches"]
    open_now = Approval.objects.get(run_id=release.run_id, status="open")
    assert open_now.plan_hash == changed.plan_hash == run_of(release).plan_hash
    with pytest.raises(Refused) as caught:
        approvals.approve(
            run_id=release.run_id or 0, key="0.0", by=shop.cast.bob, plan_hash=release.plan_hash
        )
    assert caught.value.code in SENTENCES
    approve(shop, release)
    assert len(claimed(run_of(release), ONE).lanes) == 1


def test_what_may_not_be_changed(shop: Shop) -> None:
    release = approved(shop)
    for changes in ({"service": 1}, {"version": 1}, {"action": "revert"}, {"surprise": 1}):
        with pytest.raises(Refused) as caught:
            services.change_release(by=shop.cast.ann, release_id=release.id, changes=changes)
        assert caught.value.code == "fields_not_known"
    for caller in (shop.cast.cy, shop.cast.bob):
        with pytest.raises(Refused) as caught:
            services.change_release(by=caller, release_id=release.id, changes={"threshold": 1})
        assert caught.value.kind == "forbidden"
    approve(shop, release)
    with pytest.raises(Refused) as caught:
        services.change_release(by=shop.cast.ann, release_id=release.id, changes={"threshold": 1})
    assert caught.value.code == "work_has_begun"
    assert fresh(release).request.get("threshold") is None


def test_who_sees_a_release(shop: Shop) -> None:
    from tests.cast import make_cast

    release = shop.ask()
    strangers = make_cast("other")
    assert queries.release(by=shop.cast.cy, release_id=release.id) == release
    assert list(queries.releases(by=shop.cast.cy, service_id=shop.service_id)) == [release]
    assert list(queries.releases(by=strangers.dee)) == []
    with pytest.raises(Refused) as caught:
        queries.release(by=strangers.dee, release_id=release.id)
    assert caught.value.kind == "missing"
