"""Tasks: made from a template, looked at before they are run, and run."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from interlock.accounts.queries import projects
from interlock.accounts.rights import may, require
from interlock.lifecycle.refused import Refused, Unfit
from interlock.lifecycle.template.template import Template
from interlock.runs import task_edits, task_runs
from interlock.runs import template_queries as queries
from interlock.runs.queries import list_runs
from interlock.runs.schedule_queries import schedules
from interlock.runs.templates import read_text
from interlock.web.door import PageRequest, once, signed_in
from interlock.web.forms import refuse
from interlock.web.pages.hosts import number
from interlock.web.pages.task_forms import HostsForm, TaskForm, initial_of
from interlock.web.paging import part_of
from interlock.web.timing import when_of
from interlock.words import sentence

SHOWN = 20  # runs and schedules on the task's own page
FIELDS = {
    "title_unfit": "name",
    "name_taken": "name",
    "host_not_known": "names",
    "group_not_known": "groups",
    "no_host_found": "names",
    "task_needs_hosts": "names",
}


@signed_in
@require_GET
def listed(request: PageRequest) -> HttpResponse:
    by, asked = request.caller, request.GET
    rows = queries.tasks(
        by=by,
        project_id=number(asked.get("project")),
        template_id=number(asked.get("template")),
        search=asked.get("search", "").strip()[:100].replace("\0", ""),
    )
    part = part_of(rows, request, order="-id")
    mine = list(projects(by=by).order_by("name")[:500])
    facts = {
        "tasks": [{"row": row, "may_run": may(by, "operate", row.project_id)} for row in part.rows],
        "following": part.following,
        "projects": mine,
        "names": {row.id: row.name for row in mine},
        "makes": any(may(by, "configure", row.id) for row in mine),
        "filtered": any(asked.get(name) for name in ("project", "template", "search")),
    }
    return render(request, "web/_tasks.html" if request.htmx else "web/tasks.html", facts)


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """First the template, then what it asks for."""
    by = request.caller
    template_id = number(request.GET.get("template"))
    if template_id is None:
        offered = [
            row
            for row in queries.templates(by=by).order_by("name")[:1000]
            if may(by, "configure", row.project_id)
        ]
        return render(request, "web/task_choose.html", {"templates": offered})
    view = queries.template(by=by, template_id=template_id)
    require(by, "configure", view.row.project_id)
    template = read_text(view.version.text)
    form = TaskForm(request.POST or None, by=by, template=template, project_id=view.row.project_id)

    def act() -> str:
        typed = form.cleaned_data
        row = task_edits.create_task(
            by=by,
            project_id=view.row.project_id,
            template_id=template_id,
            name=typed["name"],
            description=typed["description"],
            values=form.values(),
            hosts=form.selector(),
        )
        return reverse("task", args=[row.pk])

    if request.method == "POST" and (done := sent(request, form, act)):
        return done
    facts = {"form": form, "template": view.row, "needs_hosts": template.needs_hosts}
    return render(request, "web/task_form.html", facts, status=422 if request.method == "POST" else 200)


def sent(request: PageRequest, form: HostsForm, act: Any) -> HttpResponse | None:
    if not form.is_valid():
        return None
    try:
        return once(request, act)
    except Unfit as error:
        form.refuse_values(error)
    except Refused as error:
        refuse(form, error, FIELDS)
    return None


def template_of(task: Any) -> Template:
    view = queries.newest_of(task)
    if view is None:
        raise Refused("template_unreadable", name=task.template.name)
    return view


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: PageRequest, task_id: int) -> HttpResponse:
    by = request.caller
    task = queries.task(by=by, task_id=task_id)
    require(by, "configure", task.project_id)
    template = template_of(task)
    first = {**initial_of(task.values, task.hosts), "name": task.name, "description": task.description}
    form = TaskForm(request.POST or None, by=by, template=template, project_id=task.project_id, initial=first)

    def act() -> str:
        changes = {
            "name": form.cleaned_data["name"],
            "description": form.cleaned_data["description"],
            "values": form.values(),
            "hosts": form.selector(task.hosts),
        }
        seen = number(request.POST.get("version"))
        task_edits.change_task(by=by, task_id=task_id, changes=changes, version=seen)
        return reverse("task", args=[task_id])

    if request.method == "POST" and (done := sent(request, form, act)):
        return done
    facts = {
        "form": form,
        "template": task.template,
        "task": task,
        "version": request.POST.get("version") or task.version,
        "needs_hosts": template.needs_hosts,
    }
    return render(request, "web/task_form.html", facts, status=422 if request.method == "POST" else 200)


@signed_in
@require_GET
def one(request: PageRequest, task_id: int) -> HttpResponse:
    by = request.caller
    task = queries.task(by=by, task_id=task_id)
    template = queries.newest_of(task)
    values = [
        {"parameter": one, "value": task.values.get(one.name), "given": one.name in task.values}
        for one in (template.parameters if template else ())
    ]
    facts = {
        "task": task,
        "values": values,
        "outline": template.outline() if template else [],
        "needs_hosts": template.needs_hosts if template else False,
        "selector": selector_words(task.hosts),
        "runs": list_runs(by=by, origin="task", origin_id=task_id)[:SHOWN],
        "may_run": may(by, "operate", task.project_id),
        "configures": may(by, "configure", task.project_id),
        "project": projects(by=by).filter(id=task.project_id).first(),
        "schedules": [
            {"row": row, "when": when_of(row)} for row in schedules(by=by, task_id=task_id)[:SHOWN]
        ],
    }
    return render(request, "web/task.html", facts)


def selector_words(hosts: Any) -> list[tuple[str, str]]:
    """What is narrowed by; nothing means all of the project's."""
    selector = hosts or {}
    labels = " ".join(f"{name}={value}" for name, value in (selector.get("labels") or {}).items())
    told = {
        "environment": selector.get("environment") or "",
        "group": " ".join(selector.get("groups") or []),
        "label": labels,
        "host": " ".join([*map(str, selector.get("ids") or []), *(selector.get("names") or [])]),
    }
    return [(name, text) for name, text in told.items() if text]


@signed_in
@require_http_methods(["GET", "POST"])
def run(request: PageRequest, task_id: int) -> HttpResponse:
    """Look first, then run what was looked at: another plan by then is told, not run."""
    by = request.caller
    task = queries.task(by=by, task_id=task_id)
    require(by, "operate", task.project_id)
    template = template_of(task)
    first = initial_of(task.values, task.hosts)
    form = HostsForm(
        request.POST or None, by=by, template=template, project_id=task.project_id, initial=first
    )
    prepared = None
    if request.method == "POST" and form.is_valid():
        asked: dict[str, Any] = {"values": form.values(), "hosts": form.selector(task.hosts)}
        try:
            if request.POST.get("act") == "run":
                return _run(request, task_id, asked)
            prepared = task_runs.preview_task(by=by, task_id=task_id, **asked)
        except Unfit as error:
            form.refuse_values(error)
        except Refused as error:
            refuse(form, error, FIELDS)
            if error.code == "plan_changed":  # so here is the one that it is now
                prepared = task_runs.preview_task(by=by, task_id=task_id, **asked)
    facts = {"task": task, "form": form, "needs_hosts": template.needs_hosts}
    facts["note"] = request.POST.get("note", "")
    if prepared is not None:
        facts |= _preview(prepared, template)
    faulty = request.method == "POST" and bool(form.errors)
    return render(request, "web/task_run.html", facts, status=422 if faulty else 200)


def _run(request: PageRequest, task_id: int, asked: dict[str, Any]) -> HttpResponse:
    seen, note = request.POST.get("plan_hash") or None, request.POST.get("note", "")[:256]

    def act() -> str:
        run = task_runs.run_task(by=request.caller, task_id=task_id, plan_hash=seen, note=note, **asked)
        return reverse("run", args=[run.id])

    return once(request, act)


def _preview(prepared: task_runs.Prepared, template: Template) -> dict[str, Any]:
    return {
        "prepared": prepared,
        "outline": template.outline(),
        "hosts": prepared.hosts,
        "obstacles": [
            {"text": sentence(str(one["code"]), one), "host": one.get("host", "")}
            for one in prepared.obstacles
        ],
    }


@signed_in
@require_POST
def change(request: PageRequest, task_id: int) -> HttpResponse:
    """Disable with a reason, enable again, delete."""
    by, asked = request.caller, request.POST

    def act() -> str:
        match asked.get("act"):
            case "disable":
                task_edits.disable_task(by=by, task_id=task_id, reason=asked.get("reason", "").strip())
            case "enable":
                task_edits.enable_task(by=by, task_id=task_id)
            case "delete":
                task_edits.delete_task(by=by, task_id=task_id)
                return reverse("tasks")
            case _:
                pass
        return reverse("task", args=[task_id])

    return once(request, act)
