"""All addresses."""

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path

from interlock.api import problems
from interlock.api.app import api
from interlock.api.metrics import metrics


def home(request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect("/api/v1/docs")


urlpatterns: list[URLPattern | URLResolver] = [
    path("", home),
    path("api/v1/", api.urls),
    path("metrics", metrics),
]
handler400, handler403 = problems.unreadable, problems.not_allowed
handler404, handler500 = problems.not_found, problems.broken
