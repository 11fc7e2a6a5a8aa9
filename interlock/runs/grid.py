"""The hosts of a rollout at a glance, one host in full, and whose log tells most."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet

from interlock.lifecycle.run.plan import Key, Rollout, StepPlan
from interlock.lifecycle.run.states import LANE_BROKEN, STEP_BROKEN, LaneStatus
from interlock.runs.engine.snapshot import plan_of
from interlock.runs.models import Lane, Run, Step, Target
from interlock.runs.queries import body_of, step_body

CELLS = 2000  # of one rollout on a page; the table pages through the others
BODY = re.compile(r"([ts])([0-9]{1,15})-([0-9]{1,6})")
# What a page calls a host: its lane's status, told apart further. In the order of the filter's chips.
STATES = (
    "failed", "unknown", "half_done", "put_back", "putting_back", "running", "waiting", "pending",
    "succeeded", "excluded", "untouched",
)  # fmt: skip


def state_of(status: str, position: int, failed_at: int, touched: bool, length: int) -> str:
    """``length``: of the rollout's whole sequence, at whose end a host has been put back."""
    match status:
        case LaneStatus.FAILED if failed_at >= 0 and position >= length:
            return "put_back"
        case LaneStatus.RUNNING if failed_at >= 0:
            return "putting_back"
        case LaneStatus.SKIPPED:
            return "excluded"
        case LaneStatus.CANCELED:
            return "half_done" if touched else "untouched"
    return status


def in_state(rows: QuerySet[Lane], state: str, length: int) -> QuerySet[Lane]:
    """The lanes that ``state_of`` calls so."""
    put_back = Q(status=LaneStatus.FAILED, failed_at__gte=0, position__gte=length)
    special = {
        "put_back": put_back,
        "failed": Q(status=LaneStatus.FAILED) & ~put_back,
        "putting_back": Q(status=LaneStatus.RUNNING, failed_at__gte=0),
        "running": Q(status=LaneStatus.RUNNING, failed_at__lt=0),
        "excluded": Q(status=LaneStatus.SKIPPED),
        "half_done": Q(status=LaneStatus.CANCELED, touched=True),
        "untouched": Q(status=LaneStatus.CANCELED, touched=False),
    }
    return rows.filter(special.get(state, Q(status=state)))


@dataclass(frozen=True)
class Cell:
    host_id: int
    host: str
    batch: int
    state: str


@dataclass
class Batch:
    number: int  # from 1
    hosts: int = 0
    tally: dict[str, int] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)


@dataclass
class Inner:
    """An inner step of a rollout, and how many hosts are through it, at it, or broke in it."""

    name: str
    part: str  # steps | gate | put_back
    through: int = 0
    here: int = 0
    broken: int = 0


@dataclass(frozen=True)
class Grid:
    step: Step
    batches: tuple[Batch, ...]
    tally: Mapping[str, int]
    inner: tuple[Inner, ...]
    hosts: int
    ends: Mapping[str, int]  # how hosts were left: done, put_back, half_done, untouched
    cut: bool  # there are more hosts than cells


def grid_of(run: Run, step: Step, state: str = "", *, most: int = CELLS) -> Grid:
    """Two queries; only hosts in ``state``, and ``most`` of them, have cells, but all of them are counted."""
    rollout = plan_of(run).branch(Key.parse(step.key))
    assert isinstance(rollout, Rollout)
    length = len(rollout.sequence)
    rows = Lane.objects.filter(run_id=run.id, step_id=step.id)
    batches: dict[int, Batch] = {}
    inner = _inner(rollout)
    ends: Counter[str] = Counter()
    counted = rows.values_list("batch", "status", "position", "failed_at", "touched").annotate(n=Count("id"))
    for batch, status, position, failed_at, touched, n in counted.order_by("batch"):
        found = batches.setdefault(batch, Batch(batch + 1))
        told = state_of(status, position, failed_at, touched, length)
        found.hosts += n
        found.tally[told] = found.tally.get(told, 0) + n
        ends[_left(told, touched)] += n
        _count_inner(inner, len(rollout.steps + rollout.gate), status, position, failed_at, n)
    values = ("host_id", "host_name", "batch", "status", "position", "failed_at", "touched")
    wanted = in_state(rows, state, length) if state in STATES else rows
    cells = list(wanted.order_by("batch", "id").values_list(*values)[: most + 1])
    for host_id, host, batch, status, position, failed_at, touched in cells[:most]:
        told = state_of(status, position, failed_at, touched, length)
        batches[batch].cells.append(Cell(host_id, host, batch, told))
    tally = sum((Counter(batch.tally) for batch in batches.values()), Counter[str]())
    shown = {name: tally[name] for name in STATES if tally[name]}
    rows_made = tuple(batches.values())
    return Grid(step, rows_made, shown, tuple(inner), sum(tally.values()), dict(ends), len(cells) > most)


def _left(state: str, touched: bool) -> str:
    if state in ("succeeded", "put_back"):
        return {"succeeded": "done"}.get(state, state)
    return "half_done" if touched else "untouched"


def _inner(rollout: Rollout) -> list[Inner]:
    parts = (("steps", rollout.steps), ("gate", rollout.gate), ("put_back", rollout.put_back))
    return [Inner(step.name, part) for part, steps in parts for step in steps]


def _count_inner(
    inner: list[Inner], forward: int, status: str, position: int, failed_at: int, n: int
) -> None:
    """``forward``: how many steps lead on; those behind them put back."""
    for number, step in enumerate(inner):
        if failed_at >= 0 and number <= forward - 1:
            step.through += n if number < failed_at else 0
            step.broken += n if number == failed_at else 0
        elif number >= forward and failed_at < 0:
            continue
        elif status == LaneStatus.SUCCEEDED or number < position:
            step.through += n
        elif number == position and status == LaneStatus.RUNNING:
            step.here += n
        elif number == position and status in LANE_BROKEN:
            step.broken += n


@dataclass(frozen=True)
class Tried:
    """An inner step on one host, as it was tried so far."""

    name: str
    part: str
    status: str  # pending when it was not begun
    row: Target | None = None
    body: str = ""
    earlier: tuple[tuple[Mapping[str, Any], str], ...] = ()  # an entry of the history, and its log's name


@dataclass(frozen=True)
class HostLook:
    lane: Lane
    key: str
    state: str
    steps: tuple[Tried, ...]
    facts: Mapping[str, Any]  # what the plan says of the host
    body: str  # the log that tells most


def host_look(run: Run, host_id: int, key: str) -> HostLook | None:
    """A host of a rollout with its steps, or None when it is not in it."""
    rows = Lane.objects.filter(run_id=run.id, host_id=host_id, step__key=key)
    lane = rows.select_related("step").first()
    if lane is None:
        return None
    rollout = plan_of(run).branch(Key.parse(key))
    assert isinstance(rollout, Rollout)
    targets = {row.step.position: row for row in lane.targets.select_related("step")}
    steps = tuple(
        _tried(inner, targets.get(number))
        for number, inner in enumerate(_inner(rollout))
        if inner.part != "put_back" or number in targets
    )
    facts = next((host.facts for host in rollout.hosts if host.id == host_id), {})
    state = state_of(lane.status, lane.position, lane.failed_at, lane.touched, len(rollout.sequence))
    return HostLook(lane, key, state, steps, facts, _telling(lane, targets))


def _tried(inner: Inner, row: Target | None) -> Tried:
    if row is None:
        return Tried(inner.name, inner.part, "pending")
    earlier = tuple((entry, body_of(row, entry.get("try"))) for entry in row.history)
    return Tried(inner.name, inner.part, row.status, row, body_of(row), earlier)


def _telling(lane: Lane, targets: Mapping[int, Target]) -> str:
    """Of the step that broke; else of the newest one."""
    if lane.failed_at in targets:
        return body_of(targets[lane.failed_at])
    newest = max(targets.values(), key=lambda row: row.try_number, default=None)
    return body_of(newest) if newest else ""


@dataclass(frozen=True)
class Focus:
    """Whose log to show. ``host_id`` 0: a step on the platform's side."""

    body: str
    title: str
    try_number: int
    host_id: int = 0
    key: str = ""
    failing: bool = False


def focus_on(run: Run, body: str) -> Focus | None:
    """What a log's name stands for, if it is one of this run."""
    found = BODY.fullmatch(body)
    if found is None:
        return None
    kind, id, number = found[1], int(found[2]), int(found[3])
    if kind == "s":
        step = Step.objects.filter(run_id=run.id, id=id).first()
        if step is None:
            return None
        return Focus(body, step.name, number, key=step.key, failing=step.status in STEP_BROKEN)
    target = Target.objects.filter(lane__run_id=run.id, id=id).select_related("step", "lane__step").first()
    if target is None:
        return None
    lane = target.lane
    title = f"{lane.host_name} · {target.step.name}"
    return Focus(body, title, number, lane.host_id, lane.step.key, target.status in STEP_BROKEN)


def focus_by_itself(run: Run) -> Focus | None:
    """What failed, else what is at work first in the row, else what ended last."""
    lanes = Lane.objects.filter(run_id=run.id, seq__gt=0)
    lane = lanes.filter(status__in=LANE_BROKEN).order_by("step__stage", "batch", "id").first()
    if lane is None:
        step = _step_with_log(run)
        if step is not None and (step.status in STEP_BROKEN or not lanes.exists()):
            return focus_on(run, step_body(step))
        lane = lanes.order_by("-step__stage", "-batch", "id").first()
    if lane is None:
        return None
    targets = {row.step.position: row for row in lane.targets.select_related("step")}
    body = _telling(lane, targets)
    return focus_on(run, body) if body else None


def _step_with_log(run: Run) -> Step | None:
    """The one that broke, else the last that began."""
    plan = plan_of(run)
    rows = list(Step.objects.filter(run_id=run.id, position=-1, try_number__gt=0).order_by("stage", "id"))
    solo = [row for row in rows if has_log(plan.branch(Key.parse(row.key)))]
    broken = [row for row in solo if row.status in STEP_BROKEN]
    return next(iter(broken or solo[-1:]), None)


def has_log(branch: StepPlan | Rollout) -> bool:
    return isinstance(branch, StepPlan) and branch.mode == "work"


@dataclass(frozen=True)
class HostLine:
    """A host as the table shows it."""

    lane: Lane
    state: str
    step: str  # where it is, or where it broke


def host_lines(run: Run, step: Step, state: str, after: int, most: int) -> tuple[list[HostLine], int]:
    """A page of the table, and what the next one comes after (0: there is none)."""
    rollout = plan_of(run).branch(Key.parse(step.key))
    assert isinstance(rollout, Rollout)
    names = [inner.name for inner in rollout.sequence]
    rows = Lane.objects.filter(run_id=run.id, step_id=step.id, id__gt=after)
    if state in STATES:
        rows = in_state(rows, state, len(names))
    found = list(rows.order_by("id")[: most + 1])
    lines = []
    for lane in found[:most]:
        at = lane.failed_at if lane.failed_at >= 0 else lane.position
        told = state_of(lane.status, lane.position, lane.failed_at, lane.touched, len(names))
        begun = lane.seq > 0 and lane.status != LaneStatus.SUCCEEDED and at < len(names)
        lines.append(HostLine(lane, told, names[at] if begun else ""))
    return lines, lines[-1].lane.id if len(found) > most else 0


@dataclass(frozen=True)
class Failure:
    host_id: int
    host: str
    key: str
    status: str
    error: str
    step: str
    exit_code: int | None
    body: str


def failures(run: Run, key: str, most: int = 12) -> list[Failure]:
    """The broken hosts of a rollout's batch that is held, with where they broke."""
    rows = Lane.objects.filter(run_id=run.id, step__key=key, status__in=LANE_BROKEN).order_by("batch", "id")
    found = []
    for lane in rows.prefetch_related("targets__step")[:most]:
        targets = {row.step.position: row for row in lane.targets.all()}
        body = _telling(lane, targets)
        row = next((row for row in targets.values() if body_of(row) == body), None)
        found.append(
            Failure(
                lane.host_id, lane.host_name, key, lane.status, lane.error,
                row.step.name if row else "", row.exit_code if row else None, body,
            )
        )  # fmt: skip
    return found


def touched_hosts(run: Run, key: str) -> list[int]:
    """Hosts on which a step that changes something was begun: what a revert is for."""
    rows = Lane.objects.filter(run_id=run.id, step__key=key, touched=True)
    return list(rows.order_by("id").values_list("host_id", flat=True)[:1000])
