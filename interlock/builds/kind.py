"""The step that makes a version on the platform's side."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.conf import settings

from interlock.accounts.caller import SYSTEM_CALLER
from interlock.builds import packing
from interlock.builds.naming import package_name
from interlock.builds.workplace import Workplace
from interlock.catalog.queries import commits_made, version, version_of_commit
from interlock.catalog.services import version_news
from interlock.catalog.sources import allowed_schemes, check_git_url, check_ref
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.refused import invalid
from interlock.lifecycle.run.states import StepStatus
from interlock.lifecycle.version import FINAL, VersionStatus
from interlock.runs.kinds.base import SUCCEEDED, Outcome, Work
from interlock.store import Exists, Stored, StoreError, open_store


@dataclass(frozen=True)
class Job:
    """What is to be made: the parameters of the step, frozen with the run's plan."""

    build_id: int
    version_id: int
    service_id: int
    service: str
    url: str
    ref: str
    rule: str
    stem: str  # of the version's name
    script: str
    package_path: str
    rebuild: bool

    @staticmethod
    def read(params: Mapping[str, Any]) -> Job:
        wanted = {field.name: field.type for field in fields(Job)}
        kinds = {"int": int, "str": str, "bool": bool}
        for name, kind in wanted.items():
            if type(params.get(name)) is not kinds[str(kind)]:
                raise invalid("build_param_unfit", param=name)
        if set(params) != set(wanted):
            raise invalid("build_param_unfit", param=", ".join(sorted(set(params) - set(wanted))))
        return Job(**params)

    def params(self) -> dict[str, Any]:
        return asdict(self)


@cache
def _script() -> bytes:
    return files("interlock.builds").joinpath("build.sh").read_bytes()


class BuildStep:
    """Repeatable: the same build id leads to the same commit, name, and place in the store."""

    name = "build"

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        if on_hosts:
            raise invalid("kind_not_on_hosts", step=self.name, step_kind=self.name)
        job = Job.read(params)
        check_git_url(job.url)
        check_ref(job.ref)

    async def carry_out(self, work: Work) -> Outcome:
        job = Job.read(work.step.params)
        place = Workplace(Path(settings.DATA_DIR) / "builds", job.service, job.build_id, work.try_number)
        known = await work.in_database(lambda: _known(job))
        try:
            await asyncio.to_thread(place.prepare, job.script, known)
        except OSError as error:
            await work.say(f"{place.folder}: {error.strerror}")
            return Outcome(StepStatus.FAILED, error="build_folder_unwritable")
        outcome = await work.run_body(_script(), env=_environment(job, place))
        if outcome.status is StepStatus.SUCCEEDED:
            outcome = await self._deliver(work, job, place)
        elif outcome.status is StepStatus.FAILED and outcome.exit_code is not None:
            reason = place.reason(outcome.exit_code)
            await work.in_database(lambda: _tell_failure(job, reason))
            outcome = replace(outcome, error=reason.partition(":")[0])
        if outcome.status is not StepStatus.UNKNOWN:
            await asyncio.to_thread(place.clear)
        return outcome

    async def _deliver(self, work: Work, job: Job, place: Workplace) -> Outcome:
        """Hand the package over, unless a worker that died since has done so."""
        told = await work.in_database(lambda: version(by=SYSTEM_CALLER, version_id=job.version_id))
        if VersionStatus(told.status) in FINAL:
            return SUCCEEDED
        commit, name = place.read("commit"), place.read("name")
        if not commit or not name:
            return Outcome(StepStatus.FAILED, error="build_result_missing")
        if await work.in_database(lambda: _told_as_duplicate(job, commit)):
            return replace(SUCCEEDED, result={"commit": commit, "duplicate": True})
        try:
            stored = await asyncio.to_thread(
                _store, package_name(job.service, job.build_id, name), place.package
            )
        except (StoreError, packing.Unfit) as error:
            return Outcome(StepStatus.FAILED, error=error.code)
        except FileNotFoundError:
            return Outcome(StepStatus.FAILED, error="build_result_missing")
        return await work.in_database(lambda: _tell_success(job, name, commit, stored))


def _environment(job: Job, place: Workplace) -> dict[str, str]:
    return {
        "BUILD_ID": str(job.build_id),
        "BUILD_SERVICE": job.service,
        "BUILD_URL": job.url,
        "BUILD_REF": job.ref,
        "BUILD_RULE": job.rule,
        "BUILD_NAME": job.stem,
        "BUILD_PACKAGE_PATH": job.package_path,
        "BUILD_WORK": str(place.folder),
        "BUILD_CACHE": str(place.cache),
        "BUILD_PROTOCOLS": ":".join(allowed_schemes()),
        "BUILD_LIMIT": str(settings.PACKAGE_LIMIT),
        "BUILD_PYTHON": sys.executable,
        "BUILD_PACKER": str(Path(packing.__file__).resolve()),
    }


def _known(job: Job) -> list[str]:
    return [] if job.rebuild else commits_made(by=SYSTEM_CALLER, service_id=job.service_id)


def _told_as_duplicate(job: Job, commit: str) -> bool:
    """Whether the commit has a version already, also one made while this was being built."""
    first = version_of_commit(by=SYSTEM_CALLER, service_id=job.service_id, commit=commit)
    if job.rebuild or first is None:
        return False
    reason = f"same_commit_as:{first.name}"
    version_news(version_id=job.version_id, status=VersionStatus.DUPLICATE, by=SYSTEM, reason=reason)
    return True


def _store(name: str, package: Path) -> Stored:
    """Put the package into the store. What an earlier try put there whole is read again and used."""
    store = open_store(settings.STORE_URL)
    try:
        with package.open("rb") as source:
            return store.put(name, source, limit=settings.PACKAGE_LIMIT)
    except Exists:
        return store.describe(name)


def _tell_failure(job: Job, reason: str) -> None:
    version_news(version_id=job.version_id, status=VersionStatus.FAILED, by=SYSTEM, reason=reason)


def _tell_success(job: Job, name: str, commit: str, stored: Stored) -> Outcome:
    version_news(
        version_id=job.version_id,
        status=VersionStatus.SUCCESS,
        by=SYSTEM,
        name=name,
        commit=commit,
        package=stored.name,
        digest=stored.sha256,
        size=stored.size,
    )
    row = version(by=SYSTEM_CALLER, version_id=job.version_id)
    if row.status != VersionStatus.SUCCESS:
        return Outcome(StepStatus.FAILED, error=row.reason[:64])
    result = {"version": name, "commit": commit, "package": stored.name, "digest": stored.sha256}
    return replace(SUCCEEDED, result={**result, "size": stored.size})
