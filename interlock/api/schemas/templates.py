"""Templates: text that people write, its versions, and what is wrong with it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from interlock.api.schemas.pieces import (
    NO_NUL,
    Answered,
    Asked,
    Filter,
    Flag,
    Id,
    Json,
    Line,
    PageQuery,
    PathId,
    Queried,
    When,
)
from interlock.api.schemas.problems import Fault

Title = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
Yaml = Annotated[str, StringConstraints(max_length=128 * 1024, pattern=NO_NUL)]


class TemplateQuery(PageQuery):
    project_id: PathId | None = None
    search: Filter = Field(default="", description="Part of the name.")
    archived: bool = Field(default=False, description="Those out of the way, instead of the others.")


class NewTemplate(Asked):
    project_id: Id
    name: Title
    text: Yaml
    note: Line = ""


class TemplateText(Asked):
    """A text to be looked at and not kept."""

    project_id: Id
    text: Yaml


class TemplateSave(Asked):
    """``base``: the number of the version that was changed; refused when there is a newer one."""

    text: Yaml
    base: Id
    note: Line = ""


class TemplateRestore(Asked):
    """``number``: the version whose text is saved once more; ``base``: the newest that was seen."""

    number: Id
    base: Id
    note: Line = ""


class TemplateChange(Asked):
    """Fields that are not sent stay as they are."""

    name: Title | None = None
    archived: Flag | None = None


class TemplateParameter(Answered):
    """``variable``: what bodies know it as. ``help`` by language."""

    name: str
    type: Literal["text", "integer", "boolean", "choice", "secret"]
    variable: str
    required: bool
    default: str | int | bool | None
    choices: list[str]
    pattern: str
    help: dict[str, str]


class TemplateContent(Answered):
    """What a text says. With ``faults`` the rest is empty."""

    parameters: list[TemplateParameter]
    stages: list[Json]
    help: dict[str, str]
    needs_hosts: bool
    faults: list[Fault]


class TemplateLine(Answered):
    """``number``: of the newest version."""

    id: int
    project_id: int
    name: str
    number: int
    tasks: int
    archived_at: When | None
    created_at: When
    created_by: str
    saved_at: When
    saved_by: str


class TemplateVersionLine(Answered):
    number: int
    note: str
    created_at: When
    created_by: str


class TemplateVersion(TemplateVersionLine):
    text: str
    content: TemplateContent


class Template(TemplateLine):
    """``version``: the newest."""

    version: TemplateVersion


class CompareQuery(Queried):
    old: PathId
    new: PathId


class ComparedLine(Answered):
    """``old`` and ``new``: the line's numbers there, from 1."""

    kind: Literal["same", "removed", "added"]
    old: int | None
    new: int | None
    text: str


class Comparison(Answered):
    old: int
    new: int
    lines: list[ComparedLine]
