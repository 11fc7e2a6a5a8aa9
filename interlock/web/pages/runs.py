"""The history of runs."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from interlock.accounts.queries import projects
from interlock.lifecycle.run.states import RunStatus
from interlock.runs.queries import list_runs
from interlock.runs.waiting import explanations, progress
from interlock.web.door import PageRequest, signed_in
from interlock.web.pages.run_choices import told
from interlock.web.paging import AFTER, part_of
from interlock.web.run_words import ORIGINS
from interlock.words import sentence

OPEN = "open"  # stands for every status that has not ended
FILTERS = ("q", "status", "project", "origin")


@signed_in
def history(request: PageRequest) -> HttpResponse:
    names = {row.id: row.name for row in projects(by=request.caller)}
    context = _context(request, names) | {
        "statuses": [OPEN, *(status.value for status in RunStatus)],
        "projects": names,
        "origins": ORIGINS,
    }
    return render(request, "web/runs.html", context)


@signed_in
def rows(request: PageRequest) -> HttpResponse:
    names = {row.id: row.name for row in projects(by=request.caller)}
    return render(request, "web/_runs.html", _context(request, names))


def _context(request: PageRequest, names: dict[int, str]) -> dict[str, Any]:
    asked = request.GET
    status = asked.get("status", "")
    found = list_runs(
        by=request.caller,
        project_id=_number(asked.get("project", "")),
        status=status if status and status != OPEN else None,
        origin=asked.get("origin") or None,
        text=asked.get("q", ""),
    )
    if status == OPEN:
        found = found.filter(ended_at=None)
    part = part_of(found, request)
    page = part.rows
    why = explanations(page)
    through = progress(run.id for run in page if run.ended_at is None)
    return {
        "rows": [
            {
                "run": run,
                "project": names.get(run.project_id, ""),
                "why": sentence(why[run.id][0], told(why[run.id][1])) if run.id in why else "",
                "hosts": through.get(run.id),
            }
            for run in page
        ],
        "following": part.following,
        "later": bool(asked.get(AFTER)),
        "filtered": any(asked.get(name) for name in FILTERS),
    }


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
