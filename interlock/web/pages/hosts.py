"""Hosts: the list, what one is and runs, and changing it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from interlock.accounts.rights import may, require
from interlock.catalog import queries as catalog
from interlock.fleet import checks, queries, services
from interlock.lifecycle.refused import Refused
from interlock.runs.queries import runs_on_host
from interlock.web.door import PageRequest, go_to, once, signed_in
from interlock.web.forms import sent
from interlock.web.pages.host_forms import FIELDS, HostForm, changes_of, initial_of
from interlock.web.paging import part_of
from interlock.web.stages import REACHES
from interlock.words import refusal

FILTERS = ("environment", "group", "label", "reach", "search", "credential")


def number(text: str | None) -> int | None:
    """An id of a query string; whatever else stands there is none."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


@signed_in
@require_GET
def listed(request: PageRequest) -> HttpResponse:
    by, asked = request.caller, request.GET
    rows = queries.hosts(
        by=by,
        environment_id=number(asked.get("environment")),
        group_id=number(asked.get("group")),
        credential_id=number(asked.get("credential")),
        search=asked.get("search", "").strip()[:100].replace("\0", ""),
        label=asked.get("label", "").strip()[:130].replace("\0", ""),
        reach=asked.get("reach", ""),
    )
    part = part_of(rows, request, order="name")
    counts = catalog.counts_by_host(by=by, host_ids=[row.id for row in part.rows])
    shown = [
        {"row": row, "reach": queries.reach_of(row), "instances": counts.get(row.id, 0)} for row in part.rows
    ]
    facts = {
        "hosts": shown,
        "following": part.following,
        "keeps": may(by, "fleet"),
        "filtered": any(asked.get(name) for name in FILTERS),
    }
    if request.htmx:
        return render(request, "web/_hosts.html", facts)
    facts |= {
        "environments": queries.environments(by=by),
        "groups": queries.groups(by=by).order_by("name"),
        "reaches": REACHES,
        "refused": asked.get("refused", ""),
    }
    return render(request, "web/hosts.html", facts)


@signed_in
@require_POST
def bulk(request: PageRequest) -> HttpResponse:
    """What the bar under the list does to those chosen."""
    by, asked = request.caller, request.POST
    host_ids = [int(text) for text in asked.getlist("host") if number(text) is not None][:500]
    back = asked.get("back", "")
    address = f"{reverse('hosts')}{back if back.startswith('?') else ''}"
    match asked.get("act"):
        case "environment":
            services.put_hosts(by=by, host_ids=host_ids, environment_id=number(asked.get("environment")))
        case "group" | "leave" as act:
            group_id, leave = number(asked.get("group")), act == "leave"
            services.put_hosts(by=by, host_ids=host_ids, group_id=group_id, leave=leave)
        case "check":
            checks.check_hosts(by=by, host_ids=host_ids)
        case _:
            pass
    return go_to(request, address)


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    by = request.caller
    require(by, "fleet")
    form = HostForm(request.POST or None, by=by)
    if request.method == "POST" and (done := sent(request, form, lambda: _create(request, form), FIELDS)):
        return done
    status = 422 if request.method == "POST" else 200
    return render(request, "web/host_form.html", {"form": form}, status=status)


def _create(request: PageRequest, form: HostForm) -> str:
    lines = [line for line in form.cleaned_data["host_keys"].splitlines() if line.strip()]
    values = form.values(request.caller)
    host = services.create_host(by=request.caller, host_keys=lines, **values)
    return reverse("host" if lines else "host-keys", args=[host.id])


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: PageRequest, host_id: int) -> HttpResponse:
    by = request.caller
    require(by, "fleet")
    host = queries.host(by=by, host_id=host_id)
    form = HostForm(request.POST or None, by=by, host_id=host_id, initial=initial_of(host))

    def change() -> str:
        changes = changes_of(host, form.values(by))
        if changes:
            services.update_host(by=by, host_id=host_id, changes=changes)
        return reverse("host", args=[host_id])

    if request.method == "POST" and (done := sent(request, form, change, FIELDS)):
        return done
    status = 422 if request.method == "POST" else 200
    return render(request, "web/host_form.html", {"form": form, "host": host}, status=status)


@signed_in
@require_GET
def one(request: PageRequest, host_id: int) -> HttpResponse:
    return _page(request, host_id)


def _page(request: PageRequest, host_id: int, refused: Refused | None = None) -> HttpResponse:
    facts = {**state_of(request, host_id), "refused": refusal(refused) if refused else ""}
    return render(request, "web/host.html", facts, status=409 if refused else 200)


@signed_in
@require_GET
def state(request: PageRequest, host_id: int) -> HttpResponse:
    return render(request, "web/_host.html", state_of(request, host_id))


def state_of(request: PageRequest, host_id: int) -> dict[str, Any]:
    by = request.caller
    host = queries.host(by=by, host_id=host_id)
    instances = catalog.instances(by=by, host_id=host_id)
    return {
        "host": host,
        "reach": queries.reach_of(host),
        "instances": instances,
        "runs": runs_on_host(by=by, host_id=host_id),
        "keys": list(host.keys.all()),
        "bastion": host.bastion,
        "keeps": may(by, "fleet"),
        "labels": sorted(host.labels.items()),
    }


@signed_in
@require_POST
def delete(request: PageRequest, host_id: int) -> HttpResponse:
    queries.host(by=request.caller, host_id=host_id)

    def act() -> str:
        services.delete_host(by=request.caller, host_id=host_id)
        return reverse("hosts")

    try:
        return once(request, act)
    except Refused as error:
        if error.code != "host_in_use" or request.htmx:
            raise
        return _page(request, host_id, error)
