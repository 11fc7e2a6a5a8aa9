"""Locks of hosts that nobody can tell of, over SSH: freed by proof, kept without it, freed by a person."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from demo.hosts import DemoHosts
from demo.servers import free_port
from interlock.catalog.models import Lock
from interlock.catalog.services import free_unproven
from interlock.fleet.queries import host_specs
from interlock.fleet.services import accept_key, create_credential, read_key, remove_key, update_host
from interlock.journal.models import Entry
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.lane import Ended
from interlock.lifecycle.run.states import StepStatus
from interlock.releases import services
from interlock.releases.services import reprobe_unproven
from interlock.remote import Body, BodyState, BodyStatus, Link, Links
from interlock.runs import services as runs
from interlock.runs.engine.apply import Claimer
from interlock.runs.engine.lanes import Report
from interlock.runs.models import Run, Target
from interlock.runs.queries import bodies_of
from tests.releases.conftest import Shop
from tests.releases.test_following import succeed_until
from tests.runs.play import begin_all, claimed, report

pytestmark = [pytest.mark.ssh, pytest.mark.django_db(databases=list(settings.DATABASES))]
ONE = Claimer(worker="worker-one", machine="here", lease_seconds=15)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHosts]:
    base = "127.77.1"
    port = free_port(f"{base}.1", f"{base}.2")
    hosts = DemoHosts(tmp_path_factory.mktemp("hosts"), count=2, base=base, port=port)
    hosts.start()
    yield hosts
    hosts.stop()


class Doubt:
    """A release on two hosts whose bodies run, while the platform has lost them and given up."""

    def __init__(self, shop: Shop, machines: DemoHosts, folder: Path) -> None:
        self.shop, self.machines = shop, machines
        self.ids = [shop.hosts["qa-1"], shop.hosts["qa-2"]]
        key = create_credential(
            by=shop.cast.root, name="key", kind="private_key", value=machines.client_key.read_text()
        )
        for host_id, machine in zip(self.ids, machines.hosts, strict=True):
            reach = {"address": machine.address, "port": machine.port, "user": machine.user}
            more = {"credential_id": key.id, "state_dir": str(folder / machine.name)}
            update_host(by=shop.cast.root, host_id=host_id, changes={**reach, **more})
            accept_key(by=shop.cast.root, host_id=host_id, line=machine.host_key)
        release = shop.ask(hosts=["qa-1", "qa-2"])
        self.run = Run.objects.get(pk=release.run_id)
        work = claimed(self.run, ONE)
        reply = succeed_until(work, begin_all(work, ONE), "start")
        self.bodies = {id: self.at_work(id) for id in self.ids}
        for lane in work.lanes:
            body = Body(self.bodies[lane.host.id], b"sleep 60")
            self.on(lane.host.id, lambda link, body=body: link.launch(body))  # type: ignore[misc]
            report(work, ONE, Report(lane.id, Ended(reply.grants[lane.id].launch.seq, StepStatus.UNKNOWN)))
        runs.give_up(run_id=self.run.id, by=shop.cast.ann, reason="the network is gone")
        assert self.locked() == {*self.ids, None}
        assert Target.objects.filter(step__run=self.run, status="unknown").count() == 2

    def at_work(self, host_id: int) -> str:
        rows = Target.objects.filter(lane__run=self.run, lane__host_id=host_id).order_by("id")
        bodies = zip(rows, bodies_of(self.run.id, host_id), strict=True)
        return next(body for row, body in bodies if row.status == "running")

    def locked(self) -> set[int | None]:
        """Hosts, and None for the whole service."""
        rows = Lock.objects.filter(run_id=self.run.id).values_list("instance__host_id", flat=True)
        return set(rows)

    def on(self, host_id: int, use: Callable[[Link], Awaitable[BodyState]]) -> BodyState:
        spec = host_specs([host_id])[host_id]

        async def whole() -> BodyState:
            links = Links()
            try:
                return await use(await links.get(spec))
            finally:
                await links.close()

        return asyncio.run(whole())

    def look(self, host_id: int) -> BodyStatus:
        return self.on(host_id, lambda link: link.look(self.bodies[host_id])).status

    def tidy(self) -> None:
        for host_id, machine in zip(self.ids, self.machines.hosts, strict=True):
            update_host(by=self.shop.cast.root, host_id=host_id, changes={"port": machine.port})
            accept_key(by=self.shop.cast.root, host_id=host_id, line=machine.host_key)
        reprobe_unproven()


@pytest.fixture
def doubt(shop: Shop, machines: DemoHosts, tmp_path: Path) -> Iterator[Doubt]:
    doubt = Doubt(shop, machines, tmp_path)
    yield doubt
    doubt.tidy()


def test_proof_frees_and_what_still_lived_is_ended(doubt: Doubt) -> None:
    first, second = doubt.ids
    assert doubt.look(first) is BodyStatus.running
    assert reprobe_unproven() == 2
    assert doubt.locked() == set()
    assert doubt.look(first) is doubt.look(second) is BodyStatus.ended
    assert reprobe_unproven() == 0
    doubt.shop.ask("delete", None, hosts=["qa-1"])


def test_without_proof_it_stays_and_holds_up_no_other(doubt: Doubt) -> None:
    first = doubt.ids[0]
    root = doubt.shop.cast.root
    update_host(by=root, host_id=first, changes={"port": 1})
    assert reprobe_unproven() == 1
    assert doubt.locked() == {first, None}
    update_host(by=root, host_id=first, changes={"port": doubt.machines.hosts[0].port})
    # Another machine answers at the address: its word is no proof.
    own, other = (machine.host_key for machine in doubt.machines.hosts)
    accept_key(by=root, host_id=first, line=other)
    remove_key(by=root, host_id=first, fingerprint=read_key(own)[1])
    assert reprobe_unproven() == 0
    assert doubt.locked() == {first, None}
    accept_key(by=root, host_id=first, line=own)
    assert doubt.look(first) is BodyStatus.running
    assert reprobe_unproven() == 1
    assert doubt.locked() == set()


def test_a_host_that_hangs_stays_and_holds_up_no_other(doubt: Doubt, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(services, "PROBE_SECONDS", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        changes = {"address": "127.0.0.1", "port": silent.getsockname()[1]}
        update_host(by=doubt.shop.cast.root, host_id=doubt.ids[0], changes=changes)
        assert reprobe_unproven() == 1
    assert doubt.locked() == {doubt.ids[0], None}
    back = {"address": doubt.machines.hosts[0].address}
    update_host(by=doubt.shop.cast.root, host_id=doubt.ids[0], changes=back)


def test_a_person_frees_it_with_a_note(doubt: Doubt) -> None:
    cast = doubt.shop.cast
    ids = list(Lock.objects.filter(instance__isnull=False).order_by("id").values_list("id", flat=True))
    for by, note, code in ((cast.ann, " ", "note_missing"), (cast.cy, "I looked", "not_allowed")):
        with pytest.raises(Refused) as caught:
            free_unproven(by=by, lock_ids=ids, note=note)
        assert caught.value.code == code
    assert len(doubt.locked()) == 3
    assert free_unproven(by=cast.ann, lock_ids=ids[:1], note="its power is off") == 1
    assert len(doubt.locked()) == 2
    entry = Entry.objects.get(act="lock.freed_by_hand")
    assert (entry.actor_name, entry.reason) == (cast.ann.name, "its power is off")
    assert reprobe_unproven() == 1  # the other one, by proof
    assert doubt.locked() == set()
