"""Secrets of projects: names and versions. Values go in and do not come back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from interlock.accounts.queries import projects
from interlock.accounts.rights import may
from interlock.lifecycle.refused import Refused
from interlock.vault import queries
from interlock.vault.services import put
from interlock.web.door import PageRequest, signed_in
from interlock.web.forms import offer, sent
from interlock.web.pages.hosts import number
from interlock.web.paging import part_of

FIELDS = {"secret_name_unfit": "name", "secret_taken": "name", "secret_value_unfit": "value"}
VALUE = forms.CharField(
    label=_("Value"),
    strip=False,
    widget=forms.Textarea(attrs={"rows": 4, "class": "code", "autocomplete": "off", "spellcheck": "false"}),
    help_text=_("Kept encrypted. Nobody can read it here again; runs get it as they need it."),
)


class NewSecretForm(forms.Form):
    project = forms.TypedChoiceField(label=_("Project"), coerce=int)
    name = forms.CharField(
        label=_("Name"), max_length=128, help_text=_("Letters, digits and _ . -, such as DATABASE_URL")
    )
    value = VALUE


class NewValueForm(forms.Form):
    value = VALUE


@signed_in
@require_http_methods(["GET", "POST"])
def listed(request: PageRequest) -> HttpResponse:
    by = request.caller
    mine = [row for row in projects(by=by).order_by("name") if may(by, "configure", row.id)]
    form = NewSecretForm(request.POST or None, initial={"project": number(request.GET.get("project"))})
    offer(form, "project", [(row.id, row.name) for row in mine])

    def act() -> str:
        typed = form.cleaned_data
        # Giving one that is there a new value is another page: nobody does it by a name typed twice.
        if queries.secrets(by=by, project_id=typed["project"]).filter(name=typed["name"]).exists():
            raise Refused("secret_taken", name=typed["name"])
        value = typed["value"].replace("\r\n", "\n")
        row = put(by=by, name=typed["name"], value=value, project_id=typed["project"])
        return f"{reverse('secrets')}?project={row.project_id}"

    if request.method == "POST" and (done := sent(request, form, act, FIELDS)):
        return done
    search = request.GET.get("search", "").strip()[:128].replace("\0", "")
    rows = queries.secrets(by=by, project_id=number(request.GET.get("project")), search=search)
    part = part_of(rows, request, order="-id")
    facts: dict[str, Any] = {
        "secrets": part.rows,
        "following": part.following,
        "projects": mine,
        "form": form,
        "filtered": bool(search or request.GET.get("project")),
    }
    return render(request, "web/secrets.html", facts, status=422 if request.method == "POST" else 200)


@signed_in
@require_http_methods(["GET", "POST"])
def one(request: PageRequest, secret_id: int) -> HttpResponse:
    """Which values it had when, and a new one."""
    by = request.caller
    row = queries.secret(by=by, secret_id=secret_id)
    form = NewValueForm(request.POST or None)

    def act() -> str:
        value = form.cleaned_data["value"].replace("\r\n", "\n")
        put(by=by, name=row.name, value=value, project_id=row.project_id)
        return reverse("secret", args=[secret_id])

    if request.method == "POST" and (done := sent(request, form, act, FIELDS)):
        return done
    facts = {"secret": row, "versions": queries.versions_of(by=by, secret_id=secret_id), "form": form}
    return render(request, "web/secret.html", facts, status=422 if request.method == "POST" else 200)
