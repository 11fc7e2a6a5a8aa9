"""The same answer for the same request: ``Idempotency-Key`` on the POSTs that start something."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from interlock.accounts.services import begin_request, finish_request
from interlock.api.auth import caller

View = Callable[..., Any]


def idempotent(view: View) -> View:
    """Keep a successful answer (201 for things made, else 200) and give it again to a repeated request."""

    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(request, *args, **kwargs)
        by = caller(request)
        spoken = f"{request.method} {request.get_full_path()}\n".encode() + request.body
        former = begin_request(actor=by, key=key, digest=hashlib.sha256(spoken).hexdigest())
        if former is not None:
            answer = HttpResponse(
                json.dumps(former.body), status=former.status_code or 200, content_type="application/json"
            )
            answer["Idempotent-Replay"] = "true"
            return answer
        try:
            result = view(request, *args, **kwargs)
        except BaseException:
            # Refused, so nothing was done: the key may be used again for the mended request.
            finish_request(actor=by, key=key, status_code=None)
            raise
        status, body = result if isinstance(result, tuple) else (200, result)
        plain = json.loads(json.dumps(body, default=_plain))
        finish_request(actor=by, key=key, status_code=status, body=plain)
        return result

    # The framework reads the parameters' types, which are names of the view's own module.
    answered.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
    return answered


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
