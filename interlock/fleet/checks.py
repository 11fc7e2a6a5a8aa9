"""Going to hosts to see: their keys, whether we can sign in, what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.rights import require
from interlock.fleet.models import Host
from interlock.fleet.queries import host_specs
from interlock.fleet.services import note_facts, read_key
from interlock.lifecycle.refused import Refused, missing
from interlock.remote import HostFacts, HostSpec, Links, RemoteError, Unreachable, scan_host_keys


@dataclass(frozen=True)
class OfferedKey:
    line: str
    fingerprint: str
    accepted: bool


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
        lines = asyncio.run(scan_host_keys(host.address, host.port))
    except RemoteError as error:
        raise Refused("host_unreachable", host=host.name, why=error.code) from None
    accepted = set(host.keys.values_list("fingerprint", flat=True))
    keys = [read_key(line) for line in lines]
    return [OfferedKey(line, fingerprint, fingerprint in accepted) for line, fingerprint in keys]


def check_hosts(*, by: Caller, host_ids: Sequence[int]) -> list[HostCheck]:
    """Sign in at each, all at once, and keep what is learnt."""
    require(by, "fleet")
    specs = host_specs(host_ids)
    lacking = sorted(set(host_ids) - set(specs))
    if lacking:
        raise missing("host_not_known", hosts=", ".join(map(str, lacking[:20])))
    found = asyncio.run(_reach(list(specs.values())))
    return [_note(spec, found[spec.id]) for spec in specs.values()]


async def _reach(specs: list[HostSpec]) -> dict[int, HostFacts | RemoteError]:
    links = Links()

    async def one(spec: HostSpec) -> HostFacts | RemoteError:
        try:
            return (await links.get(spec)).facts
        except RemoteError as error:
            return error

    try:
        answers = await asyncio.gather(*(one(spec) for spec in specs))
    finally:
        await links.close()
    return {spec.id: answer for spec, answer in zip(specs, answers, strict=True)}


def _note(spec: HostSpec, answer: HostFacts | RemoteError) -> HostCheck:
    if isinstance(answer, RemoteError):
        detail = getattr(answer, "offered", "") if isinstance(answer, Unreachable) else ""
        return HostCheck(spec.id, spec.name, answer.code, detail or answer.detail)
    facts = asdict(answer)
    try:
        note_facts(by=SYSTEM_CALLER, host_id=spec.id, machine_id=answer.machine_id, facts=facts)
    except Refused as refused:
        return HostCheck(spec.id, spec.name, refused.code, str(refused.facts.get("other", "")), facts)
    return HostCheck(spec.id, spec.name, facts=facts)
