"""Reads of secrets: names and dates, never values."""

from django.db.models import Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, visible_projects
from interlock.lifecycle.refused import missing
from interlock.vault.models import Secret, SecretVersion


def secret(*, by: Caller, secret_id: int) -> Secret:
    row = secrets(by=by).filter(id=secret_id).first()
    if row is None:
        raise missing("secret_not_known", secret_id=secret_id)
    return row


def versions_of(*, by: Caller, secret_id: int) -> list[SecretVersion]:
    """Who gave it which value when, newest first; never the value."""
    row = secret(by=by, secret_id=secret_id)
    return list(SecretVersion.objects.filter(secret=row).defer("ciphertext").order_by("-number")[:100])


def secrets(*, by: Caller, project_id: int | None = None, search: str = "") -> QuerySet[Secret]:
    """Those of projects that one configures; the platform's own are for its administrators."""
    visible = visible_projects(by)
    rows = Secret.objects.select_related("project").order_by("id")
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    if search:
        rows = rows.filter(name__contains=search)
    if visible is None:
        return rows
    mine = {project for project in visible if may(by, "configure", project)}
    return rows.filter(Q(project_id__in=mine))
