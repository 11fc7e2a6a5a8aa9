"""Where a bench runs: an installation of its own in a fresh folder, embedded or as a small cluster."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.platform import ROOT, Worker
from demo.servers import Postgres, Valkey


@dataclass
class Place:
    """``environment``: of every process of the installation."""

    folder: Path
    environment: dict[str, str]
    workers: list[Worker] = field(default_factory=list)

    def drive(self, job: str, *arguments: object) -> Any:
        """Carry out a job of ``bench.jobs`` in a process of the installation; what it answers."""
        done = subprocess.run(
            self.words(job, *arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{job} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def words(self, job: str, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "bench.jobs", job, *map(str, arguments)]


@contextlib.contextmanager
def embedded() -> Iterator[Place]:
    """SQLite, and the engine in the process that drives."""
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        yield _prepared(Path(folder), {})


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[Place]:
    """PostgreSQL with every commit on disk, Valkey, and Celery workers."""
    with contextlib.ExitStack() as servers:
        folder = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="interlock-bench-")))
        database, broker = Postgres(durable=True), Valkey()
        for server in (database, broker):
            servers.callback(server.remove)
            server.start()
        urls = {"INTERLOCK_DATABASE_URL": database.url, "INTERLOCK_BROKER_URL": broker.url}
        place = _prepared(folder, urls)
        for number in range(workers):
            worker = Worker(folder / f"worker-{number}", number, place.environment)
            servers.callback(worker.stop)
            worker.start()
            place.workers.append(worker)
        yield place


def _prepared(folder: Path, urls: dict[str, str]) -> Place:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
    outer.pop("PYTHONDONTWRITEBYTECODE", None)
    environment = {
        **outer,
        **urls,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "INTERLOCK_DATA": str(folder / "platform"),
    }
    place = Place(folder, environment)
    place.drive("prepare")
    return place


def machine() -> str:
    """One line on what this was measured on."""
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} cores, Python {python}, {platform.system()}, load {load:.1f} at the start"
