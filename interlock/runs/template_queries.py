"""Reads of templates and tasks."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from django.db.models import Count, Model, OuterRef, QuerySet, Subquery

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.lifecycle.refused import missing
from interlock.lifecycle.template.reading import Read, read
from interlock.lifecycle.template.template import Template as ReadTemplate
from interlock.runs.kinds.base import declared
from interlock.runs.models import Run, Task, Template, TemplateVersion

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class TemplateView:
    """A version of a template with what it says, or with what is wrong with it by now."""

    row: Any  # a Template as of ``templates``
    version: TemplateVersion
    read: Read


@dataclass(frozen=True)
class DiffLine:
    """A line of two versions; ``old`` and ``new`` are its numbers there, from 1."""

    kind: Literal["same", "removed", "added"]
    old: int | None
    new: int | None
    text: str


def templates(
    *, by: Caller, project_id: int | None = None, search: str = "", archived: bool | None = False
) -> QuerySet[Any]:
    """Newest first; with ``task_count``, ``saved_at`` and ``saved_by``. ``archived`` None: all."""
    rows = _visible(Template.objects.all(), by, project_id, search)
    if archived is not None:
        rows = rows.filter(archived_at__isnull=not archived)
    newest = TemplateVersion.objects.filter(template=OuterRef("pk"), number=OuterRef("current"))
    return rows.annotate(
        task_count=Count("tasks"),
        saved_at=Subquery(newest.values("created_at")),
        saved_by=Subquery(newest.values("created_by")),
    ).order_by("-id")


def template(*, by: Caller, template_id: int, number: int | None = None) -> TemplateView:
    """The newest version, or the one with this number."""
    row = templates(by=by, archived=None).filter(id=template_id).first()
    if row is None:
        raise missing("template_not_known", template_id=template_id)
    version = _version(template_id, row.current if number is None else number)
    return TemplateView(row, version, look_at(version.text))


def look_at(text: str) -> Read:
    """What a text says by the step kinds that there are."""
    return read(text, declared())


def newest_of(task: Task) -> ReadTemplate | None:
    """What a task stands on; None when its text cannot be read any more."""
    return look_at(_version(task.template_id, task.template.current).text).template


def template_versions(*, by: Caller, template_id: int) -> QuerySet[TemplateVersion]:
    """Newest first, without their texts."""
    _seen(by, template_id)
    return TemplateVersion.objects.filter(template_id=template_id).defer("text").order_by("-id")


def compare_versions(*, by: Caller, template_id: int, old: int, new: int) -> list[DiffLine]:
    """Every line of both, in order."""
    _seen(by, template_id)
    before, after = (_version(template_id, number).text.splitlines() for number in (old, new))
    lines: list[DiffLine] = []
    for kind, i, i_end, j, j_end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            lines += [DiffLine("same", i + n + 1, j + n + 1, before[i + n]) for n in range(i_end - i)]
        else:
            lines += [DiffLine("removed", n + 1, None, before[n]) for n in range(i, i_end)]
            lines += [DiffLine("added", None, n + 1, after[n]) for n in range(j, j_end)]
    return lines


def tasks(
    *, by: Caller, project_id: int | None = None, template_id: int | None = None, search: str = ""
) -> QuerySet[Any]:
    """Newest first, with their templates and ``last_run_id``, ``last_run_status`` and ``last_run_at``."""
    rows = _visible(Task.objects.select_related("template"), by, project_id, search)
    if template_id is not None:
        rows = rows.filter(template_id=template_id)
    last = Run.objects.filter(origin="task", origin_id=OuterRef("pk")).order_by("-id")[:1]
    return rows.annotate(
        last_run_id=Subquery(last.values("id")),
        last_run_status=Subquery(last.values("status")),
        last_run_at=Subquery(last.values("created_at")),
    ).order_by("-id")


def task(*, by: Caller, task_id: int) -> Any:
    row = tasks(by=by).filter(id=task_id).first()
    if row is None:
        raise missing("task_not_known", task_id=task_id)
    return row


def _visible(rows: QuerySet[M], by: Caller, project_id: int | None, search: str) -> QuerySet[M]:
    visible = visible_projects(by)
    if visible is not None:
        rows = rows.filter(project_id__in=visible)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    return rows.filter(name__icontains=search) if search else rows


def _seen(by: Caller, template_id: int) -> None:
    if not _visible(Template.objects.filter(id=template_id), by, None, "").exists():
        raise missing("template_not_known", template_id=template_id)


def _version(template_id: int, number: int) -> TemplateVersion:
    row = TemplateVersion.objects.filter(template_id=template_id, number=number).first()
    if row is None:
        raise missing("template_version_not_known", number=number)
    return row
