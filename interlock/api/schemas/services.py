"""Services."""

from pydantic import Field

from interlock.api.schemas.pieces import (
    Answered,
    Asked,
    Filter,
    Id,
    Line,
    PageQuery,
    Params,
    PathId,
    Short,
    When,
)
from interlock.catalog.settings import ServiceSettings


class NewService(Asked):
    """``settings``: how it is built, started and kept; what is left out has a default."""

    project_id: Id
    name: Short
    language: Short
    build_source: Short
    build_url: Line = ""
    description: Line = ""
    settings: Params = {}
    lock_scope: Short = "service"


class ServiceChange(Asked):
    """Fields that are not sent stay as they are; ``settings`` are replaced as a whole."""

    language: Short | None = None
    build_source: Short | None = None
    build_url: Line | None = None
    description: Line | None = None
    settings: Params | None = None
    lock_scope: Short | None = None


class ServiceQuery(PageQuery):
    project_id: PathId | None = None
    language: Filter = ""
    search: Filter = Field(default="", description="Part of the name.")


class Service(Answered):
    """``instances``: how many in which status. ``newest``: the youngest successful version."""

    id: int
    project_id: int
    name: str
    language: str
    build_source: str
    build_url: str
    description: str
    lock_scope: str
    settings: ServiceSettings
    newest_id: int | None
    newest: str
    newest_at: When | None
    instances: dict[str, int]
    instance_count: int
    locked: int
    lock_holder: str
    created_at: When
    created_by: str
    updated_at: When
    updated_by: str
