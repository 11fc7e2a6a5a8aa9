"""Reads of secrets: names and dates, never values."""

from django.db.models import Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, visible_projects
from interlock.lifecycle.refused import missing
from interlock.vault.models import Secret


def secret(*, by: Caller, secret_id: int) -> Secret:
    row = secrets(by=by).filter(id=secret_id).first()
    if row is None:
        raise missing("secret_not_known", secret_id=secret_id)
    return row


def secrets(*, by: Caller) -> QuerySet[Secret]:
    visible = visible_projects(by)
    rows = Secret.objects.order_by("id")
    if visible is None:
        return rows
    mine = {project for project in visible if may(by, "configure", project)}
    return rows.filter(Q(project_id__in=mine))
