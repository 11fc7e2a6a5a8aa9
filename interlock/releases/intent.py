"""What a release means to do, host by host, in canonical form: what its hash is taken of.

Obstacles (what stands in the way just now) stand beside the intent, outside the hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.accounts.caller import Caller
from interlock.catalog import queries as catalog
from interlock.catalog.queries import InstanceRow, ServiceRow, VersionRow
from interlock.catalog.settings import ServiceSettings
from interlock.fleet import queries as fleet
from interlock.fleet.queries import HostRow
from interlock.lifecycle.instance import ALLOWED, Action, InstanceStatus
from interlock.lifecycle.refused import Refused, invalid, missing
from interlock.lifecycle.run.plan import digest, split_batches
from interlock.releases.request import ReleaseRequest, Selector, starts_at

NAMED = 20  # hosts in a refusal's sentence; the facts have them all


@dataclass(frozen=True)
class Choice:
    """A host that the release would touch, or one that is left out for a reason (a code)."""

    host: HostRow
    instance: InstanceRow | None
    left_out: str = ""
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Intended:
    service: ServiceRow
    version: VersionRow | None
    intent: dict[str, Any]
    obstacles: list[dict[str, Any]]

    @property
    def plan_hash(self) -> str:
        return digest(self.intent)


def intend(*, by: Caller, request: ReleaseRequest, run_id: int | None = None) -> Intended:
    """Work the request out against what is there now; ``Refused`` when its rules do not allow it.

    ``run_id``: the release's own run, whose locks are not in its way.
    """
    service = _service(by, request)
    version = _version(by, service, request.version) if request.version is not None else None
    if version is not None and version.status != "success":
        raise Refused("version_not_successful", version=version.name or version.id, status=version.status)
    origin = _version(by, service, request.from_version) if request.from_version is not None else None
    choices = _choose(by, request, service, origin)
    obstacles: list[dict[str, Any]] = []
    chosen = [_judge(request, version, choice, run_id) for choice in choices]
    _refuse(request, chosen)
    kept = [choice for choice in chosen if not choice.left_out]
    for choice in chosen:
        if choice.left_out:
            obstacles.append({"code": choice.left_out, "host": choice.host.name, **(choice.facts or {})})
        elif not choice.host.checked:
            obstacles.append({"code": "host_not_checked", "host": choice.host.name})
    if not kept:
        raise Refused("nothing_to_do", action=request.action)
    return Intended(service, version, _intent(request, service, version, kept), obstacles)


def _service(by: Caller, request: ReleaseRequest) -> ServiceRow:
    if isinstance(request.service, int):
        return catalog.service(by=by, service_id=request.service)
    return catalog.service_named(by=by, name=request.service)


def _version(by: Caller, service: ServiceRow, wanted: int | str) -> VersionRow:
    if isinstance(wanted, str):
        return catalog.version_named(by=by, service_id=service.id, name=wanted)
    row = catalog.version(by=by, version_id=wanted)
    if row.service_id != service.id:
        raise missing("version_of_other_service", version=row.name or row.id, service=service.name)
    return row


def _choose(
    by: Caller, request: ReleaseRequest, service: ServiceRow, origin: VersionRow | None
) -> list[Choice]:
    """The hosts that were asked for, each with its instance, in the order of the release."""
    rows = catalog.instances(by=by, service_id=service.id, absent=True, limit=None)
    by_host = {row.host_id: row for row in rows}
    installed = {row.host_id: row for row in rows if row.status != InstanceStatus.ABSENT}
    if request.hosts == "all":
        if request.action == "deploy":
            hosts = fleet.select_hosts(by=by, project_id=service.project_id, selector={"all": True})
            return [Choice(host, by_host.get(host.id)) for host in hosts if host.id not in installed]
        wanted = [
            row
            for row in installed.values()
            if not row.maintenance and (origin is None or row.version_id == origin.id)
        ]
        # By id, so that one whose grant was withdrawn refuses the release by name.
        ids = [row.host_id for row in wanted]
        hosts = fleet.select_hosts(by=by, project_id=service.project_id, selector={"ids": ids})
        return [Choice(host, by_host.get(host.id)) for host in hosts]
    hosts = fleet.select_hosts(by=by, project_id=service.project_id, selector=_selector(request))
    if request.action != "deploy" and _describes(request.hosts):
        # Who names a group means what of it has the service; who names a host means that host.
        return [
            Choice(host, row)
            for host in hosts
            if (row := installed.get(host.id)) and (origin is None or row.version_id == origin.id)
        ]
    if origin is not None:
        elsewhere = [
            h.name for h in hosts if h.id not in installed or installed[h.id].version_id != origin.id
        ]
        if elsewhere:
            raise missing("not_on_from_version", hosts=", ".join(elsewhere[:NAMED]), version=origin.name)
    return [Choice(host, by_host.get(host.id)) for host in hosts]


def _describes(hosts: object) -> bool:
    """Whether hosts were asked for by what they are, and none by its name or id."""
    return isinstance(hosts, Selector) and hosts.ids is None and hosts.names is None


def _selector(request: ReleaseRequest) -> dict[str, Any]:
    if isinstance(request.hosts, Selector):
        return request.hosts.model_dump(exclude_none=True)
    ids = [host for host in request.hosts if isinstance(host, int)]
    names = [host for host in request.hosts if isinstance(host, str)]
    if ids and names:
        raise invalid("hosts_mixed")
    return {"ids": ids} if ids else {"names": names}


def _judge(request: ReleaseRequest, version: VersionRow | None, choice: Choice, run_id: int | None) -> Choice:
    """The choice, with the reason why this host cannot take part, if there is one."""
    row = choice.instance
    status = InstanceStatus(row.status) if row else InstanceStatus.ABSENT
    action = Action(request.action)

    def out(code: str, **facts: object) -> Choice:
        return Choice(choice.host, row, code, facts)

    if action is Action.DEPLOY and action not in ALLOWED[status] and status is not InstanceStatus.ABSENT:
        return out("already_deployed", status=status.value)
    if action is not Action.DEPLOY and status is InstanceStatus.ABSENT:
        return out("not_deployed")
    if row is not None and row.lock is not None and row.lock.run_id != run_id:
        since = row.lock.since.isoformat(timespec="seconds")
        return out("instance_held", holder=row.lock.holder, since=since, reason=row.lock.reason,
                   run_id=row.lock.run_id)  # fmt: skip
    if action not in ALLOWED[status]:
        return out("instance_not_ready", status=status.value, action=action.value)
    if row is not None and version is not None and row.version_id is not None:
        failed = status in (InstanceStatus.UPGRADE_FAILED, InstanceStatus.REVERT_FAILED)
        if row.version_id == version.id and not failed:
            return out("already_there", version=version.name)
        if action is Action.UPGRADE and version.id < row.version_id:
            return out("version_not_newer", version=version.name, current=row.version_name)
        if action is Action.REVERT and version.id > row.version_id:
            return out("version_not_older", version=version.name, current=row.version_name)
    return choice


_WRONG_SIDE = frozenset({"already_there", "version_not_newer", "version_not_older", "already_deployed"})


def _refuse(request: ReleaseRequest, choices: Sequence[Choice]) -> None:
    """Whatever is left out refuses the release, unless the request says that it may be left out."""
    for code in ("not_deployed", "instance_not_ready", "instance_held", *sorted(_WRONG_SIDE)):
        found = [choice for choice in choices if choice.left_out == code]
        if not found:
            continue
        if (code in _WRONG_SIDE and request.skip) or (code == "instance_held" and request.skip_locked):
            continue
        facts = dict(found[0].facts or {})
        hosts = [choice.host.name for choice in found]
        detail = [{"host": choice.host.name, **(choice.facts or {})} for choice in found]
        kind = "missing" if code == "not_deployed" else "conflict"
        raise Refused(code, kind=kind, hosts=", ".join(hosts[:NAMED]), instances=detail, **facts)


def _intent(
    request: ReleaseRequest, service: ServiceRow, version: VersionRow | None, kept: Sequence[Choice]
) -> dict[str, Any]:
    """Everything that decides what will be done, and nothing else."""
    rules = fleet.environment_rules(choice.host.environment_id for choice in kept)
    settings = service.settings
    return {
        "service": {"id": service.id, "name": service.name},
        "action": request.action,
        "version": _named(version.id, version.name, version.digest, version.package) if version else None,
        "hosts": [_host(request, settings, version, choice) for choice in kept],
        "batches": list(split_batches(len(kept), _batches(request, kept, rules))),
        "threshold": request.threshold,
        "put_back": request.put_back,
        "bake": request.bake,
        "confirm": sorted(set(request.confirm)),
        "approval": _approval(request, rules),
        "start": starts_at(request) if request.start == "at" else request.start,
        "lock_scope": service.lock_scope,
        "settings": _settings(settings),
    }


def _named(version_id: int | None, name: str, digest_: str = "", package: str = "") -> dict[str, Any]:
    return {"id": version_id, "name": name, "digest": digest_, "package": package}


def _host(
    request: ReleaseRequest, settings: ServiceSettings, version: VersionRow | None, choice: Choice
) -> dict[str, Any]:
    row = choice.instance
    fresh = row is None or row.status in (InstanceStatus.ABSENT, InstanceStatus.INSTALL_FAILED)
    port = row.port if row else None
    return {
        "id": choice.host.id,
        "name": choice.host.name,
        "environment": choice.host.environment_name,
        "at": choice.host.login,
        "root": choice.host.root,
        "from": _named(row.version_id, row.version_name) if row and row.version_id and not fresh else None,
        "to": _named(version.id, version.name) if version else None,
        "port": (request.port or port or settings.port) if fresh else (port or settings.port),
        "tag": (request.tag if request.tag is not None and fresh else row.tag if row else "") or "",
        "weight": request.weight if request.weight is not None and fresh else row.weight if row else 100,
    }


def _batches(request: ReleaseRequest, kept: Sequence[Choice], rules: Mapping[int, Any]) -> Sequence[str]:
    if request.batches is not None:
        return request.batches
    strictest = max(kept, key=lambda choice: choice.host.environment_position)
    return rules[strictest.host.environment_id].default_batches or ["100%"]


def _approval(request: ReleaseRequest, rules: Mapping[int, Any]) -> dict[str, Any] | None:
    """What was asked for, but never less than what the environments demand."""
    demanded = max((rule.approvals_required for rule in rules.values()), default=0)
    if request.approval is None and not demanded:
        return None
    asked: dict[str, Any] = (
        request.approval.model_dump() if request.approval else {"not_requester": True, "people": []}
    )
    asked["quorum"] = max(int(str(asked.get("quorum", 1))), demanded)
    if demanded:
        # The rule of an environment is four eyes, whatever the request says.
        asked["not_requester"] = True
        asked["on_deadline"] = "reject"
    return {key: value for key, value in asked.items() if value is not None}


def _settings(settings: ServiceSettings) -> dict[str, Any]:
    """What of the service's settings reaches the hosts."""
    names = ("start", "stop", "health", "before_switch", "after_switch", "unit", "keep_versions",
             "health_timeout", "health_interval", "stop_timeout")  # fmt: skip
    return {name: getattr(settings, name) for name in names}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What of the intent is another thing now: field by field, hosts one by one."""
    found: list[dict[str, Any]] = []
    for field in sorted(set(old) | set(new)):
        was, now = old.get(field), new.get(field)
        if was == now:
            continue
        if field == "hosts":
            found += _host_differences(was or [], now or [])
        elif field == "settings":
            names = sorted(
                n for n in set(was or {}) | set(now or {}) if (was or {}).get(n) != (now or {}).get(n)
            )
            found += [
                {"field": f"settings.{n}", "was": (was or {}).get(n), "now": (now or {}).get(n)}
                for n in names
            ]
        else:
            found.append({"field": field, "was": was, "now": now})
    return found


def _host_differences(was: Sequence[Any], now: Sequence[Any]) -> list[dict[str, Any]]:
    old, new = ({host["id"]: host for host in hosts} for hosts in (was, now))
    found: list[dict[str, Any]] = []
    for host_id in [*old, *(h for h in new if h not in old)]:
        before, after = old.get(host_id), new.get(host_id)
        if before != after:
            name = (before or after or {}).get("name")
            found.append({"field": "hosts", "host": name, "was": before, "now": after})
    return found
