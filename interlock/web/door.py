"""The way in and out of every page: who asks, what was refused, and what was sent twice."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlencode

from django.core import signing
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from interlock.accounts.caller import Caller
from interlock.accounts.services import Former, begin_request, finish_request, forget_request
from interlock.accounts.sessions import caller_of_session
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused
from interlock.words import sentence

STATUS = {"invalid": 422, "missing": 404, "forbidden": 403, "conflict": 409}
ONCE = "once"  # the field of a form that tells a second click from a second wish
KEPT_SECONDS = 3600
KEPT_MOST = 64 * 1024  # characters of a form that outlives its session


class PageRequest(HttpRequest):
    """A request of somebody who has signed in."""

    caller: Caller
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


def signed_in(view: View) -> View:
    """Let in who has signed in, and tell in place what the services refuse."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        page = cast(PageRequest, request)
        try:
            found = caller_of_session(page.session)
            if found is None:
                return _sign_in_first(page)
            page.caller = found
            return view(page, *args, **kwargs)
        except Refused as error:
            return refused(page, error)
        except (OperationalError, InterfaceError):
            return trouble(page, 503, "database_away")

    return guarded


def _sign_in_first(request: PageRequest) -> HttpResponse:
    """To the sign-in, and back again; a form that was on its way is kept for then."""
    if request.htmx:
        # A fragment cannot show it: the whole page goes, and comes back to where it was.
        back = request.htmx.current_url_abs_path or "/"
        answer = HttpResponse(status=401)
        answer["HX-Redirect"] = f"{reverse('sign-in')}?{urlencode({'next': back})}"
        return answer
    query = {"next": request.get_full_path()}
    if request.method == "POST":
        query["next"] = _path_of(request.headers.get("Referer", "")) or "/"
        return render(
            request,
            "web/sign_in.html",
            {"next": query["next"], "kept": keep_form(request), "ended": True},
            status=401,
        )
    return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode(query)}")


def _path_of(address: str) -> str:
    return "/" + address.split("/", 3)[3] if address.count("/") >= 3 else ""


def keep_form(request: HttpRequest) -> str:
    """What a form said when its session had ended, signed: nobody else can hand us such a form."""
    fields = [
        [name, value]
        for name, values in request.POST.lists()
        for value in values
        if name != "csrfmiddlewaretoken" and not any(word in name for word in ("password", "secret", "value"))
    ]
    text = signing.dumps({"to": request.path, "fields": fields}, salt="kept-form", compress=True)
    return text if len(text) <= KEPT_MOST else ""


def kept_form(text: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = signing.loads(text, salt="kept-form", max_age=KEPT_SECONDS)
        return found
    except signing.BadSignature:
        return None


def safe_next(request: HttpRequest, given: str) -> str:
    """Where to go on, if it is on this site."""
    here = url_has_allowed_host_and_scheme(
        given, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return given if here and given.startswith("/") else "/"


def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return trouble(request, STATUS[error.kind], error.code, error.facts)


def trouble(
    request: HttpRequest, status: int, code: str, facts: Mapping[str, object] | None = None
) -> HttpResponse:
    """What went wrong, in words: beside what is on the page, or as a page of its own."""
    told = {"code": code, "sentence": sentence(code, facts or {}), "facts": facts or {}, "status": status}
    if getattr(request, "htmx", False):
        answer = render(request, "web/_told.html", told | {"kind": "bad"}, status=status)
        answer["HX-Retarget"], answer["HX-Reswap"] = "#told", "beforeend"
        return answer
    return render(request, "web/trouble.html", told, status=status)


def once(request: PageRequest, act: Callable[[], str]) -> HttpResponse:
    """Do what a form asks for, and go to the address that this gives; the same form again only goes there.

    The form holds ``{% once %}``. A double click, or Back and send again, is not a second wish.
    """
    key = request.POST.get(ONCE, "")
    if not key:
        return go_to(request, act())
    said = f"{request.path}\n{key}".encode()
    begun = begin_request(actor=request.caller, key=f"page-{key}", digest=hashlib.sha256(said).hexdigest())
    if isinstance(begun, Former):
        return go_to(request, str(begun.body))
    try:
        with writing():
            address = act()
            finish_request(begun, status_code=303, body=address)
    except BaseException:
        forget_request(begun)
        raise
    return go_to(request, address)


def go_to(request: HttpRequest, address: str) -> HttpResponse:
    """The page that follows; a fragment's request makes the whole page go."""
    if getattr(request, "htmx", False):
        answer = HttpResponse()
        answer["HX-Redirect"] = address
        return answer
    answer = HttpResponseRedirect(address)
    answer.status_code = 303
    return answer
