"""All addresses."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path

from interlock.api import problems
from interlock.api.app import api
from interlock.api.metrics import metrics
from interlock.web import door

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("metrics", metrics),
    path("", include("interlock.web.urls")),
]


def _answer(status: int, code: str) -> Callable[..., HttpResponse]:
    """Told as a page, or as problem details to whoever called the API."""

    def answered(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if request.path.startswith("/api/"):
            return problems.problem(status, code)
        return door.trouble(request, status, code)

    return answered


handler400, handler403 = _answer(400, "request_unreadable"), _answer(403, "not_allowed_here")
handler404, handler500 = _answer(404, "not_found"), _answer(500, "server_error")
