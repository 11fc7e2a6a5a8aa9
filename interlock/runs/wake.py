"""Waking workers. A wake-up may be lost, doubled or late: rows are the truth, the reconciler re-sends."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ref:
    """Something ready to be claimed."""

    what: Literal["step", "slice"]
    id: int


_local: Callable[[Ref], None] | None = None
_local_stop: Callable[[int], None] | None = None


def serve_here(offer: Callable[[Ref], None] | None, stop: Callable[[int], None] | None) -> None:
    """Wake-ups of this process go to its own worker (embedded mode); None ends that."""
    global _local, _local_stop
    _local, _local_stop = offer, stop


def after_commit(refs: Iterable[Ref]) -> None:
    wanted = list(refs)
    if wanted:
        transaction.on_commit(lambda: send(wanted))


def stop_after_commit(run_id: int) -> None:
    """Tell the worker of this process at once; others learn it from their keeper within a second."""
    if _local_stop is not None:
        tell = _local_stop
        transaction.on_commit(lambda: tell(run_id))


def send(refs: Iterable[Ref]) -> None:
    """Never raises and never waits: a broker that is down costs time, not a run, and no click."""
    for ref in refs:
        if _local is not None:
            _local(ref)
        elif settings.BROKER_URL:
            _publisher.take(ref)


class _Publisher:
    """Sends from a thread of its own. What finds no room or no broker, the reconciler sends again."""

    def __init__(self) -> None:
        self._refs: queue.Queue[Ref] = queue.Queue(maxsize=1000)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def take(self, ref: Ref) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():  # a fork leaves threads behind
                self._thread = threading.Thread(target=self._publish, name="interlock-wake", daemon=True)
                self._thread.start()
        with contextlib.suppress(queue.Full):
            self._refs.put_nowait(ref)

    def _publish(self) -> None:
        from interlock.runs.tasks import carry_out

        while True:
            ref = self._refs.get()
            try:
                carry_out.apply_async((ref.what, ref.id), retry=False, ignore_result=True)
            except Exception as error:  # whatever the broker's client may raise
                log.warning("wake_up_failed", what=ref.what, id=ref.id, error=str(error))


_publisher = _Publisher()
