"""What is asked for: the shape of a release request, bounded and strict."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from interlock.lifecycle.refused import invalid

HOSTS_MOST = 2000
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
Id = Annotated[int, Field(ge=1, le=2**53)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Selector(_Strict):
    """Hosts by ids, names, groups, labels or environment; each one given narrows."""

    ids: list[Id] | None = Field(default=None, max_length=HOSTS_MOST)
    names: list[Name] | None = Field(default=None, max_length=HOSTS_MOST)
    groups: list[Name] | None = Field(default=None, max_length=100)
    labels: dict[Name, Name] | None = Field(default=None, max_length=20)
    environment: Name | None = None


class ApprovalRule(_Strict):
    """``deadline`` in seconds; without one an approval before the start may wait for ever."""

    quorum: int = Field(default=1, ge=1, le=20)
    people: list[Name] = Field(default_factory=list, max_length=100)
    not_requester: bool = True
    deadline: int | None = Field(default=None, ge=1, le=30 * 24 * 3600)
    on_deadline: Literal["reject", "approve"] = "reject"


class ReleaseRequest(_Strict):
    """``service`` and the versions by id or name; ``hosts``: all, ids or names, or a selector.

    ``batches`` are running totals ("1", "10%", "100%"); none takes the environment's. ``skip`` leaves out
    instances that are there already or on the wrong side, ``skip_locked`` those somebody else holds.
    """

    service: Id | Name
    action: Literal["deploy", "upgrade", "revert", "delete"]
    version: Id | Name | None = None
    from_version: Id | Name | None = None
    hosts: Literal["all"] | Annotated[list[Id | Name], Field(max_length=HOSTS_MOST)] | Selector = "all"
    batches: list[Annotated[str, StringConstraints(max_length=8)]] | None = Field(
        default=None, max_length=100
    )
    threshold: int = Field(default=0, ge=0, le=HOSTS_MOST)
    put_back: bool = True
    skip: bool = False
    skip_locked: bool = False
    approval: ApprovalRule | None = None
    start: Literal["auto", "manual", "at"] = "auto"
    start_at: datetime | None = None
    bake: int = Field(default=0, ge=0, le=7 * 24 * 3600)
    confirm: list[Annotated[int, Field(ge=0, le=1000)]] = Field(default_factory=list, max_length=100)
    port: int | None = Field(default=None, ge=1, le=65535)
    tag: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")] | None = None
    weight: int | None = Field(default=None, ge=0, le=65535)
    note: Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00]*$")] = ""


CHANGEABLE = frozenset(
    {"hosts", "batches", "threshold", "put_back", "skip", "skip_locked", "approval", "start", "start_at",
     "bake", "confirm", "port", "tag", "weight", "note"}
)  # fmt: skip


def read_request(values: Mapping[str, Any]) -> ReleaseRequest:
    """The request, or ``Refused`` naming the first field that does not fit."""
    try:
        request = ReleaseRequest.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid("request_unfit", field=where, problem=first["msg"]) from None
    if (request.start == "at") != (request.start_at is not None):
        raise invalid("start_at_missing")
    if request.start_at is not None and request.start_at.tzinfo is None:
        raise invalid("time_without_zone", value=request.start_at.isoformat())
    if request.action == "delete" and request.version is not None:
        raise invalid("delete_takes_no_version")
    if request.action != "delete" and request.version is None:
        raise invalid("version_missing")
    if not request.hosts or (isinstance(request.hosts, Selector) and not request.hosts.model_fields_set):
        raise invalid("hosts_missing")
    return request


def starts_at(request: ReleaseRequest) -> str:
    assert request.start_at is not None
    return request.start_at.astimezone(UTC).isoformat()
