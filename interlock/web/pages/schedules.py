"""Schedules: which tasks run by themselves, when next, and what became of each time that came."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from interlock.accounts.caller import Caller
from interlock.accounts.queries import projects
from interlock.accounts.rights import may, require
from interlock.cron_text import in_words
from interlock.lifecycle.schedule import zones
from interlock.runs import schedule_queries as queries
from interlock.runs import schedules as services
from interlock.runs import template_queries
from interlock.web.door import PageRequest, once, signed_in
from interlock.web.pages.schedule_forms import ScheduleForm, TimingForm, initial_of_schedule, preview_of
from interlock.web.pages.tasks import selector_words, sent, template_of
from interlock.web.paging import part_of
from interlock.web.reading import number
from interlock.web.timing import wall, when_of
from interlock.words import sentence

STATUSES = ("active", "paused", "stopped", "ended")
TICK_STATUSES = ("started", "waiting", "skipped")
CHOICES_MOST = 1000


@signed_in
@require_GET
def listed(request: PageRequest) -> HttpResponse:
    by, asked = request.caller, request.GET
    status = asked.get("status", "")
    rows = queries.schedules(
        by=by,
        project_id=number(asked.get("project")),
        task_id=number(asked.get("task")),
        status=status if status in STATUSES else None,
        search=asked.get("search", "").strip()[:100].replace("\0", ""),
    )
    part = part_of(rows, request, order="-id")
    mine = list(projects(by=by).order_by("name")[:500])
    facts = {
        "schedules": [line_of(row) for row in part.rows],
        "following": part.following,
        "projects": mine,
        "statuses": STATUSES,
        "makes": any(makes_in(by, row.id) for row in mine),
        "filtered": any(asked.get(name) for name in ("project", "task", "status", "search")),
    }
    return render(request, "web/_schedules.html" if request.htmx else "web/schedules.html", facts)


def makes_in(by: Caller, project_id: int) -> bool:
    """Who makes a schedule has it operate in their name."""
    return may(by, "configure", project_id) and may(by, "operate", project_id)


def line_of(row: Any) -> dict[str, Any]:
    why = sentence(row.last_code, row.last_facts or {}) if row.last_code else ""
    return {"row": row, "when": when_of(row), "why": why}


def _shown(found: queries.Times) -> dict[str, Any]:
    times = [
        {
            "local": one.local.replace(tzinfo=None),
            "offset": one.local.strftime("%z"),
            "utc": one.at.astimezone(UTC).replace(tzinfo=None),
        }
        for one in found.times
    ]
    return {"words": in_words(found.timing.cron), "zone": found.timing.zone, "times": times}


def _previewed(form: TimingForm) -> dict[str, Any]:
    found = preview_of(form)
    return _shown(found["times"]) if "times" in found else found


@signed_in
@require_GET
def times(request: PageRequest) -> HttpResponse:
    """The next times of what a form says so far; for the form itself, as one types."""
    return render(request, "web/_schedule_times.html", {"preview": _previewed(TimingForm(request.GET))})


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """First the task, then when."""
    by = request.caller
    task_id = number(request.GET.get("task"))
    if task_id is None:
        rows = template_queries.tasks(by=by).order_by("name")[:CHOICES_MOST]
        offered = [row for row in rows if makes_in(by, row.project_id)]
        return render(request, "web/schedule_choose.html", {"tasks": offered})
    task = template_queries.task(by=by, task_id=task_id)
    _may_make(by, task.project_id)
    form = ScheduleForm(request.POST or None, by=by, template=template_of(task), task=task)

    def act() -> str:
        row = services.create_schedule(by=by, task_id=task_id, **form.asked(), hosts=form.selector())
        return reverse("schedule", args=[row.pk])

    return _form_page(request, form, task, act)


def _may_make(by: Caller, project_id: int) -> None:
    require(by, "configure", project_id)
    require(by, "operate", project_id)


def _form_page(
    request: PageRequest, form: ScheduleForm, task: Any, act: Any, row: Any = None
) -> HttpResponse:
    posted = request.method == "POST"
    if posted and (done := sent(request, form, act)):
        return done
    begun = TimingForm(request.POST if posted else {**_first(form)})
    facts = {
        "form": form,
        "task": task,
        "schedule": row,
        "version": request.POST.get("version") or (row.version if row else ""),
        "needs_hosts": form.template.needs_hosts,
        "zones": sorted(zones()),
        "preview": _previewed(begun),
    }
    return render(request, "web/schedule_form.html", facts, status=422 if posted else 200)


def _first(form: ScheduleForm) -> dict[str, Any]:
    return {name: form[name].value() or "" for name in TimingForm.base_fields}


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: PageRequest, schedule_id: int) -> HttpResponse:
    by = request.caller
    row = queries.schedule(by=by, schedule_id=schedule_id)
    _may_make(by, row.project_id)
    task = row.task
    form = ScheduleForm(
        request.POST or None, by=by, template=template_of(task), task=task, initial=initial_of_schedule(row)
    )

    def act() -> str:
        seen = number(request.POST.get("version"))
        services.change_schedule(by=by, schedule_id=schedule_id, changes=form.changes(row), version=seen)
        return reverse("schedule", args=[schedule_id])

    return _form_page(request, form, task, act, row)


@signed_in
@require_GET
def one(request: PageRequest, schedule_id: int) -> HttpResponse:
    by = request.caller
    row = queries.schedule(by=by, schedule_id=schedule_id)
    asked = request.GET.get("status", "")
    status = asked if asked in TICK_STATUSES else None
    rows = queries.ticks(by=by, schedule_id=schedule_id, status=status)
    part = part_of(rows, request, order="-id")
    facts: dict[str, Any] = {
        "schedule": row,
        "ticks": [_tick(tick, row.zone) for tick in part.rows],
        "following": part.following,
        "statuses": TICK_STATUSES,
    }
    if request.htmx:
        return render(request, "web/_ticks.html", facts)
    facts |= {
        "when": when_of(row),
        "bounds": {name: wall(getattr(row, name), row.zone) for name in ("starts_at", "ends_at")},
        "preview": _shown(queries.times_of(row)),
        "values": list(row.values.items()),
        "stopped": sentence(row.code, row.facts) if row.code else "",
        "selector": None if row.hosts is None else selector_words(row.hosts),
        "makes": makes_in(by, row.project_id),
        "configures": may(by, "configure", row.project_id),
    }
    return render(request, "web/schedule.html", facts)


def _tick(tick: Any, zone: str) -> dict[str, Any]:
    return {
        "row": tick,
        "local": wall(tick.at, zone),
        "why": sentence(tick.code, tick.facts) if tick.code else "",
        "faults": [
            ((one["loc"] or [""])[-1], sentence(one["code"], one["facts"]))
            for one in tick.facts.get("faults", ())
        ],
    }


@signed_in
@require_POST
def change(request: PageRequest, schedule_id: int) -> HttpResponse:
    """Pause with a reason, resume, delete."""
    by, asked = request.caller, request.POST

    def act() -> str:
        match asked.get("act"):
            case "pause":
                services.pause_schedule(by=by, schedule_id=schedule_id, reason=asked.get("reason", ""))
            case "resume":
                services.resume_schedule(by=by, schedule_id=schedule_id)
            case "delete":
                services.delete_schedule(by=by, schedule_id=schedule_id)
                return reverse("schedules")
            case _:
                pass
        return reverse("schedule", args=[schedule_id])

    return once(request, act)
