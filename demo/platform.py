"""The platform as an administrator runs it: in one process, or as a small cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import httpx

from demo.servers import Postgres, Server, ServerError, Valkey

ROOT = Path(__file__).resolve().parent.parent
ADMIN = "admin"
PASSWORD = "interlock-demo"  # of everybody here: these accounts live in the demo only
WORKERS = 2


class Web(Server):
    """The server: pages, API, and with no broker the engine too."""

    name = "web"
    end_signal = signal.SIGTERM

    def __init__(self, folder: Path, port: int, settings: dict[str, str]) -> None:
        super().__init__(folder)
        self.port = port
        self.settings = settings

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return self.settings

    def command(self) -> list[str]:
        listening = ["--host", "127.0.0.1", "--port", str(self.port), "--timeout-graceful-shutdown", "3"]
        return [sys.executable, "-m", "uvicorn", "interlock.asgi:application", *listening, "--no-access-log"]

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/api/v1/health", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False


class Worker(Server):
    """A Celery process that carries runs out."""

    name = "worker"
    end_signal = signal.SIGTERM

    def __init__(self, folder: Path, number: int, settings: dict[str, str]) -> None:
        super().__init__(folder)
        self.number = number
        self.settings = settings
        self.seen = 0

    def environment(self) -> dict[str, str]:
        return self.settings

    def command(self) -> list[str]:
        words = ["worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "INFO"]
        return [sys.executable, "-m", "celery", "-A", "interlock", *words, "-n", f"demo{self.number}@%h"]

    def launch(self) -> None:
        self.seen = self.log.stat().st_size if self.log.exists() else 0
        super().launch()

    def ready(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self.seen)
            return b" ready." in log.read()


class Platform:
    """All processes of the platform, on the data of one folder."""

    def __init__(self, data: Path, port: int, cluster: bool) -> None:
        self.data = data
        self.cluster = cluster
        self.backing: list[Postgres | Valkey] = []
        if cluster:
            self.backing = [Postgres(_database_folder(data)), Valkey(data / "valkey")]
        self.settings = self._settings(port)
        self.web = Web(data / "web", port, self.settings)
        count = WORKERS if cluster else 0
        self.workers = [Worker(data / f"worker-{n + 1}", n + 1, self.settings) for n in range(count)]

    @property
    def address(self) -> str:
        return self.web.address

    @property
    def folders(self) -> list[Path]:
        outside = [s.folder for s in self.backing if not s.folder.is_relative_to(self.data)]
        return [self.data, *outside]

    @property
    def logs(self) -> list[Path]:
        return [server.log for server in (self.web, *self.workers)]

    def start(self) -> None:
        for server in self.backing:
            server.start()
        self._prepare()
        for process in (self.web, *self.workers):
            process.launch()
        for process in (self.web, *self.workers):
            process.await_ready()

    def stop(self) -> None:
        for server in (*self.workers, self.web, *reversed(self.backing)):
            server.stop()

    def remove(self) -> None:
        """Also what does not lie in the data folder."""
        self.stop()
        for server in self.backing:
            server.remove()

    def log_ends(self) -> str:
        return "\n".join(f"--- {log}\n{_end_of(log)}" for log in self.logs)

    def _settings(self, port: int) -> dict[str, str]:
        outer = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
        # Set in many container images; the platform is started often here, and compiling it takes seconds.
        outer.pop("PYTHONDONTWRITEBYTECODE", None)
        settings = {
            **outer,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "interlock.settings",
            "INTERLOCK_DATA": str(self.data / "platform"),
            "INTERLOCK_PUBLIC_URL": f"http://127.0.0.1:{port}",
            # The demo's repository lies on this machine.
            "INTERLOCK_ALLOW_FILE_GIT": "1",
        }
        for server in self.backing:
            url = "INTERLOCK_DATABASE_URL" if isinstance(server, Postgres) else "INTERLOCK_BROKER_URL"
            settings[url] = server.url
        return settings

    def run(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """A command of an administrator, on the platform's machine."""
        settings = {**self.settings, **more}
        return subprocess.run(command, env=settings, cwd=ROOT, capture_output=True, text=True, check=False)

    def _prepare(self) -> None:
        made = self.data / "admin-made"
        command = [sys.executable, "-m", "demo.migrating", *([] if made.exists() else [ADMIN])]
        done = self.run(command, INTERLOCK_ADMIN_PASSWORD=PASSWORD)
        if done.returncode:
            raise ServerError(f"the databases could not be made:\n{done.stdout}{done.stderr[-3000:]}")
        made.touch()


def _database_folder(data: Path) -> Path:
    """Short enough for a socket's path, and where PostgreSQL's own account may go."""
    return Path("/var/tmp") / f"interlock-demo-{sha256(str(data).encode()).hexdigest()[:12]}"


def _end_of(log: Path, size: int = 3000) -> str:
    return log.read_text(errors="replace")[-size:] if log.exists() else ""
