"""For Prometheus: this process, open runs by status, work that waits for a worker."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from ninja.errors import HttpError
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.api import problems
from interlock.api.auth import AUTH
from interlock.api.live import LIVE
from interlock.lifecycle.refused import Refused
from interlock.runs import queries


class _Platform:
    """Counted when asked: the database is the truth, not this process."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        runs = GaugeMetricFamily("interlock_runs", "Runs that have not ended, by status.", labels=["status"])
        for status, count in sorted(queries.counts().items()):
            runs.add_metric([status], count)
        yield runs
        ready = GaugeMetricFamily("interlock_ready", "What waits for a worker, by kind.", labels=["kind"])
        for kind, count in queries.waiting_work().items():
            ready.add_metric([kind], count)
        yield ready
        yield GaugeMetricFamily("interlock_streams", "Live streams of this process.", value=LIVE.watching)


def metrics(request: HttpRequest) -> HttpResponse:
    """Needs the right ``platform``, of a token or a session."""
    try:
        by = _caller(request)
        if by is None:
            return problems.not_signed_in()
        require(by, "platform")
        registry = CollectorRegistry()
        registry.register(_Platform())
        text = generate_latest(REGISTRY) + generate_latest(registry)
    except Refused as refused:
        return problems.refusal(refused)
    except (OperationalError, InterfaceError) as error:
        return problems.database_away(error)
    except HttpError:
        return problems.problem(403, "not_allowed_here")
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _caller(request: HttpRequest) -> Caller | None:
    for way in AUTH:
        by: Caller | None = way(request)
        if by is not None:
            return by
    return None
