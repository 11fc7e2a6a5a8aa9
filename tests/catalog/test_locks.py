"""Locks: all or nothing, one holder, freed by proof or by a person."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from interlock.catalog import queries
from interlock.catalog.models import Instance, Lock, Service
from interlock.catalog.services import free_unproven, release_locks, take_locks
from interlock.journal.actor import SYSTEM
from interlock.journal.models import Entry
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused
from interlock.runs.models import Run
from tests.catalog.conftest import Shop


def take(shop: Shop, run: Run, instances: list[Instance], holder: str = "olaf") -> int:
    return take_locks(
        service_id=shop.service.pk,
        run_id=run.pk,
        instance_ids=[row.pk for row in instances],
        holder=holder,
        reason="upgrade to 1.1",
        by=SYSTEM,
    )


def scope(shop: Shop, value: str) -> None:
    Service.objects.filter(pk=shop.service.pk).update(lock_scope=value)


def held(run: Run) -> set[int | None]:
    return set(Lock.objects.filter(run=run).values_list("instance", flat=True))


def test_a_second_release_of_the_service_is_told_who_is_at_work(shop: Shop) -> None:
    first, second, third = shop.instances()
    run, later = shop.run(), shop.run()
    take(shop, run, [first, second])
    assert held(run) == {None, first.pk, second.pk}
    with pytest.raises(Refused) as refused:
        take(shop, later, [second, third], holder="petra")
    assert refused.value.code == "locked"
    named: Any = refused.value.facts["instances"]
    assert len(named) == 1
    assert {**named[0], "since": ""} == {
        "instance_id": second.pk,
        "host": "web-2",
        "holder": "olaf",
        "since": "",
        "reason": "upgrade to 1.1",
        "run_id": run.pk,
        "status": "held",
    }
    # Also where it wants other instances: the scope is the service.
    with pytest.raises(Refused):
        take(shop, later, [third])
    assert held(later) == set()


def test_with_the_scope_instances_only_the_same_ones_clash_all_or_nothing(shop: Shop) -> None:
    scope(shop, "instances")
    first, second, third = shop.instances()
    run, later = shop.run(), shop.run()
    take(shop, run, [first])
    take(shop, later, [third])
    assert (held(run), held(later)) == ({first.pk}, {third.pk})
    with pytest.raises(Refused) as refused:
        take(shop, later, [second, first])
    assert [named["host"] for named in refused.value.facts["instances"]] == ["web-1"]  # type: ignore[attr-defined]
    assert held(later) == {third.pk}


def test_instances_of_another_service_are_refused(shop: Shop) -> None:
    stranger = shop.instances(shop.another_service("cart"))[0]
    with pytest.raises(Refused) as refused:
        take(shop, shop.run(), [shop.instances()[0], stranger])
    assert refused.value.code == "instance_not_known"
    assert not Lock.objects.exists()
    with pytest.raises(Refused):
        take_locks(service_id=0, run_id=shop.run().pk, instance_ids=[], holder="", reason="", by=SYSTEM)


def test_a_run_that_takes_again_keeps_its_token_and_gets_the_rest(shop: Shop) -> None:
    rows, run = shop.instances(), shop.run()
    token = take(shop, run, rows[:1])
    assert take(shop, run, rows) == token
    assert held(run) == {None, *(row.pk for row in rows)}
    assert set(Lock.objects.values_list("token", flat=True)) == {token}


def test_tokens_only_grow_also_after_a_backup_and_with_a_clock_set_back(shop: Shop) -> None:
    rows = shop.instances()
    tokens = []
    for _ in range(3):
        run = shop.run()
        tokens.append(take(shop, run, rows))
        release_locks(run_id=run.pk, still_instance_ids=None, by=SYSTEM)
    assert tokens == sorted(set(tokens))
    assert tokens[0] >= (time.time() - 60) * 1000
    # A database restored from yesterday knows a lower last token, the hosts do not: the clock leads.
    Service.objects.update(last_lock_token=1)
    now = time.time_ns() // 1_000_000
    assert take(shop, shop.run(), rows) >= now
    # A clock that went back: the last token leads.
    Lock.objects.all().delete()
    Service.objects.update(last_lock_token=2**52)
    assert take(shop, shop.run(), rows) == 2**52 + 1


def test_all_is_freed_where_every_host_is_still(shop: Shop) -> None:
    rows, run = shop.instances(), shop.run()
    take(shop, run, rows)
    assert release_locks(run_id=run.pk, still_instance_ids={row.pk for row in rows}, by=SYSTEM) == 0
    assert not Lock.objects.exists()
    assert release_locks(run_id=run.pk, still_instance_ids=None, by=SYSTEM) == 0
    take(shop, shop.run(), rows)


def test_without_proof_the_lock_stays_until_proof_comes(shop: Shop) -> None:
    first, second, third = shop.instances()
    run = shop.run()
    take(shop, run, [first, second, third])
    assert release_locks(run_id=run.pk, still_instance_ids={first.pk}, by=SYSTEM) == 2
    assert held(run) == {None, second.pk, third.pk}
    assert {row.status for row in queries.locks(by=shop.viewer, run_id=run.pk)} == {"unproven"}
    assert [row.host_name for row in queries.locks(by=shop.viewer, run_id=run.pk)] == ["", "web-2", "web-3"]
    assert queries.locks(by=shop.stranger, run_id=run.pk) == []
    with pytest.raises(Refused) as refused:
        take(shop, shop.run(), [first])
    assert refused.value.code == "locked"
    # Probed again: what is proven meanwhile goes, and the service with the last.
    assert release_locks(run_id=run.pk, still_instance_ids={second.pk}, by=SYSTEM) == 1
    assert release_locks(run_id=run.pk, still_instance_ids=set(), by=SYSTEM) == 1
    assert release_locks(run_id=run.pk, still_instance_ids={third.pk}, by=SYSTEM) == 0
    assert not Lock.objects.exists()
    freed = Entry.objects.filter(act="locks.freed").order_by("id")
    assert [(entry.facts["freed"], entry.facts["unproven"]) for entry in freed] == [(1, 2), (1, 1), (1, 0)]


def test_a_person_may_answer_for_a_host(shop: Shop) -> None:
    first, second, _ = shop.instances()
    run = shop.run()
    take(shop, run, [first, second])
    ids = [row.id for row in queries.locks(by=shop.viewer, run_id=run.pk) if row.instance_id]
    with pytest.raises(Refused) as refused:
        free_unproven(by=shop.operator, lock_ids=ids, note="I looked")
    assert (refused.value.code, refused.value.facts["holder"]) == ("lock_held", "olaf")
    release_locks(run_id=run.pk, still_instance_ids=set(), by=SYSTEM)
    whole = [row.id for row in queries.locks(by=shop.viewer, run_id=run.pk) if not row.instance_id]
    with pytest.raises(Refused) as refused:
        free_unproven(by=shop.operator, lock_ids=whole, note="I looked")
    assert refused.value.code == "lock_of_service"
    for by, note, code in (
        (shop.operator, "  ", "note_missing"),
        (shop.operator, "x" * 1001, "text_unfit"),
        (shop.viewer, "I looked", "not_allowed"),
        (shop.stranger, "I looked", "lock_not_known"),
    ):
        with pytest.raises(Refused) as refused:
            free_unproven(by=by, lock_ids=ids, note=note)
        assert refused.value.code == code
    assert free_unproven(by=shop.operator, lock_ids=ids[:1], note="powered off") == 1
    assert held(run) == {None, second.pk}
    assert free_unproven(by=shop.operator, lock_ids=ids[1:], note="powered off") == 1
    assert not Lock.objects.exists()
    entry = Entry.objects.filter(act="lock.freed_by_hand").order_by("id")[0]
    assert (entry.reason, entry.subject_id, entry.actor_name) == ("powered off", first.pk, "olaf")
    with pytest.raises(Refused) as refused:
        free_unproven(by=shop.operator, lock_ids=ids, note="again")
    assert refused.value.code == "lock_not_known"


class Side(threading.Thread):
    """Something done on a connection of its own; ``result`` is what it gave or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.result: Any = None
        self.began = threading.Event()
        self.backend = 0

    def run(self) -> None:
        try:
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    self.backend = cursor.fetchone()[0]
            self.began.set()
            self.result = self.call()
        except Exception as error:
            self.result = error
        finally:
            connections.close_all()


def until_waiting(side: Side) -> None:
    """On PostgreSQL: until the other connection stands in line for a lock of ours."""
    assert side.began.wait(10)
    if connection.vendor != "postgresql":
        return
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [side.backend])
            if cursor.fetchone():
                return
    raise AssertionError("the other side never had to wait")


def test_who_comes_while_another_is_taking_waits_and_is_refused(committed_shop: Shop) -> None:
    shop = committed_shop
    rows, run, later = shop.instances(), shop.run(), shop.run()
    side = Side(lambda: take(shop, later, rows[1:], holder="petra"))
    with writing():
        take(shop, run, rows[:2])
        side.start()
        until_waiting(side)
    side.join(20)
    assert isinstance(side.result, Refused)
    assert side.result.facts["holder"] == "olaf"
    assert held(run) == {None, rows[0].pk, rows[1].pk}
    assert held(later) == set()


def test_who_comes_while_another_fails_to_take_gets_them(committed_shop: Shop) -> None:
    shop = committed_shop
    rows, run, later = shop.instances(), shop.run(), shop.run()
    side = Side(lambda: take(shop, later, rows, holder="petra"))

    class Undone(Exception):
        pass

    with pytest.raises(Undone), writing():
        take(shop, run, rows)
        side.start()
        until_waiting(side)
        raise Undone
    side.join(20)
    assert isinstance(side.result, int)
    assert (held(run), held(later)) == (set(), {None, *(row.pk for row in rows)})


def test_who_comes_while_locks_are_being_freed_gets_them(committed_shop: Shop) -> None:
    shop = committed_shop
    rows, run, later = shop.instances(), shop.run(), shop.run()
    token = take(shop, run, rows)
    side = Side(lambda: take(shop, later, rows, holder="petra"))
    with writing():
        release_locks(run_id=run.pk, still_instance_ids=None, by=SYSTEM)
        side.start()
        until_waiting(side)
    side.join(20)
    assert isinstance(side.result, int)
    assert side.result > token


def test_many_takers_in_crossing_order_one_wins_each_instance(committed_shop: Shop) -> None:
    """With single instances as the scope, wanted in crossing orders: no deadlock, no double holder."""
    shop = committed_shop
    scope(shop, "instances")
    rows = shop.instances()
    wishes = [rows, rows[::-1], rows[:2], rows[1:][::-1], [rows[2], rows[0]]]
    runs = [shop.run() for _ in wishes]
    sides = [
        Side(lambda run=run, wish=wish: take(shop, run, wish))  # type: ignore[misc]
        for run, wish in zip(runs, wishes, strict=True)
    ]
    for side in sides:
        side.start()
    for side in sides:
        side.join(30)
    won = [run for run, side in zip(runs, sides, strict=True) if isinstance(side.result, int)]
    assert won
    assert all(isinstance(side.result, int | Refused) for side in sides), [side.result for side in sides]
    taken = list(Lock.objects.values_list("instance", flat=True))
    assert len(taken) == len(set(taken))
    for run, wish in zip(runs, wishes, strict=True):
        assert held(run) == ({row.pk for row in wish} if run in won else set())
