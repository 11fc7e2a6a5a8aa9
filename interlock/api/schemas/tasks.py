"""Tasks: a template with values and hosts."""

from typing import Annotated, Any, Literal

from pydantic import Field

from interlock.api.schemas.pieces import (
    Answered,
    Asked,
    Filter,
    Id,
    Json,
    Line,
    Name,
    PageQuery,
    PathId,
    When,
)
from interlock.api.schemas.templates import TemplateParameter, Title
from interlock.releases.request import Selector

Values = Annotated[dict[Name, Any], Field(max_length=100)]
Hosts = Literal["all"] | Selector


class TaskQuery(PageQuery):
    project_id: PathId | None = None
    template_id: PathId | None = None
    search: Filter = Field(default="", description="Part of the name.")


class NewTask(Asked):
    """``values``: by parameter; of a secret its name. ``hosts``: all, or a selector; null: on no hosts."""

    project_id: Id
    template_id: Id
    name: Title
    values: Values = {}
    hosts: Hosts | None = None
    description: Line = ""


class TaskChange(Asked):
    """Fields that are not sent stay as they are. ``version``: refused when the task is another by now."""

    name: Title | None = None
    template_id: Id | None = None
    values: Values | None = None
    hosts: Hosts | None = None
    description: Line | None = None
    version: Id | None = None


class TaskDisable(Asked):
    reason: Line


class TaskAsked(Asked):
    """``values`` and ``hosts`` stand in for the task's own; a value of null is the template's default."""

    values: Values = {}
    hosts: Hosts | None = None


class TaskRunAsked(TaskAsked):
    """``plan_hash``: of the plan that was looked at; refused when it is another one by now."""

    plan_hash: Name | None = None
    note: Line = ""


class RerunAsked(Asked):
    note: Line = ""


class LastRun(Answered):
    id: int
    status: str
    created_at: When


class TaskLine(Answered):
    """``disabled``: why it cannot be run; empty when it can. ``version`` rises with every change."""

    id: int
    project_id: int
    name: str
    description: str
    template_id: int
    template: str
    number: int
    last_run: LastRun | None
    disabled: str
    version: int
    created_at: When
    created_by: str
    updated_at: When
    updated_by: str


class Task(TaskLine):
    """``parameters`` of the newest template version, for a form."""

    values: Json
    hosts: Json | None
    parameters: list[TemplateParameter]
    needs_hosts: bool


class TaskHost(Answered):
    host_id: int
    host: str


class TaskPlan(Answered):
    """What would be done. ``plan`` is what a run would freeze; ``obstacles`` stand in the way just now."""

    plan_hash: str
    number: int
    values: Json
    hosts: list[TaskHost]
    plan: Json
    obstacles: list[Json]
