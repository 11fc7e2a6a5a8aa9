"""Runs on rows, with no worker: the tests play the workers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from interlock.fleet.services import create_environment, create_host, set_grants
from interlock.lifecycle.run.plan import HostPlan
from interlock.runs.engine.apply import Claimer
from interlock.runs.kinds import base
from tests.cast import Cast, make_cast

ONE = Claimer(worker="worker-one", machine="here", lease_seconds=15)
TWO = Claimer(worker="worker-two", machine="here", lease_seconds=15)


@pytest.fixture(autouse=True)
def noop() -> None:
    base.register(Noop())


class Noop:
    """Does nothing, where a test is about the steps around it."""

    name = "noop"

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        return None

    async def carry_out(self, work: base.Work) -> base.Outcome:
        return base.SUCCEEDED


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def hosts(cast: Cast) -> tuple[HostPlan, ...]:
    environment = create_environment(by=cast.root, name="staging", position=1)
    set_grants(by=cast.root, environment_id=environment.id, project_ids=[cast.project_id])
    made = [
        create_host(by=cast.root, name=f"web-{n}", address=f"127.0.0.{n}", environment_id=environment.id)
        for n in range(1, 5)
    ]
    return tuple(HostPlan(host.id, host.name) for host in made)
