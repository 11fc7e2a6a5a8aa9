"""What people may do with tasks besides running them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, require
from interlock.fleet.queries import select_hosts
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, Unfit, invalid, missing
from interlock.lifecycle.template.parameters import fit
from interlock.runs.clock import now
from interlock.runs.models import Task, Template, TemplateVersion
from interlock.runs.templates import check_line, one_of_a_name, read_text

CHANGEABLE = ("name", "description", "template_id", "values", "hosts")
Selector = Mapping[str, Any]


def create_task(
    *,
    by: Caller,
    project_id: int,
    template_id: int,
    name: str,
    values: Mapping[str, Any] | None = None,
    hosts: Selector | None = None,
    description: str = "",
) -> Task:
    """``values`` that are still missing can come with each run; ``hosts`` are found anew by each."""
    require(by, "configure", project_id)
    task = Task(
        project_id=project_id,
        template_id=template_id,
        name=name,
        description=description,
        values=dict(values or {}),
        hosts=None if hosts is None else dict(hosts),
        created_at=now(),
        created_by=by.name,
        updated_at=now(),
        updated_by=by.name,
    )
    with one_of_a_name(Task.objects.filter(project_id=project_id), name):
        _check(by, task, CHANGEABLE)
        task.save(force_insert=True)
        append(entry(by, task, "task.created", name=name, template_id=template_id))
    return task


def change_task(*, by: Caller, task_id: int, changes: Mapping[str, Any], version: int | None = None) -> Task:
    """``changes`` may name any of CHANGEABLE. ``version``: refused when the task is another by now."""
    strange = sorted(set(changes) - set(CHANGEABLE))
    if strange:
        raise invalid("fields_not_known", fields=", ".join(strange))
    task = task_to_change(by, task_id, lock=False)
    name = changes.get("name", task.name)
    with one_of_a_name(Task.objects.filter(project_id=task.project_id).exclude(id=task.id), name):
        task = task_to_change(by, task_id)
        if version is not None and version != task.version:
            raise Refused("task_changed", by=task.updated_by, at=task.updated_at.isoformat())
        changed = sorted(field for field, value in changes.items() if getattr(task, field) != value)
        for field in changed:
            setattr(task, field, changes[field])
        _check(by, task, changed)
        if changed:
            _touch(by, task, changed)
            append(entry(by, task, "task.changed", name=task.name, changed=changed))
    return task


def disable_task(*, by: Caller, task_id: int, reason: str) -> Task:
    """Nobody runs it until it is enabled; runs under way go on."""
    check_line("reason", reason, 256)
    if not reason.strip():
        raise invalid("reason_missing")
    return _set_disabled(by, task_id, reason.strip())


def enable_task(*, by: Caller, task_id: int) -> Task:
    return _set_disabled(by, task_id, "")


def _set_disabled(by: Caller, task_id: int, reason: str) -> Task:
    with writing():
        task = task_to_change(by, task_id)
        if task.disabled != reason:
            task.disabled = reason
            _touch(by, task, ["disabled"])
            act = "task.disabled" if reason else "task.enabled"
            append(entry(by, task, act, reason=reason))
    return task


def delete_task(*, by: Caller, task_id: int) -> None:
    """Its runs stay, with what they were made from. Its schedules go with it."""
    with writing():
        task = task_to_change(by, task_id)
        gone = task.schedules.select_for_update().order_by("id")
        for schedule_id, name in gone.values_list("id", "name"):
            deleted = entry(by, task, "schedule.deleted", name=name, task_id=task_id)
            append(replace(deleted, subject="schedule", subject_id=schedule_id))
        append(entry(by, task, "task.deleted", name=task.name))
        task.delete()


def task_to_change(by: Caller, task_id: int, *, lock: bool = True) -> Task:
    rows = Task.objects.select_for_update() if lock else Task.objects
    task = rows.filter(id=task_id).first()
    if task is None or not may(by, "view", task.project_id):
        raise missing("task_not_known", task_id=task_id)
    require(by, "configure", task.project_id)
    return task


def _check(by: Caller, task: Task, given: Collection[str]) -> None:
    """Only what is ``given`` now: what stood there before is looked at when it is run."""
    if "description" in given:
        check_line("description", task.description, 256)
    if "template_id" in given or "values" in given:
        # Locked, so that nobody deletes it meanwhile.
        rows = Template.objects.select_for_update().filter(project_id=task.project_id)
        template = rows.filter(id=task.template_id).first()
        if template is None:
            raise missing("template_not_known", template_id=task.template_id)
        if template.archived_at is not None and "template_id" in given:
            raise Refused("template_archived", name=template.name)
        version = TemplateVersion.objects.get(template=template, number=template.current)
        fitted = fit(read_text(version.text).parameters, task.values, partly=True)
        if fitted.faults:
            raise Unfit("values_unfit", fitted.faults)
    if task.hosts is not None and "hosts" in given:
        if not task.hosts:
            raise invalid("hosts_missing")
        select_hosts(by=by, project_id=task.project_id, selector=task.hosts)


def _touch(by: Caller, task: Task, fields: list[str]) -> None:
    task.version += 1
    task.updated_at, task.updated_by = now(), by.name
    task.save(update_fields=[*fields, "version", "updated_at", "updated_by"])


def entry(by: Caller, task: Task, act: str, reason: str = "", **facts: object) -> NewEntry:
    return NewEntry(by, "task", task.pk, act, project_id=task.project_id, reason=reason, facts=facts)
