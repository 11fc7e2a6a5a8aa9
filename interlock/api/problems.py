"""Refusals and errors as RFC 9457 problem details, in the caller's language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from interlock.lifecycle.refused import Refused
from interlock.words import sentence

log = structlog.get_logger(__name__)

STATUS = {"invalid": 422, "missing": 404, "forbidden": 403, "conflict": 409}
_CODES = {400: "request_unreadable", 401: "not_signed_in", 403: "not_allowed_here", 404: "not_found",
          405: "method_not_allowed", 413: "request_too_large"}  # fmt: skip


def problem(
    status: int, code: str, facts: Mapping[str, Any] | None = None, errors: Sequence[Mapping[str, Any]] = ()
) -> HttpResponse:
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": sentence(code, facts or {}),
        "facts": dict(facts or {}),
    }
    if errors:
        body["errors"] = list(errors)
    text = json.dumps(body, ensure_ascii=False, default=str)
    return HttpResponse(text, status=status, content_type="application/problem+json")


def register(api: NinjaAPI) -> None:
    @api.exception_handler(Refused)
    def refused(request: HttpRequest, error: Refused) -> HttpResponse:
        return problem(STATUS[error.kind], error.code, error.facts)

    @api.exception_handler(ValidationError)
    def unfit(request: HttpRequest, error: ValidationError) -> HttpResponse:
        errors = [
            {"loc": [str(part)[:100] for part in e.get("loc", ())], "msg": str(e.get("msg", ""))[:500]}
            for e in error.errors[:50]
        ]
        return problem(422, "request_invalid", {}, errors)

    @api.exception_handler(AuthenticationError)
    def stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        answer = problem(401, "not_signed_in")
        answer["WWW-Authenticate"] = "Bearer"
        return answer

    @api.exception_handler(Http404)
    def lost(request: HttpRequest, error: Http404) -> HttpResponse:
        return problem(404, "not_found")

    @api.exception_handler(HttpError)
    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        return problem(error.status_code, _CODES.get(error.status_code, "request_unreadable"))

    @api.exception_handler(RequestDataTooBig)
    @api.exception_handler(TooManyFieldsSent)
    def too_big(request: HttpRequest, error: Exception) -> HttpResponse:
        return problem(413, "request_too_large")

    @api.exception_handler(OperationalError)
    @api.exception_handler(InterfaceError)
    def away(request: HttpRequest, error: Exception) -> HttpResponse:
        log.warning("database_away", error=str(error))
        answer = problem(503, "database_away")
        answer["Retry-After"] = "2"
        return answer
