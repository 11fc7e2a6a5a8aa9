"""A release: asked for, looked at as a plan, changed, approved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from interlock.accounts.rights import may
from interlock.catalog import queries as catalog
from interlock.catalog.queries import ServiceRow, VersionChoice
from interlock.lifecycle.refused import Refused
from interlock.releases import queries, services
from interlock.releases.intent import differences
from interlock.releases.request import CHANGEABLE
from interlock.runs import approvals
from interlock.runs import queries as runs
from interlock.runs import services as run_services
from interlock.web import asking_release, door, plan_view
from interlock.web.asking_release import Asked
from interlock.web.door import PageRequest, signed_in
from interlock.web.reading import number
from interlock.web.release_form import ReleaseForm, typed
from interlock.words import refusal, sentence


@require_http_methods(["GET", "POST"])
@signed_in
def ask(request: PageRequest, service_id: int) -> HttpResponse:
    """The form of a new release, with the plan that it comes to beside it."""
    service = catalog.service(by=request.caller, service_id=service_id)
    data = request.POST if request.method == "POST" else _prefilled(request.GET)

    def send(asked: Asked, seen: str) -> str:
        row = services.request_release(by=request.caller, request=asked.request, plan_hash=seen)
        return f"/releases/{row.id}"

    return _form(request, service, data, {}, send)


def _prefilled(given: QueryDict) -> QueryDict:
    """``action``, ``version_id``, ``from_version_id`` and ``hosts`` (ids) of the address."""
    hosts = [id for text in given.get("hosts", "").split(",") if (id := number(text))]
    action = given.get("action", "")
    known = action if action in ("deploy", "upgrade", "revert", "delete") else "upgrade"
    more = {name: given.get(name, "") for name in ("version_id", "from_version_id")}
    return typed({"action": known, **({"hosts": hosts} if hosts else {})}, **more)


@require_http_methods(["GET", "POST"])
@signed_in
def change(request: PageRequest, release_id: int) -> HttpResponse:
    """The same form for a release that has not begun."""
    row = queries.release(by=request.caller, release_id=release_id)
    service = catalog.service(by=request.caller, service_id=row.service_id)
    fixed = {"action": row.action, "version": row.version_id, "from_version": row.from_version_id}
    former = {**row.request, **fixed}
    data = request.POST.copy() if request.method == "POST" else typed(former)
    data["action"], data["version_id"] = row.action, str(row.version_id or "")
    data["from_version_id"] = str(row.from_version_id or "")

    def send(asked: Asked, seen: str) -> str:
        changes = {name: value for name, value in asked.request.items() if name in CHANGEABLE}
        changes.setdefault("start_at", None)
        changes.setdefault("confirm", [])
        services.change_release(by=request.caller, release_id=row.id, changes=changes)
        return f"/releases/{row.id}"

    kept = {name: value for name, value in fixed.items() if value is not None}
    return _form(request, service, data, kept, send, row)


def _form(
    request: PageRequest,
    service: ServiceRow,
    data: QueryDict,
    fixed: Mapping[str, Any],
    send: Callable[[Asked, str], str],
    row: Any = None,
) -> HttpResponse:
    by = request.caller
    offered = asking_release.choices(by, service.id, data) if row is None else []
    if row is None:
        data = asking_release.with_version(data, offered)
    form = ReleaseForm(data)
    sending = request.method == "POST" and "send" in data
    shown: dict[str, Any] = {"service": service, "form": form, "row": row}

    def act() -> str:
        asked = asking_release.plan(by, form, service.id, fixed)
        seen = data.get("plan_hash", "")
        if asked.intended is None or asked.intended.plan_hash != seen:
            raise _NotAsSeen(asked)
        try:
            return send(asked, seen)
        except Refused as error:
            if error.kind == "forbidden":
                raise
            form.refuse(error)
            raise _NotAsSeen(asked) from None

    if sending:
        try:
            return door.once(request, act)
        except _NotAsSeen as told:
            asked = told.asked
            if asked.intended is not None and not form.errors:
                differing = asking_release.differs(data.get("looked_at", ""), asked.intended)
                shown |= {"meanwhile": True, "differing": differing}
    else:
        asked = asking_release.plan(by, form, service.id, fixed)
    return _drawn(request, asked, shown, offered, 422 if sending else 200)


class _NotAsSeen(Exception):
    """Nothing was sent: there is no such plan, or it is another one than was looked at."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked


def _drawn(
    request: PageRequest, asked: Asked, shown: dict[str, Any], offered: list[VersionChoice], status: int
) -> HttpResponse:
    service, by = shown["service"], request.caller
    if asked.intended is not None:
        intended = asked.intended
        shown |= {"plan": asking_release.drawn(intended), "looked_at": asking_release.keep(intended)}
    shown |= asking_release.fields(by, shown["form"], service, offered)
    shown |= {"may_release": may(by, "release", service.project_id), "error": asked.error}
    template = "web/_release_form.html" if request.htmx else "web/release_form.html"
    return render(request, template, shown, status=status)


@signed_in
def plan(request: PageRequest, release_id: int) -> HttpResponse:
    return show_plan(request, release_id)


def show_plan(
    request: PageRequest, release_id: int, error: Refused | None = None, note: str = ""
) -> HttpResponse:
    """What one approves: the whole of it, and nothing that is not in its hash without saying so."""
    by = request.caller
    row = queries.release(by=by, release_id=release_id)
    view = runs.run_view(by=by, run_id=row.run_id or 0)
    begun = view.row.locked or view.row.ended_at is not None
    code, facts = view.why
    allowed = {verb.verb: verb for verb in view.verbs if verb.allowed}
    shown = {
        "row": row,
        "run": view.row,
        "why": sentence(code, facts),
        "begun": begun,
        "plan": asking_release.drawn(row),
        "changes": plan_view.changes(row.changes),
        "approvals": [_approval(request, one) for one in view.approvals],
        "error": refusal(error) if error else "",
        "note": note,
        "go_on": next((verb for verb in view.verbs if verb.verb == "go-on" and verb.allowed), None),
        "may_start": "start" in allowed,
        "may_stop": "stop" in allowed,
        "may_release": may(by, "release", row.project_id),
        "may_operate": may(by, "operate", row.project_id),
        **({} if begun else _now(request, row)),
    }
    fragment = request.path.endswith("/_live")
    status = door.STATUS[error.kind] if error else 200
    return render(request, "web/_release.html" if fragment else "web/release.html", shown, status=status)


def _now(request: PageRequest, row: Any) -> dict[str, Any]:
    """What the same request would come to now: an approval is of the plan, which may be out of date."""
    try:
        intended = services.preview(by=request.caller, request=row.request)
    except Refused as error:
        return {"refused_now": refusal(error)}
    found: dict[str, Any] = {"obstacles_now": plan_view.in_the_way(intended.obstacles)}
    if intended.plan_hash != row.plan_hash:
        found["differs_now"] = plan_view.changes(differences(row.intent, intended.intent))
    return found


def _approval(request: PageRequest, one: Any) -> dict[str, Any]:
    votes = list(one.votes.all())
    refused = approvals.vote_refusal(by=request.caller, approval=one) if one.status == "open" else None
    if one.status == "open" and not may(request.caller, "approve", one.run.project_id):
        why = sentence("not_allowed", {"right": "approve"})
    else:
        why = refusal(refused) if refused else ""
    given = sum(1 for vote in votes if vote.decision == "approve")
    return {"row": one, "votes": votes, "given": given, "why_not": why, "key": one.step.key}


@require_POST
@signed_in
def vote(request: PageRequest, release_id: int) -> HttpResponse:
    row = queries.release(by=request.caller, release_id=release_id)
    given, note = request.POST, request.POST.get("note", "")[:4000]
    decide = approvals.approve if given.get("decision") == "approve" else approvals.reject
    try:
        decide(
            run_id=row.run_id or 0,
            key=given.get("key", ""),
            by=request.caller,
            note=note,
            plan_hash=given.get("plan_hash", ""),
        )
    except Refused as error:
        return show_plan(request, release_id, error, note)
    return door.go_to(request, f"/releases/{row.id}")


@require_POST
@signed_in
def act(request: PageRequest, release_id: int) -> HttpResponse:
    """Start it, let it go on, or withdraw it."""
    by = request.caller
    row = queries.release(by=by, release_id=release_id)
    run_id, given = row.run_id or 0, request.POST
    try:
        match given.get("act"):
            case "start":
                run_services.start(run_id=run_id, by=by)
            case "go-on":
                run_services.go_on(run_id=run_id, key=given.get("key", ""), by=by)
            case "withdraw":
                run_services.stop(run_id=run_id, by=by, reason=given.get("note", "")[:1000])
    except Refused as error:
        return show_plan(request, release_id, error)
    return door.go_to(request, f"/releases/{row.id}")
