"""People."""

from typing import Annotated

from pydantic import StringConstraints

from interlock.api.schemas.pieces import NO_NUL, Answered, Asked, Flag, Short, When
from interlock.api.schemas.session import Password

FullName = Annotated[str, StringConstraints(max_length=150, pattern=NO_NUL)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^([^@\s\x00]+@[^@\s\x00]+)?$")]


class NewPerson(Asked):
    username: Short
    password: Password
    name: FullName = ""
    email: Email = ""
    is_admin: Flag = False


class PersonChange(Asked):
    name: FullName | None = None
    email: Email | None = None
    is_active: Flag | None = None
    is_admin: Flag | None = None
    password: Password | None = None


class Person(Answered):
    """``roles`` by project id."""

    id: int
    username: str
    name: str
    email: str
    is_active: bool
    is_admin: bool
    roles: dict[str, list[str]]
    created_at: When
