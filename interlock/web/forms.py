"""Forms of the pages: Django reads and keeps what was typed, the services decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting
from django.http import HttpResponse

from interlock.lifecycle.refused import Refused
from interlock.web.door import PageRequest, once
from interlock.words import sentence


class PageRenderer(TemplatesSetting):
    form_template_name = "web/form/form.html"
    field_template_name = "web/form/field.html"


def offer(form: forms.Form, name: str, choices: Iterable[tuple[Any, Any]]) -> None:
    """What a field of the form can be chosen from, read when the form is shown."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = list(choices)


def readable(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts of a sentence, moments as people write them."""
    since = facts.get("since")
    return (
        {**facts, "since": f"{since[:16].replace('T', ' ')} UTC"} if isinstance(since, str) else dict(facts)
    )


def refuse(form: forms.Form, error: Refused, fields: Mapping[str, str] | None = None) -> None:
    """Put what a service refused at the field that it is about, or above the form.

    ``fields``: code of the refusal -> name of the field.
    """
    field = (fields or {}).get(error.code)
    form.add_error(field if field in form.fields else None, sentence(error.code, readable(error.facts)))


def sent(
    request: PageRequest, form: forms.Form, act: Callable[[], str], fields: Mapping[str, str] | None = None
) -> HttpResponse | None:
    """Do what the form asks for and go where ``act`` says; None when it has faults, which it now shows."""
    if not form.is_valid():
        return None
    try:
        return once(request, act)
    except Refused as error:
        refuse(form, error, fields)
        return None
