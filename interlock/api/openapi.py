"""What the API says of itself: besides the framework's schema, everything that any request may meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from interlock.api import problems
from interlock.api.idempotency import HEADER, REPLAYED
from interlock.api.schemas.problems import Problem

REF = "#/components/schemas/{model}"
KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    "description": f"The same key with the same body gets the same answer again, marked `{REPLAYED}: true`.",
}
SAID = {
    400: "The request cannot be read",
    401: "Nobody is signed in",
    403: "Not allowed",
    404: "Not there, or nothing that the caller may see",
    409: "Not possible as things stand",
    413: "Too large",
    415: "Not JSON",
    422: "Does not fit, or against the rules",
    503: "The database does not answer just now",
}


class Api(NinjaAPI):
    """The framework's API with problem details everywhere."""

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        patterns = super()._get_urls()
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = _with_problems(pattern.callback)
        return patterns

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        keyed = {
            self.get_openapi_operation_id(operation)
            for _, router in self._routers
            for view in router.path_operations.values()
            for operation in view.operations
            if hasattr(operation.view_func, "takes_key")
        }
        described = Problem.model_json_schema(ref_template=REF, mode="serialization")
        schema["components"]["schemas"] |= described.pop("$defs", {}) | {"Problem": described}
        for path, operations in schema["paths"].items():
            for method, details in operations.items():
                _complete(path, method, details, details["operationId"] in keyed)
        return schema


def _complete(path: str, method: str, details: dict[str, Any], takes_key: bool) -> None:
    """Add to an operation what the gate, the authentication and the services may answer."""
    media = details.pop("answers", None)
    if media:
        details["responses"][200]["content"] = {media: {"schema": {"type": "string"}}}
    if takes_key:
        details["parameters"].append(KEY)
    wanted = {422, 403, 503}
    if "security" in details:
        wanted |= {401}
    if "{" in path or method != "get":
        wanted |= {404}
    if method != "get":
        wanted |= {400, 409, 413}
    if "requestBody" in details:
        wanted |= {415}
    for status in sorted(wanted):
        details["responses"][status] = {
            "description": SAID[status],
            "content": {problems.CONTENT_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
        }


def _with_problems(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = view(request, *args, **kwargs)
        if isinstance(answer, HttpResponseNotAllowed):
            told: HttpResponse = problems.problem(405, "method_not_allowed", {"allowed": answer["Allow"]})
            told["Allow"] = answer["Allow"]
            return told
        return answer

    answered.csrf_exempt = True  # type: ignore[attr-defined]  # sessions are checked by api/auth.py
    return answered
