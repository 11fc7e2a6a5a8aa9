"""Tags of the pages. They are built in: no template has to load them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import lucide
from django import template
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince

from interlock.web import labels

register = template.Library()


@register.simple_tag
def icon(name: str, size: int = 16, extra: str = "") -> SafeString:
    """An icon, for the eye only: the word beside it says the same."""
    return _drawn(name + "", size, extra + "")


@functools.lru_cache(maxsize=512)
def _drawn(name: str, size: int, extra: str) -> SafeString:
    look = {"class": f"icon {extra}".strip(), "aria-hidden": "true", "focusable": "false"}
    drawn: str = lucide._render_icon(name, size, **look)
    return mark_safe(drawn)


@register.simple_tag
def status(code: str, of: str = "", text: str = "") -> SafeString:
    """A status as shape, colour and word. ``of`` is "instance" for those, where running means at rest."""
    looks = labels.INSTANCE_LOOKS if of == "instance" else labels.LOOKS
    tone, shape = looks.get(code, ("calm", "circle-dashed"))
    turning = "turning" if shape == "loader-circle" else ""
    return format_html(
        '<span class="status {}" data-status="{}">{}<span>{}</span></span>',
        tone,
        code,
        _drawn(shape, 14, turning),
        text or labels.word("status", code),
    )


@register.simple_tag
def dot(code: str, of: str = "") -> SafeString:
    """A status as a shape alone, with its word for those who cannot see it and on pointing at it."""
    looks = labels.INSTANCE_LOOKS if of == "instance" else labels.LOOKS
    tone, shape = looks.get(code, ("calm", "circle-dashed"))
    return format_html(
        '<span class="dot {tone}" role="img" aria-label="{word}" title="{word}">{shape}</span>',
        tone=tone,
        word=labels.word("status", code),
        shape=_drawn(shape, 14, "turning" if shape == "loader-circle" else ""),
    )


@register.simple_tag
def shares(parts: Sequence[tuple[str, int]], label: str = "") -> SafeString:
    """A bar of (tone, number), drawn as a picture: the policy of the pages allows no widths in a style."""
    total = sum(size for _, size in parts) or 1
    drawn, at = [], 0
    for tone, size in parts:
        if size:
            drawn.append(format_html('<rect class="{}" x="{}" width="{}" height="1"/>', tone, at, size))
        at += size
    look = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="shares" viewBox="0 0 {} 1" preserveAspectRatio="none" {}>{}</svg>',
        total,
        look,
        format_html_join("", "{}", ((part,) for part in drawn)),
    )


@register.filter
def at(table: Mapping[str, Any], key: str) -> Any:
    """``{{ table|at:key }}``: what a table has for a key; nothing where it has none."""
    return table.get(key, "")


@register.simple_tag
def subject(kind: str, subject_id: int, text: str) -> SafeString | str:
    """What something is called, with a link to its page where it has one."""
    try:
        address = reverse(kind, args=[subject_id])
    except NoReverseMatch:
        return text
    return format_html('<a href="{}">{}</a>', address, text)


@register.filter
def word(code: str, table: str) -> labels.Label:
    """``{{ role|word:"role" }}``: the word for a code of one of the tables of labels."""
    return labels.word(table, code)


@register.simple_tag
def ago(moment: datetime | None, empty: str = "–") -> SafeString | str:
    """How long ago, kept true in the browser; the moment itself on pointing at it."""
    if moment is None:
        return empty
    now = timezone.now()
    text = timesince(moment, now, depth=1) if moment <= now else timesince(now, moment, depth=1)
    exact = moment.isoformat(timespec="seconds")
    return format_html('<time-ago><time datetime="{}">{}</time></time-ago>', exact, text)


@register.simple_tag
def moment(moment: datetime | None, empty: str = "–") -> SafeString | str:
    """Date and time, put into the reader's time zone in the browser; UTC without script."""
    if moment is None:
        return empty
    shown = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html(
        '<local-time><time datetime="{}">{}</time></local-time>', moment.isoformat(timespec="seconds"), shown
    )


@register.simple_tag
def took(start: datetime | None, end: datetime | None) -> SafeString | str:
    """How long something took, or has taken until now."""
    if start is None:
        return "–"
    seconds = max(0, int(((end or timezone.now()) - start).total_seconds()))
    text = duration(seconds)
    if end is not None:
        return text
    exact = start.isoformat(timespec="seconds")
    return format_html('<time-since start="{}">{}</time-since>', exact, text)


@register.filter
def duration(seconds: float) -> str:
    """Seconds as 4 s, 1 m 05 s, 2 h 03 m, 3 d 04 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} m"
    return f"{whole // 86400} d {whole % 86400 // 3600:02} h"


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """This page's query string with changes; None takes a word out."""
    given = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None or value == "":
            given.pop(name, None)
        else:
            given[name] = value
    text = given.urlencode()
    return f"?{text}" if text else "?"


@register.simple_tag(takes_context=True)
def once(context: template.Context) -> SafeString:
    """Tells a form sent twice from two wishes; see door.once."""
    return format_html('<input type="hidden" name="once" value="{}">', context["once_key"]())
