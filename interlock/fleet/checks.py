"""Going to hosts to see: their keys, whether we can sign in, what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.rights import require
from interlock.fleet.models import Host
from interlock.fleet.probing import Stage, probe
from interlock.fleet.queries import host_spec, host_specs
from interlock.fleet.services import note_check, note_facts, read_key
from interlock.lifecycle.refused import Refused, missing
from interlock.remote import HostSpec, Links, RemoteError, Unreachable, scan_host_keys

AT_ONCE = 50  # hosts; more only makes each of them slower


@dataclass(frozen=True)
class OfferedKey:
    line: str
    fingerprint: str
    accepted: bool

    @property
    def kind(self) -> str:
        return self.line.split()[0]


@dataclass(frozen=True)
class HostCheck:
    """``code`` is empty when the host was reached and is nobody else's twin."""

    host_id: int
    host: str
    code: str = ""
    detail: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def scan_keys(*, by: Caller, host_id: int) -> list[OfferedKey]:
    """The keys that the host offers now, for a person to compare and accept."""
    require(by, "fleet")
    host = Host.objects.filter(id=host_id).first()
    if host is None:
        raise missing("host_not_known_id", id=host_id)
    try:
        if host.bastion_id is None:
            lines = asyncio.run(scan_host_keys(host.address, host.port))
        else:
            lines = asyncio.run(_offered_behind(host_spec(host_id)))
    except RemoteError as error:
        raise Refused("host_unreachable", host=host.name, why=error.code) from None
    accepted = set(host.keys.values_list("fingerprint", flat=True))
    keys = [read_key(line) for line in lines]
    return [OfferedKey(line, fingerprint, fingerprint in accepted) for line, fingerprint in keys]


async def _offered_behind(spec: HostSpec) -> tuple[str, ...]:
    """Only the bastion can reach it: the key is the one that it shows on the way there."""
    links = Links()
    try:
        await links.get(spec)
    except Unreachable as error:
        if error.code in ("host_key_unknown", "host_key_changed") and error.offered:
            return (error.offered,)
        raise
    finally:
        await links.close()
    return spec.host_keys


def plan_check(*, by: Caller, host_ids: Sequence[int]) -> list[tuple[HostSpec, str]]:
    """What to go to, secrets included, each with its root."""
    require(by, "fleet")
    specs = host_specs(host_ids)
    lacking = sorted(set(host_ids) - set(specs))
    if lacking:
        raise missing("host_not_known", hosts=", ".join(map(str, lacking[:20])))
    roots = dict(Host.objects.filter(id__in=list(specs)).values_list("id", "root"))
    return [(spec, roots[spec.id]) for spec in specs.values()]


def check_hosts(*, by: Caller, host_ids: Sequence[int]) -> list[HostCheck]:
    """Sign in at each, all at once, and keep what is learnt."""
    planned = plan_check(by=by, host_ids=host_ids)
    seen = asyncio.run(_probe_all(planned))
    return [note(spec, stages) for (spec, _), stages in zip(planned, seen, strict=True)]


async def _probe_all(planned: Sequence[tuple[HostSpec, str]]) -> list[list[Stage]]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(spec: HostSpec, root: str) -> list[Stage]:
        async with room, aclosing(probe(spec, root)) as stages:
            return [stage async for stage in stages]

    return await asyncio.gather(*(one(spec, root) for spec, root in planned))


def note(spec: HostSpec, stages: Sequence[Stage]) -> HostCheck:
    """Keep how it went and what was learnt; whatever a host is, it is nobody else's twin."""
    broken = next((stage for stage in stages if stage.status == "failed"), None)
    code, detail = (broken.code, broken.found) if broken else ("", "")
    facts = next((stage.seen for stage in reversed(stages) if stage.seen), None)
    if facts is not None:
        try:
            note_facts(by=SYSTEM_CALLER, host_id=spec.id, machine_id=facts.machine_id, facts=asdict(facts))
        except Refused as refused:
            code, detail = refused.code, str(refused.facts.get("other", ""))
    told = [{"name": s.name, "status": s.status, "code": s.code, "found": s.found} for s in stages]
    if code and broken is None:
        told.append({"name": "twin", "status": "failed", "code": code, "found": detail})
    note_check(host_id=spec.id, trouble=code, stages=told)
    return HostCheck(spec.id, spec.name, code, detail, asdict(facts) if facts else {})
