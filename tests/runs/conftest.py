"""Runs on rows, with no worker: the tests play the workers themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from interlock.fleet.services import create_environment, create_host, set_grants
from interlock.lifecycle.run.plan import HostPlan
from interlock.runs.engine.apply import Claimer
from interlock.runs.kinds import base
from interlock.runs.models import Task
from interlock.runs.task_edits import create_task
from interlock.runs.templates import create_template
from tests.cast import Cast, make_cast

ONE = Claimer(worker="worker-one", machine="here", lease_seconds=15)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
ASK = """\
parameters:
  - {name: word, required: true}
  - {name: count, type: integer, default: 2}
stages: [{name: ask, kind: approval}]
"""
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
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    # A worker of another test may have measured how far the database's clock is off.
    monkeypatch.setattr("interlock.runs.clock._offset", timedelta(0))
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def task(cast: Cast) -> Task:
    """Asks for an approval, so that its run stays open."""
    template = create_template(by=cast.dee, project_id=cast.project_id, name="Ask", text=ASK)
    facts = {"project_id": cast.project_id, "template_id": template.id, "name": "Ask them"}
    return create_task(by=cast.dee, values={"word": "hi"}, **facts)  # type: ignore[arg-type]


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
