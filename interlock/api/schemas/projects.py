"""Projects, and who may do what in them."""

from interlock.api.schemas.pieces import Answered, Asked, Line, Short, When, Words


class NewProject(Asked):
    name: Short
    description: Line = ""


class Project(Answered):
    id: int
    name: str
    description: str
    created_at: When


class NewRoles(Asked):
    """Exactly these; none: the person leaves the project."""

    roles: Words


class Roles(Answered):
    project_id: int
    person_id: int
    roles: list[str]
