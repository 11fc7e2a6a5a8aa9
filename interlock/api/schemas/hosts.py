"""Hosts and their keys."""

from typing import Annotated

from pydantic import Field

from interlock.api.schemas.pieces import (
    Answered,
    Asked,
    Filter,
    Id,
    Ids,
    Json,
    Line,
    PageQuery,
    PathId,
    Short,
    Text,
    When,
    number,
)

Port = Annotated[int, number(1, 65_535)]
Labels = Annotated[dict[Short, Annotated[Line, Field(max_length=64)]], Field(max_length=50)]
HostKeys = Annotated[list[Text], Field(max_length=10)]


class NewHost(Asked):
    """``root``: where releases are laid out. ``host_keys``: public key lines to trust from the start."""

    name: Short
    address: Line
    environment_id: Id
    port: Port = 22
    user: Short = "root"
    credential_id: Id | None = None
    bastion_id: Id | None = None
    root: Line = "/srv/interlock"
    state_dir: Line = ""
    labels: Labels = {}
    group_ids: Ids = []
    description: Line = ""
    host_keys: HostKeys = []


class HostChange(Asked):
    """Fields that are not sent stay as they are."""

    name: Short = ""
    address: Line = ""
    environment_id: Id = 0
    port: Port = 22
    user: Short = ""
    credential_id: Id | None = None
    bastion_id: Id | None = None
    root: Line = ""
    state_dir: Line = ""
    labels: Labels = {}
    group_ids: Ids = []
    description: Line = ""


class HostQuery(PageQuery):
    environment_id: PathId | None = None
    group_id: PathId | None = None
    search: Filter = Field(default="", description="Part of a name or address.")


class HostKey(Answered):
    line: str
    fingerprint: str


class Host(Answered):
    """``facts``: of the last connection check."""

    id: int
    name: str
    address: str
    port: int
    user: str
    environment_id: int
    environment: str
    credential_id: int | None
    bastion_id: int | None
    root: str
    state_dir: str
    labels: dict[str, str]
    groups: list[str]
    description: str
    keys: list[HostKey]
    machine_id: str
    facts: Json
    checked_at: When | None
    created_at: When
    updated_at: When


class HostsToCheck(Asked):
    host_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


class HostCheck(Answered):
    """``code`` is empty when all is well; ``text`` is its sentence."""

    host_id: int
    host: str
    code: str
    text: str
    detail: str
    facts: Json


class HostChecks(Answered):
    items: list[HostCheck]


class OfferedKey(HostKey):
    """``accepted``: trusted already."""

    accepted: bool


class OfferedKeys(Answered):
    keys: list[OfferedKey]


class NewHostKey(Asked):
    line: Text
