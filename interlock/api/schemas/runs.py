"""Runs as they are told."""

from pydantic import Field

from interlock.api.schemas.pieces import Answered, Filter, Json, PageQuery, PathId, Queried, When


class RunQuery(PageQuery):
    project_id: PathId | None = None
    status: Filter | None = None
    origin: Filter | None = None
    origin_id: PathId | None = None


class Requester(Answered):
    kind: str = ""
    id: str = ""
    name: str = ""


class RunLine(Answered):
    """``version`` rises with every change of the run."""

    id: int
    project_id: int
    title: str
    origin: str
    origin_id: int | None
    status: str
    outcome: str
    hold: str
    version: int
    plan_hash: str
    round: int
    stage: int
    requested_by: Requester
    created_at: When
    started_at: When | None
    ended_at: When | None


class Why(Answered):
    """Why the run is where it is: a code, its facts, and the sentence."""

    code: str
    facts: Json
    text: str


class Step(Answered):
    """``body`` names the log of a step on the platform's side; ``tally`` counts a rollout's hosts."""

    key: str
    kind: str
    name: str
    status: str
    phase: str
    batch: int
    try_: int = Field(serialization_alias="try")
    body: str | None
    inner: list[str]
    hosts: int
    tally: dict[str, int]
    error: str
    result: Json
    wake_at: When | None
    started_at: When | None
    ended_at: When | None


class Vote(Answered):
    name: str
    decision: str
    note: str
    at: When


class Approval(Answered):
    run_id: int
    key: str
    round: int
    status: str
    quorum: int
    people: list[str]
    not_requester: bool
    plan_hash: str
    votes: list[Vote]
    deadline_at: When | None
    opened_at: When
    closed_at: When | None


class RunName(Answered):
    id: int
    title: str


class OpenApproval(Approval):
    run: RunName


class Verb(Answered):
    """``reason`` is a code, and ``text`` its sentence, when it is not allowed now."""

    verb: str
    key: str
    allowed: bool
    reason: str
    text: str


class MadeFrom(Answered):
    """The task and the version of the template that it was then; names as they were.

    ``schedule``, ``tick``: where nobody asked for it but a schedule did, and for when.
    """

    task_id: int
    task: str
    template_id: int
    template: str
    number: int
    values: Json
    hosts: Json | None
    schedule_id: int | None = None
    schedule: str | None = None
    tick: When | None = None


class Run(RunLine):
    """``made_from``: of a task's run. ``rerun_of``: the run that this one repeats."""

    made_from: MadeFrom | None
    rerun_of: int | None
    why: Why
    steps: list[Step]
    approvals: list[Approval]
    verbs: list[Verb]


class LaneQuery(PageQuery):
    key: Filter | None = None
    batch: int | None = Field(default=None, ge=0, le=100_000)
    status: Filter | None = None


class Target(Answered):
    """A step on one host. ``history``: its earlier tries."""

    step: str
    status: str
    try_: int = Field(serialization_alias="try")
    body: str
    exit_code: int | None
    error: str
    history: list[Json]
    started_at: When
    ended_at: When | None


class Lane(Answered):
    """One host on its way through a rollout. ``touched``: something was changed there."""

    host_id: int
    host: str
    key: str
    batch: int
    status: str
    position: int
    seq: int
    touched: bool
    error: str
    targets: list[Target]
    started_at: When | None
    ended_at: When | None


class LogQuery(Queried):
    offset: int = Field(default=0, ge=0, le=2**53 - 1)
    limit: int = Field(default=65_536, ge=1, le=1024 * 1024)


class EventQuery(Queried):
    log: Filter | None = Field(default=None, description="Follow the log of this body, too.")
    offset: int = Field(default=0, ge=0, le=2**53 - 1, description="Where in it to begin.")
