"""Asking for releases, changing them before they begin, and proving hosts still after them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.rights import require
from interlock.catalog import queries as catalog
from interlock.catalog.services import release_locks
from interlock.fleet.queries import host_specs
from interlock.journal.actor import SYSTEM
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing
from interlock.releases.intent import Intended, differences, intend
from interlock.releases.models import Release
from interlock.releases.plan import plan_of, title_of
from interlock.releases.request import CHANGEABLE, ReleaseRequest, read_request
from interlock.remote import HostSpec, Links, RemoteError
from interlock.runs import services as runs
from interlock.runs.clock import now
from interlock.runs.queries import bodies_of

log = structlog.get_logger(__name__)
PROBE_SECONDS = 15.0  # whoever looks after runs waits for this


def preview(*, by: Caller, request: Mapping[str, Any] | ReleaseRequest) -> Intended:
    """What would be done, and what stands in the way. Nothing is kept."""
    intended = intend(by=by, request=_read(request))
    require(by, "view", intended.service.project_id)
    return intended


def _read(request: Mapping[str, Any] | ReleaseRequest) -> ReleaseRequest:
    # Also when it is read already: what goes together is checked in one place.
    values = request.model_dump(exclude_unset=True) if isinstance(request, ReleaseRequest) else request
    return read_request(values)


def request_release(
    *, by: Caller, request: Mapping[str, Any] | ReleaseRequest, plan_hash: str | None = None
) -> Release:
    """Make the release and start its run: to its approvals and times first, then to the hosts.

    With ``plan_hash`` what was looked at is what is asked for: refused when it is another plan by now.
    """
    read = _read(request)
    _check_time(read)
    with writing():
        intended = intend(by=by, request=read)
        _check_confirm(read, intended)
        service = intended.service
        require(by, "release", service.project_id)
        if plan_hash is not None and plan_hash != intended.plan_hash:
            raise Refused("plan_changed", plan_hash=intended.plan_hash)
        release = _create(by, read, intended)
        run = runs.create_run(
            project_id=service.project_id,
            origin="release",
            origin_id=release.id,
            title=title_of(intended.intent),
            plan=plan_of(intended.intent),
            plan_hash=intended.plan_hash,
            by=by,
        )
        Release.objects.filter(id=release.id).update(run_id=run.id)
        append(
            NewEntry(
                by, "release", release.id, "release.requested", project_id=service.project_id,
                reason=read.note, facts={"run_id": run.id, "plan_hash": intended.plan_hash},
            )
        )  # fmt: skip
        runs.start(run_id=run.id, by=by)
    return Release.objects.get(id=release.id)


def _check_time(request: ReleaseRequest) -> None:
    if request.start_at is not None and request.start_at <= now():
        raise invalid("start_at_past", value=request.start_at.isoformat(timespec="seconds"))


def _check_confirm(request: ReleaseRequest, intended: Intended) -> None:
    """After the last batch there is nothing to say yes to."""
    last = len(intended.intent["batches"]) - 1
    beyond = [batch for batch in request.confirm if batch >= last]
    if beyond:
        raise invalid("confirm_beyond_batches", batch=max(beyond) + 1, batches=last + 1)


def _create(by: Caller, read: ReleaseRequest, intended: Intended) -> Release:
    service = intended.service
    return Release.objects.create(
        project_id=service.project_id,
        service_id=service.id,
        action=read.action,
        version_id=intended.version.id if intended.version else None,
        from_version_id=_from_version(read, by, service.id),
        request=read.model_dump(mode="json", exclude_unset=True),
        intent=intended.intent,
        plan_hash=intended.plan_hash,
        obstacles=intended.obstacles,
        note=read.note,
        created_by_id=by.person_id,
    )


def _from_version(request: ReleaseRequest, by: Caller, service_id: int) -> int | None:
    if request.from_version is None or isinstance(request.from_version, int):
        return request.from_version
    return catalog.version_named(by=by, service_id=service_id, name=request.from_version).id


def change_release(*, by: Caller, release_id: int, changes: Mapping[str, Any]) -> Release:
    """Ask for something else before work begins. Another plan has to be approved again."""
    strange = sorted(set(changes) - CHANGEABLE)
    if strange:
        raise invalid("fields_not_known", fields=", ".join(strange))
    with writing():
        release = Release.objects.filter(id=release_id).first()
        if release is None or release.run_id is None:
            raise missing("release_not_known", release_id=release_id)
        require(by, "release", release.project_id)
        request = read_request({**release.request, **changes})
        if "start_at" in changes:
            _check_time(request)
        intended = intend(by=by, request=request, run_id=release.run_id)
        _check_confirm(request, intended)
        # Not the whole row: what the run's transactions write of it meanwhile must stay.
        written = {"request", "obstacles", "note"}
        if intended.plan_hash != release.plan_hash:
            runs.replace_plan(
                run_id=release.run_id,
                plan=plan_of(intended.intent),
                plan_hash=intended.plan_hash,
                by=by,
                reason=request.note,
            )
            release.round += 1
            written |= {"round", "changes", "intent", "plan_hash"}
            release.changes = differences(release.intent, intended.intent)
            release.intent, release.plan_hash = intended.intent, intended.plan_hash
        release.request = request.model_dump(mode="json", exclude_unset=True)
        release.obstacles, release.note = intended.obstacles, request.note
        release.save(update_fields=written)
        append(
            NewEntry(
                by, "release", release.id, "release.changed", project_id=release.project_id,
                facts={"fields": sorted(changes), "plan_hash": release.plan_hash},
            )
        )  # fmt: skip
    return release


def reprobe_unproven() -> int:
    """Ask hosts that could not be asked before whether anything of an ended run lives there.

    What is found is stopped (its run has ended, nobody wants it); only proof frees a lock.
    """
    locks = [lock for lock in catalog.locks(by=SYSTEM_CALLER, status="unproven") if lock.host_id]
    specs = host_specs({lock.host_id for lock in locks if lock.host_id})
    doubted = [(lock, specs[lock.host_id]) for lock in locks if lock.host_id in specs]
    doubts = asyncio.run(_doubts([(spec, bodies_of(lock.run_id, spec.id)) for lock, spec in doubted]))
    freed = 0
    for (lock, spec), doubt in zip(doubted, doubts, strict=True):
        if doubt:
            log.info("still_in_doubt", host=spec.name, run=lock.run_id, code=doubt)
        elif lock.instance_id is not None:
            release_locks(run_id=lock.run_id, still_instance_ids={lock.instance_id}, by=SYSTEM)
            freed += 1
    return freed


async def _doubts(hosts: list[tuple[HostSpec, list[str]]]) -> list[str]:
    """For each host why its lock has to stay, or nothing. All at once: one that is away costs no other."""
    links = Links()
    try:
        return await asyncio.gather(*(_doubt(links, spec, bodies) for spec, bodies in hosts))
    finally:
        await links.close()


async def _doubt(links: Links, spec: HostSpec, bodies: list[str]) -> str:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            link = await links.get(spec)
            stopped = [await link.stop(body) for body in bodies]
    except RemoteError as error:
        return error.code
    except TimeoutError:
        return "no_reply"
    return "" if all(one.proven for one in stopped) else "survivors"
