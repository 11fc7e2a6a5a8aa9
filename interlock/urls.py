"""All addresses."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path

from interlock.api.app import api, metrics
from interlock.api.problems import problem


def home(request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect("/api/v1/docs")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(404, "not_found")


def broken(request: HttpRequest) -> HttpResponse:
    return problem(500, "server_error")


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(400, "request_unreadable")


urlpatterns: list[URLPattern | URLResolver] = [
    path("", home),
    path("api/v1/", api.urls),
    path("metrics", metrics),
]
handler400, handler404, handler500 = unreadable, not_found, broken
