"""What the form of a release shows: the choices there are, and the plan that they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.http import QueryDict

from interlock.accounts.caller import Caller
from interlock.accounts.queries import approvers
from interlock.catalog import queries as catalog
from interlock.catalog.queries import InstanceRow, ServiceRow, VersionChoice
from interlock.fleet import queries as fleet
from interlock.fleet.queries import HostRow
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import Refused
from interlock.releases import services
from interlock.releases.intent import Intended, differences
from interlock.releases.queries import ReleaseRow
from interlock.web import plan_view
from interlock.web.reading import number
from interlock.web.release_form import ReleaseForm
from interlock.words import sentence

HOSTS_SHOWN = 200
SALT = "looked-at"


@dataclass(frozen=True)
class Candidate:
    host: HostRow
    instance: InstanceRow | None
    chosen: bool


@dataclass(frozen=True)
class Asked:
    """The plan that the form comes to, or the refusal; ``request`` is what makes it."""

    intended: Intended | None
    request: dict[str, Any]
    error: Refused | None = None


def plan(by: Caller, form: ReleaseForm, service_id: int, fixed: Mapping[str, Any]) -> Asked:
    """``fixed``: what a release that is changed does not give up."""
    if not form.is_valid():
        return Asked(None, {})
    request: dict[str, Any] = {}
    try:
        request = form.request(service_id) | dict(fixed)
        intended = services.preview(by=by, request=request)
        more = form.depending(len(intended.intent["hosts"]), len(intended.intent["batches"]))
        if more:
            request |= more
            intended = services.preview(by=by, request=request)
        return Asked(intended, request)
    except Refused as error:
        if error.kind == "forbidden" or error.code in ("service_not_known", "not_found"):
            raise
        form.refuse(error)
        return Asked(None, request, error)


def with_version(data: QueryDict, choices: list[VersionChoice]) -> QueryDict:
    """The form with a version that its action can go to, where it names none that it can."""
    wanted = number(data.get("version_id"))
    known = {choice.id: choice for choice in choices}
    if wanted in known and known[wanted].enabled:
        return data
    data = data.copy()
    first = next((choice for choice in choices if choice.enabled), None)
    data["version_id"] = str(first.id) if first else ""
    return data


def choices(by: Caller, service_id: int, data: QueryDict) -> list[VersionChoice]:
    action = data.get("action", "")
    if action not in ("deploy", "upgrade", "revert"):
        return []
    origin = number(data.get("from_version_id")) if action != "deploy" else None
    try:
        return catalog.versions_for(by=by, service_id=service_id, action=action, from_version_id=origin)
    except Refused:
        return catalog.versions_for(by=by, service_id=service_id, action=action)


def fields(
    by: Caller, form: ReleaseForm, service: ServiceRow, offered: list[VersionChoice]
) -> dict[str, Any]:
    """Everything that can be chosen, as it is now."""
    candidates = _candidates(by, form, service)
    why = {code: sentence(code, {}) if code else "" for code in {choice.reason for choice in offered}}
    installed = {c.instance.version_id: c.instance.version_name for c in candidates if c.instance}
    shown = _shown(candidates, form.data.get("host_search", "").strip().lower())
    return {
        "offered": [(choice, why[choice.reason]) for choice in offered],
        "origins": sorted((id, name) for id, name in installed.items() if id is not None),
        "candidates": shown[:HOSTS_SHOWN],
        "candidates_cut": len(shown) > HOSTS_SHOWN,
        "candidate_count": len(candidates),
        "locked": [c for c in candidates if c.instance and c.instance.lock],
        "groups": sorted({name for c in candidates for name in c.host.group_names}),
        "environments": list(dict.fromkeys(c.host.environment_name for c in candidates)),
        "label_names": sorted({f"{k}={v}" for c in candidates for k, v in c.host.labels.items()})[:200],
        "approvers": approvers(by=by, project_id=service.project_id)[:100],
    }


def _candidates(by: Caller, form: ReleaseForm, service: ServiceRow) -> list[Candidate]:
    """Hosts that the action could be about: those without the service for a deploy, else those with it."""
    rows = catalog.instances(by=by, service_id=service.id, limit=None)
    by_host = {row.host_id: row for row in rows}
    chosen, fresh = set(form.chosen), form.data.get("action") == "deploy"
    granted = fleet.granted(service.project_id)
    hosts = fleet.host_rows(granted if fresh else granted.filter(id__in=chosen | set(by_host)))
    found = []
    for host in hosts:
        row = by_host.get(host.id)
        missing = row is None or row.status == InstanceStatus.INSTALL_FAILED
        if host.id in chosen or (missing if fresh else row is not None):
            found.append(Candidate(host, row, host.id in chosen))
    return found


def _shown(candidates: list[Candidate], search: str) -> list[Candidate]:
    """What the search finds; who is chosen is always shown, first where there is a search."""
    if not search:
        return sorted(candidates, key=lambda c: not c.chosen) if len(candidates) > HOSTS_SHOWN else candidates

    def fits(host: HostRow) -> bool:
        return any(search in text.lower() for text in (host.name, host.environment_name, *host.group_names))

    found = [c for c in candidates if c.chosen or fits(c.host)]
    return sorted(found, key=lambda c: not c.chosen)


def drawn(intended: Intended | ReleaseRow) -> dict[str, Any]:
    """A plan for the page."""
    done, back = plan_view.commands(intended.intent)
    return {
        "intent": intended.intent,
        "plan_hash": intended.plan_hash,
        "batches": plan_view.batches(intended.intent),
        "rules": plan_view.rules(intended.intent),
        "obstacles": plan_view.in_the_way(intended.obstacles),
        "commands": done,
        "put_back": back,
    }


def keep(intended: Intended) -> str:
    """The plan that was looked at, carried by the form: so what differs later can be told."""
    return signing.dumps(intended.intent, salt=SALT, compress=True)


def differs(kept: str, intended: Intended) -> list[tuple[str, str, str]]:
    try:
        former = signing.loads(kept, salt=SALT)
    except signing.BadSignature:
        return []
    return plan_view.changes(differences(former, intended.intent))
