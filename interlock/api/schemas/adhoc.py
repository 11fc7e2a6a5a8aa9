"""Runs without a template: what is asked for."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from interlock.api.schemas.environments import Batches
from interlock.api.schemas.pieces import NO_NUL, Asked, Id, Name, Note, Params, Short, number
from interlock.releases.request import Selector

Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
StepName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
Week = Annotated[int, number(0, 7 * 24 * 3600)]


class AdhocStep(Asked):
    """``timeout``: seconds for one try. ``on_lost``: what to do when nobody can tell whether it ran."""

    name: StepName
    kind: Short
    params: Params = {}
    timeout: Annotated[int, number(1, 7 * 24 * 3600)] = 600
    retries: Annotated[int, number(0, 20)] = 0
    on_lost: Literal["hold", "retry"] = "hold"
    on_failure: Literal["hold", "fail"] = "hold"


Steps = Annotated[list[AdhocStep], Field(max_length=50)]


class AdhocRollout(Asked):
    """``steps`` on each host, ``gate`` after each batch, ``put_back`` where it failed. More than
    ``threshold`` broken hosts hold it; ``confirm`` names batches (from 0) to wait after for a go-on."""

    name: StepName
    hosts: Selector
    steps: Annotated[list[AdhocStep], Field(min_length=1, max_length=50)]
    gate: Steps = []
    put_back: Steps = []
    batches: Batches = []
    threshold: Annotated[int, number(0, 10_000)] = 0
    bake: Week = 0
    confirm: Annotated[list[Annotated[int, number(0, 1000)]], Field(max_length=100)] = []


class AdhocBranch(Asked):
    """One of the two."""

    step: AdhocStep | None = None
    rollout: AdhocRollout | None = None


class AdhocRun(Asked):
    """Stages one after another; the branches of a stage go on at once. ``secrets``: names, handed over as
    environment variables like ``parameters``."""

    project_id: Id
    title: Title
    stages: Annotated[
        list[Annotated[list[AdhocBranch], Field(min_length=1, max_length=20)]],
        Field(min_length=1, max_length=50),
    ]
    parameters: Annotated[dict[Short, Note], Field(max_length=100)] = {}
    secrets: Annotated[list[Name], Field(max_length=50)] = []
