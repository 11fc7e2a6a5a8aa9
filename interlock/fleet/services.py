"""Hosts, groups, environments, credentials, host keys: every write."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

import asyncssh
from django.db.models import ProtectedError

from interlock.accounts.caller import Caller
from interlock.accounts.queries import projects
from interlock.accounts.rights import require
from interlock.fleet.models import Credential, Environment, Grant, Host, HostGroup, HostKey
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing
from interlock.vault.services import put

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_PART = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*\.?")
LABELS = 64
HOST_FIELDS = frozenset(
    {"name", "address", "port", "user", "environment_id", "credential_id", "bastion_id", "root",
     "state_dir", "labels", "group_ids", "description"}
)  # fmt: skip


def create_environment(
    *,
    by: Caller,
    name: str,
    position: int = 0,
    description: str = "",
    approvals_required: int = 0,
    default_batches: Sequence[str] = (),
) -> Environment:
    from interlock.lifecycle.run.plan import split_batches

    require(by, "fleet")
    _check_name(name)
    _check_environment(
        {"position": position, "description": description, "approvals_required": approvals_required}
    )
    split_batches(1000, list(default_batches))
    with writing():
        _check_free(Environment, name)
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
    from interlock.lifecycle.run.plan import split_batches

    require(by, "fleet")
    known = {"position", "description", "approvals_required", "default_batches"}
    _check_fields(changes, known)
    _check_environment(changes)
    split_batches(1000, list(changes.get("default_batches", [])))
    with writing():
        row: Environment = _get(Environment, environment_id, "environment_not_known")
        for field, value in changes.items():
            setattr(row, field, value)
        row.save(update_fields=list(changes) or None)
        append(NewEntry(by, "environment", row.id, "environment.changed", facts=dict(changes)))
    return row


def set_grants(*, by: Caller, environment_id: int, project_ids: Sequence[int]) -> None:
    """Let exactly these projects use the hosts of the environment."""
    require(by, "fleet")
    with writing():
        _get(Environment, environment_id, "environment_not_known")
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
    _check_name(name)
    _check_description(description)
    with writing():
        _check_free(HostGroup, name)
        row = HostGroup.objects.create(name=name, description=description)
        append(NewEntry(by, "group", row.id, "group.created", facts={"name": name}))
    return row


def create_credential(*, by: Caller, name: str, kind: str, value: str) -> Credential:
    """A private key (PEM or OpenSSH, without passphrase) or a password; the value goes into the vault."""
    require(by, "fleet")
    _check_name(name)
    if kind == "private_key":
        try:
            asyncssh.import_private_key(value)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
            raise invalid("private_key_unreadable") from None
    elif kind != "password":
        raise invalid("credential_kind_not_known", known="private_key, password")
    with writing():
        _check_free(Credential, name)
        secret = put(by=_vault_hand(by), name=f"credential.{name}", value=value)
        row = Credential.objects.create(name=name, kind=kind, secret=secret)
        append(NewEntry(by, "credential", row.id, "credential.created", facts={"name": name, "kind": kind}))
    return row


def _vault_hand(by: Caller) -> Caller:
    """Whoever may register credentials may put them into the vault, narrow token or not."""
    from dataclasses import replace

    return replace(by, scopes=None)


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
    _check_host(values)
    keys = [read_key(line) for line in host_keys]
    with writing():
        _check_references(values, group_ids, host_id=None)
        _check_free(Host, name)
        host = Host.objects.create(**values)
        host.groups.set(list(group_ids))
        for line, fingerprint in dict(keys).items():
            HostKey.objects.create(host=host, line=line, fingerprint=fingerprint, accepted_by=by.name)
        append(NewEntry(by, "host", host.id, "host.created", facts={"name": name, "address": address}))
    return host


def update_host(*, by: Caller, host_id: int, changes: Mapping[str, Any]) -> Host:
    require(by, "fleet")
    _check_fields(changes, HOST_FIELDS)
    values = {field: value for field, value in changes.items() if field != "group_ids"}
    _check_host(values)
    with writing():
        host: Host = _get(Host, host_id, "host_not_known_id")
        _check_references(values, changes.get("group_ids", ()), host_id=host_id)
        if "name" in values:
            _check_free(Host, values["name"], host_id)
        for field, value in values.items():
            setattr(host, field, value)
        if {"address", "port", "root"} & set(values):
            host.machine_id, host.checked_at = "", None  # it may be another machine now
        host.save()
        if "group_ids" in changes:
            host.groups.set(changes["group_ids"])
        append(NewEntry(by, "host", host.id, "host.changed", facts={"fields": sorted(changes)}))
    return host


def delete_host(*, by: Caller, host_id: int) -> None:
    require(by, "fleet")
    with writing():
        host = _get(Host, host_id, "host_not_known_id")
        name = host.name
        try:
            host.delete()
        except ProtectedError:
            raise Refused("host_in_use", host=name) from None
        append(NewEntry(by, "host", host_id, "host.deleted", facts={"name": name}))


def accept_key(*, by: Caller, host_id: int, line: str) -> HostKey:
    """Trust this key of the host from now on."""
    require(by, "fleet")
    line, fingerprint = read_key(line)
    with writing():
        host = _get(Host, host_id, "host_not_known_id")
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
    from datetime import UTC, datetime

    with writing():
        host = _get(Host, host_id, "host_not_known_id")
        twin = Host.objects.filter(machine_id=machine_id, root=host.root).exclude(id=host_id).first()
        if machine_id and twin is not None:
            raise Refused("host_tree_taken", host=host.name, other=twin.name, root=host.root)
        host.machine_id, host.facts, host.checked_at = machine_id, dict(facts), datetime.now(UTC)
        host.save(update_fields=["machine_id", "facts", "checked_at"])


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


def _get(model: Any, row_id: int, code: str) -> Any:
    row = model.objects.filter(id=row_id).first()
    if row is None:
        raise missing(code, id=row_id)
    return row


def _check_fields(changes: Mapping[str, Any], known: Any) -> None:
    strange = sorted(set(changes) - set(known))
    if strange:
        raise invalid("fields_not_known", fields=", ".join(strange))


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid("name_unfit", name=name[:64])


def _check_free(model: Any, name: str, but: int | None = None) -> None:
    """Names that differ in case alone are one name to whoever reads them aloud."""
    if model.objects.filter(name__iexact=name).exclude(id=but).exists():
        raise Refused("name_taken", name=name)


def _check_description(text: object) -> None:
    if not isinstance(text, str) or "\0" in text or len(text) > 256:
        raise invalid("description_unfit")


def _check_environment(values: Mapping[str, Any]) -> None:
    _check_description(values.get("description", ""))
    for field, most in (("position", 10_000), ("approvals_required", 100)):
        if not 0 <= values.get(field, 0) <= most:
            raise invalid("field_unfit", field=field)


def _check_host(values: Mapping[str, Any]) -> None:
    """Whatever of a host is in ``values`` is fit to reach a shell, a path and a page."""
    if "name" in values:
        _check_name(values["name"])
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
    _check_description(values.get("description", ""))


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
            _get(model, values[field], code)
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
