"""Versions, and which of them an action may go to."""

from typing import Literal

from pydantic import Field

from interlock.api.schemas.pieces import Answered, Filter, PageQuery, PathId, When


class VersionQuery(PageQuery):
    status: Filter = ""
    search: Filter = Field(default="", description="Part of the name.")


class VersionLine(Answered):
    """``reason`` is a code that says why it failed; ``reason_text`` its sentence."""

    id: int
    service_id: int
    service_name: str
    project_id: int
    name: str
    status: str
    ref: str
    commit: str
    package: str
    digest: str
    size: int | None
    reason: str
    reason_facts: dict[str, str]
    reason_text: str
    description: str
    created_at: When
    created_by: str
    ended_at: When | None


class Version(VersionLine):
    """``run_id``: the run that built it."""

    run_id: int | None


class ChoiceQuery(PageQuery):
    action: Literal["deploy", "upgrade", "revert"]
    from_version_id: PathId | None = None


class VersionChoice(Answered):
    """``reason`` is a code, and ``reason_text`` its sentence, when the action cannot go there."""

    id: int
    name: str
    enabled: bool
    reason: str
    reason_text: str
    created_at: When
