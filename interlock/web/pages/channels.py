"""Channels: where messages go, which events, and what became of each message."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from interlock.accounts.queries import projects
from interlock.accounts.rights import require
from interlock.lifecycle.refused import Refused
from interlock.notify import queries, services
from interlock.web.channel_words import ADDRESSES, KINDS
from interlock.web.door import PageRequest, once, signed_in
from interlock.web.forms import refuse, sent
from interlock.web.pages.channel_forms import (
    FIELDS,
    ChannelForm,
    NewChannelForm,
    SubscriptionForm,
    configured,
)
from interlock.web.paging import part_of
from interlock.web.reading import number
from interlock.words import sentence


@signed_in
@require_GET
def listed(request: PageRequest) -> HttpResponse:
    by, asked = request.caller, request.GET
    kind = asked.get("kind", "")
    rows = queries.channels(
        by=by,
        project_id=number(asked.get("project")),
        kind=kind if kind in KINDS else "",
        search=asked.get("search", "").strip()[:100].replace("\0", ""),
    )
    part = part_of(rows, request, order="id")
    facts = {
        "channels": part.rows,
        "following": part.following,
        "projects": projects(by=by).order_by("name")[:500],
        "kinds": KINDS.items(),
        "makes": bool(configured(by)) or by.is_admin,
        "filtered": any(asked.get(name) for name in ("project", "kind", "search")),
    }
    return render(request, "web/_channels.html" if request.htmx else "web/channels.html", facts)


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    by = request.caller
    first = {"project": number(request.GET.get("project"))}
    form = NewChannelForm(request.POST or None, by=by, initial=first)
    if not form.fields["project"].choices:  # type: ignore[attr-defined]
        require(by, "platform")

    def act() -> str:
        return reverse("channel", args=[services.create_channel(by=by, **form.asked()).pk])

    return _form_page(request, form, act, {"addresses": ADDRESSES.items()})


def _form_page(request: PageRequest, form: ChannelForm, act: Any, facts: dict[str, Any]) -> HttpResponse:
    posted = request.method == "POST"
    if posted and (done := sent(request, form, act, FIELDS)):
        return done
    again = posted and bool(request.POST.get("secret_address"))
    return render(
        request,
        "web/channel_form.html",
        {"form": form, "again": again, **facts},
        status=422 if posted else 200,
    )


def _to_change(request: PageRequest, channel_id: int) -> Any:
    by = request.caller
    row = queries.channel(by=by, channel_id=channel_id)
    if not queries.may_change(by=by, row=row):
        right = "configure" if row.project_id is not None and row.kind != "apprise" else "platform"
        require(by, right, row.project_id)
    return row


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: PageRequest, channel_id: int) -> HttpResponse:
    row = _to_change(request, channel_id)
    first = {"name": row.name, "language": row.language, "sender": row.sender}
    first["recipients"] = " ".join(row.recipients)
    form = ChannelForm(request.POST or None, kind=row.kind, initial=first)

    def act() -> str:
        services.change_channel(by=request.caller, channel_id=channel_id, **form.changes())
        return reverse("channel", args=[channel_id])

    addresses = [(row.kind, ADDRESSES[row.kind])]
    return _form_page(request, form, act, {"channel": row, "addresses": addresses})


@signed_in
@require_GET
def one(request: PageRequest, channel_id: int) -> HttpResponse:
    return _page(request, channel_id)


def _page(
    request: PageRequest, channel_id: int, form: SubscriptionForm | None = None, said: Any = None
) -> HttpResponse:
    by = request.caller
    row = queries.channel(by=by, channel_id=channel_id)
    part = part_of(queries.messages(by=by, channel_id=channel_id), request, order="-id", size=20)
    facts: dict[str, Any] = {
        "channel": row,
        "messages": [{"row": one, "why": _why(one.error)} for one in part.rows],
        "following": part.following,
    }
    if request.htmx:
        return render(request, "web/_messages.html", facts)
    if form is None:
        form = SubscriptionForm(by=by, project_id=row.project_id)
    facts |= {
        "subscriptions": queries.subscriptions(by=by, channel_id=channel_id)[:200],
        "form": form if form.subjects else None,
        "subjects": form.subjects,
        "may_change": queries.may_change(by=by, row=row),
        "why": _why(row.error),
        "said": said,
    }
    return render(request, "web/channel.html", facts, status=422 if form.errors else 200)


def _why(code: str) -> str:
    return sentence(code, {}) if code else ""


@signed_in
@require_POST
def test(request: PageRequest, channel_id: int) -> HttpResponse:
    """Sent at once, outside of any transaction: the far side has ten seconds to say something."""
    said = services.test_channel(by=request.caller, channel_id=channel_id)
    told = {"sent": said.sent, "why": _why(said.code), "text": said.text, "seconds": said.seconds}
    if request.htmx:
        return render(request, "web/_channel_said.html", {"said": told})
    return _page(request, channel_id, said=told)


@signed_in
@require_POST
def change(request: PageRequest, channel_id: int) -> HttpResponse:
    """Switch on, switch off, delete."""
    by = request.caller

    def act() -> str:
        match request.POST.get("act"):
            case "enable":
                services.change_channel(by=by, channel_id=channel_id, enabled=True)
            case "disable":
                services.change_channel(by=by, channel_id=channel_id, enabled=False)
            case "delete":
                services.delete_channel(by=by, channel_id=channel_id)
                return reverse("channels")
            case _:
                pass
        return reverse("channel", args=[channel_id])

    return once(request, act)


@signed_in
@require_POST
def subscribe(request: PageRequest, channel_id: int) -> HttpResponse:
    by = request.caller
    row = queries.channel(by=by, channel_id=channel_id)
    form = SubscriptionForm(request.POST, by=by, project_id=row.project_id)
    if form.is_valid():
        try:
            return once(request, lambda: _subscribe(request, channel_id, form))
        except Refused as error:
            refuse(form, error)
    return _page(request, channel_id, form=form)


def _subscribe(request: PageRequest, channel_id: int, form: SubscriptionForm) -> str:
    services.subscribe(by=request.caller, channel_id=channel_id, **form.asked())
    return reverse("channel", args=[channel_id])


@signed_in
@require_POST
def unsubscribe(request: PageRequest, subscription_id: int) -> HttpResponse:
    by = request.caller
    row = queries.subscription(by=by, subscription_id=subscription_id)

    def act() -> str:
        services.delete_subscription(by=by, subscription_id=subscription_id)
        return reverse("channel", args=[row.channel_id])

    return once(request, act)
