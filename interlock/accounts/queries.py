"""Reads of people, projects and tokens."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.models import Membership, Person, Project, Token
from interlock.accounts.rights import ROLES, require, visible_projects
from interlock.lifecycle.refused import missing


def people(*, by: Caller, search: str = "", project_id: int | None = None) -> QuerySet[Person]:
    require(by, "people")
    rows = Person.objects.prefetch_related("memberships").order_by("id")
    if project_id is not None:
        rows = rows.filter(pk__in=Membership.objects.filter(project_id=project_id).values("person"))
    return rows.filter(Q(username__contains=search) | Q(name__contains=search)) if search else rows


def person(*, by: Caller, person_id: int) -> Person:
    """Oneself, or anybody for who keeps the people."""
    if by.person_id != person_id:
        require(by, "people")
    row = Person.objects.filter(id=person_id).first()
    if row is None:
        raise missing("person_not_known", person_id=person_id)
    return row


def projects(*, by: Caller) -> QuerySet[Project]:
    visible = visible_projects(by)
    rows = Project.objects.order_by("id")
    return rows if visible is None else rows.filter(id__in=visible)


def counts_of_members(*, by: Caller, project_ids: Collection[int]) -> dict[int, int]:
    """How many people have a role in each of the projects that one may see."""
    seen = projects(by=by).order_by().filter(id__in=project_ids)
    return dict(seen.values_list("id").annotate(Count("memberships__person", distinct=True)))


def tokens(*, by: Caller) -> QuerySet[Token]:
    """One's own; a platform administrator's view is everybody's."""
    rows = Token.objects.select_related("person").order_by("id")
    return rows if by.is_admin else rows.filter(person_id=by.person_id or 0)


def roles_of(person_id: int) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for project_id, role in Membership.objects.filter(person_id=person_id).values_list("project_id", "role"):
        found.setdefault(project_id, []).append(role)
    return found


def approvers(*, by: Caller, project_id: int) -> list[str]:
    """User names of those who may approve in the project."""
    require(by, "view", project_id)
    roles = [role for role, rights in ROLES.items() if "approve" in rights]
    held = Membership.objects.filter(project_id=project_id, role__in=roles, person__is_active=True)
    return list(held.order_by("person__username").values_list("person__username", flat=True).distinct())
