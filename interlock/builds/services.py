"""Starting builds, and receiving packages that were made elsewhere."""

from __future__ import annotations

import errno
import hashlib
import hmac
import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.builds import archives
from interlock.builds.kind import BuildStep, Job
from interlock.builds.models import Build
from interlock.builds.naming import check_name, name_stem, package_name
from interlock.builds.packing import Unfit
from interlock.catalog.queries import (
    ServiceRow,
    VersionRow,
    service,
    version,
    version_named,
    version_of_commit,
)
from interlock.catalog.services import create_version, version_news
from interlock.catalog.sources import check_git_url, check_ref
from interlock.journal.actor import SYSTEM
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid
from interlock.lifecycle.run import plan as plans
from interlock.lifecycle.run.plan import Plan, Stage, StepPlan
from interlock.lifecycle.version import VersionStatus
from interlock.runs.services import create_run, start
from interlock.store import StoreError, open_store

CHUNK = 1 << 20
# An upload is stored within a request; one that is not stored by then lost its process.
ABANDONED_AFTER = timedelta(hours=1)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def start_build(
    *, by: Caller, service_id: int, ref: str, description: str = "", rebuild: bool = False
) -> Build:
    """Make a version from a branch, tag or commit; follow it by the build's run.

    A commit that has a version already ends as ``duplicate``, unless ``rebuild`` is asked.
    """
    row = service(by=by, service_id=service_id)
    require(by, "build", row.project_id)
    if row.build_source != "git":
        raise invalid("build_source_not_git", service=row.name, source=row.build_source)
    check_git_url(row.build_url)
    check_ref(ref)
    stem = name_stem(rule=row.settings.version_rule, ref=ref, at=datetime.now(UTC), service=row.name)
    with writing():
        made = create_version(by=by, service_id=service_id, ref=ref, description=description)
        build = Build.objects.create(version_id=made.pk, source="git", ref=ref, created_by_id=by.person_id)
        plan = _plan(row, build, stem, rebuild)
        run = create_run(
            project_id=row.project_id,
            origin="build",
            origin_id=build.pk,
            title=f"{row.name}: {ref}",
            plan=plan,
            plan_hash=plans.digest(plans.to_json(plan)),
            by=by,
        )
        build.run_id = run.pk
        build.save(update_fields=["run"])
        # The right to build was checked; a token that may only build may start what it has asked for.
        start(run_id=run.pk, by=replace(by, is_admin=True, scopes=None))
    return build


def _plan(row: ServiceRow, build: Build, stem: str, rebuild: bool) -> Plan:
    job = Job(
        build_id=build.pk,
        version_id=build.version_id,
        service_id=row.id,
        service=row.name,
        url=row.build_url,
        ref=build.ref,
        rule=row.settings.version_rule,
        stem=stem,
        script=row.settings.build_script,
        package_path=row.settings.package_path,
        rebuild=rebuild,
    )
    step = StepPlan(
        name="Build",
        kind=BuildStep.name,
        params=job.params(),
        timeout=row.settings.build_timeout,
        on_lost="retry",
        on_failure="fail",
        mutates=False,
    )
    return Plan(stages=(Stage(branches=(step,)),))


def receive_upload(
    *,
    by: Caller,
    service_id: int,
    stream: BinaryIO,
    filename: str = "",
    name: str = "",
    ref: str = "",
    commit: str = "",
    digest: str | None = None,
    description: str = "",
) -> VersionRow:
    """Take a package that was made elsewhere: a tar.gz, tar or zip, looked through before it is kept.

    ``name`` is the version's; without one it follows the service's rule. ``digest`` is the SHA-256 that the
    sender took of the bytes it sent.
    """
    row = service(by=by, service_id=service_id)
    require(by, "build", row.project_id)
    if commit and not _COMMIT.fullmatch(commit):
        raise invalid("commit_unfit", commit=commit[:64])
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise invalid("digest_unfit")
    if ref:
        check_ref(ref)
    name = _name_for(by, row, name, ref, commit)
    uploads = Path(settings.DATA_DIR) / "uploads"
    uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
    _close_abandoned(row)
    with tempfile.TemporaryDirectory(dir=uploads) as folder:
        upload = Path(folder, "upload")
        found = _receive(stream, upload)
        if digest is not None and not hmac.compare_digest(found, digest.lower()):
            raise invalid("digest_differs", expected=digest.lower(), found=found)
        kept = _looked_through(upload, Path(folder, "packed"), filename)
        whole = name if not name.endswith("-") else name + (commit or found)[:8]
        return _keep(by, row, kept, whole, ref, commit, description)


def _name_for(by: Caller, row: ServiceRow, name: str, ref: str, commit: str) -> str:
    """The whole name, or one that ends in "-" and still lacks the digits behind it."""
    if not name:
        rule = row.settings.version_rule
        name = name_stem(rule=rule, ref=ref or "upload", at=datetime.now(UTC), service=row.name)
        if name.endswith("-"):
            check_name(f"{name}{'0' * 8}", row.name)
            return name
    check_name(name, row.name)
    if name.endswith("-"):
        raise invalid("version_name_unfit", name=name)
    try:
        version_named(by=by, service_id=row.id, name=name)
    except Refused:
        return name
    raise Refused("upload_name_taken", service=row.name, name=name)


def _receive(stream: BinaryIO, target: Path) -> str:
    """Write the stream to a file of bounded size; its SHA-256."""
    digest, size = hashlib.sha256(), 0
    try:
        with target.open("wb") as file:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > settings.PACKAGE_LIMIT:
                    raise invalid("package_too_large", limit=settings.PACKAGE_LIMIT)
                digest.update(chunk)
                file.write(chunk)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise Refused("store_full") from error
        raise
    return digest.hexdigest()


def _looked_through(upload: Path, target: Path, filename: str) -> Path:
    try:
        return archives.prepare(upload, target, limit=settings.PACKAGE_LIMIT)
    except Unfit as error:
        raise invalid(error.code, file=filename[:100], detail=error.detail, limit=error.detail) from error


def _keep(
    by: Caller, row: ServiceRow, kept: Path, name: str, ref: str, commit: str, description: str
) -> VersionRow:
    with writing():
        made = create_version(by=by, service_id=row.id, ref=ref, description=description)
        build = Build.objects.create(version_id=made.pk, source="upload", ref=ref, created_by_id=by.person_id)
        version_news(version_id=made.pk, status=VersionStatus.BUILDING, by=by)
    first = version_of_commit(by=by, service_id=row.id, commit=commit)
    if first is not None:
        reason = f"same_commit_as:{first.name}"
        version_news(version_id=made.pk, status=VersionStatus.DUPLICATE, by=by, reason=reason)
        return version(by=by, version_id=made.pk)
    store = open_store(settings.STORE_URL)
    try:
        with kept.open("rb") as source:
            stored = store.put(package_name(row.name, build.pk, name), source, limit=settings.PACKAGE_LIMIT)
    except StoreError as error:
        version_news(version_id=made.pk, status=VersionStatus.FAILED, by=by, reason=error.code)
        raise Refused("store_full" if error.code == "store_full" else "store_refused") from error
    version_news(
        version_id=made.pk,
        status=VersionStatus.SUCCESS,
        by=by,
        name=name,
        commit=commit,
        package=stored.name,
        digest=stored.sha256,
        size=stored.size,
    )
    told = version(by=by, version_id=made.pk)
    if told.status != VersionStatus.SUCCESS:
        store.delete(stored.name)
    return told


def _close_abandoned(row: ServiceRow) -> None:
    late = Build.objects.filter(
        version__service=row.id,
        version__status__in=[VersionStatus.PENDING, VersionStatus.BUILDING],
        source="upload",
        created_at__lt=datetime.now(UTC) - ABANDONED_AFTER,
    )
    for build in late:
        version_news(
            version_id=build.version_id, status=VersionStatus.FAILED, by=SYSTEM, reason="upload_abandoned"
        )
