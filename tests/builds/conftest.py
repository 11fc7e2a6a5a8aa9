"""Real git repositories, a service built from one, and the platform's own way to carry a build out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from interlock.accounts.caller import Caller
from interlock.accounts.models import Project
from interlock.builds.kind import BuildStep
from interlock.builds.models import Build
from interlock.catalog.models import Service, Version
from interlock.catalog.services import create_service, update_service
from interlock.lifecycle.run.plan import StepPlan, from_json
from interlock.remote import HostSpec, Links
from interlock.runs.kinds.base import Outcome, RunFacts
from interlock.runs.models import LogChunk, Run
from interlock.runs.worker.database import DatabaseThread
from interlock.runs.worker.logbook import Logbook
from interlock.runs.worker.slices import finished
from interlock.runs.worker.work import Try
from interlock.store import Store, open_store

WHO = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]


class Repository:
    """A repository with a work tree, reached as file://."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q")

    def git(self, *words: str) -> str:
        command = ["git", *WHO, *words]
        ended = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return ended.stdout.strip()

    def commit(self, **files: str) -> str:
        """Write the files ("__" stands for "/", "_dot_" for "."), commit, and give the commit's id."""
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "A change")
        return self.git("rev-parse", "HEAD")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"


@dataclass
class Yard:
    """Where things are built. ``attempt`` carries a build's step out as a worker would."""

    data: Path
    repository: Repository
    project: Project
    service: Service
    logs: dict[str, bytes] = field(default_factory=dict)

    @property
    def by(self) -> Caller:
        return Caller("person", "1", "olaf", roles={self.project.pk: frozenset({"operator"})})

    @property
    def store(self) -> Store:
        return open_store(f"file://{self.data}/store")

    def configure(self, **changes: Any) -> None:
        admin = Caller("person", "1", "ada", roles={self.project.pk: frozenset({"admin"})})
        update_service(by=admin, service_id=self.service.pk, changes={"settings": changes})

    def version(self, build: Build) -> Version:
        return Version.objects.get(pk=build.version_id)

    def step(self, build: Build) -> tuple[Run, StepPlan]:
        run = Run.objects.get(origin="build", origin_id=build.pk)
        branch = from_json(run.plan).stages[0].branches[0]
        assert isinstance(branch, StepPlan)
        return run, branch

    def attempt(
        self, build: Build, number: int = 1, *, until: Callable[[], bool] | None = None, stop: bool = False
    ) -> Outcome | None:
        """One worker's work on a try; with ``until``, the worker dies (or stops it) once that is true."""
        run, step = self.step(build)
        return asyncio.run(self._attempt(run, step, number, until, stop))

    async def _attempt(
        self, run: Run, step: StepPlan, number: int, until: Callable[[], bool] | None, stop: bool
    ) -> Outcome | None:
        database, links = DatabaseThread("test-build"), Links()
        body = f"s{run.pk}-{number}"
        here = HostSpec(id=0, name="platform", address="", local=True, state_dir=str(self.data / "bodies"))
        logbook = Logbook(database, run.pk, body, ())
        facts = RunFacts(run.pk, run.title, run.origin, run.origin_id, run.project_id, 0, {})
        work = Try(
            run=facts,
            step=step,
            host=None,
            try_number=number,
            body_id=body,
            connect=lambda: links.get(here),
            database=database,
            logbook=logbook,
            stop=asyncio.Event(),
        )
        task = asyncio.create_task(finished(BuildStep(), work, logbook))
        try:
            if until is not None:
                await _until(until, task)
                if stop:
                    work.stop.set()
                else:
                    task.cancel()
            done = await asyncio.gather(task, return_exceptions=True)
            if isinstance(done[0], asyncio.CancelledError):
                return None
            if isinstance(done[0], BaseException):
                raise done[0]
            return done[0]
        finally:
            await links.close()
            await shells_ended()
            await asyncio.to_thread(database.close)

    def log(self, build: Build) -> str:
        assert build.run_id is not None
        chunks = LogChunk.objects.filter(head__run_id=build.run_id).order_by("head", "start")
        return b"".join(bytes(chunk.data) for chunk in chunks).decode()


async def shells_ended() -> None:
    """The resident shells see the end of their input and go; their loop must be there to notice."""
    while any(thread.name.startswith("asyncio-waitpid") for thread in threading.enumerate()):
        await asyncio.sleep(0.01)
    for _ in range(10):
        await asyncio.sleep(0)


async def _until(what: Callable[[], bool], task: asyncio.Task[Any]) -> None:
    async with asyncio.timeout(30):
        while not what():
            assert not task.done(), task.result()
            await asyncio.sleep(0.01)


@pytest.fixture
def yard(transactional_db: None, settings: Any, tmp_path: Path) -> Yard:
    settings.DATA_DIR = tmp_path / "data"
    settings.STORE_URL = f"file://{tmp_path}/data/store"
    settings.ALLOW_FILE_GIT = True
    repository = Repository(tmp_path / "repository")
    repository.commit(app_dot_py="print('hello')\n", interlock__start="exec python3 app.py\n")
    project = Project.objects.create(name="shop")
    service = create_service(
        by=Caller("person", "1", "ada", roles={project.pk: frozenset({"admin"})}),
        project_id=project.pk,
        name="checkout",
        language="python",
        build_source="git",
        build_url=repository.url,
    )
    return Yard(tmp_path / "data", repository, project, service)


def pytest_configure() -> None:
    # Whatever the person who runs the tests has set for git stays out of them.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
