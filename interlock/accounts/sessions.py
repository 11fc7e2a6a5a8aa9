"""A browser's session: who signed in, until they sign out, change their password or are deactivated."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from interlock.accounts.caller import Caller
from interlock.accounts.models import Person
from interlock.accounts.services import caller_of

PERSON, MARK = "person", "mark"


class SessionStore(DatabaseStore):
    """Sessions in the database, asked only for keys that we could have made."""

    def _validate_session_key(self, key: Any) -> bool:
        # A cookie may hold anything, also a NUL, which PostgreSQL does not take in a query.
        return isinstance(key, str) and 8 <= len(key) <= 40 and key.isascii() and key.isalnum()


def begin_session(session: SessionBase, caller: Caller) -> None:
    """Sign the person in. The key changes, so that one planted before is worth nothing."""
    person = Person.objects.get(id=caller.person_id or 0)
    session.cycle_key()
    session[PERSON], session[MARK] = person.id, person.get_session_auth_hash()


def caller_of_session(session: SessionBase) -> Caller | None:
    person = Person.objects.filter(id=session.get(PERSON, 0), is_active=True).first()
    # The mark is made of the password's hash: a new password ends the sessions of the old one.
    if person is None or session.get(MARK) != person.get_session_auth_hash():
        return None
    return caller_of(person)
