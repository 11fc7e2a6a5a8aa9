"""Builds, and packages that were made elsewhere."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.http import HttpRequest
from ninja import File, Form, Router, Status
from ninja.files import UploadedFile

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.schemas.builds import Build, NewBuild, UploadForm
from interlock.api.schemas.pieces import PathId
from interlock.api.schemas.versions import VersionLine
from interlock.api.v1.versions import version_line
from interlock.builds import queries, services
from interlock.lifecycle.refused import invalid

router = Router(tags=["builds"])


@router.post("/services/{int:service_id}/builds", response={201: Build})
@idempotent
def start_build(request: HttpRequest, service_id: PathId, body: NewBuild) -> Status[Build]:
    """Make a version from a branch, tag or commit. Its run has the log; its version the outcome."""
    by = caller(request)
    row = services.start_build(by=by, service_id=service_id, **dict(body))
    return Status(201, Build.model_validate(queries.build(by=by, build_id=row.id)))


@router.get("/builds/{int:build_id}", response=Build)
def get_build(request: HttpRequest, build_id: PathId) -> Build:
    return Build.model_validate(queries.build(by=caller(request), build_id=build_id))


@router.post("/services/{int:service_id}/uploads", response={201: VersionLine})
def upload_package(
    request: HttpRequest, service_id: PathId, file: File[UploadedFile], form: Form[UploadForm]
) -> Status[VersionLine]:
    """Make a version of a package that was built elsewhere: a tar.gz, tar or zip."""
    if file.file is None:
        raise invalid("file_missing")
    row = services.receive_upload(
        by=caller(request),
        service_id=service_id,
        stream=cast("BinaryIO", file.file),
        filename=file.name or "",
        **{**dict(form), "digest": form.digest or None},
    )
    return Status(201, version_line(row))
