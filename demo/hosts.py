"""Demo hosts: real SSH servers on loopback addresses of their own, each with its own directory tree."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import asyncssh

START_SECONDS = 10
ADDRESS_BASE = "127.77.0"
PORT = 2222

_CONFIG = """\
ListenAddress {address}:{port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {client_key}.pub
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200
MaxSessions 100
PrintMotd no
Subsystem sftp internal-sftp
LogLevel ERROR
"""


@dataclass(frozen=True)
class DemoHost:
    """``shift``: what the host adds to the ports of its services, where all hosts share one address."""

    name: str
    address: str
    port: int
    user: str
    folder: Path
    shift: int = 0

    @property
    def root(self) -> Path:
        """Where releases are laid out."""
        return self.folder / "srv"

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def host_key(self) -> str:
        """The public key line, to be pinned."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])


class DemoHosts:
    """Started together, ended together; a second start finds keys and trees again."""

    def __init__(self, folder: Path, count: int = 6, base: str = ADDRESS_BASE, port: int = PORT) -> None:
        self.folder = folder.resolve()
        self.client_key = self.folder / "client_key"
        self._processes: list[subprocess.Popen[bytes]] = []
        own = has_address(f"{base}.1")
        self.hosts = [
            DemoHost(
                name=f"demo-{number}",
                address=f"{base}.{number}" if own else "127.0.0.1",
                port=port if own else port + number,
                user=getpass.getuser(),
                folder=self.folder / f"demo-{number}",
                shift=0 if own else number,
            )
            for number in range(1, count + 1)
        ]

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        _make_key(self.client_key)
        started = [self._launch(host) for host in self.hosts]
        for host, process in zip(self.hosts, started, strict=True):
            _await_port(host, process)

    def _launch(self, host: DemoHost) -> subprocess.Popen[bytes] | None:
        for folder in (host.root, host.state_dir):
            folder.mkdir(parents=True, exist_ok=True)
        _make_key(host.folder / "host_key")
        if _alive(host):
            return None
        sshd = find_sshd()
        if sshd is None:
            command = [sys.executable, "-m", "demo.sshd", str(host.folder), host.address, str(host.port),
                       f"{self.client_key}.pub"]  # fmt: skip
        else:
            config = host.folder / "sshd_config"
            config.write_text(
                _CONFIG.format(
                    address=host.address, port=host.port, folder=host.folder, client_key=self.client_key
                )
            )
            if os.geteuid() == 0:
                Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd drops its privileges in here
            command = [sshd, "-D", "-e", "-f", str(config)]
        with (host.folder / "sshd.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (host.folder / "pid").write_text(str(process.pid))
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """End the servers by their pids; what they started is ended by whoever boots and halts hosts."""
        for host in self.hosts:
            if _alive(host):
                os.kill(_pid(host), signal.SIGTERM)
        deadline = time.monotonic() + 5
        while any(_alive(host) for host in self.hosts) and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
        for host in self.hosts:
            (host.folder / "pid").unlink(missing_ok=True)


def find_sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def has_address(address: str) -> bool:
    """Whether one can listen there: all of 127/8 on Linux, only 127.0.0.1 elsewhere."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _make_key(path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(key.export_private_key())
    path.with_name(f"{path.name}.pub").write_bytes(key.export_public_key())
    draft.rename(path)


def _pid(host: DemoHost) -> int:
    try:
        return int((host.folder / "pid").read_text())
    except (OSError, ValueError):
        return 0


def _alive(host: DemoHost) -> bool:
    """The recorded pid, if it is still the server of this folder and not somebody else's by now."""
    pid = _pid(host)
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours that has ended must not look alive
    try:
        return pid > 0 and str(host.folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return pid > 0


def _await_port(host: DemoHost, process: subprocess.Popen[bytes] | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((host.address, host.port)) == 0:
                return
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            log = (host.folder / "sshd.log").read_text(errors="replace")[-1000:]
            raise RuntimeError(f"{host.name} does not answer on {host.address}:{host.port}\n{log}")
        time.sleep(0.02)
