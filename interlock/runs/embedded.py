"""One process for everything: the server carries out its own runs."""

from __future__ import annotations

import fcntl
import os
from typing import IO

from django.conf import settings

from interlock.runs import wake
from interlock.runs.reconciler import Reconciler
from interlock.runs.worker.process import Worker, spare_the_collector

_worker: Worker | None = None
_reconciler: Reconciler | None = None
_lock_file: IO[str] | None = None


class AlreadyServed(RuntimeError):
    """Another process works on this data folder."""


def started() -> None:
    """Called when the server has started. With a broker the workers are processes of their own; the
    server then only reconciles, so that approvals and timers go on even with no worker there."""
    global _worker, _reconciler
    if settings.BROKER_URL:
        _reconciler = Reconciler()
        _reconciler.start()
        return
    _take_folder()
    spare_the_collector()
    _worker = Worker()
    _worker.start()
    wake.serve_here(_worker.offer_quietly, _worker.stop_run)
    _reconciler = Reconciler(owns_database=True)
    _reconciler.start()


def stopped() -> None:
    """Called when the server is about to end: hand work back, leave bodies on hosts running."""
    global _worker, _reconciler, _lock_file
    if _reconciler is not None:
        _reconciler.stop()
    if _worker is not None:
        wake.serve_here(None, None)
        _worker.stop()
    if _lock_file is not None:
        _lock_file.close()
    _worker = _reconciler = _lock_file = None


def _take_folder() -> None:
    """Two embedded servers on one SQLite file would each take the other's leases for dead."""
    global _lock_file
    path = settings.DATA_DIR / "server.lock"
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip()
        handle.close()
        raise AlreadyServed(
            f"{settings.DATA_DIR} is in use by process {holder or '?'}; end it, or set INTERLOCK_DATA"
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    _lock_file = handle
