"""The demo hosts share this machine: what a boot starts and a power-off ends there is done here."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from demo.hosts import DemoHost

GRACE_SECONDS = 3


def boot(hosts: Iterable[DemoHost]) -> None:
    """Start what each host ran when it was ended."""
    for host in hosts:
        for script in Path(host.root).glob("*/shared/boot"):
            path = f"{host.state_dir}/bin:{os.environ['PATH']}"
            # "Already running" is an answer, too: the machine was not ended, only the demo was.
            subprocess.run(["sh", str(script)], env={"PATH": path}, capture_output=True, check=False)


def halt(folder: Path) -> None:
    """End every process of the hosts whose trees are in the folder: their environment names it."""
    deadline = time.monotonic() + GRACE_SECONDS
    sent = signal.SIGTERM
    while found := _living(folder):
        for pid in found:
            try:
                os.kill(pid, sent)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            sent = signal.SIGKILL
        time.sleep(0.05)


def _living(folder: Path) -> list[int]:
    mark = f"{folder}/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, or another account's
    return found
