"""A host of the tests: this machine, through the same link and wrapper that reach any other."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.remote import Body, Fence, FenceRefused, HostSpec, Link, Links
from interlock.runs.kinds.base import Kind, Outcome, RunFacts
from interlock.store import open_store

T = TypeVar("T")
HOSTILE = "a 'b' \"c\" $(touch PWNED) `touch PWNED` ; -rf * \\ \n--x\t$HOME"


def package(store: str, name: str, files: Mapping[str, str], links: Mapping[str, str] | None = None) -> str:
    """A package in the store; its SHA-256. Files named interlock/… are scripts."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text.encode()), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    open_store(store).put(name, io.BytesIO(packed.getvalue()), limit=None)
    return hashlib.sha256(packed.getvalue()).hexdigest()


@dataclass
class Machine:
    """Carries one step after another out on ``root``, each with a fence higher than the last."""

    root: Path
    state_dir: Path
    shell: str = "sh"
    token: int = 1
    tries: int = 0
    links: Links = field(default_factory=Links)
    spec: HostSpec | None = None  # None: this machine, without SSH

    @property
    def tree(self) -> Path:
        return self.root / "checkout"

    @property
    def current(self) -> str:
        return str((self.tree / "current").readlink())

    async def close(self) -> None:
        """The resident shells see the end of their input and go; their loop must be there to notice."""
        await self.links.close()
        while any(thread.name.startswith("asyncio-waitpid") for thread in threading.enumerate()):
            await asyncio.sleep(0.01)
        for _ in range(10):
            await asyncio.sleep(0)

    async def do(self, kind: Kind, facts: Mapping[str, Any], **params: Any) -> tuple[Outcome, str]:
        self.tries += 1
        work = LocalWork(self, kind.name, {"root": str(self.root), **facts}, self.tries, params)
        outcome = await kind.carry_out(work)
        return outcome, bytes(work.log).decode(errors="replace")


class LocalWork:
    """One try of one step: what the engine hands to a kind."""

    def __init__(
        self, machine: Machine, kind: str, facts: Mapping[str, Any], number: int, params: Mapping[str, Any]
    ) -> None:
        self.machine = machine
        self.run = RunFacts(1, "run", "release", 77, 1, machine.token, {})
        given = {"service": "checkout", "action": "upgrade", **params}
        self.step = StepPlan(kind, kind, given, mutates=params.get("what") != "health")
        self.host: HostPlan | None = HostPlan(1, "web-1", facts)
        self.try_number = number
        self.body_id = f"t1-{number}"
        self.log = bytearray()

    async def link(self) -> Link:
        machine = self.machine
        here = HostSpec(
            1, "web-1", "localhost", local=True, state_dir=str(machine.state_dir), shell=machine.shell
        )
        return await machine.links.get(machine.spec or here)

    async def run_body(
        self,
        script: bytes,
        *,
        interpreter: Literal["sh", "bash", "python3"] = "sh",
        env: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        cwd: str | None = None,
        fence_directory: str | None = None,
    ) -> Outcome:
        fence = Fence(fence_directory, self.machine.token, self.try_number) if fence_directory else None
        body = Body(self.body_id, script, interpreter, env or {}, files or {}, cwd, fence)
        link = await self.link()
        try:
            await link.launch(body)
        except FenceRefused:
            return Outcome(StepStatus.FAILED, error="fence_refused")
        state = await link.follow(body.id, 0, self.take)
        status = StepStatus.SUCCEEDED if state.exit_code == 0 else StepStatus.FAILED
        return Outcome(status, exit_code=state.exit_code)

    async def take(self, offset: int, data: bytes) -> None:
        self.log += data

    async def say(self, text: str) -> None:
        self.log += text.encode()

    async def in_database(self, call: Callable[[], T]) -> T:
        return call()
