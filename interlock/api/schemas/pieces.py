"""Bounded pieces that the shapes are made of, and the three kinds of shapes."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

T = TypeVar("T")
NO_NUL = r"^[^\x00]*$"
WORD = r"^[a-z_]*$"
# What JSON readers everywhere take for a whole number, and both databases for a key.
MOST = 2**53 - 1


class Asked(BaseModel):
    """A body. Fields that nobody would read are refused: a typo must not be silently without effect."""

    model_config = ConfigDict(extra="forbid")


class Queried(BaseModel):
    """The part of an address behind the question mark, as strict as a body."""

    model_config = ConfigDict(extra="forbid")


class Answered(BaseModel):
    """What is told."""

    model_config = ConfigDict(from_attributes=True)


class PageQuery(Queried):
    limit: int = Field(default=50, ge=1, le=200, description="How many at most.")
    cursor: str | None = Field(
        default=None, max_length=400, description="`next` of the page before; nothing for the first page."
    )


class Page(Answered, Generic[T]):
    """``next`` leads to the page behind this one; null at the end."""

    items: list[T]
    next: str | None


class Nothing(Answered):
    """Done; there is nothing to tell."""


class NothingAsked(Asked):
    """An empty object, or no body at all."""


# In bodies "7" is not a number and 1 is not yes; in addresses everything is text, so these are lax there.
Id = Annotated[int, Field(ge=1, le=MOST, strict=True)]
PathId = Annotated[int, Field(ge=1, le=MOST)]
Ids = Annotated[list[Id], Field(max_length=2000)]
Flag = StrictBool
Short = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=NO_NUL)]
Line = Annotated[str, StringConstraints(max_length=255, pattern=NO_NUL)]
Filter = Annotated[str, StringConstraints(max_length=128, pattern=NO_NUL)]
Note = Annotated[str, StringConstraints(max_length=4000, pattern=NO_NUL)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=65_536, pattern=NO_NUL)]
Words = Annotated[list[Short], Field(max_length=50)]
Params = Annotated[dict[Name, Any], Field(max_length=50)]
Json = dict[str, Any]
When = datetime


def number(least: int, most: int) -> Any:
    """A whole number of a body, between bounds that belong to it."""
    return Field(ge=least, le=most, strict=True)
