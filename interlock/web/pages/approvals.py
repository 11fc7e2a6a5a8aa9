"""The inbox: what waits for this person, and what was decided lately."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from interlock.lifecycle.refused import Refused
from interlock.releases.queries import releases
from interlock.runs.approvals import vote_refusal
from interlock.runs.queries import open_approvals
from interlock.runs.waiting import decided_approvals, explanations, held_runs, own_requests
from interlock.web.door import STATUS, PageRequest, signed_in
from interlock.web.pages.run_choices import told
from interlock.words import sentence

SHOWN = 30
DECIDED = 15


@dataclass(frozen=True)
class Asked:
    """An approval, with what it is about and whether this person can give it."""

    row: Any
    release: Any
    given: int
    why_not: str
    mine: Any  # the vote that this person gave


@signed_in
def inbox(request: PageRequest) -> HttpResponse:
    return drawn(request)


@signed_in
def parts(request: PageRequest) -> HttpResponse:
    return render(request, "web/_approvals.html", _context(request))


@signed_in
def badge(request: PageRequest) -> HttpResponse:
    """How much waits, for the navigation."""
    return render(request, "web/_waiting.html")


def drawn(request: PageRequest, refused: Refused | None = None, about: int = 0) -> HttpResponse:
    """The inbox; with what was refused above it, and whose run that was."""
    context = _context(request)
    if refused is not None:
        context |= {"refusal": sentence(refused.code, refused.facts), "about": about}
    return render(request, "web/approvals.html", context, status=STATUS[refused.kind] if refused else 200)


def _context(request: PageRequest) -> dict[str, Any]:
    by = request.caller
    rows = list(open_approvals(by=by).order_by("-opened_at")[: SHOWN + 1])
    known = {row.id for row in rows}
    own = own_requests(by=by).select_related("run", "step").prefetch_related("votes").defer("run__plan")
    rows += [row for row in own.order_by("-opened_at")[:SHOWN] if row.id not in known]
    decided = list(decided_approvals(by=by)[:DECIDED])
    held = list(held_runs(by=by).order_by("-id")[:SHOWN])
    found = _releases_of(request, [row.run for row in (*rows, *decided)] + held)
    asked = [_asked(request, row, found.get(row.run_id)) for row in rows]
    why = explanations(held)
    return {
        "asked": [one for one in asked if not one.why_not],
        "others": [one for one in asked if one.why_not],
        "held": [(run, sentence(why[run.id][0], told(why[run.id][1])), found.get(run.id)) for run in held],
        "decided": [(row, found.get(row.run_id), list(row.votes.all())) for row in decided],
    }


def _asked(request: PageRequest, row: Any, release: Any) -> Asked:
    votes = list(row.votes.all())
    refused = vote_refusal(by=request.caller, approval=row)
    why_not = sentence(refused.code, refused.facts) if refused else ""
    mine = next((vote for vote in votes if vote.person_id == str(request.caller.person_id)), None)
    return Asked(row, release, sum(1 for vote in votes if vote.decision == "approve"), why_not, mine)


def _releases_of(request: PageRequest, runs: Iterable[Any]) -> dict[int, dict[str, Any]]:
    """run id -> what it releases, from where to where, in short."""
    ids = {run.id for run in runs if run.origin == "release"}
    if not ids:
        return {}
    rows = releases(by=request.caller).filter(run_id__in=ids).defer("run__plan")
    return {row.run.id: _in_short(row) for row in rows if row.run is not None}


def _in_short(row: Any) -> dict[str, Any]:
    hosts = row.intent.get("hosts", [])
    former = {(host.get("from") or {}).get("name", "") for host in hosts} - {""}
    return {
        "row": row,
        "hosts": len(hosts),
        "names": [host.get("name", "") for host in hosts[:6]],
        "batches": len(row.intent.get("batches", [])),
        "from": sorted(former)[:4],
        "warnings": [sentence(o["code"], {"hosts": o.get("host", ""), **o}) for o in row.obstacles[:3]],
        "more": max(len(row.obstacles) - 3, 0),
    }
