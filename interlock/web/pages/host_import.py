"""Many hosts from pasted lines: first what would be registered, fault by fault, then the deed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.fleet import queries
from interlock.fleet.importing import ImportLine, import_hosts, read_lines
from interlock.lifecycle.refused import Refused
from interlock.web.door import PageRequest, signed_in
from interlock.web.forms import offer, refuse, sent
from interlock.words import refusal

EXAMPLE = "web-1,192.0.2.11,22,deploy,web;eu,rack=b2\nweb-2,192.0.2.12"
FIELDS = {"no_lines": "text", "too_many_lines": "text", "path_unfit": "root", "root_too_high": "root"}


class ImportForm(forms.Form):
    text = forms.CharField(
        label=_("Hosts"),
        strip=False,
        max_length=512 * 1024,
        widget=forms.Textarea(
            attrs={"rows": 12, "class": "code", "spellcheck": "false", "placeholder": EXAMPLE}
        ),
    )
    environment = forms.TypedChoiceField(label=_("Environment"), coerce=int)
    credential = forms.TypedChoiceField(label=_("Credential"), coerce=int, required=False, empty_value=None)
    user = forms.CharField(label=_("User, where a line has none"), initial="root", max_length=33)
    root = forms.CharField(label=_("Root"), initial="/srv/interlock", max_length=255)

    def __init__(self, *args: Any, by: Caller, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "environment", queries.environments(by=by).values_list("id", "name"))
        credentials = queries.credentials(by=by).order_by("name").values_list("id", "name")
        offer(self, "credential", [("", _("none yet")), *credentials])


@signed_in
@require_http_methods(["GET", "POST"])
def take_in(request: PageRequest) -> HttpResponse:
    by = request.caller
    require(by, "fleet")
    form = ImportForm(request.POST or None, by=by)
    lines = _read(by, form) if request.method == "POST" and form.is_valid() else []
    wrong = sum(1 for line in lines if line.faults)
    if lines and not wrong and request.POST.get("act") == "take":
        done = sent(request, form, lambda: _register(by, form.cleaned_data), FIELDS)
        if done:
            return done
    faulty = request.method == "POST" and (bool(form.errors) or wrong > 0)
    facts = {"form": form, "lines": [_shown(line) for line in lines], "wrong": wrong}
    return render(request, "web/host_import.html", facts, status=422 if faulty else 200)


def _read(by: Caller, form: ImportForm) -> list[ImportLine]:
    try:
        return read_lines(by=by, text=form.cleaned_data["text"], user=form.cleaned_data["user"])
    except Refused as error:
        refuse(form, error, FIELDS)
        return []


def _register(by: Caller, typed: dict[str, Any]) -> str:
    environment_id = typed["environment"]
    import_hosts(
        by=by,
        text=typed["text"],
        environment_id=environment_id,
        credential_id=typed["credential"],
        root=typed["root"],
        user=typed["user"],
    )
    return f"{reverse('hosts')}?environment={environment_id}"


def _shown(line: ImportLine) -> dict[str, Any]:
    faults = [refusal(fault) for _column, fault in line.faults]
    return {"number": line.number, "values": line.values, "faults": faults}
