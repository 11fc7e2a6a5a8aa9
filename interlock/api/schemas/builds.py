"""Builds, and packages that were made elsewhere."""

from typing import Annotated

from pydantic import StringConstraints

from interlock.api.schemas.pieces import NO_NUL, Answered, Asked, Flag, Line, When

Ref = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
Hex = Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9a-fA-F]*$")]


class NewBuild(Asked):
    """``ref``: a branch, tag or commit. ``rebuild``: also when its commit has a version already."""

    ref: Annotated[Ref, StringConstraints(min_length=1)]
    description: Line = ""
    rebuild: Flag = False


class Build(Answered):
    id: int
    version_id: int
    version_name: str
    status: str
    source: str
    ref: str
    run_id: int | None
    created_at: When
    created_by: str


class UploadForm(Asked):
    """``name``: of the version; empty: by the service's rule. ``digest``: SHA-256 of the file as sent."""

    name: Annotated[str, StringConstraints(max_length=128, pattern=NO_NUL)] = ""
    ref: Ref = ""
    commit: Hex = ""
    digest: Hex = ""
    description: Line = ""
