"""What one does to a service: build and upload versions, describe instances, free locks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from interlock.builds.services import receive_upload, start_build
from interlock.catalog import queries, services
from interlock.lifecycle.refused import Refused, invalid
from interlock.web import door
from interlock.web.door import PageRequest, signed_in
from interlock.web.forms import refuse
from interlock.web.pages.service import show_instances, show_versions
from interlock.web.reading import number
from interlock.web.version_forms import BuildForm, UploadForm
from interlock.words import refusal

BULK_MOST = 500


REF_FIELDS = {"ref_unfit": "ref", "build_url_unfit": "ref"}
UPLOAD_FIELDS = {
    **REF_FIELDS, "commit_unfit": "commit", "digest_unfit": "digest", "digest_differs": "digest",
    "upload_name_taken": "name", "version_name_unfit": "name",
}  # fmt: skip


@require_POST
@signed_in
def build(request: PageRequest, service_id: int) -> HttpResponse:
    by, form = request.caller, BuildForm(request.POST)
    row = queries.service(by=by, service_id=service_id)
    if form.is_valid():

        def make() -> str:
            made = start_build(by=by, service_id=row.id, **form.cleaned_data)
            return f"/versions/{made.version_id}"

        try:
            return door.once(request, make)
        except Refused as error:
            _only_faults(error)
            refuse(form, error, REF_FIELDS)
    return show_versions(request, row, build=form, status=422)


@require_POST
@signed_in
def upload(request: PageRequest, service_id: int) -> HttpResponse:
    by, form = request.caller, UploadForm(request.POST, request.FILES)
    row = queries.service(by=by, service_id=service_id)
    if form.is_valid():
        given = dict(form.cleaned_data)
        file = given.pop("file")
        given["digest"] = given["digest"] or None
        try:
            made = receive_upload(
                by=by,
                service_id=row.id,
                stream=cast("BinaryIO", file.file),
                filename=file.name or "",
                **given,
            )
            return door.go_to(request, f"/versions/{made.id}")
        except Refused as error:
            _only_faults(error)
            refuse(form, error, UPLOAD_FIELDS)
    return show_versions(request, row, upload=form, status=422)


def _only_faults(error: Refused) -> None:
    """What has a place in the form is told there; that one may not, or that it is gone, on a page."""
    if error.kind in ("missing", "forbidden"):
        raise error


# What the button says -> the field, and how its text is read.
CHANGES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "maintenance_on": ("maintenance", lambda _: True),
    "maintenance_off": ("maintenance", lambda _: False),
    "port": ("port", lambda text: (number(text) or text) if text else None),
    "tag": ("tag", str),
    "weight": ("weight", lambda text: int(text) if re.fullmatch("[0-9]{1,9}", text) else text),
}


@require_POST
@signed_in
def change_instances(request: PageRequest, service_id: int) -> HttpResponse:
    """One field of the chosen instances; those that refuse are named, the others are changed."""
    by = request.caller
    row = queries.service(by=by, service_id=service_id)
    chosen = [id for text in request.POST.getlist("instance")[:BULK_MOST] if (id := number(text))]
    asked = request.POST.get("field", "")
    if asked not in CHANGES:
        raise invalid("field_not_known", field=asked[:64])
    field, read = CHANGES[asked]
    value = read(request.POST.get(f"{field}_value", "")[:300])
    done, refused = 0, []
    for instance_id in chosen:
        try:
            services.update_instance(by=by, instance_id=instance_id, changes={field: value})
            done += 1
        except Refused as error:
            if error.kind in ("missing", "forbidden"):
                raise
            refused.append(refusal(error))
    if not refused and chosen:
        return door.go_to(request, f"/services/{row.id}/instances?told=changed&number={done}")
    told = {"done": done, "refused": list(dict.fromkeys(refused))[:10], "none": not chosen}
    return show_instances(request, row, told=told, status=422)


@require_POST
@signed_in
def free_lock(request: PageRequest, service_id: int, lock_id: int) -> HttpResponse:
    row = queries.service(by=request.caller, service_id=service_id)
    try:
        services.free_unproven(by=request.caller, lock_ids=[lock_id], note=request.POST.get("note", ""))
    except Refused as error:
        if error.kind in ("missing", "forbidden"):
            raise
        return show_instances(request, row, told={"refused": [refusal(error)]}, status=422)
    return door.go_to(request, f"/services/{row.id}/instances?told=freed")
