"""Templates: written, saved as versions, compared, taken back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.accounts.rights import require
from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.problems import told
from interlock.api.schemas.pieces import Nothing, Page, PageQuery, PathId
from interlock.api.schemas.problems import Fault
from interlock.api.schemas.templates import (
    ComparedLine,
    CompareQuery,
    Comparison,
    NewTemplate,
    Template,
    TemplateChange,
    TemplateContent,
    TemplateLine,
    TemplateParameter,
    TemplateQuery,
    TemplateRestore,
    TemplateSave,
    TemplateText,
    TemplateVersion,
    TemplateVersionLine,
)
from interlock.lifecycle.template.reading import Read
from interlock.lifecycle.template.template import Template as ReadTemplate
from interlock.runs import template_queries as queries
from interlock.runs import templates as services

router = Router(tags=["templates"])
_LINE = ("id", "project_id", "name", "archived_at", "created_at", "created_by", "saved_at", "saved_by")
_VERSION = ("number", "note", "created_at", "created_by")


def parameters(template: ReadTemplate | None) -> list[TemplateParameter]:
    return [] if template is None else [TemplateParameter.model_validate(p) for p in template.parameters]


def _content(found: Read) -> TemplateContent:
    template = found.template
    return TemplateContent(
        parameters=parameters(template),
        stages=template.outline() if template else [],
        help=template.help if template else {},
        needs_hosts=template.needs_hosts if template else False,
        faults=[Fault(**told(fault)) for fault in found.faults],
    )


def _line(row: Any) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in _LINE}
    return {**same, "number": row.current, "tasks": row.task_count}


def _version(row: Any, found: Read) -> TemplateVersion:
    same = {name: getattr(row, name) for name in _VERSION}
    return TemplateVersion(**same, text=row.text, content=_content(found))


def _template(request: HttpRequest, template_id: int) -> Template:
    view = queries.template(by=caller(request), template_id=template_id)
    return Template(**_line(view.row), version=_version(view.version, view.read))


@router.get("/templates", response=Page[TemplateLine])
def list_templates(request: HttpRequest, query: Query[TemplateQuery]) -> Page[TemplateLine]:
    """Newest first, without their texts."""
    rows = queries.templates(
        by=caller(request), project_id=query.project_id, search=query.search, archived=query.archived
    )
    return page_of(rows, query, lambda row: TemplateLine(**_line(row)), of="templates", newest_first=True)


@router.post("/templates", response={201: Template})
@idempotent
def create_template(request: HttpRequest, body: NewTemplate) -> Status[Template]:
    """The text becomes version 1. What is wrong with it is told all at once, by line and column."""
    row = services.create_template(by=caller(request), **dict(body))
    return Status(201, _template(request, row.id))


@router.post("/templates/check", response=TemplateContent)
def check_template(request: HttpRequest, body: TemplateText) -> TemplateContent:
    """What a text says, or what is wrong with it. Nothing is kept."""
    require(caller(request), "configure", body.project_id)
    return _content(queries.look_at(body.text))


@router.get("/templates/{int:template_id}", response=Template)
def get_template(request: HttpRequest, template_id: PathId) -> Template:
    return _template(request, template_id)


@router.patch("/templates/{int:template_id}", response=Template)
def change_template(request: HttpRequest, template_id: PathId, body: TemplateChange) -> Template:
    """Rename it, or put it out of the way: an archived one takes no new versions and no new tasks."""
    services.change_template(by=caller(request), template_id=template_id, **dict(body))
    return _template(request, template_id)


@router.delete("/templates/{int:template_id}", response=Nothing)
def delete_template(request: HttpRequest, template_id: PathId) -> Nothing:
    """With all its versions; refused while a task uses it. Runs keep what they were made from."""
    services.delete_template(by=caller(request), template_id=template_id)
    return Nothing()


@router.get("/templates/{int:template_id}/versions", response=Page[TemplateVersionLine])
def list_template_versions(
    request: HttpRequest, template_id: PathId, query: Query[PageQuery]
) -> Page[TemplateVersionLine]:
    """Newest first, without their texts."""
    rows = queries.template_versions(by=caller(request), template_id=template_id)
    shape = TemplateVersionLine.model_validate
    return page_of(rows, query, shape, of="template-versions", newest_first=True)


@router.post("/templates/{int:template_id}/versions", response={201: Template})
@idempotent
def save_template(request: HttpRequest, template_id: PathId, body: TemplateSave) -> Status[Template]:
    """A new version, unless somebody else saved one after `base`."""
    services.save_template(by=caller(request), template_id=template_id, **dict(body))
    return Status(201, _template(request, template_id))


@router.get("/templates/{int:template_id}/versions/{int:number}", response=TemplateVersion)
def get_template_version(request: HttpRequest, template_id: PathId, number: PathId) -> TemplateVersion:
    view = queries.template(by=caller(request), template_id=template_id, number=number)
    return _version(view.version, view.read)


@router.post("/templates/{int:template_id}/restore", response={201: Template})
@idempotent
def restore_template(request: HttpRequest, template_id: PathId, body: TemplateRestore) -> Status[Template]:
    """The text of an older version once more, as the newest."""
    services.restore_template(by=caller(request), template_id=template_id, **dict(body))
    return Status(201, _template(request, template_id))


@router.get("/templates/{int:template_id}/compare", response=Comparison)
def compare_template_versions(
    request: HttpRequest, template_id: PathId, query: Query[CompareQuery]
) -> Comparison:
    """Every line of two versions, and which of them has it."""
    lines = queries.compare_versions(
        by=caller(request), template_id=template_id, old=query.old, new=query.new
    )
    return Comparison(old=query.old, new=query.new, lines=[ComparedLine(**asdict(line)) for line in lines])
