"""Groups of hosts."""

from interlock.api.schemas.pieces import Answered, Asked, Line, Short


class NewGroup(Asked):
    name: Short
    description: Line = ""


class Group(Answered):
    id: int
    name: str
    description: str
