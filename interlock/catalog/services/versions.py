"""Versions: asked for, and the one writer of what became of them."""

import re
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.catalog.models import Version
from interlock.catalog.queries import visible_service
from interlock.catalog.services.declared import check_text
from interlock.catalog.sources import check_ref
from interlock.journal.actor import Actor
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import missing
from interlock.lifecycle.version import VersionStatus, may_move

# A version names a directory on hosts and a part of a file name in the store.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_COMMIT = re.compile(r"([0-9a-f]{7,64})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ACTS = {
    VersionStatus.BUILDING: "version.started",
    VersionStatus.SUCCESS: "version.succeeded",
    VersionStatus.FAILED: "version.failed",
    VersionStatus.TIMEOUT: "version.timed_out",
    VersionStatus.CANCELED: "version.canceled",
    VersionStatus.DUPLICATE: "version.repeated",
}


def create_version(*, by: Caller, service_id: int, ref: str, description: str = "") -> Version:
    """A version that is still to be made. ``ref`` may be empty for an upload."""
    if ref:
        check_ref(ref)
    check_text("description", description, 256)
    with writing():
        service = visible_service(by, service_id)
        require(by, "build", service.project_id)
        version = Version.objects.create(
            service=service, ref=ref, description=description, created_by_id=by.person_id
        )
        append(
            NewEntry(
                by,
                "version",
                version.pk,
                "version.requested",
                project_id=service.project_id,
                to_status=version.status,
                facts={"service": service.name, "service_id": service.pk, "ref": ref},
            )
        )
    return version


@dataclass(frozen=True)
class _Making:
    """What is written once, at success."""

    name: str = ""
    commit: str = ""
    package: str = ""
    digest: str = ""
    size: int | None = None

    def fault(self) -> str:
        """Why this cannot be a version, as a code; "" when it can."""
        if not self.name:
            return "version_name_missing"
        if not _NAME.fullmatch(self.name) or ".." in self.name:
            return "version_name_unfit"
        if not _COMMIT.fullmatch(self.commit):
            return "commit_unfit"
        if not self.package or len(self.package) > 255 or not _DIGEST.fullmatch(self.digest):
            return "package_missing"
        return ""


def version_news(
    *,
    version_id: int,
    status: VersionStatus,
    by: Actor,
    name: str = "",
    commit: str = "",
    package: str = "",
    digest: str = "",
    size: int | None = None,
    reason: str = "",
) -> bool:
    """Take news of a build; False when it is late, repeated or not allowed, and nothing was changed.

    The only writer of a version's status: hooks, polls and builds all come here, in any order, any
    number of times. A success without a usable name or package, or with a name that another version
    of the service has, becomes ``failed`` with the reason. ``reason`` is a code, or "code:detail".
    """
    made, status = _Making(), VersionStatus(status)
    if status is VersionStatus.SUCCESS:
        made = _Making(name, commit, package, digest, size)
        if made.fault():
            status, reason = VersionStatus.FAILED, made.fault()
    with writing():
        rows = Version.objects.select_for_update(no_key=True, of=("self",)).select_related("service")
        row = rows.filter(pk=version_id).first()
        if row is None:
            raise missing("version_not_known", version=version_id)
        return _take(row, status, made, reason, by)


def _take(row: Version, status: VersionStatus, made: _Making, reason: str, by: Actor) -> bool:
    old = VersionStatus(row.status)
    if not may_move(old, status):
        return False
    try:
        with transaction.atomic():
            moved = _move(row, old, status, made, reason)
    except IntegrityError:
        # The name belongs to another version of the service, perhaps since a moment ago.
        return _take(row, VersionStatus.FAILED, _Making(), f"version_name_taken:{made.name}", by)
    if moved:
        append(_entry(row, by, old, status, made, reason))
    return moved


def _move(row: Version, old: VersionStatus, new: VersionStatus, made: _Making, reason: str) -> bool:
    ended = None if new is VersionStatus.BUILDING else timezone.now()
    whole = asdict(made) if new is VersionStatus.SUCCESS else {}
    changed = Version.objects.filter(pk=row.pk, status=old).update(
        status=new, reason=reason[:255], ended_at=ended, **whole
    )
    return changed == 1


def _entry(
    row: Version, by: Actor, old: VersionStatus, new: VersionStatus, made: _Making, reason: str
) -> NewEntry:
    facts = {"service": row.service.name, "service_id": row.service_id, "ref": row.ref}
    if new is VersionStatus.SUCCESS:
        facts |= {"name": made.name, "commit": made.commit, "digest": made.digest}
    return NewEntry(
        by,
        "version",
        row.pk,
        _ACTS[new],
        project_id=row.service.project_id,
        from_status=old,
        to_status=new,
        reason=reason,
        facts=facts,
    )
