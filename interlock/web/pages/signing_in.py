"""Signing in and out, and how the pages look and speak for this browser."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.utils.translation import check_for_language
from django.views.decorators.http import require_http_methods, require_POST

from interlock.accounts.services import authenticate_password
from interlock.accounts.sessions import begin_session, caller_of_session
from interlock.lifecycle.refused import Refused
from interlock.web import door
from interlock.web.around import THEME, THEMES
from interlock.words import refusal

YEAR = 365 * 24 * 3600


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Who comes from a page goes back to it; a form that was on its way can be sent after all."""
    wanted = door.safe_next(request, request.POST.get("next") or request.GET.get("next") or "/")
    if request.method == "GET":
        if caller_of_session(request.session):
            return door.go_to(request, wanted)
        return render(request, "web/sign_in.html", {"next": wanted})
    kept = request.POST.get("kept", "")
    try:
        by = authenticate_password(request.POST.get("username", ""), request.POST.get("password", ""))
    except Refused as error:
        given = {"next": wanted, "kept": kept, "username": request.POST.get("username", "")}
        return render(request, "web/sign_in.html", given | {"told": refusal(error)}, status=403)
    begin_session(request.session, by)
    rotate_token(request)
    form = door.kept_form(kept) if kept else None
    if form is None:
        return door.go_to(request, wanted)
    # Nothing is sent in somebody's name without their hand: they see it, and press the button.
    return render(request, "web/send_again.html", {"form": form, "next": wanted, "caller": by})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return door.go_to(request, "/sign-in")


@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Language and theme; kept by the browser."""
    answer = door.go_to(request, door.safe_next(request, request.POST.get("next", "/")))
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES) and check_for_language(language):
        answer.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR, samesite="Lax")
    theme = request.POST.get("theme")
    if theme in THEMES:
        answer.set_cookie(THEME, theme, max_age=YEAR, samesite="Lax")
    elif theme == "":
        answer.delete_cookie(THEME)
    return answer
