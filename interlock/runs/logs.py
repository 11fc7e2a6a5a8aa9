"""Logs of bodies: stored by the source's byte offset, read while they grow, sealed when the run has ended."""

from __future__ import annotations

import contextlib
import gzip
from dataclasses import dataclass

from django.conf import settings

from interlock.journal.services import EntryView
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import missing
from interlock.runs.models import LogChunk, LogHead
from interlock.runs.routing import log_database
from interlock.store import Exists, Store, open_store

CHUNK = 64 * 1024
_store: Store | None = None


class LogMoved(Exception):
    """Another writer stored further bytes: this one has lost its lease."""


@dataclass(frozen=True)
class LogPart:
    start: int
    data: bytes
    end: int  # bytes stored so far
    ended: bool
    cut: bool


def log_store() -> Store:
    global _store
    if _store is None:
        _store = open_store(settings.STORE_URL)
    return _store


def open_log(run_id: int, body: str) -> LogHead:
    """The head of a body's log; ``end`` is where a follower goes on."""
    return LogHead.objects.get_or_create(body=body, defaults={"run_id": run_id})[0]


def store_chunk(head_id: int, start: int, data: bytes, *, limit: int) -> int:
    """Append bytes that begin at ``start``; returns the new end.

    Bytes past ``limit`` are not kept, but counted: the end is that of the source, the mark says cut.
    """
    room = max(limit - start, 0)
    kept = data[:room]
    end = start + len(data)
    with writing(using=log_database()):
        cut = {"cut": True} if len(kept) < len(data) else {}
        moved = LogHead.objects.filter(id=head_id, end=start).update(end=end, **cut)
        if not moved:
            raise LogMoved
        if kept:
            LogChunk.objects.create(head_id=head_id, start=start, data=kept)
    return end


def end_log(head_id: int) -> None:
    LogHead.objects.filter(id=head_id).update(ended=True)


def read_log(run_id: int, body: str, offset: int, limit: int) -> LogPart:
    """At most ``limit`` bytes from ``offset``; less at a chunk's border costs the reader one more call."""
    head = LogHead.objects.filter(run_id=run_id, body=body).first()
    if head is None:
        raise missing("log_not_known", body=body)
    if head.sealed:
        whole = gzip.decompress(log_store().read(head.sealed))
        return LogPart(offset, whole[offset : offset + limit], head.end, True, head.cut)
    chunks = LogChunk.objects.filter(head_id=head.id, start__gt=offset - CHUNK, start__lt=offset + limit)
    data = bytearray()
    for chunk in chunks.order_by("start"):
        part = bytes(chunk.data)
        begin = offset + len(data) - chunk.start
        if 0 <= begin < len(part):
            data += part[begin:]
        if len(data) >= limit:
            break
    return LogPart(offset, bytes(data[:limit]), head.end, head.ended, head.cut)


def read_tail(run_id: int, body: str, limit: int) -> LogPart:
    """About the last ``limit`` bytes that are kept; of a log that was cut, those before the cut."""
    head = LogHead.objects.filter(run_id=run_id, body=body).first()
    if head is None:
        raise missing("log_not_known", body=body)
    if head.sealed:
        whole = gzip.decompress(log_store().read(head.sealed))
        start = max(len(whole) - limit, 0)
        return LogPart(start, whole[start:], head.end, True, head.cut)
    last = LogChunk.objects.filter(head_id=head.id).order_by("-start").first()
    kept = last.start + len(bytes(last.data)) if last else 0
    return read_log(run_id, body, max(kept - limit, 0), limit)


def seal_logs_of(entry: EntryView) -> None:
    """What follows from a journal entry about a run's end."""
    seal_logs(entry.subject_id)


def seal_logs(run_id: int) -> int:
    """Move the logs of an ended run into the store, one compressed object each. Repeatable."""
    heads = list(LogHead.objects.filter(run_id=run_id, sealed=""))
    for head in heads:
        chunks = LogChunk.objects.filter(head_id=head.id).order_by("start")
        whole = b"".join(bytes(chunk.data) for chunk in chunks.iterator(chunk_size=100))
        name = f"logs/{run_id}/{head.body}.gz"
        with contextlib.suppress(Exists):  # sealed before, and then the process died
            log_store().put_bytes(name, gzip.compress(whole, mtime=0))
        with writing(using=log_database()):
            LogHead.objects.filter(id=head.id).update(sealed=name, ended=True)
            LogChunk.objects.filter(head_id=head.id).delete()
    return len(heads)
