import time
from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig

from interlock.lifecycle.run.states import StepStatus
from interlock.runs.kinds import base


class Stamp:
    """Does nothing but say when (the machine's clock, in nanoseconds): what is left is the engine's cost."""

    name = "stamp"

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        return None

    async def carry_out(self, work: base.Work) -> base.Outcome:
        return base.Outcome(StepStatus.SUCCEEDED, result={"at": time.time_ns()})


class BenchConfig(AppConfig):
    name = "bench"

    def ready(self) -> None:
        base.register(Stamp())
        base.INSTANT.add(Stamp.name)
