"""A body: what is to run on a host, at most once, and how it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Read-only or magic in one shell or another (setting them ends the shell), or ours.
RESERVED = frozenset(
    {"UID", "EUID", "PPID", "BASHOPTS", "SHELLOPTS", "BASH_VERSINFO", "OPTIND", "LINENO"}
    | {"INTERLOCK_BODY", "INTERLOCK_FILES"}
)


def check_name(name: str) -> str:
    """Names a file or directory of ours on the host, nothing else."""
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"not a valid name on a host: {name!r}")
    return name


def check_env(env: Mapping[str, str]) -> None:
    for name, value in env.items():
        if not VARIABLE.fullmatch(name) or name in RESERVED:
            raise ValueError(f"not a valid variable name: {name!r}")
        if "\0" in value:
            raise ValueError(f"the value of {name} holds a NUL byte")


@dataclass(frozen=True)
class Fence:
    """A (token, seq) lower than the recorded one is refused; a higher one is recorded before the start."""

    directory: str
    token: int
    seq: int

    def __post_init__(self) -> None:
        if not self.directory.startswith("/") or "\0" in self.directory or "\n" in self.directory:
            raise ValueError("a fence needs an absolute directory")
        if not (0 <= self.token < 2**63 and 0 <= self.seq < 2**63):
            raise ValueError("token and seq must fit a signed 64-bit integer")


@dataclass(frozen=True)
class Body:
    id: str  # names its directory on the host
    script: bytes = field(repr=False)
    interpreter: Literal["sh", "bash", "python3"] = "sh"  # "sh": or what the script's #! line names
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # INTERLOCK_FILES names their folder
    cwd: str | None = None
    fence: Fence | None = None

    def __post_init__(self) -> None:
        check_name(self.id)
        check_env(self.env)
        for name in self.files:
            check_name(name)
        if self.interpreter not in ("sh", "bash", "python3"):
            raise ValueError(f"unknown interpreter: {self.interpreter!r}")
        if self.cwd is not None and "\0" in self.cwd:
            raise ValueError("cwd holds a NUL byte")


class BodyStatus(StrEnum):
    absent = "absent"
    placed = "placed"  # its files are there, nobody has claimed it
    running = "running"
    ended = "ended"
    sealed = "sealed"  # never ran and never will
    lost = "lost"  # claimed, but its runner is dead and left no status


@dataclass(frozen=True)
class BodyState:
    status: BodyStatus
    exit_code: int | None = None
    log_size: int = 0


@dataclass(frozen=True)
class Stopped:
    proven: bool
    state: BodyState
    survivors: tuple[str, ...] = ()  # "pid name"


@dataclass(frozen=True)
class Answer:
    code: int
    out: bytes
    err: bytes = b""  # the last few KB
