"""Instances and locks."""

from typing import Annotated

from pydantic import Field, StringConstraints

from interlock.api.schemas.hosts import Port
from interlock.api.schemas.pieces import (
    NO_NUL,
    Answered,
    Asked,
    Filter,
    Flag,
    Line,
    PageQuery,
    PathId,
    When,
    number,
)

Tag = Annotated[str, StringConstraints(max_length=64, pattern=NO_NUL)]


class Lock(Answered):
    """``instance_id`` null: the whole service. ``unproven``: the run has ended, but its host could not be
    read back as still."""

    id: int
    service_id: int
    service_name: str
    instance_id: int | None
    host_id: int | None
    host_name: str
    run_id: int
    token: int
    status: str
    holder: str
    reason: str
    since: When


class InstanceQuery(PageQuery):
    project_id: PathId | None = None
    service_id: PathId | None = None
    version_id: PathId | None = None
    host_id: PathId | None = None
    environment: Filter = ""
    status: Filter = Field(default="", description="`absent` shows deleted ones, which else are left out.")
    locked: bool | None = None
    maintenance: bool | None = None


class Instance(Answered):
    """What was ordered for one service on one host. ``lock``: its own, or that of the whole service."""

    id: int
    project_id: int
    service_id: int
    service: str
    language: str
    host_id: int
    host: str
    host_address: str
    environment_id: int
    environment: str
    version_id: int | None
    version: str | None
    next_version_id: int | None
    next_version: str | None
    previous_version_id: int | None
    previous_version: str | None
    status: str
    port: int | None
    tag: str
    weight: int
    description: str
    maintenance: bool
    locked: bool
    lock: Lock | None
    updated_at: When
    updated_by: str


class InstanceChange(Asked):
    """Fields that are not sent stay as they are."""

    port: Port | None = None
    tag: Tag = ""
    weight: Annotated[int, number(0, 65_535)] = 100
    description: Line = ""
    maintenance: Flag = False


class LockQuery(PageQuery):
    service_id: PathId | None = None
    run_id: PathId | None = None
    status: Filter = ""


class FreeLock(Asked):
    """``note``: how you know that nothing of the run lives there any more."""

    note: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=NO_NUL)]


class Freed(Answered):
    freed: int
