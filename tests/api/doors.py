"""A caller at the API: Django's test client with a token."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from interlock.accounts.caller import Caller
from interlock.accounts.services import create_token


class Door:
    """Requests of one person."""

    def __init__(self, by: Caller | None) -> None:
        # What a view raises must come back as an answer, as it would to a stranger.
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if by is not None:
            self.headers["Authorization"] = f"Bearer {create_token(by=by, name='test')[1]}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        answer = self.raw(method, path, body, **headers)
        return answer.status_code, json.loads(answer.content) if answer.content else None

    def raw(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes | str) else json.dumps(body) if body is not None else ""
        found: HttpResponse = self.client.generic(  # type: ignore[assignment]
            method,
            f"/api/v1{path}",
            data,
            content_type="application/json",
            headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )
        return found
