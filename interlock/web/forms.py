"""Forms of the pages: Django reads and keeps what was typed, the services decide."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.forms.renderers import TemplatesSetting

from interlock.lifecycle.refused import Refused
from interlock.words import sentence


class PageRenderer(TemplatesSetting):
    form_template_name = "web/form/form.html"
    field_template_name = "web/form/field.html"


def refuse(form: forms.Form, error: Refused, fields: Mapping[str, str] | None = None) -> None:
    """Put what a service refused at the field that it is about, or above the form.

    ``fields``: code of the refusal -> name of the field.
    """
    field = (fields or {}).get(error.code)
    form.add_error(field if field in form.fields else None, sentence(error.code, error.facts))
