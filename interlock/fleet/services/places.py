"""Environments with their rules and grants, and groups of hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import ProtectedError

from interlock.accounts.caller import Caller
from interlock.accounts.queries import projects
from interlock.accounts.rights import require
from interlock.fleet.models import Environment, Grant, HostGroup
from interlock.fleet.services.rows import (
    check_description,
    check_fields,
    check_free,
    check_name,
    get_row,
)
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing
from interlock.lifecycle.run.plan import split_batches


def create_environment(
    *,
    by: Caller,
    name: str,
    position: int = 0,
    description: str = "",
    approvals_required: int = 0,
    default_batches: Sequence[str] = (),
) -> Environment:
    require(by, "fleet")
    check_name(name)
    _check_environment(
        {"position": position, "description": description, "approvals_required": approvals_required}
    )
    split_batches(1000, list(default_batches))
    with writing():
        check_free(Environment, name)
        row = Environment.objects.create(
            name=name,
            position=position,
            description=description,
            approvals_required=approvals_required,
            default_batches=list(default_batches),
        )
        append(NewEntry(by, "environment", row.id, "environment.created", facts={"name": name}))
    return row


def update_environment(*, by: Caller, environment_id: int, changes: Mapping[str, Any]) -> Environment:
    require(by, "fleet")
    known = {"position", "description", "approvals_required", "default_batches"}
    check_fields(changes, known)
    _check_environment(changes)
    split_batches(1000, list(changes.get("default_batches", [])))
    with writing():
        row: Environment = get_row(Environment, environment_id, "environment_not_known")
        for field, value in changes.items():
            setattr(row, field, value)
        row.save(update_fields=list(changes) or None)
        append(NewEntry(by, "environment", row.id, "environment.changed", facts=dict(changes)))
    return row


def set_grants(*, by: Caller, environment_id: int, project_ids: Sequence[int]) -> None:
    """Let exactly these projects use the hosts of the environment."""
    require(by, "fleet")
    with writing():
        get_row(Environment, environment_id, "environment_not_known")
        # Asked, not tried: both databases look at a foreign key only at the commit.
        known = projects(by=by).filter(id__in=list(project_ids)).values_list("id", flat=True)
        if unknown := set(project_ids) - set(known):
            raise missing("project_not_known", project_id=min(unknown))
        Grant.objects.filter(environment_id=environment_id).delete()
        Grant.objects.bulk_create(
            Grant(environment_id=environment_id, project_id=project_id)
            for project_id in sorted(set(project_ids))
        )
        append(
            NewEntry(
                by,
                "environment",
                environment_id,
                "environment.granted",
                facts={"projects": sorted(set(project_ids))},
            )
        )


def create_group(*, by: Caller, name: str, description: str = "") -> HostGroup:
    require(by, "fleet")
    check_name(name)
    check_description(description)
    with writing():
        check_free(HostGroup, name)
        row = HostGroup.objects.create(name=name, description=description)
        append(NewEntry(by, "group", row.id, "group.created", facts={"name": name}))
    return row


def delete_environment(*, by: Caller, environment_id: int) -> None:
    """Refused while it has hosts."""
    require(by, "fleet")
    with writing():
        row: Environment = get_row(Environment, environment_id, "environment_not_known")
        if (count := row.hosts.count()) > 0:
            raise Refused("environment_in_use", name=row.name, count=count)
        name = row.name
        try:
            with writing():
                row.delete()
        except ProtectedError:
            raise Refused("environment_in_use", name=name, count=1) from None
        append(NewEntry(by, "environment", environment_id, "environment.deleted", facts={"name": name}))


def update_group(*, by: Caller, group_id: int, description: str) -> HostGroup:
    require(by, "fleet")
    check_description(description)
    with writing():
        row: HostGroup = get_row(HostGroup, group_id, "group_not_known_id")
        row.description = description
        row.save(update_fields=["description"])
        append(NewEntry(by, "group", group_id, "group.changed", facts={"name": row.name}))
    return row


def delete_group(*, by: Caller, group_id: int) -> None:
    """Its hosts stay, without it."""
    require(by, "fleet")
    with writing():
        row: HostGroup = get_row(HostGroup, group_id, "group_not_known_id")
        name = row.name
        row.delete()
        append(NewEntry(by, "group", group_id, "group.deleted", facts={"name": name}))


def _check_environment(values: Mapping[str, Any]) -> None:
    check_description(values.get("description", ""))
    for field, most in (("position", 10_000), ("approvals_required", 100)):
        if not 0 <= values.get(field, 0) <= most:
            raise invalid("field_unfit", field=field)
