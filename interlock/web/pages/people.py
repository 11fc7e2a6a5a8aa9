"""People, and the projects that they have roles in."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from interlock.accounts import queries, services
from interlock.accounts.rights import ROLES, may, require
from interlock.lifecycle.refused import Refused, missing
from interlock.web import rights
from interlock.web.door import PageRequest, go_to, once, signed_in
from interlock.web.forms import sent
from interlock.web.pages.hosts import number
from interlock.web.paging import part_of
from interlock.words import refusal

FIELDS = {"username_unfit": "username", "username_taken": "username", "password_weak": "password"}
PASSWORD = {"autocomplete": "new-password"}
MADE_WORDS = 18  # bytes of chance in a password that we make: nobody guesses it, and it is shown once
SHOWN_PROJECTS = 100


class NewPersonForm(forms.Form):
    username = forms.CharField(
        label=_("User name"), max_length=64, help_text=_("What they sign in with. It stays.")
    )
    name = forms.CharField(label=_("Full name"), required=False, max_length=150)
    email = forms.EmailField(label=_("Mail"), required=False, max_length=254)
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        required=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs=PASSWORD),
        help_text=_("Empty: one is made and shown to you once."),
    )
    is_admin = forms.BooleanField(label=_("Administrator of the platform"), required=False)


class PersonForm(forms.Form):
    name = forms.CharField(label=_("Full name"), required=False, max_length=150)
    email = forms.EmailField(label=_("Mail"), required=False, max_length=254)
    is_admin = forms.BooleanField(label=_("Administrator of the platform"), required=False)


@signed_in
@require_GET
def listed(request: PageRequest) -> HttpResponse:
    by = request.caller
    if not may(by, "people"):
        return go_to(request, reverse("projects"))
    search = request.GET.get("search", "").strip()[:100].replace("\0", "")
    part = part_of(queries.people(by=by, search=search), request, order="username")
    names = dict(queries.projects(by=by).values_list("id", "name"))
    shown = [{"row": row, "roles": _roles(row, names)} for row in part.rows]
    facts = {"people": shown, "following": part.following, "filtered": bool(search), "keeps": True}
    return render(request, "web/_people.html" if request.htmx else "web/people.html", facts)


def _roles(row: Any, names: dict[int, str]) -> list[tuple[str, list[str]]]:
    held: dict[int, list[str]] = {}
    for membership in row.memberships.all():
        held.setdefault(membership.project_id, []).append(membership.role)
    return sorted((names[project], _ordered(roles)) for project, roles in held.items() if project in names)


def _ordered(roles: list[str]) -> list[str]:
    return [role for role in ROLES if role in roles]


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    require(request.caller, "people")
    form = NewPersonForm(request.POST or None)
    made: list[tuple[int, str]] = []

    def act() -> str:
        typed = dict(form.cleaned_data)
        password = typed["password"] or secrets.token_urlsafe(MADE_WORDS)
        person = services.create_person(by=request.caller, **typed | {"password": password})
        if not typed["password"]:
            made.append((person.id, password))
        return reverse("person", args=[person.id])

    if request.method == "POST" and (done := sent(request, form, act, FIELDS)):
        return _page(request, made[0][0], made=made[0][1]) if made else done
    status = 422 if request.method == "POST" else 200
    return render(request, "web/person_new.html", {"form": form}, status=status)


@signed_in
@require_http_methods(["GET", "POST"])
def one(request: PageRequest, person_id: int) -> HttpResponse:
    by = request.caller
    require(by, "people")
    if request.method == "GET":
        return _page(request, person_id)
    form = PersonForm(request.POST)

    def act() -> str:
        services.update_person(by=by, person_id=person_id, **form.cleaned_data)
        return reverse("person", args=[person_id])

    return sent(request, form, act, {"last_admin": "is_admin"}) or _page(request, person_id, form=form)


def _page(request: PageRequest, person_id: int, *, status: int = 200, **more: Any) -> HttpResponse:
    by = request.caller
    person = queries.person(by=by, person_id=person_id)
    held = queries.roles_of(person_id)
    projects = list(queries.projects(by=by).order_by("name"))
    mine = [project for project in projects if project.id in held][:SHOWN_PROJECTS]
    same = ("name", "email", "is_admin")
    form = more.pop("form", None)
    facts = {
        "person": person,
        "form": form or PersonForm(initial={name: getattr(person, name) for name in same}),
        "rows": [{"project": project, "held": held[project.id]} for project in mine],
        "others": [project for project in projects if project.id not in held],
        "roles": ROLES,
        "role_words": rights.ROLES,
        "tokens": list(queries.tokens(by=by).filter(person_id=person_id, revoked_at=None)[:50]),
        "myself": person_id == by.person_id,
        **more,
    }
    return render(request, "web/person.html", facts, status=422 if form else status)


@signed_in
@require_POST
def activate(request: PageRequest, person_id: int) -> HttpResponse:
    """Deactivate, or activate again."""

    def act() -> str:
        active = request.POST.get("active") == "1"
        services.update_person(by=request.caller, person_id=person_id, is_active=active)
        return reverse("person", args=[person_id])

    try:
        return once(request, act)
    except Refused as error:
        if error.code != "last_admin":
            raise
        return _page(request, person_id, status=409, refused=refusal(error))


@signed_in
@require_POST
def reset_password(request: PageRequest, person_id: int) -> HttpResponse:
    """A typed one, or one that is made and shown this once."""
    typed = request.POST.get("password", "")
    made = "" if typed else secrets.token_urlsafe(MADE_WORDS)
    require(request.caller, "people")
    try:
        services.set_password(by=request.caller, person_id=person_id, password=typed or made)
    except Refused as error:
        if error.code != "password_weak":
            raise
        return _page(request, person_id, status=422, password_refused=refusal(error))
    return _page(request, person_id, made=made, password_set=True)


@signed_in
@require_POST
def set_roles(request: PageRequest, person_id: int, project_id: int = 0) -> HttpResponse:
    """Exactly the roles that are ticked; from the person's page or from the project's."""
    project_id = project_id or number(request.POST.get("project")) or 0
    roles = [role for role in request.POST.getlist("role") if role in ROLES]
    services.set_roles(by=request.caller, person_id=person_id, project_id=project_id, roles=roles)
    if request.POST.get("back") == "project":
        return go_to(request, reverse("project", args=[project_id]))
    return go_to(request, reverse("person", args=[person_id]))


@signed_in
@require_POST
def give_roles(request: PageRequest, project_id: int) -> HttpResponse:
    """To somebody who had none in the project."""
    person_id = number(request.POST.get("person")) or 0
    roles = [role for role in request.POST.getlist("role") if role in ROLES]
    services.set_roles(by=request.caller, person_id=person_id, project_id=project_id, roles=roles)
    return go_to(request, reverse("project", args=[project_id]))


class ProjectForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=64)
    description = forms.CharField(label=_("Description"), required=False, max_length=256)


class DescriptionForm(forms.Form):
    description = forms.CharField(label=_("Description"), required=False, max_length=256)


@signed_in
@require_http_methods(["GET", "POST"])
def projects(request: PageRequest) -> HttpResponse:
    by = request.caller
    form = ProjectForm(request.POST or None)

    def act() -> str:
        return reverse("project", args=[services.create_project(by=by, **form.cleaned_data).id])

    if request.method == "POST":
        require(by, "platform")
        done = sent(request, form, act, {"name_unfit": "name", "name_taken": "name"})
        if done:
            return done
    part = part_of(queries.projects(by=by), request, order="name")
    counts = queries.counts_of_members(by=by, project_ids=[row.id for row in part.rows])
    shown = [
        {"row": row, "people": counts.get(row.id, 0), "roles": _ordered(list(by.roles.get(row.id, ())))}
        for row in part.rows
    ]
    facts = {
        "projects": shown,
        "following": part.following,
        "keeps": may(by, "people"),
        "makes": may(by, "platform"),
        "form": form,
        "role_words": rights.ROLES,
    }
    return render(request, "web/projects.html", facts, status=422 if request.method == "POST" else 200)


@signed_in
@require_http_methods(["GET", "POST"])
def project(request: PageRequest, project_id: int) -> HttpResponse:
    """Who has which roles in it."""
    by = request.caller
    row = queries.projects(by=by).filter(id=project_id).first()
    if row is None:
        raise missing("project_not_known", project_id=project_id)
    form = DescriptionForm(request.POST or None, initial={"description": row.description})

    def act() -> str:
        services.update_project(by=by, project_id=project_id, **form.cleaned_data)
        return reverse("project", args=[project_id])

    if request.method == "POST":
        require(by, "platform")
        if done := sent(request, form, act):
            return done
    keeps = may(by, "people")
    facts: dict[str, Any] = {
        "project": row,
        "form": form,
        "keeps": keeps,
        "makes": may(by, "platform"),
        "roles": ROLES,
        "role_words": rights.ROLES,
        "mine": _ordered(list(by.roles.get(project_id, ()))),
    }
    if keeps:
        part = part_of(queries.people(by=by, project_id=project_id), request, order="username")
        facts |= {
            "rows": [{"person": person, "held": _held(person, project_id)} for person in part.rows],
            "following": part.following,
            "others": _strangers(request, project_id),
        }
    return render(request, "web/project.html", facts, status=422 if request.method == "POST" else 200)


def _held(person: Any, project_id: int) -> list[str]:
    return [held.role for held in person.memberships.all() if held.project_id == project_id]


def _strangers(request: PageRequest, project_id: int) -> list[tuple[int, str]]:
    """Who could be given a role: those that have none here."""
    by = request.caller
    inside = queries.people(by=by, project_id=project_id).values("id")
    rows = queries.people(by=by).filter(is_active=True).exclude(id__in=inside).order_by("username")
    return list(rows.values_list("id", "username")[:1000])


@signed_in
@require_GET
def roles(request: PageRequest) -> HttpResponse:
    """What each role may do, in words."""
    table = [
        {
            "role": role,
            "word": rights.ROLES[role],
            "may": [(right, text, right in held) for right, text in rights.RIGHTS.items()],
        }
        for role, held in ROLES.items()
    ]
    facts = {"table": table, "rights": rights.RIGHTS, "keeps": may(request.caller, "people")}
    return render(request, "web/roles.html", facts)
