"""Who calls, with what they may do: read once at the door, passed to every service."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.journal.actor import Actor


@dataclass(frozen=True)
class Caller(Actor):
    """``roles``: project id to roles. ``scopes``: rights a token is narrowed to; None = all."""

    person_id: int | None = None
    is_admin: bool = False
    roles: Mapping[int, frozenset[str]] = field(default_factory=dict)
    scopes: frozenset[str] | None = None


SYSTEM_CALLER = Caller("system", "", "interlock", is_admin=True)
