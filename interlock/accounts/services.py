"""People, projects, roles, tokens: every write, and who is at the door."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from interlock.accounts.caller import Caller
from interlock.accounts.models import IdempotentAnswer, Membership, Person, Project, Token
from interlock.accounts.rights import RIGHTS, ROLES, require
from interlock.journal.actor import SYSTEM, Actor
from interlock.journal.queries import count_acts
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, forbidden, invalid, missing

TOKEN_PREFIX = "ilk_"
FAILURES_ALLOWED, FAILURE_WINDOW = 5, timedelta(minutes=5)
LAST_USED_EVERY = timedelta(minutes=1)  # a write for every request would cost more than the request
REQUEST_MOST = timedelta(minutes=2)  # no request is at work for longer
ANSWERS_KEPT = timedelta(days=1)
USERNAME = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}"

# Compared with when the name is unknown, so that the answer takes as long as for a known one.
_NOBODY = make_password("nobody's password")


def caller_of(person: Person, token: Token | None = None) -> Caller:
    """The person as a caller, with their roles of this moment; a token narrows them."""
    roles: dict[int, set[str]] = {}
    for project_id, role in Membership.objects.filter(person=person).values_list("project_id", "role"):
        roles.setdefault(project_id, set()).add(role)
    return Caller(
        kind="token" if token else "person",
        id=str(person.id),
        name=person.username,
        person_id=person.id,
        is_admin=person.is_admin,
        roles={project_id: frozenset(names) for project_id, names in roles.items()},
        scopes=frozenset(token.scopes) if token and token.scopes else None,
    )


def authenticate_password(username: str, password: str) -> Caller:
    """The caller, or ``Refused``: the same words and the same time whether the name exists or not."""
    since = datetime.now(UTC) - FAILURE_WINDOW
    if count_acts("login.failed", actor_name=username[:150], since=since) >= FAILURES_ALLOWED:
        raise forbidden("too_many_tries", minutes=int(FAILURE_WINDOW.total_seconds() // 60))
    person = Person.objects.filter(username=username, is_active=True).first()
    if not check_password(password, person.password if person else _NOBODY) or person is None:
        with writing():
            append(
                NewEntry(
                    Actor("person", "", username[:150]), "person", person.id if person else 0, "login.failed"
                )
            )
        raise forbidden("login_wrong")
    return caller_of(person)


def caller_by_id(person_id: int) -> Caller | None:
    """The person as a caller; None once they are no longer active."""
    person = Person.objects.filter(id=person_id, is_active=True).first()
    return caller_of(person) if person else None


def authenticate_token(text: str) -> Caller | None:
    if not text.startswith(TOKEN_PREFIX) or len(text) > 200:
        return None
    now = datetime.now(UTC)
    token = Token.objects.select_related("person").filter(digest=_digest(text), revoked_at=None).first()
    if token is None or not token.person.is_active or (token.expires_at and token.expires_at <= now):
        return None
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_EVERY:
        with writing():
            Token.objects.filter(id=token.id).update(last_used_at=now)
    return caller_of(token.person, token)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def bootstrap_admin(*, username: str, password: str) -> Person:
    """The first person, who may everything; refused once there is anybody."""
    with writing():
        if Person.objects.exists():
            raise Refused("people_exist")
        person = _make_person(username, username, "", password, is_admin=True)
        append(NewEntry(SYSTEM, "person", person.id, "person.created", facts={"username": username}))
    return person


def create_person(
    *, by: Caller, username: str, password: str, name: str = "", email: str = "", is_admin: bool = False
) -> Person:
    require(by, "people")
    with writing():
        person = _make_person(username, name or username, email, password, is_admin=is_admin)
        append(
            NewEntry(
                by, "person", person.id, "person.created", facts={"username": username, "admin": is_admin}
            )
        )
    return person


def _make_person(username: str, name: str, email: str, password: str, *, is_admin: bool) -> Person:
    if not re.fullmatch(USERNAME, username):
        raise invalid("username_unfit", username=username[:64])
    _check_password(password)
    if Person.objects.filter(username=username).exists():
        raise Refused("username_taken", username=username)
    person = Person(username=username, name=name[:150], email=email, is_admin=is_admin)
    person.set_password(password)
    try:
        with writing():
            person.save(force_insert=True)
    except IntegrityError:
        raise Refused("username_taken", username=username) from None
    return person


def _check_password(password: str) -> None:
    if "\0" in password or len(password) > 1024:
        raise invalid("password_weak", why="length")
    try:
        validate_password(password)
    except ValidationError as error:
        raise invalid("password_weak", why=" ".join(error.messages)) from None


def set_password(*, by: Caller, person_id: int, password: str) -> None:
    if by.person_id != person_id or by.kind != "person":
        require(by, "people")
    _check_password(password)
    with writing():
        person = _person(person_id)
        person.set_password(password)
        person.save(update_fields=["password"])
        append(NewEntry(by, "person", person_id, "person.password_set"))


def change_own_password(*, by: Caller, old: str, new: str) -> None:
    """Another password for oneself, by who knows the one that is; as often wrong as at the sign-in."""
    if by.kind != "person" or by.person_id is None:
        raise forbidden("not_allowed", right="people")
    username = _person(by.person_id).username
    authenticate_password(username, old)
    set_password(by=by, person_id=by.person_id, password=new)


def update_person(
    *,
    by: Caller,
    person_id: int,
    name: str | None = None,
    email: str | None = None,
    is_active: bool | None = None,
    is_admin: bool | None = None,
) -> Person:
    """Change a person; a deactivated one's tokens work no more."""
    require(by, "people")
    changes = {"name": name, "email": email, "is_active": is_active, "is_admin": is_admin}
    changes = {field: value for field, value in changes.items() if value is not None}
    with writing():
        person = _person(person_id)
        loses_admin = person.is_admin and (is_active is False or is_admin is False)
        if (
            loses_admin
            and not Person.objects.filter(is_admin=True, is_active=True).exclude(id=person_id).exists()
        ):
            raise Refused("last_admin")
        for field, value in changes.items():
            setattr(person, field, value)
        person.save(update_fields=[*changes] or None)
        append(NewEntry(by, "person", person_id, "person.changed", facts=dict(changes)))
    return person


def _person(person_id: int) -> Person:
    person = Person.objects.filter(id=person_id).first()
    if person is None:
        raise missing("person_not_known", person_id=person_id)
    return person


def create_project(*, by: Caller, name: str, description: str = "") -> Project:
    require(by, "platform")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}", name):
        raise invalid("name_unfit", name=name[:64])
    with writing():
        if Project.objects.filter(name=name).exists():
            raise Refused("name_taken", name=name)
        project = Project.objects.create(name=name, description=description[:256])
        append(NewEntry(by, "project", project.id, "project.created", project_id=project.id))
    return project


def update_project(*, by: Caller, project_id: int, description: str) -> Project:
    require(by, "platform")
    with writing():
        project = Project.objects.filter(id=project_id).first()
        if project is None:
            raise missing("project_not_known", project_id=project_id)
        project.description = description[:256]
        project.save(update_fields=["description"])
        append(NewEntry(by, "project", project_id, "project.changed", project_id=project_id))
    return project


def set_roles(*, by: Caller, person_id: int, project_id: int, roles: Collection[str]) -> None:
    """Give a person exactly these roles in the project (none: they leave it)."""
    require(by, "people")
    strange = sorted(set(roles) - set(ROLES))
    if strange:
        raise invalid("role_not_known", roles=", ".join(strange), known=", ".join(ROLES))
    with writing():
        _person(person_id)
        if not Project.objects.filter(id=project_id).exists():
            raise missing("project_not_known", project_id=project_id)
        Membership.objects.filter(person_id=person_id, project_id=project_id).delete()
        Membership.objects.bulk_create(
            Membership(person_id=person_id, project_id=project_id, role=role) for role in sorted(set(roles))
        )
        append(
            NewEntry(
                by,
                "person",
                person_id,
                "person.roles_set",
                project_id=project_id,
                facts={"roles": sorted(set(roles))},
            )
        )


def create_token(
    *,
    by: Caller,
    name: str,
    person_id: int | None = None,
    scopes: Collection[str] = (),
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """A new token and its text, which is shown this once. No scopes: all rights of the person."""
    person_id = person_id if person_id is not None else by.person_id
    if person_id is None or person_id != by.person_id:
        require(by, "people")
    strange = sorted(set(scopes) - RIGHTS)
    if strange:
        raise invalid("scope_not_known", scopes=", ".join(strange), known=", ".join(sorted(RIGHTS)))
    if by.scopes is not None and (not scopes or not set(scopes) <= by.scopes):
        # Else a narrow token would be as good as a wide one.
        raise forbidden("scope_too_wide")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise invalid("expiry_past")
    if not name.strip() or len(name) > 64:
        raise invalid("name_unfit", name=name[:64])
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with writing():
        person = _person(person_id or 0)
        token = Token.objects.create(
            person=person,
            name=name,
            prefix=text[:10],
            digest=_digest(text),
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
        )
        append(
            NewEntry(by, "token", token.id, "token.created", facts={"person": person.username, "name": name})
        )
    return token, text


def revoke_token(*, by: Caller, token_id: int) -> None:
    with writing():
        token = Token.objects.filter(id=token_id).first()
        if token is None or (token.person_id != by.person_id and not by.is_admin):
            raise missing("token_not_known", token_id=token_id)
        if token.person_id != by.person_id:
            require(by, "people")
        if token.revoked_at is None:
            token.revoked_at = datetime.now(UTC)
            token.save(update_fields=["revoked_at"])
            append(NewEntry(by, "token", token.id, "token.revoked"))


@dataclass(frozen=True)
class Begun:
    """A request that is at work; whoever finishes it must still be the one who began it."""

    row_id: int
    at: datetime


@dataclass(frozen=True)
class Former:
    """What the first request with the key was answered."""

    status_code: int
    body: object


def begin_request(*, actor: Actor, key: str, digest: str) -> Begun | Former:
    """Note that a request with this key is at work, or get the answer that it had before.

    Refused when the key came with another request, or the first one is still at work. One that is at
    work for longer than any request has lost its process and is taken over.
    """
    if not key or len(key) > 128 or "\0" in key:
        raise invalid("idempotency_key_unfit")
    now = datetime.now(UTC)
    mine = IdempotentAnswer.objects.filter(actor_id=actor.id)
    try:
        with writing():
            mine.filter(created_at__lt=now - ANSWERS_KEPT).delete()
            row = IdempotentAnswer.objects.create(actor_id=actor.id, key=key, request_digest=digest)
    except IntegrityError:
        return _former_request(mine.filter(key=key).first(), digest, now)
    return Begun(row.id, row.created_at)


def _former_request(row: IdempotentAnswer | None, digest: str, now: datetime) -> Begun | Former:
    if row is None:  # refused, and so gone, in this very moment
        raise Refused("request_at_work")
    if row.request_digest != digest:
        raise invalid("idempotency_key_reused")
    if row.status_code is not None:
        return Former(row.status_code, row.body)
    if now - row.created_at < REQUEST_MOST:
        raise Refused("request_at_work")
    with writing():
        rows = IdempotentAnswer.objects.filter(id=row.id, status_code=None, created_at=row.created_at)
        if not rows.update(created_at=now):
            raise Refused("request_at_work")
    return Begun(row.id, now)


def finish_request(begun: Begun, *, status_code: int, body: object) -> None:
    """Keep the answer, in the transaction that did the work: both are there, or neither."""
    rows = IdempotentAnswer.objects.filter(id=begun.row_id, created_at=begun.at, status_code=None)
    with writing():
        if not rows.update(status_code=status_code, body=body):
            raise Refused("request_at_work")


def forget_request(begun: Begun) -> None:
    """Nothing was done: the key is free again."""
    with writing():
        IdempotentAnswer.objects.filter(id=begun.row_id, created_at=begun.at, status_code=None).delete()
