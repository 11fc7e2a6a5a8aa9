"""The overview: which versions run where, what is under way, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from interlock.accounts.queries import projects
from interlock.accounts.rights import may
from interlock.catalog import queries as catalog
from interlock.catalog.queries import Across, InstanceRow
from interlock.fleet import queries as fleet
from interlock.lifecycle.refused import missing
from interlock.lifecycle.run.states import RunStatus
from interlock.releases import queries as releases
from interlock.runs import queries as runs
from interlock.runs.waiting import explanations, held_runs, progress
from interlock.web.door import PageRequest, signed_in
from interlock.web.matrix import lines
from interlock.web.pages.run_choices import told
from interlock.web.reading import number
from interlock.words import sentence

SHOWN = 50  # services at first, and as many more at each reach of the end
SHOWN_MOST = 500
COLUMNS_MOST = 24
STRIP_MOST = 6
DRAWER_MOST = 200
OPEN = [s.value for s in RunStatus if s.value in ("pending", "running", "waiting", "paused", "stopping")]


@signed_in
def home(request: PageRequest) -> HttpResponse:
    return render(request, "web/home.html", {**_matrix(request), **_strip(request)})


@signed_in
def matrix(request: PageRequest) -> HttpResponse:
    return render(request, "web/_matrix.html", _matrix(request))


@signed_in
def strip(request: PageRequest) -> HttpResponse:
    return render(request, "web/_strip.html", _strip(request))


def _matrix(request: PageRequest) -> dict[str, Any]:
    by, asked = request.caller, request.GET
    across: Across = "group" if asked.get("across") == "group" else "environment"
    shown = min(max(number(asked.get("shown")) or SHOWN, SHOWN), SHOWN_MOST)
    filters: dict[str, Any] = {
        "project_id": number(asked.get("project")),
        "search": asked.get("search", "")[:64].strip(),
        "troubled": asked.get("troubled") == "yes",
    }
    rows = catalog.services(by=by, **filters, limit=shown + 1)
    more, rows = len(rows) > shown, rows[:shown]
    ids = [row.id for row in rows]
    columns = _columns(request, across)
    found = lines(
        rows,
        [id for id, _ in columns[:COLUMNS_MOST]],
        catalog.matrix(by=by, service_ids=ids, across=across),
        catalog.matrix_locks(by=by, service_ids=ids, across=across),
        releases.targets(by=by, service_ids=ids),
    )
    owned = list(projects(by=by)[:COLUMNS_MOST])
    return {
        "lines": found,
        "columns": columns[:COLUMNS_MOST],
        "columns_cut": len(columns) > COLUMNS_MOST,
        "across": across,
        "filters": filters,
        "filtered": any(filters.values()),
        "next_shown": shown + SHOWN if more and shown < SHOWN_MOST else None,
        "cut": more and shown >= SHOWN_MOST,
        "projects": owned if len(owned) > 1 else [],
        "first_steps": _first_steps(request, found, bool(columns)),
        "may_configure": any(may(by, "configure", project.id) for project in owned),
    }


def _columns(request: PageRequest, across: Across) -> list[tuple[int | None, str]]:
    """Where there are hosts at all; one more than is shown tells that there are more."""
    by = request.caller
    most = COLUMNS_MOST + 1
    if across == "group":
        groups = fleet.groups(by=by).filter(hosts__isnull=False).distinct().order_by("name")
        named: list[tuple[int | None, str]] = [(row.id, row.name) for row in groups[: most - 1]]
        return [*named, (None, gettext("in no group"))]
    places = fleet.environments(by=by).filter(hosts__isnull=False).distinct()
    return [(row.id, row.name) for row in places[:most]]


def _first_steps(request: PageRequest, found: Sequence[Any], hosts: bool) -> list[dict[str, Any]]:
    """What a newcomer does next, as long as nothing runs anywhere."""
    if request.GET or any(any(line.cells) for line in found):
        return []
    service = found[0].service if found else None
    version = next((line.service for line in found if line.service.newest_id), None)
    build = f"/services/{service.id}#build" if service else ""
    return [
        {"done": hosts, "icon": "server", "title": gettext("Add a host"), "address": "/hosts",
         "text": gettext("A machine that is reached by SSH, in an environment. Nothing is installed on it.")},
        {"done": service is not None, "icon": "boxes", "title": gettext("Add a service"),
         "address": "/services/new",
         "text": gettext("Where it is built from, and how it is started, stopped and asked for its health.")},
        {"done": version is not None, "icon": "package", "title": gettext("Make a version"), "address": build,
         "text": gettext("Build a branch or tag, or upload a package.")},
        {"done": False, "icon": "rocket", "title": gettext("Release it"),
         "address": f"/services/{version.id}/release?action=deploy" if version else "",
         "text": gettext("See the plan host by host, then let it go.")},
    ]  # fmt: skip


def _strip(request: PageRequest) -> dict[str, Any]:
    by = request.caller
    waiting = list(runs.open_approvals(by=by)[: STRIP_MOST + 1])
    held = list(held_runs(by=by).order_by("-id")[: STRIP_MOST + 1])
    named = [approval.run_id for approval in waiting] + [run.id for run in held]
    rows = runs.list_runs(by=by).filter(status__in=OPEN).exclude(id__in=named)
    open_runs = list(rows[: STRIP_MOST + 1])
    shown, why = open_runs[:STRIP_MOST], explanations(held)
    through = progress(run.id for run in shown)
    return {
        "open_runs": [(run, through.get(run.id)) for run in shown],
        "more_runs": len(open_runs) > STRIP_MOST,
        "waiting": waiting[:STRIP_MOST],
        "held": [(run, sentence(why[run.id][0], told(why[run.id][1]))) for run in held[:STRIP_MOST]],
        "more_waiting": len(waiting) > STRIP_MOST or len(held) > STRIP_MOST,
    }


@signed_in
def cell(request: PageRequest, service_id: int) -> HttpResponse:
    """The drawer of a cell: its instances, the service's last releases, and what to do from here."""
    by, asked = request.caller, request.GET
    service = catalog.service(by=by, service_id=service_id)
    place = {"environment": "", "group": ""}
    across = "group" if "group" in asked else "environment"
    column = number(asked.get(across)) or 0
    if across == "environment":
        found = fleet.environments(by=by).filter(id=column).first()
        if found is None:
            raise missing("not_found")
        rows = catalog.instances(by=by, service_id=service.id, environment=found.name, limit=DRAWER_MOST + 1)
        place["environment"] = found.name
    else:
        hosts = fleet.hosts(by=by).filter(groups=column) if column else fleet.hosts(by=by).filter(groups=None)
        ids = list(hosts.values_list("id", flat=True))
        rows = catalog.instances(by=by, service_id=service.id, host_ids=ids, limit=DRAWER_MOST + 1)
        group = fleet.groups(by=by).filter(id=column).first()
        place["group"] = group.name if group else gettext("in no group")
    last = list(releases.light(releases.releases(by=by, service_id=service.id))[:5])
    return render(
        request,
        "web/_cell.html",
        {
            "service": service,
            "place": place["environment"] or place["group"],
            "rows": rows[:DRAWER_MOST],
            "cut": len(rows) > DRAWER_MOST,
            "releases": last,
            "hosts": ",".join(str(row.host_id) for row in rows[:DRAWER_MOST]),
            "back": last_good(rows),
            "may_release": may(by, "release", service.project_id),
        },
    )


def last_good(rows: Sequence[InstanceRow]) -> dict[str, Any] | None:
    """The version that most of the instances ran before, if that was an older one; and who runs newer."""
    former: dict[tuple[int, str], list[InstanceRow]] = {}
    for row in rows:
        before, now = row.previous_version_id, row.version_id
        if before is not None and now is not None and before < now:
            former.setdefault((before, row.previous_version_name), []).append(row)
    if not former:
        return None
    (version_id, name), on_it = max(former.items(), key=lambda item: (len(item[1]), item[0][0]))
    return {"id": version_id, "name": name, "hosts": ",".join(str(row.host_id) for row in on_it)}
