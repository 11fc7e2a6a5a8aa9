"""A service: its versions, its instances, what was done to it, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods

from interlock.accounts.rights import may
from interlock.builds import queries as builds
from interlock.catalog import queries, services
from interlock.catalog.queries import ServiceRow, VersionRow
from interlock.fleet import queries as fleet
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.version import VersionStatus
from interlock.releases import queries as releases
from interlock.runs import queries as runs
from interlock.web import labels
from interlock.web.door import PageRequest, go_to, signed_in
from interlock.web.reading import number
from interlock.web.service_form import ServiceForm, values_of
from interlock.web.version_forms import BuildForm, UploadForm
from interlock.words import sentence

SHOWN = 40
INSTANCES_SHOWN = 100
LOG_SHOWN = 64 * 1024  # bytes, the last ones; all of it is on the page of the run
UNMADE = {"pending", "building"}


def frame(request: PageRequest, row: ServiceRow, tab: str, **more: Any) -> dict[str, Any]:
    """What every page of a service shows around its own."""
    by = request.caller
    return {
        "service": row,
        "tab": tab,
        "parts": labels.instance_parts(row.instances),
        "may": {
            right: may(by, right, row.project_id) for right in ("release", "build", "operate", "configure")
        },
        **more,
    }


@signed_in
def versions(request: PageRequest, service_id: int) -> HttpResponse:
    row = queries.service(by=request.caller, service_id=service_id)
    return show_versions(request, row)


def show_versions(
    request: PageRequest,
    row: ServiceRow,
    *,
    build: BuildForm | None = None,
    upload: UploadForm | None = None,
    status: int = 200,
) -> HttpResponse:
    forms = {"build": build or BuildForm(), "upload": upload or UploadForm()}
    shown = {**frame(request, row, "versions"), **_versions(request, row), **forms}
    return render(request, "web/service_versions.html", shown, status=status)


@signed_in
def version_rows(request: PageRequest, service_id: int) -> HttpResponse:
    row = queries.service(by=request.caller, service_id=service_id)
    return render(
        request, "web/_versions.html", {**frame(request, row, "versions"), **_versions(request, row)}
    )


def _versions(request: PageRequest, row: ServiceRow) -> dict[str, Any]:
    by, asked = request.caller, request.GET
    status = asked.get("status", "")
    found = queries.versions(
        by=by,
        service_id=row.id,
        status=status if status in set(VersionStatus) else "",
        search=asked.get("search", "")[:128].strip(),
        before_id=number(asked.get("before")),
        limit=SHOWN + 1,
    )
    found, following = found[:SHOWN], found[SHOWN - 1].id if len(found) > SHOWN else None
    ids = [version.id for version in found]
    made = builds.builds(by=by, service_id=row.id, version_ids=ids, limit=len(ids) + SHOWN)
    where: dict[int | None, int] = {}
    for tally in queries.matrix(by=by, service_ids=[row.id]):
        where[tally.version_id] = where.get(tally.version_id, 0) + tally.number
    return {
        "versions": [(version, where.get(version.id, 0), why(version)) for version in found],
        "runs": {build.version_id: build.run_id for build in reversed(made)},
        "following": following,
        "chosen_status": status,
        "statuses": list(VersionStatus),
        "search": asked.get("search", ""),
        "live": any(version.status in UNMADE for version in found),
    }


def why(version: VersionRow) -> str:
    return sentence(version.reason, version.reason_facts) if version.reason else ""


@signed_in
def version(request: PageRequest, version_id: int) -> HttpResponse:
    """One version: what it was made of, where it runs, and the end of its build's log."""
    by = request.caller
    row = queries.version(by=by, version_id=version_id)
    service = queries.service(by=by, service_id=row.service_id)
    made = builds.builds_of(by=by, version_id=row.id)
    run_id = made[0].run_id if made else None
    shown = frame(request, service, "versions", version=row, why=why(row), run_id=run_id)
    shown["log"], shown["log_cut"] = _log(request, run_id) if run_id else ("", False)
    shown["live"] = row.status in UNMADE
    shown["instances"] = queries.instances(by=by, version_id=row.id, limit=INSTANCES_SHOWN)
    fragment = request.path.endswith("/_live")
    return render(request, "web/_version.html" if fragment else "web/version.html", shown)


def _log(request: PageRequest, run_id: int) -> tuple[str, bool]:
    step = runs.run_view(by=request.caller, run_id=run_id).steps[0].row
    body = runs.step_body(step)
    end, _ = runs.log_ends({body} if body else set()).get((run_id, body), (0, False))
    if not end:
        return "", False
    start = max(0, end - LOG_SHOWN)
    part = runs.log_bytes(by=request.caller, run_id=run_id, body=body, offset=start, limit=LOG_SHOWN)
    return part.data.decode(errors="replace"), start > 0


@signed_in
def instances(request: PageRequest, service_id: int) -> HttpResponse:
    row = queries.service(by=request.caller, service_id=service_id)
    return show_instances(request, row)


def show_instances(
    request: PageRequest, row: ServiceRow, *, told: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    shown = {**frame(request, row, "instances"), **_instances(request, row), "told": told}
    return render(request, "web/service_instances.html", shown, status=status)


@signed_in
def instance_rows(request: PageRequest, service_id: int) -> HttpResponse:
    row = queries.service(by=request.caller, service_id=service_id)
    return render(
        request, "web/_instances.html", {**frame(request, row, "instances"), **_instances(request, row)}
    )


def _instances(request: PageRequest, row: ServiceRow) -> dict[str, Any]:
    by, asked = request.caller, request.GET
    filters: dict[str, Any] = {
        "status": asked.get("status", "") if asked.get("status") in set(InstanceStatus) else "",
        "search": asked.get("search", "")[:64].strip(),
        "locked": True if asked.get("locked") == "yes" else None,
        "maintenance": True if asked.get("maintenance") == "yes" else None,
    }
    places = list(fleet.environments(by=by)[:200])
    place = next((env for env in places if env.id == number(asked.get("environment"))), None)
    if "group" in asked:
        group = number(asked.get("group"))
        filters["host_ids"] = list(fleet.hosts(by=by).filter(groups=group).values_list("id", flat=True))
    found = queries.instances(
        by=by,
        service_id=row.id,
        environment=place.name if place else "",
        after_id=number(asked.get("after")),
        limit=INSTANCES_SHOWN + 1,
        **filters,
    )
    shown = found[:INSTANCES_SHOWN]
    return {
        "rows": shown,
        "following": shown[-1].id if len(found) > INSTANCES_SHOWN else None,
        "filters": filters,
        "environment": place,
        "environments": places,
        "statuses": list(InstanceStatus),
        "filtered": bool(place or any(filters.values()) or "after" in asked or "group" in asked),
    }


@signed_in
def timeline(request: PageRequest, service_id: int) -> HttpResponse:
    by = request.caller
    row = queries.service(by=by, service_id=service_id)
    before = _moment(request.GET.get("before", ""))
    asked = releases.light(releases.releases(by=by, service_id=row.id))
    if before is not None:
        asked = asked.filter(created_at__lt=before)
    entries: list[dict[str, Any]] = [{"at": one.created_at, "release": one} for one in asked[: SHOWN + 1]] + [
        {"at": one.created_at, "build": one}
        for one in builds.builds(by=by, service_id=row.id, before=before, limit=SHOWN + 1)
    ]
    entries.sort(key=lambda entry: entry["at"], reverse=True)
    following = entries[SHOWN - 1]["at"].isoformat() if len(entries) > SHOWN else ""
    shown = frame(request, row, "timeline", entries=entries[:SHOWN], following=following)
    return render(request, "web/service_timeline.html", shown)


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text[:40])
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


@require_http_methods(["GET", "POST"])
@signed_in
def settings(request: PageRequest, service_id: int) -> HttpResponse:
    by = request.caller
    row = queries.service(by=by, service_id=service_id)
    form = ServiceForm(request.POST or None, initial=values_of(row), source=row.build_source)
    seen = request.POST.get("seen") or row.updated_at.isoformat()
    if request.method == "POST" and form.is_valid():
        values = {**form.facts, "settings": form.settings}
        try:
            services.update_service(by=by, service_id=row.id, changes=values, seen=_moment(seen))
            return go_to(request, f"/services/{row.id}/settings?told=saved")
        except Refused as error:
            if error.kind in ("missing", "forbidden"):
                raise
            form.refuse(error)
            if error.code == "service_changed_meanwhile":
                seen = row.updated_at.isoformat()
    allowed = may(by, "configure", row.project_id)
    for field in form.fields.values():
        field.disabled = field.disabled or not allowed
    shown = frame(request, row, "settings", form=form, seen=seen)
    return render(request, "web/service_settings.html", shown, status=422 if form.errors else 200)
