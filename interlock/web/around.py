"""What stands around each page: where one can go, what waits, how it should look."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may
from interlock.runs.waiting import waiting_for

THEME = "theme"  # the cookie; nothing = as the system has it
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Place:
    """An entry of the navigation; ``right`` is what one needs, anywhere, to find something there."""

    name: str  # of the address
    word: Promise | str
    icon: str
    right: str = ""
    key: str = ""  # typed after g


PLACES = (
    Place("home", _("Overview"), "layout-grid", key="o"),
    Place("services", _("Services"), "boxes", key="s"),
    Place("runs", _("Runs"), "activity", key="r"),
    Place("approvals", _("Approvals"), "inbox", key="a"),
    Place("tasks", _("Tasks"), "list-checks", key="t"),
    Place("schedules", _("Schedules"), "calendar-clock", key="d"),
    Place("templates", _("Templates"), "workflow", key="m"),
    Place("hosts", _("Hosts"), "server", key="h"),
    Place("secrets", _("Secrets"), "key-round", right="configure", key="c"),
    Place("channels", _("Channels"), "megaphone", key="n"),
    Place("people", _("People"), "users", key="p"),
    Place("journal", _("Journal"), "scroll-text", key="j"),
)


def around(request: HttpRequest) -> dict[str, Any]:
    """Context of every page; what asks the database does so only where it is shown."""
    caller: Caller | None = getattr(request, "caller", None)
    theme = request.COOKIES.get(THEME, "")
    return {
        "caller": caller,
        "theme": theme if theme in THEMES else "",
        "nav_places": functools.cache(lambda: _places(request, caller)),
        "waiting_count": functools.cache(lambda: waiting_for(by=caller) if caller else 0),
        "once_key": lambda: uuid4().hex,
    }


def _places(request: HttpRequest, caller: Caller | None) -> list[dict[str, Any]]:
    if caller is None:
        return []
    found = []
    for place in PLACES:
        if place.right and not any(may(caller, place.right, project) for project in (None, *caller.roles)):
            continue
        try:
            address = reverse(place.name)
        except NoReverseMatch:
            continue
        here = request.path == address if address == "/" else request.path.startswith(address)
        found.append({"place": place, "address": address, "here": here})
    return found
