"""The REST API, version 1."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from interlock.accounts.rights import require
from interlock.api import events, problems
from interlock.api.auth import SessionCaller, TokenAuth, caller
from interlock.api.v1 import catalog, fleet, people, releases, runs
from interlock.runs import queries

VERSION = "0.1.0"

api = NinjaAPI(
    title="Interlock",
    version="1",
    auth=[TokenAuth(), SessionCaller()],
    docs=Swagger(),
    docs_url="/docs",
    urls_namespace="api-v1",
)
problems.register(api)
for module in (people, fleet, catalog, releases, runs, events):
    api.add_router("", module.router)


@api.get("/health", auth=None, response=dict[str, Any], tags=["platform"])
def health(request: HttpRequest) -> dict[str, Any]:
    return {"status": "ok", "version": VERSION}


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus: this process, and open runs by status. A token with the right ``platform``."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

    header = request.headers.get("Authorization", "")
    by = TokenAuth().authenticate(request, header.removeprefix("Bearer ")) if header else None
    if by is None:
        return problems.problem(401, "not_signed_in")
    require(by, "platform")
    lines = ["# HELP interlock_runs Open runs by status.", "# TYPE interlock_runs gauge"]
    lines += [f'interlock_runs{{status="{status}"}} {n}' for status, n in sorted(queries.counts().items())]
    text = generate_latest(REGISTRY) + ("\n".join(lines) + "\n").encode()
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


__all__ = ["api", "caller", "metrics"]
