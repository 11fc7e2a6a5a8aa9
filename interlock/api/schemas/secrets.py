"""Secrets: names and numbers. Values go in and are never told."""

from interlock.api.schemas.pieces import Answered, Asked, Id, Name, Text


class NewSecret(Asked):
    """No ``project_id``: one of the platform."""

    name: Name
    value: Text
    project_id: Id | None = None


class NewValue(Asked):
    value: Text


class Secret(Answered):
    """``number`` rises with each new value."""

    id: int
    name: str
    project_id: int | None
    number: int
