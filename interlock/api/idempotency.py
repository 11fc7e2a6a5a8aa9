"""The same answer for the same request: ``Idempotency-Key`` on the POSTs that start something."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja.responses import NinjaJSONEncoder, Status

from interlock.accounts.services import Former, begin_request, finish_request, forget_request
from interlock.api.auth import caller
from interlock.journal.transactions import writing

View = TypeVar("View", bound=Callable[..., Any])
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replay"


def idempotent(view: View) -> View:
    """Keep the answer of a request that did something, and give it again when the request is repeated.

    The answer is kept in the transaction of the work itself, so the view may do no I/O of its own.
    """

    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return view(request, *args, **kwargs)
        said = f"{request.method} {request.get_full_path()}\n".encode() + request.body
        begun = begin_request(actor=caller(request), key=key, digest=hashlib.sha256(said).hexdigest())
        if isinstance(begun, Former):
            return _replay(begun)
        try:
            with writing():
                result = view(request, *args, **kwargs)
                finish_request(begun, **_plain(result))
        except BaseException:
            # Nothing was done, so the key may be used again for the mended request.
            forget_request(begun)
            raise
        return result

    # The framework reads the parameters' types, which are names of the view's own module.
    answered.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
    answered.takes_key = True  # type: ignore[attr-defined]
    return answered  # type: ignore[return-value]


def _plain(result: Any) -> dict[str, Any]:
    status, value = (result.status_code, result.value) if isinstance(result, Status) else (200, result)
    return {"status_code": status, "body": json.loads(json.dumps(value, cls=NinjaJSONEncoder))}


def _replay(former: Former) -> HttpResponse:
    text = json.dumps(former.body, cls=NinjaJSONEncoder)
    answer = HttpResponse(text, status=former.status_code, content_type="application/json; charset=utf-8")
    answer[REPLAYED] = "true"
    return answer
