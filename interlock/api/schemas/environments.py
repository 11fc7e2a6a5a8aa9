"""Environments, and which projects may use their hosts."""

from typing import Annotated

from pydantic import Field, StringConstraints

from interlock.api.schemas.pieces import Answered, Asked, Ids, Line, Short, number

# Running totals: "1", "10%", "100%".
Batches = Annotated[
    list[Annotated[str, StringConstraints(max_length=8, pattern=r"^[0-9%]*$")]], Field(max_length=100)
]
Position = Annotated[int, number(0, 10_000)]
Quorum = Annotated[int, number(0, 20)]


class NewEnvironment(Asked):
    name: Short
    position: Position = 0
    description: Line = ""
    approvals_required: Quorum = 0
    default_batches: Batches = []


class EnvironmentChange(Asked):
    position: Position | None = None
    description: Line | None = None
    approvals_required: Quorum | None = None
    default_batches: Batches | None = None


class Environment(Answered):
    id: int
    name: str
    position: int
    description: str
    approvals_required: int
    default_batches: list[str]
    project_ids: list[int]


class NewGrants(Asked):
    """Exactly these projects."""

    project_ids: Ids


class Grants(Answered):
    id: int
    project_ids: list[int]
