"""What really runs on the demo hosts: asked of the hosts, never of the platform."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo.hosts import DemoHost

ANSWER_SECONDS = 3


@dataclass(frozen=True)
class Answer:
    version: str
    release: str
    host: str
    pid: int


@dataclass(frozen=True)
class Act:
    """A line that a script of hello left on its host."""

    script: str
    version: str
    release: str
    body: str


def ask(address: str, port: int) -> Answer | None:
    """What the process on a host says of itself; None when nothing answers."""
    try:
        answer = httpx.get(f"http://{address}:{port}/", timeout=ANSWER_SECONDS, trust_env=False)
        said = answer.raise_for_status().json()
    except httpx.HTTPError:
        return None
    return Answer(said["version"], str(said["release"]), said["host"], said["pid"])


def ask_all(hosts: list[DemoHost], port: int) -> list[Answer | None]:
    with ThreadPoolExecutor(len(hosts)) as askers:
        return list(askers.map(lambda host: ask(host.address, port + host.shift), hosts))


def acts(log: Path) -> list[Act]:
    """Everything done to hello on a host since its shared folder is there."""
    if not log.exists():
        return []
    found = []
    for line in log.read_text().splitlines():
        script, *facts = line.split()
        found.append(Act(script, **dict(fact.split("=", 1) for fact in facts)))
    return found


def done(log: Path, release: str) -> Counter[tuple[str, str]]:
    """How often each script of each version went on a host for one release."""
    return Counter((act.script, act.version) for act in acts(log) if act.release == release)


def living(bodies: set[str]) -> list[str]:
    """Processes of this machine that carry the mark of one of the bodies."""
    # On the host the name goes on with the moment at which the run was made.
    marks = tuple(f"INTERLOCK_BODY={body}-".encode() for body in bodies)
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            ours = [word for word in environment if word.startswith(marks)]
            if ours:
                found.append(f"{folder.name} {(folder / 'comm').read_text().strip()} {ours[0].decode()}")
        except OSError:
            continue  # ended meanwhile, or another account's
    return found
