"""Celery entry points: a message only says that a row may be ready."""

from __future__ import annotations

from typing import Literal

from interlock.runs.broker import app
from interlock.runs.wake import Ref
from interlock.runs.worker import cluster


@app.task(name="interlock.carry_out", ignore_result=True)
def carry_out(what: Literal["step", "slice"], row_id: int) -> None:
    """Claim what this process has room for and return: the loop carries it out."""
    cluster.worker().offer(Ref(what, row_id)).result(timeout=60)
