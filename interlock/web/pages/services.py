"""Services: all of them, and a new one."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from interlock.accounts.queries import projects
from interlock.accounts.rights import may
from interlock.catalog import queries, services
from interlock.lifecycle.refused import Refused, forbidden
from interlock.releases.queries import last_releases
from interlock.web import door, labels
from interlock.web.door import PageRequest, signed_in
from interlock.web.reading import number
from interlock.web.service_form import NewServiceForm

SHOWN = 50
PROJECTS_MOST = 200


@signed_in
def services_page(request: PageRequest) -> HttpResponse:
    by, asked = request.caller, request.GET
    filters: dict[str, Any] = {
        "project_id": number(asked.get("project")),
        "language": asked.get("language", "") if asked.get("language") in labels.LANGUAGES else "",
        "search": asked.get("search", "")[:64].strip(),
        "troubled": asked.get("troubled") == "yes",
    }
    rows = queries.services(by=by, **filters, after=asked.get("after", "")[:64], limit=SHOWN + 1)
    rows, following = rows[:SHOWN], rows[SHOWN - 1].name if len(rows) > SHOWN else ""
    last = last_releases(by=by, service_ids=[row.id for row in rows])
    owned = list(projects(by=by)[:PROJECTS_MOST])
    return render(
        request,
        "web/services.html",
        {
            "rows": [(row, last.get(row.id), labels.instance_parts(row.instances)) for row in rows],
            "following": following,
            "filters": filters,
            "filtered": any(filters.values()) or bool(asked.get("after")),
            "languages": labels.LANGUAGES,
            "projects": owned,
            "project_names": {project.id: project.name for project in owned},
            "may_configure": any(may(by, "configure", project.id) for project in owned),
        },
    )


@require_http_methods(["GET", "POST"])
@signed_in
def new_service(request: PageRequest) -> HttpResponse:
    by = request.caller
    mine = [(row.id, row.name) for row in projects(by=by) if may(by, "configure", row.id)]
    if not mine:
        raise forbidden("not_allowed", right="configure")
    form = NewServiceForm(request.POST or None, projects=mine)
    if request.method == "POST" and form.is_valid():
        asked = {"project_id": form.cleaned_data["project_id"], "name": form.cleaned_data["name"]}

        def make() -> str:
            row = services.create_service(by=by, **asked, **form.facts, settings=form.settings)
            return f"/services/{row.pk}"

        try:
            return door.once(request, make)
        except Refused as error:
            form.refuse(error)
    status = 422 if form.errors else 200
    return render(request, "web/service_new.html", {"form": form}, status=status)
