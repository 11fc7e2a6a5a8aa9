"""What the platform signs in at hosts with. Values go into the vault and do not come back."""

from __future__ import annotations

from dataclasses import replace

import asyncssh
from django.db.models import ProtectedError

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.fleet.models import Credential
from interlock.fleet.services.rows import check_free, check_name, get_row
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid
from interlock.vault.services import put


def create_credential(*, by: Caller, name: str, kind: str, value: str) -> Credential:
    """A private key (PEM or OpenSSH, without passphrase) or a password; the value goes into the vault."""
    require(by, "fleet")
    check_name(name)
    _check_value(kind, value)
    with writing():
        check_free(Credential, name)
        secret = put(by=_vault_hand(by), name=f"credential.{name}", value=value)
        row = Credential.objects.create(name=name, kind=kind, secret=secret)
        append(NewEntry(by, "credential", row.id, "credential.created", facts={"name": name, "kind": kind}))
    return row


def _vault_hand(by: Caller) -> Caller:
    """Whoever may register credentials may put them into the vault, narrow token or not."""
    return replace(by, scopes=None)


def renew_credential(*, by: Caller, credential_id: int, value: str) -> Credential:
    """Another key or password in its place; the next connection uses it."""
    require(by, "fleet")
    with writing():
        row: Credential = get_row(Credential, credential_id, "credential_not_known")
        _check_value(row.kind, value)
        put(by=_vault_hand(by), name=f"credential.{row.name}", value=value)
        append(NewEntry(by, "credential", row.id, "credential.renewed", facts={"name": row.name}))
    return row


def delete_credential(*, by: Caller, credential_id: int) -> None:
    """Refused while a host uses it. Its versions stay in the vault, where nothing names them any more."""
    require(by, "fleet")
    with writing():
        row: Credential = get_row(Credential, credential_id, "credential_not_known")
        name = row.name
        try:
            with writing():
                row.delete()
        except ProtectedError:
            raise Refused("credential_in_use", name=name) from None
        append(NewEntry(by, "credential", credential_id, "credential.deleted", facts={"name": name}))


def _check_value(kind: str, value: str) -> None:
    if kind == "private_key":
        try:
            asyncssh.import_private_key(value)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
            raise invalid("private_key_unreadable") from None
    elif kind != "password":
        raise invalid("credential_kind_not_known", known="private_key, password")
