"""Releases: what is asked for, and what it means host by host."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from interlock.api.schemas.pieces import Answered, Asked, Flag, Json, Name, PageQuery, PathId, When
from interlock.releases.request import ApprovalRule, ReleaseRequest, Selector


class NewRelease(ReleaseRequest):
    """``plan_hash``: of the preview that was looked at; refused when it is another plan by now."""

    plan_hash: Name | None = None


class ReleaseChange(Asked):
    """Any field of the request but the service, the action and the versions."""

    hosts: Literal["all"] | list[int | Name] | Selector = "all"
    batches: list[Name] | None = None
    threshold: int = 0
    put_back: Flag = True
    skip: Flag = False
    skip_locked: Flag = False
    approval: ApprovalRule | None = None
    start: Literal["auto", "manual", "at"] = "auto"
    start_at: datetime | None = None
    bake: int = 0
    confirm: list[int] = []
    port: int | None = None
    tag: str | None = None
    weight: int | None = None
    note: str = ""


class ReleaseQuery(PageQuery):
    service_id: PathId | None = None
    project_id: PathId | None = None


class ReleaseHost(Answered):
    """``from`` and ``to`` are names of versions; null: nothing there, or nothing any more."""

    host_id: int
    host: str
    from_: str | None = Field(serialization_alias="from")
    to: str | None
    batch: int


class ReleasePlan(Answered):
    """``intent`` is what the hash is taken of; ``obstacles``: what stands in the way just now."""

    plan_hash: str
    hosts: list[ReleaseHost]
    batches: list[int]
    intent: Json
    obstacles: list[Json]


class ReleaseLine(Answered):
    id: int
    project_id: int
    service_id: int
    service: str
    action: str
    version_id: int | None
    version: str | None
    plan_hash: str
    round: int
    run_id: int | None
    run_status: str | None
    note: str
    created_at: When
    created_by: str | None


class Release(ReleaseLine):
    """``changes``: what the last change of the plan made different."""

    request: Json
    hosts: list[ReleaseHost]
    batches: list[int]
    intent: Json
    obstacles: list[Json]
    changes: list[Json]
