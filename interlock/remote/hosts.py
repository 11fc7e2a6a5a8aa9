"""What we must know of a host to reach it, and what we learn when we do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SHELL_WORDS = re.compile(r"[A-Za-z0-9/._+=:-]+( [A-Za-z0-9/._+=:-]+)*")


@dataclass(frozen=True)
class PrivateKeyAuth:
    pem: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PasswordAuth:
    password: str = field(repr=False)


@dataclass(frozen=True)
class HostSpec:
    id: int
    name: str
    address: str
    port: int = 22
    user: str = "root"
    auth: PrivateKeyAuth | PasswordAuth | None = None
    host_keys: tuple[str, ...] = ()  # pinned, "ssh-ed25519 AAAA…"; none pinned refuses
    state_dir: str = (
        ""  # absolute; "" is $HOME/.interlock, or /var/tmp/interlock-<uid> where that is read-only
    )
    bastion: HostSpec | None = None
    connect_timeout: float = 10.0
    local: bool = False  # a subprocess on this machine instead of SSH: same wrapper, same protocol
    shell: str = "sh"  # the words that name a POSIX sh over there

    def __post_init__(self) -> None:
        if self.state_dir and (not self.state_dir.startswith("/") or "\0" in self.state_dir):
            raise ValueError("state_dir must be an absolute path")
        if not SHELL_WORDS.fullmatch(self.shell):
            raise ValueError("shell must be plain words")


@dataclass(frozen=True)
class HostFacts:
    machine_id: str
    boot_id: str
    user: str
    home: str
    shell: str
    state_dir: str
    clock_skew: float  # seconds the host's clock is ahead of ours; whole seconds are all it tells
