"""The hash that an approval binds to, and the plan that comes of an intent."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from interlock.catalog.models import Instance, Version
from interlock.catalog.services import update_instance, update_service
from interlock.fleet.models import Environment, Host
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import Rollout, StepPlan, check, digest, from_json, to_json
from interlock.releases import services
from interlock.releases.intent import differences
from interlock.releases.plan import plan_of
from tests.releases.conftest import Shop

pytestmark = pytest.mark.django_db(databases="__all__")


def environment(shop: Shop, name: str, **values: Any) -> None:
    Environment.objects.filter(pk=shop.environments[name]).update(**values)


def test_hosts_come_by_environment_and_name_each_with_from_and_to(shop: Shop) -> None:
    intent = shop.preview().intent
    assert [host["name"] for host in intent["hosts"]] == ["qa-1", "qa-2", "live-1"]
    first = intent["hosts"][0]
    assert (first["from"]["name"], first["to"]["name"], first["port"]) == ("v1", "v2", 8000)
    version = Version.objects.get(pk=shop.versions["v2"])
    assert intent["version"] == {
        "id": version.pk,
        "name": "v2",
        "digest": version.digest,
        "package": version.package,
    }


@given(st.recursive(st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_the_order_in_which_a_value_was_made_does_not_matter(value: Any) -> None:
    def turned(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: turned(part[key]) for key in reversed(part)}
        return [turned(item) for item in part] if isinstance(part, list) else part

    assert digest(turned(value)) == digest(value)


def test_the_same_hosts_in_any_order_and_by_any_name_give_one_hash(shop: Shop) -> None:
    ids = [shop.hosts[name] for name in ("live-1", "qa-1", "qa-2")]
    wanted: list[Any] = [
        "all",
        ids,
        ids[::-1],
        [*ids, ids[0]],
        ["qa-2", "live-1", "qa-1"],
        {"names": ["live-1", "qa-2", "qa-1"]},
    ]
    assert len({shop.preview(hosts=hosts).plan_hash for hosts in wanted}) == 1


def test_what_stands_in_the_way_is_outside_the_hash(shop: Shop) -> None:
    before = shop.preview()
    assert {entry["code"] for entry in before.obstacles} == {"host_not_checked"}
    Host.objects.update(checked_at="2026-01-01T00:00:00Z")
    after = shop.preview(note="only a note")
    assert after.obstacles == []
    assert after.plan_hash == before.plan_hash


MATERIAL: dict[str, Callable[[Shop], dict[str, Any] | None]] = {
    "hosts": lambda shop: {"hosts": ["qa-1"]},
    "batches": lambda shop: {"batches": ["1", "100%"]},
    "threshold": lambda shop: {"threshold": 1},
    "put back": lambda shop: {"put_back": False},
    "bake": lambda shop: {"bake": 5},
    "confirm": lambda shop: {"confirm": [0]},
    "approval": lambda shop: {"approval": {"quorum": 1}},
    "start": lambda shop: {"start": "manual"},
    "time": lambda shop: {"start": "at", "start_at": "2030-01-01T00:00:00Z"},
    "script": lambda shop: set_service(shop, start="echo other"),
    "unit": lambda shop: set_service(shop, unit="checkout.service"),
    "kept versions": lambda shop: set_service(shop, keep_versions=9),
    "instance's port": lambda shop: set_instance(shop, port=9001),
    "instance's tag": lambda shop: set_instance(shop, tag="blue"),
    "instance's weight": lambda shop: set_instance(shop, weight=7),
    "environment's quorum": lambda shop: environment(shop, "qa", approvals_required=1),
    "environment's batches": lambda shop: environment(shop, "live", default_batches=["1", "100%"]),
    "root": lambda shop: Host.objects.filter(name="qa-1").update(root="/srv/other") and None,
    "another instance": lambda shop: shop.install("v1", "qa-3"),
    "digest": lambda shop: Version.objects.filter(name="v2").update(digest="e" * 64) and None,
}


def set_service(shop: Shop, **settings: Any) -> None:
    old = {"port": 8000, "start": "echo start"}
    update_service(by=shop.cast.dee, service_id=shop.service_id, changes={"settings": {**old, **settings}})


def set_instance(shop: Shop, **changes: Any) -> None:
    update_instance(by=shop.cast.ann, instance_id=shop.instance("qa-1").pk, changes=changes)


@pytest.mark.parametrize("what", MATERIAL)
def test_whatever_changes_what_will_run_changes_the_hash(shop: Shop, what: str) -> None:
    before = shop.preview()
    changes = MATERIAL[what](shop)
    after = shop.preview(**(changes or {}))
    assert after.plan_hash != before.plan_hash
    told = differences(before.intent, after.intent)
    assert told
    assert all(set(change) <= {"field", "host", "was", "now"} for change in told)


@given(st.data())
def test_no_part_of_an_intent_can_change_unseen(data: st.DataObject) -> None:
    """Any leaf of any value: another hash, and a difference that names it."""
    intent = copy.deepcopy(INTENT)
    path, leaf = data.draw(st.sampled_from(list(leaves(intent))))
    holder = intent
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = f"{leaf}-other"
    assert digest(intent) != digest(INTENT)
    assert differences(INTENT, intent)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from leaves(part, (*path, key))
    elif path[-1:] != ("id",):
        yield path, value


def test_differences_tell_hosts_and_settings_one_by_one(shop: Shop) -> None:
    before = shop.preview().intent
    set_instance(shop, port=9001)
    set_service(shop, start="echo other")
    told = differences(before, shop.preview().intent)
    assert {(change["field"], change.get("host")) for change in told} == {
        ("hosts", "qa-1"),
        ("settings.start", None),
    }
    start = next(change for change in told if change["field"] == "settings.start")
    assert (start["was"], start["now"]) == ("echo start", "echo other")


@pytest.mark.parametrize(
    ("asked", "demanded", "quorum"),
    [(None, 2, 2), ({"quorum": 1}, 2, 2), ({"quorum": 3}, 2, 3), ({"quorum": 1}, 0, 1)],
)
def test_an_environment_s_approvals_can_be_added_to_not_dropped(
    shop: Shop, asked: dict[str, Any] | None, demanded: int, quorum: int
) -> None:
    environment(shop, "live", approvals_required=demanded)
    approval = shop.preview(approval=asked).intent["approval"]
    assert approval["quorum"] == quorum
    lenient = {"not_requester": False, "on_deadline": "approve", "deadline": 60}
    strict = shop.preview(approval=lenient).intent["approval"]
    if demanded:
        assert (strict["not_requester"], strict["on_deadline"]) == (True, "reject")
    assert shop.preview(hosts=["qa-1"]).intent["approval"] is None


def test_batches_are_the_request_s_else_the_strictest_environment_s_else_one(shop: Shop) -> None:
    assert shop.preview().intent["batches"] == [3]
    environment(shop, "live", default_batches=["1", "100%"])
    assert shop.preview().intent["batches"] == [1, 2]
    assert shop.preview(batches=["2", "100%"]).intent["batches"] == [2, 1]
    for bad in (["2", "1"], ["0"], ["half"], ["200%"]):
        with pytest.raises(Refused) as caught:
            shop.preview(batches=bad)
        assert caught.value.kind == "invalid"


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        ({}, []),
        ({"approval": {"quorum": 1}}, ["approval"]),
        ({"start": "manual"}, ["wait"]),
        ({"start": "at", "start_at": "2030-01-01T01:00:00+01:00", "approval": {}}, ["approval", "wait"]),
    ],
)
def test_approval_and_waiting_come_before_the_locks(
    shop: Shop, asked: dict[str, Any], before: list[str]
) -> None:
    plan = plan_of(shop.preview(**asked).intent)
    check(plan)
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan
    steps = [stage.branches[0] for stage in plan.stages]
    assert [step.kind for step in steps if isinstance(step, StepPlan)] == before
    assert plan.locks_at == len(before)
    assert isinstance(steps[-1], Rollout)
    if "start_at" in asked:
        until = steps[1]
        assert isinstance(until, StepPlan)
        assert until.params == {"until": "2030-01-01T00:00:00+00:00"}


FORWARD = ["transfer", "before_switch", "stop", "switch", "start", "after_switch", "health", "prune"]
BACK = ["stop", "switch back", "start", "health"]


@pytest.mark.parametrize(
    ("action", "version", "host", "steps", "back"),
    [
        ("deploy", "v2", "qa-3", FORWARD, ["stop", "remove"]),
        ("upgrade", "v2", "qa-1", FORWARD, BACK),
        ("revert", "v0", "qa-1", FORWARD, BACK),
        ("delete", None, "qa-1", ["stop", "remove"], []),
    ],
)
def test_the_steps_of_each_action(
    shop: Shop, action: str, version: str | None, host: str, steps: list[str], back: list[str]
) -> None:
    rollout = plan_of(shop.preview(action, version, hosts=[host]).intent).stages[-1].branches[0]
    assert isinstance(rollout, Rollout)
    assert [step.name for step in rollout.steps] == steps
    assert [step.name for step in rollout.put_back] == back
    # A package that could not be brought touched nothing: there would be nothing to put back.
    assert [step.name for step in rollout.steps if not step.mutates and step.name == "transfer"] == [
        name for name in steps if name == "transfer"
    ]
    without = plan_of(shop.preview(action, version, hosts=[host], put_back=False).intent)
    assert isinstance(without.stages[-1].branches[0], Rollout)
    assert without.stages[-1].branches[0].put_back == ()


def test_a_time_of_proof_ends_with_a_look_at_the_health(shop: Shop) -> None:
    def gate(action: str, version: str | None, bake: int) -> list[str]:
        rollout = (
            plan_of(shop.preview(action, version, hosts=["qa-1"], bake=bake).intent).stages[-1].branches[0]
        )
        assert isinstance(rollout, Rollout)
        return [str(step.params["what"]) for step in rollout.gate]

    assert gate("upgrade", "v2", 60) == gate("revert", "v0", 60) == ["health"]
    assert gate("upgrade", "v2", 0) == gate("delete", None, 60) == []


def test_where_a_host_is_belongs_to_what_was_approved(shop: Shop) -> None:
    before = shop.preview().plan_hash
    for changed in ({"address": "other.example.com"}, {"port": 2022}, {"user": "deploy"}):
        Host.objects.filter(name="qa-1").update(**changed)
        after = shop.preview().plan_hash
        assert after != before, changed
        before = after


def test_whoever_names_a_group_means_what_of_it_has_the_service(shop: Shop) -> None:
    """qa-3 is in the environment and has no instance."""
    assert "qa-3" in shop.hosts
    found = shop.preview(hosts={"environment": "qa"}).intent["hosts"]
    assert [host["name"] for host in found] == ["qa-1", "qa-2"]
    with pytest.raises(Refused) as refused:
        shop.preview(hosts={"environment": "qa", "names": ["qa-1", "qa-3"]})
    assert refused.value.code == "not_deployed"


def many(shop: Shop, count: int) -> None:
    hosts = Host.objects.bulk_create(
        Host(name=f"many-{n}", address="a.example.com", environment_id=shop.environments["qa"])
        for n in range(count)
    )
    Instance.objects.bulk_create(
        Instance(
            service_id=shop.service_id,
            host=host,
            version_id=shop.versions["v1"],
            status=InstanceStatus.RUNNING,
        )
        for host in hosts
    )


def queries_of(shop: Shop) -> int:
    with CaptureQueriesContext(connection) as captured:
        services.preview(by=shop.cast.ann, request=shop.request())
    return len(captured)


def test_a_plan_takes_as_many_queries_for_a_thousand_instances_as_for_ten(shop: Shop) -> None:
    many(shop, 7)
    assert len(shop.preview().intent["hosts"]) == 10
    few = queries_of(shop)
    Instance.objects.filter(host__name__startswith="many-").delete()
    Host.objects.filter(name__startswith="many-").delete()
    many(shop, 997)
    assert len(shop.preview().intent["hosts"]) == 1000
    assert queries_of(shop) == few <= 12


INTENT: dict[str, Any] = {
    "service": {"id": 1, "name": "checkout"},
    "action": "upgrade",
    "version": {"id": 2, "name": "v2", "digest": "d", "package": "p"},
    "hosts": [
        {"id": number, "name": f"web-{number}", "root": "/srv", "from": {"id": 1, "name": "v1"}, "port": 80}
        for number in (1, 2)
    ],
    "batches": [1, 1],
    "threshold": 0,
    "put_back": True,
    "approval": {"quorum": 1, "people": ["bob"]},
    "start": "auto",
    "settings": {"start": "echo", "keep_versions": 5},
}
