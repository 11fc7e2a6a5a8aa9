"""Oneself: the password, the tokens, and what one may do where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from interlock.accounts import queries, services
from interlock.accounts.rights import PLATFORM_RIGHTS, RIGHTS, ROLES, may
from interlock.accounts.sessions import begin_session
from interlock.lifecycle.refused import Refused
from interlock.web import rights
from interlock.web.door import PageRequest, go_to, signed_in
from interlock.web.forms import offer, refuse, sent

DAYS = [
    ("7", _("7 days")),
    ("30", _("30 days")),
    ("90", _("90 days")),
    ("365", _("one year")),
    ("", _("never")),
]
SHOWN_TOKENS = 200


class PasswordForm(forms.Form):
    old = forms.CharField(
        label=_("Password now"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Once more"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("new") and found.get("again") and found["new"] != found["again"]:
            self.add_error("again", _("This is not the same as above."))
        return found


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=64, help_text=_("What it is for, such as the pipeline that uses it.")
    )
    days = forms.ChoiceField(label=_("Ends after"), choices=DAYS, initial="90", required=False)
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all that you may."),
    )

    def __init__(self, *args: Any, admin: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = RIGHTS if admin else RIGHTS - PLATFORM_RIGHTS
        offer(self, "scopes", [(right, text) for right, text in rights.RIGHTS.items() if right in offered])


@signed_in
@require_http_methods(["GET"])
def page(request: PageRequest) -> HttpResponse:
    return _page(request)


def _page(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    by = request.caller
    now = datetime.now(UTC)
    mine = queries.tokens(by=by).filter(person_id=by.person_id or 0, revoked_at=None).order_by("-id")
    facts = {
        "person": queries.person(by=by, person_id=by.person_id or 0),
        "tokens": [
            {"row": row, "ended": row.expires_at is not None and row.expires_at <= now}
            for row in mine[:SHOWN_TOKENS]
        ],
        "projects": [
            {"row": row, "roles": [role for role in ROLES if role in by.roles.get(row.id, ())]}
            for row in queries.projects(by=by).filter(id__in=list(by.roles)).order_by("name")[:100]
        ],
        "role_words": rights.ROLES,
        "password_form": PasswordForm(),
        "token_form": TokenForm(admin=may(by, "people")),
        "right_words": rights.RIGHTS,
        "password_set": request.GET.get("done") == "password",
        **more,
    }
    return render(request, "web/me.html", facts, status=status)


@signed_in
@require_POST
def change_password(request: PageRequest) -> HttpResponse:
    """By who knows the old one. Other sessions end; this one goes on."""
    form = PasswordForm(request.POST)
    if form.is_valid():
        try:
            services.change_own_password(
                by=request.caller, old=form.cleaned_data["old"], new=form.cleaned_data["new"]
            )
        except Refused as error:
            refuse(form, error, {"login_wrong": "old", "too_many_tries": "old", "password_weak": "new"})
        else:
            begin_session(request.session, request.caller)
            return go_to(request, f"{reverse('me')}?done=password")
    return _page(request, status=422, password_form=form)


@signed_in
@require_POST
def make_token(request: PageRequest) -> HttpResponse:
    """Its text is in this answer and nowhere else."""
    form = TokenForm(request.POST, admin=may(request.caller, "people"))
    made: list[tuple[str, str]] = []

    def act() -> str:
        days = form.cleaned_data["days"]
        row, text = services.create_token(
            by=request.caller,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=datetime.now(UTC) + timedelta(days=int(days)) if days else None,
        )
        made.append((row.name, text))
        return reverse("me")

    done = sent(request, form, act, {"name_unfit": "name", "scope_not_known": "scopes"})
    if done is None:
        return _page(request, status=422, token_form=form)
    if not made:  # the same form once more, by a reload: shown once is shown once
        return done
    answer = _page(request, made=made[0][1], made_name=made[0][0])
    answer["Cache-Control"] = "no-store"
    return answer


@signed_in
@require_POST
def revoke_token(request: PageRequest, token_id: int) -> HttpResponse:
    services.revoke_token(by=request.caller, token_id=token_id)
    if request.POST.get("back", "").isdecimal():
        return go_to(request, reverse("person", args=[int(request.POST["back"])]))
    return go_to(request, reverse("me"))
