"""What a release request is refused for; and that a refusal leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.catalog.models import Instance, Lock
from interlock.catalog.services import create_service, take_locks, update_instance
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.version import VersionStatus
from interlock.releases import services
from interlock.releases.models import Release
from interlock.releases.request import read_request
from interlock.runs.models import Run
from interlock.words import SENTENCES
from tests.releases.conftest import UNGRANTED, Shop

pytestmark = pytest.mark.django_db(databases="__all__")

GOOD: dict[str, Any] = {"service": 1, "action": "upgrade", "version": 2}


def refusal(shop: Shop, *given: Any, **more: Any) -> Refused:
    """Asked for and refused, with no trace of it."""
    before = {**shop.statuses()}
    with pytest.raises(Refused) as caught:
        shop.ask(*given, **more)
    assert caught.value.code in SENTENCES
    assert not Release.objects.exists()
    assert not Run.objects.exists()
    assert shop.statuses() == before
    return caught.value


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"surprise": 1}, "request_unfit"),
        ({"hosts": {"surprise": 1}}, "request_unfit"),
        ({"approval": {"quorum": 1, "surprise": 1}}, "request_unfit"),
        ({"action": "explode"}, "request_unfit"),
        ({"service": 0}, "request_unfit"),
        ({"hosts": []}, "hosts_missing"),
        ({"hosts": {"names": ["x" * 1000]}}, "request_unfit"),
        ({"batches": ["1"] * 1000}, "request_unfit"),
        ({"threshold": -1}, "request_unfit"),
        ({"bake": 10**9}, "request_unfit"),
        ({"port": 65536}, "request_unfit"),
        ({"tag": "x" * 65}, "request_unfit"),
        ({"tag": "a\0b"}, "request_unfit"),
        ({"note": "x" * 257}, "request_unfit"),
        ({"approval": {"quorum": 0}}, "request_unfit"),
        ({"approval": {"deadline": 0}}, "request_unfit"),
        ({"start": "at"}, "start_at_missing"),
        ({"start_at": "2030-01-01T00:00:00Z"}, "start_at_missing"),
        ({"start": "at", "start_at": "2030-01-01T00:00:00"}, "time_without_zone"),
        ({"version": None}, "version_missing"),
        ({"action": "delete"}, "delete_takes_no_version"),
    ],
)
def test_a_request_that_does_not_fit_its_shape(changes: dict[str, Any], code: str) -> None:
    read_request(GOOD)
    with pytest.raises(Refused) as caught:
        read_request({**GOOD, **changes})
    assert (caught.value.code, caught.value.kind) == (code, "invalid")


@pytest.mark.parametrize("hosts", [[10**9], ["nowhere"], [UNGRANTED], {"names": ["qa-1", "nowhere"]}])
def test_a_host_that_is_unknown_or_not_granted(shop: Shop, hosts: Any) -> None:
    refused = refusal(shop, hosts=hosts)
    assert (refused.code, refused.kind) == ("host_not_known", "missing")


@pytest.mark.parametrize("action", ["upgrade", "revert", "delete"])
def test_a_host_without_the_service(shop: Shop, action: str) -> None:
    version = {"upgrade": "v2", "revert": "v0", "delete": None}[action]
    refused = refusal(shop, action, version, hosts=["qa-1", "qa-3"])
    assert (refused.code, refused.kind, refused.facts["hosts"]) == ("not_deployed", "missing", "qa-3")


def test_a_deploy_where_the_service_is_already(shop: Shop) -> None:
    refused = refusal(shop, "deploy", hosts=["qa-1", "qa-3"])
    assert (refused.code, refused.facts["hosts"]) == ("already_deployed", "qa-1")


@pytest.mark.parametrize("field", ["version", "from_version"])
def test_a_version_of_another_service(shop: Shop, field: str) -> None:
    other = create_service(
        by=shop.cast.dee,
        project_id=shop.cast.project_id,
        name="billing",
        language="go",
        build_source="upload",
    )
    strange = shop.add_version("w1", service_id=other.id)
    with pytest.raises(Refused) as caught:
        services.request_release(by=shop.cast.ann, request={**shop.request(), field: strange})
    assert caught.value.code == "version_of_other_service"
    assert not Release.objects.exists()


@pytest.mark.parametrize(
    "status", [status for status in VersionStatus if status not in ("success", "pending")]
)
def test_a_version_that_is_not_a_success(shop: Shop, status: VersionStatus) -> None:
    shop.add_version("v3", status)
    refused = refusal(shop, version="v3")
    assert (refused.code, refused.facts["status"]) == ("version_not_successful", status.value)


@pytest.mark.parametrize(
    ("action", "version", "code"),
    [
        ("upgrade", "v0", "version_not_newer"),
        ("upgrade", "v1", "already_there"),
        ("revert", "v1", "already_there"),
        ("revert", "v2", "version_not_older"),
    ],
)
def test_the_wrong_side(shop: Shop, action: str, version: str, code: str) -> None:
    assert refusal(shop, action, version, hosts=["qa-1"]).code == code


def test_sides_are_those_of_the_ids_not_of_the_names(shop: Shop) -> None:
    shop.add_version("a-name-that-sorts-first")
    assert len(shop.preview("upgrade", "a-name-that-sorts-first").intent["hosts"]) == 3
    assert refusal(shop, "revert", "a-name-that-sorts-first").code == "version_not_older"


def test_one_instance_on_the_wrong_side_refuses_all_unless_it_may_be_skipped(shop: Shop) -> None:
    shop.install("v2", "qa-3")
    refused = refusal(shop, "upgrade", "v2")
    assert (refused.code, refused.facts["hosts"]) == ("already_there", "qa-3")
    intended = shop.preview("upgrade", "v2", skip=True)
    assert [host["name"] for host in intended.intent["hosts"]] == ["qa-1", "qa-2", "live-1"]
    left_out = [entry for entry in intended.obstacles if entry["host"] == "qa-3"]
    assert [entry["code"] for entry in left_out] == ["already_there"]


def test_nothing_left_after_skipping(shop: Shop) -> None:
    assert refusal(shop, "upgrade", "v1", skip=True).code == "nothing_to_do"


def test_an_instance_at_work(shop: Shop) -> None:
    Instance.objects.filter(pk=shop.instance("qa-1").pk).update(status=InstanceStatus.UPGRADING)
    assert refusal(shop).code == "instance_not_ready"


def locked(shop: Shop, host: str) -> Run:
    """As another release would: the service is locked by instance, so that one lock is one host's."""
    from interlock.catalog.models import Service

    Service.objects.filter(pk=shop.service_id).update(lock_scope="instances")
    run = Run.objects.create(
        project_id=shop.cast.project_id,
        origin="adhoc",
        title="repair",
        plan={},
        plan_hash="",
        created_at="2026-01-01T00:00:00Z",
    )
    take_locks(
        service_id=shop.service_id,
        run_id=run.id,
        instance_ids=[shop.instance(host).pk],
        holder="mia",
        reason="disk is being swapped",
        by=SYSTEM,
    )
    return run


def test_a_locked_instance_is_named_with_its_holder(shop: Shop) -> None:
    run = locked(shop, "qa-2")
    with pytest.raises(Refused) as caught:
        shop.ask()
    refused = caught.value
    assert refused.code == "instance_held"
    assert (refused.facts["holder"], refused.facts["reason"]) == ("mia", "disk is being swapped")
    assert (refused.facts["hosts"], refused.facts["run_id"]) == ("qa-2", run.id)
    assert refused.facts["since"]
    assert not Release.objects.exists()


def test_locked_ones_are_left_out_when_asked(shop: Shop) -> None:
    locked(shop, "qa-2")
    intended = shop.preview(skip_locked=True)
    assert [host["name"] for host in intended.intent["hosts"]] == ["qa-1", "live-1"]
    held = [entry for entry in intended.obstacles if entry["host"] == "qa-2"]
    assert [(entry["code"], entry["holder"]) for entry in held] == [("instance_held", "mia")]


def test_skip_does_not_stand_for_skip_locked(shop: Shop) -> None:
    locked(shop, "qa-2")
    with pytest.raises(Refused) as caught:
        shop.ask(skip=True)
    assert caught.value.code == "instance_held"


def test_a_whole_service_that_is_locked(shop: Shop) -> None:
    shop.ask(hosts=["qa-1"])  # takes the lock of the service, its scope
    assert Lock.objects.filter(instance=None).count() == 1
    with pytest.raises(Refused) as caught:
        shop.ask(hosts=["live-1"])
    assert (caught.value.code, caught.value.facts["holder"]) == ("instance_held", "ann")
    assert Release.objects.count() == 1


def test_maintenance_is_not_part_of_all_but_may_be_named(shop: Shop) -> None:
    qa_1 = shop.instance("qa-1")
    update_instance(by=shop.cast.ann, instance_id=qa_1.pk, changes={"maintenance": True})
    assert [host["name"] for host in shop.preview().intent["hosts"]] == ["qa-2", "live-1"]
    assert [host["name"] for host in shop.preview(hosts=["qa-1"]).intent["hosts"]] == ["qa-1"]


def test_all_of_a_from_version_are_its_instances(shop: Shop) -> None:
    shop.install("v0", "qa-3")
    given = shop.preview(from_version=shop.versions["v0"])
    assert [host["name"] for host in given.intent["hosts"]] == ["qa-3"]
    refused = refusal(shop, from_version=shop.versions["v0"], hosts=["qa-1", "qa-3"])
    assert (refused.code, refused.facts["hosts"]) == ("not_on_from_version", "qa-1")


def test_a_failed_upgrade_may_be_tried_again(shop: Shop) -> None:
    shop.install("v2", "qa-3", status=InstanceStatus.UPGRADE_FAILED)
    assert [h["name"] for h in shop.preview(hosts=["qa-3"]).intent["hosts"]] == ["qa-3"]


def test_who_may_ask(shop: Shop) -> None:
    for caller, code in ((shop.cast.cy, "not_allowed"), (shop.cast.bob, "not_allowed")):
        with pytest.raises(Refused) as caught:
            services.request_release(by=caller, request=shop.request())
        assert (caught.value.code, caught.value.kind) == (code, "forbidden")
    assert services.preview(by=shop.cast.cy, request=shop.request()).intent["action"] == "upgrade"
    assert not Release.objects.exists()


def test_another_plan_than_the_one_that_was_looked_at(shop: Shop) -> None:
    seen = shop.preview().plan_hash
    shop.install("v1", "qa-3")
    with pytest.raises(Refused) as caught:
        services.request_release(by=shop.cast.ann, request=shop.request(), plan_hash=seen)
    assert caught.value.code == "plan_changed"
    assert caught.value.facts["plan_hash"] == shop.preview().plan_hash != seen
    assert not Release.objects.exists()


def test_a_time_that_is_over_is_refused(shop: Shop) -> None:
    assert refusal(shop, start="at", start_at="2001-01-01T00:00:00Z").code == "start_at_past"


@pytest.mark.parametrize("batch", [1, 7])
def test_after_the_last_batch_there_is_nothing_to_confirm(shop: Shop, batch: int) -> None:
    refused = refusal(shop, batches=["1", "100%"], confirm=[0, batch])
    assert (refused.code, refused.facts["batches"]) == ("confirm_beyond_batches", 2)


def test_a_changed_note_leaves_what_the_run_has_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run takes its locks between our reading of the row and our writing of it."""
    release = shop.ask(start="manual")
    taken = {"1": "running"}
    really = services.intend

    def meanwhile(**given: Any) -> Any:
        Release.objects.filter(id=release.id).update(former=taken)
        return really(**given)

    monkeypatch.setattr(services, "intend", meanwhile)
    services.change_release(by=shop.cast.ann, release_id=release.id, changes={"note": "later"})
    release.refresh_from_db()
    assert (release.note, release.former) == ("later", taken)
