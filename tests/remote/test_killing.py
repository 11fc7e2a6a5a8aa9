"""The platform is killed in the middle, at any moment: every byte once, and the body ran once."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from demo.hosts import DemoHosts
from interlock.remote import Body, HostSpec, Links
from tests.remote.conftest import name, spec_of

LINES = 60


def carry_on(spec: HostSpec, body: Body, stored: Path) -> None:
    """What a worker does: launch, and follow behind what is stored."""

    async def follow() -> None:
        links = Links()
        file = os.open(stored, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        async def store(offset: int, data: bytes) -> None:
            assert os.fstat(file).st_size == offset
            assert os.write(file, data) == len(data)

        link = await links.get(spec)
        await link.launch(body)
        state = await link.follow(body.id, os.fstat(file).st_size, store)
        await links.close()
        os.close(file)
        os._exit(100 + (state.exit_code or 0))

    asyncio.run(follow())


@pytest.mark.ssh
@pytest.mark.parametrize("shell", ["sh", "busybox sh"])
def test_killed_again_and_again(ssh_hosts: DemoHosts, tmp_path: Path, shell: str) -> None:
    chance = random.Random(20261121)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.remote.test_killing"])
    spec = replace(spec_of(ssh_hosts), shell=shell)
    script = (
        b"""echo ran >>"$RAN"
    i=0; while [ $i -lt %d ]; do i=$((i + 1)); echo "line $i of $WHO"; sleep 0.01; done; exit 7"""
        % LINES
    )
    kills, deadline = 0, time.monotonic() + 60
    while kills < 10:
        who = name()
        ran, stored = tmp_path / f"ran-{who}", tmp_path / f"log-{who}"
        body = Body(who, script, env={"RAN": str(ran), "WHO": who})
        while True:
            worker = processes.Process(target=carry_on, args=(spec, body, stored))
            worker.start()
            worker.join(chance.uniform(0.01, 0.5))
            if worker.exitcode is not None:
                break
            worker.kill()
            worker.join()
            kills += 1
            assert time.monotonic() < deadline
        assert worker.exitcode == 107
        assert stored.read_text() == "".join(f"line {i} of {who}\n" for i in range(1, LINES + 1))
        assert ran.read_text() == "ran\n"
