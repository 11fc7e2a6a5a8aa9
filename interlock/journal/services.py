"""Writing the record, and carrying out what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from django.db.models import F

from interlock.journal import statements
from interlock.journal.actor import Actor
from interlock.journal.models import Entry, Outgoing
from interlock.journal.transactions import writing

log = structlog.get_logger(__name__)

# While a consumer is at work its row is due later, so that nobody else takes it; a consumer that dies
# leaves it to be taken again after this.
TAKEN_FOR = timedelta(seconds=60)
LONGEST_PAUSE = 300  # seconds


@dataclass(frozen=True)
class NewEntry:
    """An act (past tense, "run.started") or a change of status."""

    actor: Actor
    subject: str
    subject_id: int
    act: str
    project_id: int | None = None
    from_status: str = ""
    to_status: str = ""
    reason: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True)
class EntryView:
    id: int
    at: datetime
    actor: Actor
    project_id: int | None
    subject: str
    subject_id: int
    act: str
    from_status: str
    to_status: str
    reason: str
    facts: Mapping[str, object]


Consumer = Callable[[EntryView], None]
_consumers: dict[str, tuple[frozenset[str], Consumer]] = {}


def register_consumer(name: str, acts: Collection[str], call: Consumer) -> None:
    """``call`` is made at least once after the commit of each entry of these acts; it must be repeatable."""
    _consumers[name] = (frozenset(acts), call)


def append(*entries: NewEntry) -> None:
    """Add entries, in the caller's transaction, with what consumers have to do about them."""
    if not entries:
        return
    now = datetime.now(UTC)
    awaited = [(entry, names) for entry in entries if (names := _awaited_by(entry.act))]
    others = [entry for entry in entries if not _awaited_by(entry.act)]
    statements.insert(Entry, _COLUMNS, [_row(entry, now) for entry in others])
    outgoing = []
    for entry, names in awaited:
        row_id = statements.insert_one(Entry, _COLUMNS, _row(entry, now))
        outgoing += [Outgoing(entry_id=row_id, consumer=name, due_at=entry.at or now) for name in names]
    if outgoing:
        Outgoing.objects.bulk_create(outgoing)


def _awaited_by(act: str) -> list[str]:
    return [name for name, (acts, _) in _consumers.items() if act in acts]


_COLUMNS = (
    "at", "actor_kind", "actor_id", "actor_name", "project_id", "subject", "subject_id", "act",
    "from_status", "to_status", "reason", "facts",
)  # fmt: skip


def _row(entry: NewEntry, now: datetime) -> tuple[object, ...]:
    return (
        entry.at or now,
        entry.actor.kind,
        entry.actor.id,
        entry.actor.name,
        entry.project_id,
        entry.subject,
        entry.subject_id,
        entry.act,
        entry.from_status,
        entry.to_status,
        entry.reason,
        dict(entry.facts),
    )


def view(row: Entry) -> EntryView:
    return EntryView(
        id=row.id,
        at=row.at,
        actor=Actor(row.actor_kind, row.actor_id, row.actor_name),
        project_id=row.project_id,
        subject=row.subject,
        subject_id=row.subject_id,
        act=row.act,
        from_status=row.from_status,
        to_status=row.to_status,
        reason=row.reason,
        facts=row.facts,
    )


def deliver_due(limit: int = 100) -> int:
    """Carry out what is due; returns how many were. A failing consumer is called again, ever later."""
    now = datetime.now(UTC)
    due = Outgoing.objects.filter(due_at__lte=now, consumer__in=list(_consumers)).order_by("due_at", "id")
    return sum(_deliver(row_id, due_at) for row_id, due_at in list(due.values_list("id", "due_at")[:limit]))


def _deliver(row_id: int, due_at: datetime) -> int:
    # From now, not from the start of the round: those before it may have taken long.
    until = datetime.now(UTC) + TAKEN_FOR
    if not _postpone(row_id, due_at, until, tries=F("tries") + 1):
        return 0
    row = Outgoing.objects.select_related("entry").filter(id=row_id, due_at=until).first()
    if row is None:  # we were so slow that somebody else took it
        return 0
    try:
        _consumers[row.consumer][1](view(row.entry))
    except Exception as error:
        log.exception("consumer_failed", consumer=row.consumer, entry=row.entry_id)
        pause = timedelta(seconds=min(2**row.tries, LONGEST_PAUSE))
        _postpone(row_id, until, datetime.now(UTC) + pause, error=repr(error)[:2000])
        return 0
    with writing():
        Outgoing.objects.filter(id=row_id).delete()
    return 1


def _postpone(row_id: int, due_at: datetime, until: datetime, **columns: object) -> bool:
    """Unless it is no longer due at that time, for then it is somebody else's."""
    with writing():
        return bool(Outgoing.objects.filter(id=row_id, due_at=due_at).update(due_at=until, **columns))
