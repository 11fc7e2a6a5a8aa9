"""The worker of a Celery process."""

from __future__ import annotations

from interlock.runs.reconciler import Reconciler
from interlock.runs.worker.process import Worker, spare_the_collector

_worker: Worker | None = None
_reconciler: Reconciler | None = None


def worker() -> Worker:
    if _worker is None:
        raise RuntimeError(
            "this process was not started as a worker: celery -A interlock worker --pool threads"
        )
    return _worker


def begin() -> None:
    global _worker, _reconciler
    spare_the_collector()
    _worker = Worker()
    _worker.start()
    _reconciler = Reconciler()
    _reconciler.start()


def end() -> None:
    global _worker, _reconciler
    if _reconciler is not None:
        _reconciler.stop()
    if _worker is not None:
        _worker.stop()
    _worker = _reconciler = None
