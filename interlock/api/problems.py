"""Refusals and errors as RFC 9457 problem details, in the caller's language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from interlock.lifecycle.refused import Refused, Unfit
from interlock.words import sentence

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
STATUS = {"invalid": 422, "missing": 404, "forbidden": 403, "conflict": 409}
ERRORS_TOLD = 100
_CODES = {403: "not_allowed_here", 404: "not_found"}


class Unreadable(Exception):
    """A body that cannot even be looked at."""

    def __init__(self, code: str, status: int = 400, **facts: object) -> None:
        super().__init__(code)
        self.code, self.status, self.facts = code, status, facts


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
        "errors": list(errors),
    }
    text = json.dumps(body, ensure_ascii=False, default=str).encode(errors="replace")
    return HttpResponse(text, status=status, content_type=CONTENT_TYPE)


def refusal(error: Refused) -> HttpResponse:
    faults = error.faults[:ERRORS_TOLD] if isinstance(error, Unfit) else ()
    return problem(STATUS[error.kind], error.code, error.facts, [told(fault) for fault in faults])


def told(fault: Any) -> dict[str, Any]:
    """A fault of a template, with its line, or of a value."""
    return {
        "loc": [str(part)[:100] for part in fault.path],
        "code": fault.code,
        "msg": sentence(fault.code, fault.facts),
        "line": getattr(fault, "line", None),
        "column": getattr(fault, "column", None),
        "facts": dict(fault.facts),
    }


def not_signed_in() -> HttpResponse:
    answer = problem(401, "not_signed_in")
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def too_large(limit: int) -> HttpResponse:
    return problem(413, "request_too_large", {"limit": limit})


def database_away(error: Exception) -> HttpResponse:
    log.warning("database_away", error=str(error))
    answer = problem(503, "database_away")
    answer["Retry-After"] = "2"
    return answer


def register(api: NinjaAPI) -> None:
    """Answer every error of the API's views; what is left over is ours, and a 500."""
    answers: dict[type[Exception], Callable[[Any], HttpResponse]] = {
        Refused: refusal,
        ValidationError: _unfit,
        AuthenticationError: lambda error: not_signed_in(),
        HttpError: _http,
        Http404: lambda error: problem(404, "not_found"),
        RequestDataTooBig: lambda error: too_large(settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        MultiPartParserError: lambda error: problem(400, "request_unreadable"),
        SuspiciousOperation: lambda error: problem(400, "request_unreadable"),
        OperationalError: database_away,
        InterfaceError: database_away,
    }
    for kind, answer in answers.items():
        api.add_exception_handler(kind, _without_request(answer))


def _without_request(answer: Callable[[Any], HttpResponse]) -> Callable[[HttpRequest, Any], HttpResponse]:
    return lambda request, error: answer(error)


def _unfit(error: ValidationError) -> HttpResponse:
    errors = [
        {
            "loc": [str(part)[:100] for part in fault.get("loc", ())],
            "code": str(fault.get("type", "")),
            "msg": str(fault.get("msg", ""))[:500],
        }
        for fault in error.errors[:ERRORS_TOLD]
    ]
    return problem(422, "request_invalid", {}, errors)


def _http(error: HttpError) -> HttpResponse:
    cause = error.__cause__
    if isinstance(cause, Unreadable):
        return problem(cause.status, cause.code, cause.facts)
    return problem(error.status_code, _CODES.get(error.status_code, "request_unreadable"))
