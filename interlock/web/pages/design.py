"""The sheet that shows every component in every state: what a page may be made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from interlock.web import labels
from interlock.web.door import PageRequest, signed_in

COLOURS = (
    "canvas", "surface", "sunken", "raised", "hover", "line", "line-strong", "ink", "ink-2", "ink-3",
    "accent", "accent-soft", "good", "good-soft", "bad", "bad-soft", "wait", "wait-soft", "live", "live-soft",
    "calm", "calm-soft",
)  # fmt: skip


class Sample(forms.Form):
    name = forms.CharField(label=_("Name"), help_text=_("Letters, digits and . _ -"))
    action = forms.ChoiceField(label=_("Action"), choices=list(labels.ACTIONS.items()))
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    sure = forms.BooleanField(label=_("Left out are hosts that are locked"), required=False)


@signed_in
def sheet(request: PageRequest) -> HttpResponse:
    wrong = Sample({"name": "", "action": "upgrade", "note": "as it was typed"})
    wrong.is_valid()
    return render(
        request,
        "web/design.html",
        {
            "colours": COLOURS,
            "statuses": sorted(labels.LOOKS),
            "form": Sample(initial={"name": "hello"}),
            "wrong": wrong,
            "earlier": datetime.now(UTC) - timedelta(minutes=7),
        },
    )
