"""Secrets: put in by people, read only where they are used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing
from interlock.vault.models import Secret, SecretVersion

LIMIT = 64 * 1024  # characters
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_cached: tuple[Path, float, MultiFernet] | None = None


def _keys() -> MultiFernet:
    """The keys of the key file, one a line; the first encrypts, the others still decrypt."""
    global _cached
    path: Path = settings.KEY_FILE
    try:
        changed = path.stat().st_mtime
    except FileNotFoundError:
        _make_key_file(path)
        changed = path.stat().st_mtime
    if _cached is not None and _cached[:2] == (path, changed):
        return _cached[2]
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        keys = MultiFernet([Fernet(line) for line in lines])
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"the key file {path} cannot be used: {type(error).__name__}") from None
    _cached = (path, changed, keys)
    return keys


def _make_key_file(path: Path) -> None:
    if SecretVersion.objects.exists():
        # A fresh key would read none of them, and hide that the old one is missing.
        raise ImproperlyConfigured(f"the key file {path} is missing; restore it, the secrets need it")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its key is the key
    finally:
        draft.unlink()


def put(*, by: Caller, name: str, value: str, project_id: int | None = None) -> Secret:
    """Keep a secret, or a new version of it."""
    if project_id is None:
        require(by, "platform")
    else:
        require(by, "configure", project_id)
    if not NAME.fullmatch(name):
        raise invalid("secret_name_unfit", name=name[:64])
    if not value or len(value) > LIMIT or "\0" in value:
        raise invalid("secret_value_unfit", limit=LIMIT)
    ciphertext = _keys().encrypt(value.encode())
    with writing():
        secret, _ = Secret.objects.get_or_create(project_id=project_id, name=name)  # type: ignore[misc]
        secret.current += 1
        secret.save(update_fields=["current"])
        SecretVersion.objects.create(
            secret=secret, number=secret.current, ciphertext=ciphertext, created_by=by.name
        )
        append(
            NewEntry(
                by, "secret", secret.id, "secret.put", project_id=project_id, facts={"number": secret.current}
            )
        )
    return secret


def reveal(secret_id: int, number: int | None = None) -> str:
    """The text, for the use at hand: never to be kept, logged or shown."""
    versions = SecretVersion.objects.filter(secret_id=secret_id)
    row = versions.filter(number=number).first() if number else versions.order_by("-number").first()
    if row is None:
        raise missing("secret_not_known", secret_id=secret_id)
    try:
        return _keys().decrypt(bytes(row.ciphertext)).decode()
    except InvalidToken:
        raise Refused("secret_unreadable", secret_id=secret_id) from None


def references(names: Iterable[str], project_id: int) -> dict[str, list[int]]:
    """name -> [secret id, number of its newest version], to be frozen into a run."""
    wanted = set(names)
    found = known_references(wanted, project_id)
    lacking = sorted(wanted - set(found))
    if lacking:
        raise missing("secrets_not_known", names=", ".join(lacking[:20]))
    return found


def known_references(names: Iterable[str], project_id: int) -> dict[str, list[int]]:
    """The same of those that are there."""
    rows = Secret.objects.filter(project_id=project_id, name__in=set(names))
    return {row.name: [row.id, row.current] for row in rows}


def rotate(*, by: Caller) -> int:
    """Encrypt every version anew with the first key; then the old keys may leave the file."""
    require(by, "platform")
    keys = _keys()
    done = 0
    for row_id in list(SecretVersion.objects.order_by("id").values_list("id", flat=True)):
        with writing():
            row = SecretVersion.objects.get(id=row_id)
            row.ciphertext = keys.rotate(bytes(row.ciphertext))
            row.save(update_fields=["ciphertext"])
            done += 1
    with writing():
        append(NewEntry(by, "secret", 0, "secret.rotated", facts={"versions": done}))
    return done
