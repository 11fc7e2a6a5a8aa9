"""Instances: made once, moved by compare-and-swap, found by any filter."""

from typing import Any

import pytest

from interlock.catalog import queries
from interlock.catalog.models import Instance
from interlock.catalog.services import (
    InstanceMove,
    ensure_instances,
    move_instances,
    take_locks,
    update_instance,
)
from interlock.journal.actor import SYSTEM
from interlock.journal.models import Entry
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import Refused
from tests.catalog.conftest import Shop

S = InstanceStatus


def lock(shop: Shop, instances: list[Instance], scope: str = "service") -> int:
    shop.service.lock_scope = scope
    shop.service.save()
    run = shop.run()
    take_locks(
        service_id=shop.service.pk,
        run_id=run.pk,
        instance_ids=[row.pk for row in instances],
        holder="olaf",
        reason="upgrade to 1.1",
        by=SYSTEM,
    )
    return int(run.pk)


def test_an_instance_is_made_once_and_found_again(shop: Shop) -> None:
    hosts = [host.pk for host in shop.hosts]
    first = ensure_instances(service_id=shop.service.pk, hosts=hosts[:2], by=SYSTEM)
    again = ensure_instances(service_id=shop.service.pk, hosts=[*hosts, hosts[0]], by=SYSTEM, weight=50)
    assert set(again) == set(hosts)
    assert all(again[host] == first[host] for host in hosts[:2])
    rows = {row.host_id: row for row in Instance.objects.all()}
    assert len(rows) == 3
    assert {row.status for row in rows.values()} == {S.ABSENT}
    assert {row.port for row in rows.values()} == {8000}
    assert {row.weight for row in rows.values()} == {50}
    assert Entry.objects.filter(act="instance.created").count() == 3


def test_what_is_installed_keeps_its_port(shop: Shop) -> None:
    shop.installed(shop.version("1.0"), hosts=shop.hosts[:1])
    hosts = [host.pk for host in shop.hosts]
    ensure_instances(service_id=shop.service.pk, hosts=hosts, by=SYSTEM, port=9000, tag="blue")
    assert [row.port for row in Instance.objects.order_by("host")] == [8000, 9000, 9000]


def test_moves_that_still_fit_are_made_and_the_others_named(shop: Shop) -> None:
    old, new = shop.version("1.0"), shop.version("1.1")
    rows = shop.installed(old)
    Instance.objects.filter(pk=rows[2].pk).update(status=S.DELETING)
    moves = [InstanceMove(row.pk, S.RUNNING, S.UPGRADING, next_version_id=new.pk) for row in rows]
    assert move_instances(moves, SYSTEM) == [rows[0].pk, rows[1].pk]
    assert move_instances(moves, SYSTEM) == []
    done = InstanceMove(
        rows[0].pk,
        S.UPGRADING,
        S.RUNNING,
        version_id=new.pk,
        next_version_id=None,
        previous_version_id=old.pk,
    )
    failed = InstanceMove(rows[1].pk, S.UPGRADING, S.UPGRADE_FAILED, next_version_id=None, reason="exit_code")
    assert move_instances([done, failed], SYSTEM) == [rows[0].pk, rows[1].pk]
    first, second, third = Instance.objects.order_by("pk")
    assert (first.status, first.version, first.next_version, first.previous_version) == (
        S.RUNNING,
        new,
        None,
        old,
    )
    assert (second.status, second.version, second.next_version) == (S.UPGRADE_FAILED, old, None)
    assert (third.status, third.next_version) == (S.DELETING, None)
    moved = Entry.objects.filter(act="instance.moved", subject_id=rows[1].pk).order_by("id")
    assert [(entry.from_status, entry.to_status, entry.reason) for entry in moved] == [
        ("running", "upgrading", ""),
        ("upgrading", "upgrade_failed", "exit_code"),
    ]
    assert moved[0].facts["host"] == "web-2"


def test_a_move_the_lifecycle_does_not_know_stops_them_all(shop: Shop) -> None:
    rows = shop.installed(shop.version("1.0"))
    moves = [
        InstanceMove(rows[0].pk, S.RUNNING, S.UPGRADING),
        InstanceMove(rows[1].pk, S.RUNNING, S.INSTALLING),
    ]
    with pytest.raises(Refused) as refused:
        move_instances(moves, SYSTEM)
    assert (refused.value.code, refused.value.facts) == (
        "instance_move_not_known",
        {"old": "running", "new": "installing"},
    )
    assert set(Instance.objects.values_list("status", flat=True)) == {S.RUNNING}


def test_many_moves_cost_few_statements(shop: Shop, django_assert_max_num_queries: Any) -> None:
    rows = shop.installed(shop.version("1.0"))
    moves = [InstanceMove(row.pk, S.RUNNING, S.DELETING) for row in rows]
    with django_assert_max_num_queries(6):  # savepoint, read, one update, one insert, release
        move_instances(moves, SYSTEM)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "running"}, "field_not_known"),
        ({"version_id": 1}, "field_not_known"),
        ({"port": 0}, "instance_port_unfit"),
        ({"port": 70000}, "instance_port_unfit"),
        ({"port": "80"}, "instance_port_unfit"),
        ({"port": True}, "instance_port_unfit"),
        ({"weight": -1}, "weight_unfit"),
        ({"weight": None}, "weight_unfit"),
        ({"weight": 65536}, "weight_unfit"),
        ({"tag": "x" * 65}, "text_unfit"),
        ({"tag": 5}, "text_unfit"),
        ({"description": "a\0"}, "text_unfit"),
        ({"maintenance": "yes"}, "field_unfit"),
    ],
)
def test_values_that_do_not_fit_are_refused(shop: Shop, changes: dict[str, Any], code: str) -> None:
    row = shop.instances()[0]
    with pytest.raises(Refused) as refused:
        update_instance(by=shop.operator, instance_id=row.pk, changes={"description": "new", **changes})
    assert refused.value.code == code
    row.refresh_from_db()
    assert row.description == ""


def test_fields_of_an_instance_can_be_changed_by_operators(shop: Shop) -> None:
    row = shop.instances()[0]
    changes = {"port": None, "tag": "blue", "weight": 0, "description": "spare", "maintenance": True}
    update_instance(by=shop.operator, instance_id=row.pk, changes=changes)
    view = queries.instance(by=shop.viewer, instance_id=row.pk)
    assert {name: getattr(view, name) for name in changes} == changes
    with pytest.raises(Refused) as refused:
        update_instance(by=shop.viewer, instance_id=row.pk, changes=changes)
    assert refused.value.code == "not_allowed"
    with pytest.raises(Refused) as refused:
        update_instance(by=shop.stranger, instance_id=row.pk, changes=changes)
    assert refused.value.code == "instance_not_known"


def test_what_a_release_has_in_its_plan_waits_for_its_end(shop: Shop) -> None:
    row = shop.instances()[0]
    lock(shop, [row])
    for changes in ({"port": 81}, {"weight": 1}, {"tag": "x"}):
        with pytest.raises(Refused) as refused:
            update_instance(by=shop.operator, instance_id=row.pk, changes=changes)
        assert (refused.value.code, refused.value.facts["holder"]) == ("instance_locked", "olaf")
    update_instance(by=shop.operator, instance_id=row.pk, changes={"maintenance": True, "port": 8000})
    row.refresh_from_db()
    assert row.maintenance


def test_instances_are_found_by_version_host_status_and_place(shop: Shop) -> None:
    old, new = shop.version("1.0"), shop.version("1.1")
    first, second, third = shop.installed(old)
    Instance.objects.filter(pk=third.pk).update(version=new, status=S.UPGRADE_FAILED, maintenance=True)
    cart = shop.another_service("cart")
    elsewhere = shop.instances(cart, shop.hosts[:1])[0]

    def found(**given: Any) -> list[int]:
        return [row.id for row in queries.instances(by=shop.viewer, **given)]

    assert found() == [first.pk, second.pk, third.pk]
    assert found(absent=True) == [first.pk, second.pk, third.pk, elsewhere.pk]
    assert found(status="absent") == [elsewhere.pk]
    assert found(service_id=shop.service.pk, version_id=old.pk) == [first.pk, second.pk]
    assert found(host_id=shop.hosts[0].pk, absent=True) == [first.pk, elsewhere.pk]
    assert found(host_ids=[shop.hosts[1].pk, shop.hosts[2].pk]) == [second.pk, third.pk]
    assert found(host_ids=[]) == []
    assert found(instance_ids={second.pk}) == [second.pk]
    assert found(status=["upgrade_failed", "revert_failed"]) == [third.pk]
    assert found(maintenance=False) == [first.pk, second.pk]
    assert found(environment="qa", limit=2) == [first.pk, second.pk]
    assert found(environment="production") == []
    assert found(after_id=first.pk) == [second.pk, third.pk]
    assert found(project_id=shop.other_project.pk) == []
    assert queries.instances(by=shop.stranger) == []
    with pytest.raises(Refused):
        found(status="broken")


def test_locked_instances_name_their_holder(shop: Shop) -> None:
    rows = shop.installed(shop.version("1.0"))
    run_id = lock(shop, rows[:1], scope="instances")
    given: dict[str, Any] = {"by": shop.viewer, "service_id": shop.service.pk}
    locked = queries.instances(**given, locked=True)
    assert [row.id for row in locked] == [rows[0].pk]
    held = locked[0].lock
    assert held is not None
    assert (held.holder, held.reason, held.run_id, held.instance_id, held.status) == (
        "olaf",
        "upgrade to 1.1",
        run_id,
        rows[0].pk,
        "held",
    )
    assert held.since is not None
    assert [row.id for row in queries.instances(**given, locked=False)] == [rows[1].pk, rows[2].pk]


def test_a_lock_on_the_service_closes_all_its_instances(shop: Shop) -> None:
    rows = shop.installed(shop.version("1.0"))
    cart = shop.another_service("cart")
    free = shop.installed(shop.version("1.0", cart), cart, shop.hosts[:1])[0]
    lock(shop, rows[:1])
    assert [row.id for row in queries.instances(by=shop.viewer, locked=True)] == [row.pk for row in rows]
    assert [row.id for row in queries.instances(by=shop.viewer, locked=False)] == [free.pk]
    by_service = queries.instance(by=shop.viewer, instance_id=rows[2].pk).lock
    assert by_service is not None
    assert (by_service.instance_id, by_service.holder) == (None, "olaf")


def test_a_page_of_instances_costs_two_queries(shop: Shop, django_assert_num_queries: Any) -> None:
    lock(shop, shop.installed(shop.version("1.0")))
    with django_assert_num_queries(2):
        assert len(queries.instances(by=shop.viewer, locked=True)) == 3
