"""Reads of the fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KeyTransform

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, visible_projects
from interlock.fleet.models import Credential, Environment, Grant, Host, HostGroup, HostKey
from interlock.lifecycle.refused import missing
from interlock.remote import HostSpec, PasswordAuth, PrivateKeyAuth
from interlock.vault.services import reveal


@dataclass(frozen=True)
class HostRow:
    id: int
    name: str
    address: str
    environment_id: int
    environment_name: str
    environment_position: int
    root: str
    labels: Mapping[str, str]
    group_names: tuple[str, ...]
    checked: bool = False
    login: str = ""  # user@address:port: what decides where a release runs


def host_spec(host_id: int) -> HostSpec:
    """How to reach a host, secrets included: for those who connect."""
    specs = host_specs([host_id])
    if host_id not in specs:
        raise missing("host_not_known_id", id=host_id)
    return specs[host_id]


def host_specs(ids: Iterable[int]) -> dict[int, HostSpec]:
    wanted = set(ids)
    rows: dict[int, Host] = {}
    # Bastions of bastions: one query a hop, whatever the number of hosts.
    missing_ids = wanted
    while missing_ids:
        found = Host.objects.filter(id__in=missing_ids).select_related("credential").prefetch_related("keys")
        rows.update({row.id: row for row in found})
        missing_ids = {row.bastion_id for row in rows.values() if row.bastion_id} - set(rows)
    secrets: dict[int, str] = {}
    return {host_id: _spec(rows, host_id, secrets) for host_id in wanted if host_id in rows}


def _spec(rows: Mapping[int, Host], host_id: int, secrets: dict[int, str]) -> HostSpec:
    row = rows[host_id]
    auth: PrivateKeyAuth | PasswordAuth | None = None
    if row.credential is not None:
        secret_id = row.credential.secret_id
        if secret_id not in secrets:
            secrets[secret_id] = reveal(secret_id)
        text = secrets[secret_id]
        auth = PrivateKeyAuth(text) if row.credential.kind == "private_key" else PasswordAuth(text)
    return HostSpec(
        id=row.id,
        name=row.name,
        address=row.address,
        port=row.port,
        user=row.user,
        auth=auth,
        host_keys=tuple(sorted(key.line for key in row.keys.all())),
        state_dir=row.state_dir,
        bastion=_spec(rows, row.bastion_id, secrets) if row.bastion_id else None,
    )


def granted(project_id: int) -> QuerySet[Host]:
    """The hosts that a project may use."""
    environments = Grant.objects.filter(project_id=project_id).values("environment_id")
    return Host.objects.filter(environment_id__in=environments)


def select_hosts(
    *, by: Caller, project_id: int, selector: Mapping[str, Any], by_name: bool = False
) -> list[HostRow]:
    """Hosts of the project by ids, names, groups, labels, environment or all; narrowed by each given.

    An id or name that is not there, or not the project's to use, refuses the whole selection. ``by_name``:
    the project knew these ids before, so the refusal may tell the names of those it has lost.
    """
    hosts = granted(project_id)
    ids, names = selector.get("ids"), selector.get("names")
    if ids is not None:
        _all_there(hosts, "id", ids, by_name=by_name)
        hosts = hosts.filter(id__in=ids)
    if names is not None:
        _all_there(hosts, "name", names)
        hosts = hosts.filter(name__in=names)
    if selector.get("groups"):
        known = set(HostGroup.objects.filter(name__in=selector["groups"]).values_list("name", flat=True))
        if set(selector["groups"]) - known:
            raise missing("group_not_known", ids=", ".join(sorted(set(selector["groups"]) - known)))
        hosts = hosts.filter(groups__name__in=selector["groups"]).distinct()
    if selector.get("environment"):
        hosts = hosts.filter(environment__name=selector["environment"])
    rows = host_rows(hosts)
    labels: Mapping[str, str] = selector.get("labels") or {}
    return [row for row in rows if all(row.labels.get(k) == v for k, v in labels.items())]


def _all_there(hosts: QuerySet[Host], field: str, wanted: Sequence[Any], *, by_name: bool = False) -> None:
    known = set(hosts.filter(**{f"{field}__in": list(wanted)}).values_list(field, flat=True))
    lacking = [value for value in wanted if value not in known]
    if lacking:
        told = lacking[:20]
        names = dict(Host.objects.filter(id__in=told).values_list("id", "name")) if by_name else {}
        raise missing("host_not_known", hosts=", ".join(str(names.get(value, value)) for value in told))


def host_rows(hosts: QuerySet[Host]) -> list[HostRow]:
    """In the order of releases: environments by position, then names."""
    ordered = hosts.select_related("environment").prefetch_related("groups")
    return [
        HostRow(
            id=row.id,
            name=row.name,
            address=row.address,
            environment_id=row.environment_id,
            environment_name=row.environment.name,
            environment_position=row.environment.position,
            root=row.root,
            labels=row.labels,
            group_names=tuple(group.name for group in row.groups.all()),
            checked=row.checked_at is not None,
            login=f"{row.user}@{row.address}:{row.port}",
        )
        for row in ordered.order_by("environment__position", "environment__name", "name")
    ]


REACH = ("reached", "trouble", "unchecked", "keyless")


def hosts(
    *,
    by: Caller,
    environment_id: int | None = None,
    group_id: int | None = None,
    credential_id: int | None = None,
    search: str = "",
    label: str = "",
    reach: str = "",
) -> QuerySet[Host]:
    """Those of the environments granted to the caller's projects; all to who keeps the fleet.

    ``label`` is a name, or name=value; ``reach`` one of ``REACH``: how the last connection check went.
    """
    rows = Host.objects.select_related("environment", "credential").prefetch_related("groups", "keys")
    if environment_id is not None:
        rows = rows.filter(environment_id=environment_id)
    if group_id is not None:
        rows = rows.filter(groups=group_id)
    if credential_id is not None:
        rows = rows.filter(credential=credential_id)
    if search:
        rows = rows.filter(Q(name__contains=search) | Q(address__contains=search))
    name, given, value = label.partition("=")
    if name:
        rows = rows.filter(labels__has_key=name)
        if given:
            rows = rows.alias(wanted=KeyTransform(name, "labels")).filter(wanted=value)
    if reach:
        rows = rows.filter(_reach(reach))
    if may(by, "fleet"):
        return rows.order_by("id")
    return rows.filter(environment__in=environments(by=by).order_by()).order_by("id")


def _reach(wanted: str) -> Q:
    keyed = Q(pk__in=HostKey.objects.values("host"))
    tried = Q(tried_at__isnull=False)
    return {
        "reached": tried & Q(trouble=""),
        "trouble": tried & ~Q(trouble=""),
        "unchecked": ~tried & keyed,
        "keyless": ~tried & ~keyed,
    }.get(wanted, Q())


def reach_of(host: Host) -> str:
    """The one of ``REACH`` that the host is in, from rows that ``hosts`` has read."""
    if host.tried_at is not None:
        return "trouble" if host.trouble else "reached"
    return "unchecked" if host.keys.all() else "keyless"


def host(*, by: Caller, host_id: int) -> Host:
    row = hosts(by=by).filter(id=host_id).first()
    if row is None:
        raise missing("host_not_known_id", id=host_id)
    return row


def environments(*, by: Caller) -> QuerySet[Environment]:
    visible = visible_projects(by)
    rows = Environment.objects.prefetch_related("grants").order_by("position", "id")
    return rows if visible is None else rows.filter(grants__project_id__in=visible).distinct()


def groups(*, by: Caller) -> QuerySet[HostGroup]:
    return HostGroup.objects.order_by("id")


def credentials(*, by: Caller) -> QuerySet[Credential]:
    rows = Credential.objects.select_related("secret").order_by("id")
    return rows if may(by, "fleet") else rows.none()


def counts_of_hosts(*, by: Caller) -> dict[str, dict[int, int]]:
    """How many of the hosts that one may see are in each environment and group, or use each credential."""
    seen = Host.objects.filter(pk__in=hosts(by=by).order_by().values("pk"))
    return {
        column: dict(seen.order_by().values_list(column).annotate(Count("pk")).exclude(**{column: None}))
        for column in ("environment", "groups", "credential")
    }


def environment_rules(ids: Iterable[int]) -> dict[int, Environment]:
    return Environment.objects.in_bulk(list(set(ids)))
