"""Templates: written with their faults at their lines, saved as versions, compared and taken back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from interlock.accounts.queries import projects
from interlock.accounts.rights import may, require
from interlock.lifecycle.refused import Refused, Unfit
from interlock.lifecycle.template.reading import Read
from interlock.runs import template_queries as queries
from interlock.runs import templates as services
from interlock.web.door import PageRequest, go_to, once, signed_in
from interlock.web.forms import offer, refuse
from interlock.web.pages.examples import EXAMPLE
from interlock.web.pages.hosts import number
from interlock.web.paging import part_of
from interlock.words import sentence

MOST = 512 * 1024  # bytes of a file; the reader has a limit of its own, and says so
FIELDS = {"title_unfit": "name", "name_taken": "name", "not_found": "project"}
VERSIONS = 100


class TextForm(forms.Form):
    text = forms.CharField(
        label=_("Template"),
        strip=False,
        required=False,
        widget=forms.Textarea(attrs={"rows": 28, "class": "code", "spellcheck": "false", "wrap": "off"}),
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=256,
        help_text=_("What changed and why; shown in the history."),
    )
    base = forms.IntegerField(required=False, widget=forms.HiddenInput)
    file = forms.FileField(label=_("Or from a file"), required=False, max_length=200)

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        file = found.get("file")
        if file is not None and file.size <= MOST:
            found["text"] = file.read().decode(errors="replace").replace("\r\n", "\n")
        return found


class NewTemplateForm(TextForm):
    project = forms.TypedChoiceField(label=_("Project"), coerce=int)
    name = forms.CharField(label=_("Name"), max_length=100)


@signed_in
@require_GET
def listed(request: PageRequest) -> HttpResponse:
    by, asked = request.caller, request.GET
    rows = queries.templates(
        by=by,
        project_id=number(asked.get("project")),
        search=asked.get("search", "").strip()[:100].replace("\0", ""),
        archived=asked.get("archived") == "1",
    )
    part = part_of(rows, request, order="-id")
    mine = list(projects(by=by).order_by("name")[:500])
    facts = {
        "templates": part.rows,
        "following": part.following,
        "projects": mine,
        "names": {row.id: row.name for row in mine},
        "makes": any(may(by, "configure", row.id) for row in mine),
        "filtered": any(asked.get(name) for name in ("project", "search", "archived")),
    }
    return render(request, "web/_templates.html" if request.htmx else "web/templates.html", facts)


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Begins with an example that explains itself, or with the text of another template."""
    by = request.caller
    text = EXAMPLE
    if source := number(request.GET.get("from")):
        text = queries.template(by=by, template_id=source).version.text
    first = {"text": text, "project": number(request.GET.get("project"))}
    form = NewTemplateForm(request.POST or None, request.FILES or None, initial=first)
    mine = [row for row in projects(by=by).order_by("name") if may(by, "configure", row.id)]
    offer(form, "project", [(row.id, row.name) for row in mine])
    faults: list[dict[str, Any]] = []
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data

        def act() -> str:
            row = services.create_template(
                by=by, project_id=typed["project"], name=typed["name"], text=typed["text"], note=typed["note"]
            )
            return reverse("template", args=[row.id])

        try:
            return once(request, act)
        except Unfit as error:
            faults = told(error.faults)
        except Refused as error:
            refuse(form, error, FIELDS)
    facts = {"form": _with_text(form), "faults": faults, "fault_lines": _lines_of(faults), "projects": mine}
    return render(request, "web/template_new.html", facts, status=422 if request.method == "POST" else 200)


def _with_text(form: TextForm) -> TextForm:
    """A form that is shown again holds what came with the file, too."""
    if form.is_bound and form.cleaned_data.get("file"):
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["text"] = form.cleaned_data["text"]  # type: ignore[index]
    return form


def told(faults: Any) -> list[dict[str, Any]]:
    return [
        {"line": fault.line, "column": fault.column, "sentence": sentence(fault.code, fault.facts)}
        for fault in faults
    ]


def _lines_of(faults: list[dict[str, Any]]) -> str:
    return ",".join(str(fault["line"]) for fault in faults)


@signed_in
@require_POST
def check(request: PageRequest) -> HttpResponse:
    """What the text says by now, or what is wrong with it, while somebody types."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    return render(request, "web/_template_said.html", said(queries.look_at(text)))


def said(read: Read) -> dict[str, Any]:
    faults = told(read.faults)
    template = read.template
    language = "zh" if (get_language() or "").startswith("zh") else "en"
    help_texts = dict(template.help) if template else {}
    return {
        "faults": faults,
        "fault_lines": _lines_of(faults),
        "outline": template.outline() if template else [],
        "parameters": [
            {"row": one, "help": one.help.get(language) or next(iter(one.help.values()), "")}
            for one in (template.parameters if template else ())
        ],
        "help": help_texts.get(language) or next(iter(help_texts.values()), ""),
        "readable": template is not None,
    }


@signed_in
@require_http_methods(["GET", "POST"])
def one(request: PageRequest, template_id: int) -> HttpResponse:
    """Its newest text, to be read and changed; a save goes on top of the version that was read."""
    by = request.caller
    view = queries.template(by=by, template_id=template_id)
    if request.method == "GET":
        return _page(request, view)
    require(by, "configure", view.row.project_id)
    form = TextForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, view, form=form, status=422)
    typed = form.cleaned_data

    def act() -> str:
        services.save_template(
            by=by, template_id=template_id, text=typed["text"], base=typed["base"] or 0, note=typed["note"]
        )
        return reverse("template", args=[template_id])

    try:
        return once(request, act)
    except Unfit as error:
        return _page(request, view, form=_with_text(form), faults=told(error.faults), status=422)
    except Refused as error:
        refuse(form, error)
        changed = error.code == "template_changed"
        return _page(request, view, form=_with_text(form), changed=changed, status=422)


def _page(request: PageRequest, view: Any, *, status: int = 200, **more: Any) -> HttpResponse:
    by, row = request.caller, view.row
    read = said(view.read)
    form = more.pop("form", None)
    if more.get("changed"):
        # Who sends it once more has been told of the other version, and means it.
        form.data = form.data.copy()
        form.data["base"] = row.current
    facts: dict[str, Any] = {
        **read,
        "row": row,
        "version": view.version,
        "form": form or TextForm(initial={"text": view.version.text, "base": row.current}),
        "versions": queries.template_versions(by=by, template_id=row.id)[:VERSIONS],
        "tasks": queries.tasks(by=by, template_id=row.id)[:50],
        "configures": may(by, "configure", row.project_id),
        "project": projects(by=by).filter(id=row.project_id).first(),
        **more,
    }
    facts["fault_lines"] = _lines_of(facts["faults"])
    return render(request, "web/template.html", facts, status=status)


@signed_in
@require_GET
def version(request: PageRequest, template_id: int, version_number: int) -> HttpResponse:
    """One version, and what it changed from another."""
    by = request.caller
    view = queries.template(by=by, template_id=template_id, number=version_number)
    against = number(request.GET.get("against")) or max(1, version_number - 1)
    lines = queries.compare_versions(by=by, template_id=template_id, old=against, new=version_number)
    facts = {
        "row": view.row,
        "version": view.version,
        "against": against,
        "lines": lines,
        "same": all(line.kind == "same" for line in lines),
        "versions": queries.template_versions(by=by, template_id=template_id)[:VERSIONS],
        "configures": may(by, "configure", view.row.project_id) and view.row.archived_at is None,
    }
    return render(request, "web/template_version.html", facts)


@signed_in
@require_POST
def restore(request: PageRequest, template_id: int, version_number: int) -> HttpResponse:
    def act() -> str:
        base = number(request.POST.get("base")) or 0
        services.restore_template(
            by=request.caller, template_id=template_id, number=version_number, base=base
        )
        return reverse("template", args=[template_id])

    return once(request, act)


@signed_in
@require_POST
def change(request: PageRequest, template_id: int) -> HttpResponse:
    """Another name, into the archive and out of it."""
    asked = request.POST
    view = queries.template(by=request.caller, template_id=template_id)
    archived = {"archive": True, "take_back": False}.get(asked.get("act", ""))
    name = asked.get("name", "").strip() if asked.get("act") == "rename" else None
    try:
        services.change_template(by=request.caller, template_id=template_id, name=name, archived=archived)
    except Refused as error:
        if error.code not in FIELDS:
            raise
        told_why = sentence(error.code, error.facts)
        return _page(request, view, refused=told_why, new_name=name, status=422)
    return go_to(request, reverse("template", args=[template_id]))


@signed_in
@require_POST
def delete(request: PageRequest, template_id: int) -> HttpResponse:
    def act() -> str:
        services.delete_template(by=request.caller, template_id=template_id)
        return reverse("templates")

    return once(request, act)


@signed_in
@require_GET
def export(request: PageRequest, template_id: int) -> HttpResponse:
    view = queries.template(by=request.caller, template_id=template_id)
    answer = HttpResponse(view.version.text, content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="template-{template_id}-{view.row.current}.yaml"'
    return answer
