"""Environments with their rules, groups of hosts, and what the platform signs in with."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from interlock.accounts.caller import Caller
from interlock.accounts.queries import projects
from interlock.accounts.rights import may, require
from interlock.fleet import queries, services
from interlock.lifecycle.refused import missing
from interlock.web.door import PageRequest, once, signed_in
from interlock.web.forms import offer, sent
from interlock.web.pages.host_forms import KINDS, VALUE_HELP
from interlock.web.paging import part_of

ENVIRONMENT_FIELDS = {
    "name_unfit": "name",
    "name_taken": "name",
    "batches_unreadable": "default_batches",
    "batches_not_rising": "default_batches",
    "batches_do_not_fit": "default_batches",
    "project_not_known": "projects",
    "description_unfit": "description",
}
NAME_FIELDS = {"name_unfit": "name", "name_taken": "name", "description_unfit": "description"}
VALUE_FIELDS = NAME_FIELDS | {"private_key_unreadable": "value", "secret_value_unfit": "value"}


class EnvironmentForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=63)
    position = forms.IntegerField(
        label=_("Position"),
        initial=0,
        min_value=0,
        max_value=9999,
        help_text=_("Environments are shown, and released to, in this order."),
    )
    description = forms.CharField(label=_("Description"), required=False, max_length=256)
    approvals_required = forms.IntegerField(
        label=_("Approvals before a release starts"),
        initial=0,
        min_value=0,
        max_value=20,
        help_text=_("0: nobody is asked."),
    )
    default_batches = forms.CharField(
        label=_("Batches"),
        required=False,
        max_length=200,
        help_text=_("Rising totals of hosts, such as 1, 10%, 100%. Empty: all at once."),
    )
    projects = forms.TypedMultipleChoiceField(
        label=_("Projects that may use its hosts"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, by: Caller, there: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "projects", projects(by=by).order_by("name").values_list("id", "name"))
        if there:
            # Plans and reports name it: another name would be another environment.
            del self.fields["name"]

    def clean_default_batches(self) -> list[str]:
        return str(self.cleaned_data["default_batches"]).replace(",", " ").replace("，", " ").split()

    def rules(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name not in ("projects", "name")}


@signed_in
@require_GET
def environments(request: PageRequest) -> HttpResponse:
    by = request.caller
    rows = queries.environments(by=by)
    names = dict(projects(by=by).values_list("id", "name"))
    counts = queries.counts_of_hosts(by=by)["environment"]
    shown = [
        {
            "row": row,
            "hosts": counts.get(row.id, 0),
            "projects": sorted(names[g.project_id] for g in row.grants.all() if g.project_id in names),
        }
        for row in rows
    ]
    return render(request, "web/environments.html", {"environments": shown, "keeps": may(by, "fleet")})


@signed_in
@require_http_methods(["GET", "POST"])
def environment(request: PageRequest, environment_id: int | None = None) -> HttpResponse:
    """The form of one that is there, or of a new one."""
    by = request.caller
    require(by, "fleet")
    row, initial = None, {}
    if environment_id is not None:
        row = queries.environments(by=by).filter(id=environment_id).first()
        if row is None:
            raise missing("environment_not_known", id=environment_id)
        same = ("position", "description", "approvals_required")
        initial = {name: getattr(row, name) for name in same}
        initial["default_batches"] = ", ".join(row.default_batches)
        initial["projects"] = [grant.project_id for grant in row.grants.all()]
    form = EnvironmentForm(request.POST or None, by=by, there=row is not None, initial=initial)

    def act() -> str:
        if row is None:
            made = services.create_environment(by=by, name=form.cleaned_data["name"], **form.rules())
        else:
            made = services.update_environment(by=by, environment_id=row.id, changes=form.rules())
        services.set_grants(by=by, environment_id=made.id, project_ids=form.cleaned_data["projects"])
        return reverse("environments")

    if request.method == "POST" and (done := sent(request, form, act, ENVIRONMENT_FIELDS)):
        return done
    count = queries.counts_of_hosts(by=by)["environment"].get(row.id, 0) if row else 0
    facts = {"form": form, "environment": row, "hosts": count}
    return render(request, "web/environment.html", facts, status=422 if request.method == "POST" else 200)


@signed_in
@require_POST
def delete_environment(request: PageRequest, environment_id: int) -> HttpResponse:
    def act() -> str:
        services.delete_environment(by=request.caller, environment_id=environment_id)
        return reverse("environments")

    return once(request, act)


class GroupForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=63)
    description = forms.CharField(label=_("Description"), required=False, max_length=256)


@signed_in
@require_http_methods(["GET", "POST"])
def groups(request: PageRequest) -> HttpResponse:
    by = request.caller
    form = GroupForm(request.POST or None)

    def act() -> str:
        services.create_group(by=by, **form.cleaned_data)
        return reverse("groups")

    if request.method == "POST":
        require(by, "fleet")
        if done := sent(request, form, act, NAME_FIELDS):
            return done
    part = part_of(queries.groups(by=by), request, order="name")
    counts = queries.counts_of_hosts(by=by)["groups"]
    shown = [{"row": row, "hosts": counts.get(row.id, 0)} for row in part.rows]
    facts = {"groups": shown, "following": part.following, "keeps": may(by, "fleet"), "form": form}
    return render(request, "web/groups.html", facts, status=422 if request.method == "POST" else 200)


@signed_in
@require_POST
def delete_group(request: PageRequest, group_id: int) -> HttpResponse:
    def act() -> str:
        services.delete_group(by=request.caller, group_id=group_id)
        return reverse("groups")

    return once(request, act)


class CredentialForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=63)
    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS)
    value = forms.CharField(
        label=_("Private key or password"),
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "class": "code", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=VALUE_HELP,
    )


class NewValueForm(forms.Form):
    value = CredentialForm.base_fields["value"]


@signed_in
@require_http_methods(["GET", "POST"])
def credentials(request: PageRequest) -> HttpResponse:
    by = request.caller
    require(by, "fleet")
    form = CredentialForm(request.POST or None)

    def act() -> str:
        typed = form.cleaned_data
        value = typed["value"].replace("\r\n", "\n")
        services.create_credential(by=by, name=typed["name"], kind=typed["kind"], value=value)
        return reverse("credentials")

    if request.method == "POST" and (done := sent(request, form, act, VALUE_FIELDS)):
        return done
    part = part_of(queries.credentials(by=by), request, order="name")
    counts = queries.counts_of_hosts(by=by)["credential"]
    shown = [{"row": row, "hosts": counts.get(row.id, 0)} for row in part.rows]
    facts = {"credentials": shown, "following": part.following, "keeps": True, "form": form}
    return render(request, "web/credentials.html", facts, status=422 if request.method == "POST" else 200)


@signed_in
@require_http_methods(["GET", "POST"])
def credential(request: PageRequest, credential_id: int) -> HttpResponse:
    """A new value for one that is there."""
    by = request.caller
    require(by, "fleet")
    row = queries.credentials(by=by).filter(id=credential_id).first()
    if row is None:
        raise missing("credential_not_known", id=credential_id)
    form = NewValueForm(request.POST or None)

    def act() -> str:
        value = form.cleaned_data["value"].replace("\r\n", "\n")
        services.renew_credential(by=by, credential_id=credential_id, value=value)
        return reverse("credentials")

    if request.method == "POST" and (done := sent(request, form, act, VALUE_FIELDS)):
        return done
    hosts = queries.counts_of_hosts(by=by)["credential"].get(row.id, 0)
    facts = {"form": form, "credential": row, "hosts": hosts}
    return render(request, "web/credential.html", facts, status=422 if request.method == "POST" else 200)


@signed_in
@require_POST
def delete_credential(request: PageRequest, credential_id: int) -> HttpResponse:
    def act() -> str:
        services.delete_credential(by=request.caller, credential_id=credential_id)
        return reverse("credentials")

    return once(request, act)
