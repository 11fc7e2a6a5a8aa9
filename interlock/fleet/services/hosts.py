"""Hosts and the keys that are trusted of them."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncssh
from django.db.models import ProtectedError

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.fleet.models import Credential, Environment, Host, HostGroup, HostKey
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

USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_PART = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*\.?")
LABELS = 64
HOST_FIELDS = frozenset(
    {"name", "address", "port", "user", "environment_id", "credential_id", "bastion_id", "root",
     "state_dir", "labels", "group_ids", "description"}
)  # fmt: skip


def create_host(
    *,
    by: Caller,
    name: str,
    address: str,
    environment_id: int,
    port: int = 22,
    user: str = "root",
    credential_id: int | None = None,
    root: str = "/srv/interlock",
    state_dir: str = "",
    labels: Mapping[str, str] | None = None,
    group_ids: Sequence[int] = (),
    bastion_id: int | None = None,
    description: str = "",
    host_keys: Sequence[str] = (),
) -> Host:
    """Register a host. Keys given here are trusted from the start; without any, nothing connects."""
    require(by, "fleet")
    values = {
        "name": name, "address": address, "port": port, "user": user, "environment_id": environment_id,
        "credential_id": credential_id, "bastion_id": bastion_id, "root": root, "state_dir": state_dir,
        "labels": dict(labels or {}), "description": description,
    }  # fmt: skip
    check_host(values)
    keys = [read_key(line) for line in host_keys]
    with writing():
        _check_references(values, group_ids, host_id=None)
        check_free(Host, name)
        host = Host.objects.create(**values)
        host.groups.set(list(group_ids))
        for line, fingerprint in dict(keys).items():
            HostKey.objects.create(host=host, line=line, fingerprint=fingerprint, accepted_by=by.name)
        append(NewEntry(by, "host", host.id, "host.created", facts={"name": name, "address": address}))
    return host


def update_host(*, by: Caller, host_id: int, changes: Mapping[str, Any]) -> Host:
    require(by, "fleet")
    check_fields(changes, HOST_FIELDS)
    values = {field: value for field, value in changes.items() if field != "group_ids"}
    check_host(values)
    with writing():
        host: Host = get_row(Host, host_id, "host_not_known_id")
        _check_references(values, changes.get("group_ids", ()), host_id=host_id)
        if "name" in values:
            check_free(Host, values["name"], host_id)
        for field, value in values.items():
            setattr(host, field, value)
        if {"address", "port", "root"} & set(values):
            host.machine_id, host.checked_at = "", None  # it may be another machine now
            host.tried_at, host.trouble, host.stages = None, "", []
        host.save()
        if "group_ids" in changes:
            host.groups.set(changes["group_ids"])
        append(NewEntry(by, "host", host.id, "host.changed", facts={"fields": sorted(changes)}))
    return host


def delete_host(*, by: Caller, host_id: int) -> None:
    require(by, "fleet")
    with writing():
        host = get_row(Host, host_id, "host_not_known_id")
        name = host.name
        try:
            host.delete()
        except ProtectedError:
            raise Refused("host_in_use", host=name) from None
        append(NewEntry(by, "host", host_id, "host.deleted", facts={"name": name}))


def accept_key(*, by: Caller, host_id: int, line: str, instead_of: str = "") -> HostKey:
    """Trust this key of the host from now on; ``instead_of`` is the fingerprint of one that it replaces."""
    require(by, "fleet")
    line, fingerprint = read_key(line)
    with writing():
        host = get_row(Host, host_id, "host_not_known_id")
        if instead_of and instead_of != fingerprint:
            remove_key(by=by, host_id=host_id, fingerprint=instead_of)
        row, _ = HostKey.objects.get_or_create(
            host=host, fingerprint=fingerprint, defaults={"line": line, "accepted_by": by.name}
        )
        append(NewEntry(by, "host", host_id, "host.key_accepted", facts={"fingerprint": fingerprint}))
    return row


def remove_key(*, by: Caller, host_id: int, fingerprint: str) -> None:
    require(by, "fleet")
    with writing():
        gone, _ = HostKey.objects.filter(host_id=host_id, fingerprint=fingerprint).delete()
        if not gone:
            raise missing("host_key_not_known", fingerprint=fingerprint[:128])
        append(NewEntry(by, "host", host_id, "host.key_removed", facts={"fingerprint": fingerprint}))


def note_facts(*, by: Caller, host_id: int, machine_id: str, facts: Mapping[str, Any]) -> None:
    """What a connection check learnt; refused when another host row is the same tree on the same machine."""
    with writing():
        host = get_row(Host, host_id, "host_not_known_id")
        twin = Host.objects.filter(machine_id=machine_id, root=host.root).exclude(id=host_id).first()
        if machine_id and twin is not None:
            raise Refused("host_tree_taken", host=host.name, other=twin.name, root=host.root)
        host.machine_id, host.facts, host.checked_at = machine_id, dict(facts), datetime.now(UTC)
        host.save(update_fields=["machine_id", "facts", "checked_at"])


def note_check(*, host_id: int, trouble: str, stages: Sequence[Mapping[str, str]]) -> None:
    """How the last connection check went, stage by stage; ``trouble`` is empty when all was well."""
    with writing():
        Host.objects.filter(id=host_id).update(
            tried_at=datetime.now(UTC), trouble=trouble, stages=[dict(stage) for stage in stages]
        )


def put_hosts(
    *, by: Caller, host_ids: Sequence[int], environment_id: int | None = None, group_id: int | None = None,
    leave: bool = False,
) -> int:  # fmt: skip
    """Many hosts at once into an environment, into a group, or with ``leave`` out of it."""
    require(by, "fleet")
    with writing():
        rows = list(Host.objects.filter(id__in=list(host_ids)).order_by("id"))
        lacking = sorted(set(host_ids) - {row.id for row in rows})
        if lacking:
            raise missing("host_not_known", hosts=", ".join(map(str, lacking[:20])))
        fields = []
        if environment_id is not None:
            get_row(Environment, environment_id, "environment_not_known")
            Host.objects.filter(id__in=[row.id for row in rows]).update(environment_id=environment_id)
            fields.append("environment_id")
        if group_id is not None:
            group: HostGroup = get_row(HostGroup, group_id, "group_not_known_id")
            (group.hosts.remove if leave else group.hosts.add)(*rows)
            fields.append("group_ids")
        append(*(NewEntry(by, "host", row.id, "host.changed", facts={"fields": fields}) for row in rows))
    return len(rows)


def read_key(line: str) -> tuple[str, str]:
    """A public key line without its comment, and its fingerprint."""
    words = line.split()
    if len(line) > 16_384 or len(words) < 2 or len(line.strip().splitlines()) > 1:
        raise invalid("host_key_unreadable")
    try:
        key = asyncssh.import_public_key(" ".join(words[:2]))
    except (asyncssh.KeyImportError, ValueError):
        raise invalid("host_key_unreadable") from None
    return " ".join(words[:2]), key.get_fingerprint()


def check_host(values: Mapping[str, Any]) -> None:
    """Whatever of a host is in ``values`` is fit to reach a shell, a path and a page."""
    if "name" in values:
        check_name(values["name"])
    if "address" in values and not _is_address(values["address"]):
        raise invalid("address_unfit", address=str(values["address"])[:100])
    if "port" in values and not 1 <= values["port"] <= 65535:
        raise invalid("port_unfit", port=values["port"])
    if "user" in values and not USER.fullmatch(values["user"]):
        raise invalid("user_unfit", user=str(values["user"])[:64])
    if "root" in values:
        _check_path(values["root"])
        if values["root"].count("/") < 2 and values["root"] != "/srv":
            raise invalid("root_too_high", path=values["root"])
    if values.get("state_dir"):
        _check_path(values["state_dir"])
    labels = values.get("labels", {})
    if len(labels) > LABELS:
        raise invalid("field_unfit", field="labels")
    for name, value in labels.items():
        if not LABEL.fullmatch(name) or not isinstance(value, str) or not LABEL.fullmatch(value or "x"):
            raise invalid("label_unfit", label=f"{name}={value}"[:130])
    check_description(values.get("description", ""))


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        # All digits and dots, but no address: a mistyped one, not a name.
        return bool(HOSTNAME.fullmatch(text)) and not re.fullmatch(r"[0-9.]+", text)
    zone = r"(%[A-Za-z0-9_.-]{1,15})?" if address.version == 6 else ""
    return bool(re.fullmatch(rf"[0-9A-Fa-f:.]+{zone}", text))


def _check_path(path: str) -> None:
    if (
        not re.fullmatch(r"/[A-Za-z0-9._+@-][A-Za-z0-9._+@/-]{0,199}", path)
        or posixpath.normpath(path) != path
    ):
        raise invalid("path_unfit", path=path[:100])


def _check_references(values: Mapping[str, Any], group_ids: Sequence[int], host_id: int | None) -> None:
    if "environment_id" in values and values["environment_id"] is None:
        raise missing("environment_not_known", id="")
    for field, model, code in (
        ("environment_id", Environment, "environment_not_known"),
        ("credential_id", Credential, "credential_not_known"),
        ("bastion_id", Host, "bastion_not_known"),
    ):
        if values.get(field) is not None:
            get_row(model, values[field], code)
    known = set(HostGroup.objects.filter(id__in=list(group_ids)).values_list("id", flat=True))
    if set(group_ids) - known:
        raise missing("group_not_known", ids=", ".join(map(str, sorted(set(group_ids) - known))))
    # A chain of bastions that comes back to the host would never connect.
    seen, hop = {host_id}, values.get("bastion_id")
    while hop is not None:
        if hop in seen:
            raise invalid("bastion_loop")
        seen.add(hop)
        hop = Host.objects.filter(id=hop).values_list("bastion_id", flat=True).first()
