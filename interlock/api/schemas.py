"""Bounded pieces that schemas are made of."""

from typing import Annotated

from pydantic import Field, StringConstraints

NO_NUL = r"^[^\x00]*$"
Short = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=NO_NUL)]
Line = Annotated[str, StringConstraints(max_length=256, pattern=NO_NUL)]
Note = Annotated[str, StringConstraints(max_length=4000, pattern=NO_NUL)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=65_536, pattern=NO_NUL)]
# What JSON readers everywhere take for a whole number, and both databases for a key.
Id = Annotated[int, Field(ge=1, le=2**53 - 1)]
Ids = Annotated[list[Id], Field(max_length=2000)]
