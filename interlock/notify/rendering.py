"""What is said of each event, in the language of the channel: short, and where to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from interlock.notify.events import EVENTS

TITLE_MOST, LINE_MOST, TEXT_MOST = 300, 500, 6000
Why = tuple[str, Mapping[str, Any]]
_sentence: Callable[[str, Mapping[str, Any]], str] = lambda code, facts: code  # noqa: E731


def say_with(sentence: Callable[[str, Mapping[str, Any]], str]) -> None:
    """The doors have the sentences of codes; they are a storey higher."""
    global _sentence
    _sentence = sentence


@dataclass(frozen=True)
class Story:
    """What an event is about; of each event only some of it. Nothing of a secret is ever here."""

    title: str = ""  # of the run, the version, the schedule
    page: str = ""  # path of the page to look at
    project: str = ""
    asked_by: str = ""
    by: str = ""  # whose deed it was
    reason: str = ""
    decision: str = ""  # of an approval: approved, rejected, expired
    quorum: int = 0
    people: Sequence[str] = ()
    deadline: datetime | None = None
    on_deadline: str = ""
    why: Why | None = None
    broken: Sequence[tuple[str, str]] = ()  # (name, error) of steps
    seconds: float | None = None
    text: str = ""  # of a step's message
    level: str = ""


@dataclass(frozen=True)
class Rendered:
    title: str
    text: str
    link: str
    level: str


TITLES: Mapping[str, Promise | str] = {
    "run_started": _("%(title)s: started"),
    "run_succeeded": _("%(title)s: succeeded"),
    "run_failed": _("%(title)s: failed"),
    "run_canceled": _("%(title)s: stopped"),
    "run_held": _("%(title)s: needs a person"),
    "approval_opened": _("%(title)s: waits for approval"),
    "approval_due": _("%(title)s: the time to approve runs out"),
    "schedule_skipped": _("%(title)s: a time passed without a run"),
    "schedule_stopped": _("%(title)s: the schedule was stopped"),
    "build_succeeded": _("%(title)s: built"),
    "build_failed": _("%(title)s: the build failed"),
    "test": _("A test message for “%(title)s”"),
    "step": "%(title)s",
}
DECIDED: Mapping[str, Promise] = {
    "approved": _("%(title)s: approved"),
    "rejected": _("%(title)s: rejected"),
    "expired": _("%(title)s: nobody decided in time"),
}


def render(event: str, story: Story, language: str) -> Rendered:
    with translation.override(language):
        title = str(DECIDED[story.decision] if event == "approval_decided" else TITLES[event])
        lines = [line for line in _lines(event, story) if line]
        return Rendered(
            title=" ".join((title % {"title": story.title}).split())[:TITLE_MOST],
            text="\n".join(lines)[:TEXT_MOST],
            link=f"{settings.PUBLIC_URL.rstrip('/')}{story.page}" if story.page else "",
            level=story.level or EVENTS.get(event, "info"),
        )


def _lines(event: str, story: Story) -> list[str]:
    if event == "test":
        return [_line(gettext("Sent by %(by)s to see whether it arrives."), by=story.asked_by)]
    if event == "step":
        return [story.text]
    about = [_line(gettext("Project: %(project)s"), project=story.project)]
    about.append(_line(gettext("Asked for by %(by)s"), by=story.asked_by))
    return [*_news(event, story), *about]


def _news(event: str, story: Story) -> list[str]:
    """What the title has not said."""
    if event in ("approval_opened", "approval_due"):
        return _asked(story)
    lines = [_line(gettext("“%(name)s”: %(error)s"), name=name, error=error) for name, error in story.broken]
    if story.why is not None:
        lines.append(_sentence(*story.why))
    lines.append(_line(gettext("By %(by)s"), by=story.by))
    if story.decision == "expired":
        lines.append(
            gettext("So it is approved.") if story.on_deadline == "approve" else gettext("So it ends.")
        )
    lines.append(_line(gettext("Reason: %(reason)s"), reason=story.reason))
    if story.seconds is not None:
        lines.append(_line(gettext("It took %(time)s"), time=_span(story.seconds)))
    return lines


def _asked(story: Story) -> list[str]:
    who = ", ".join(story.people)
    lines = [_line(gettext("Votes needed: %(quorum)s"), quorum=story.quorum)]
    lines.append(_line(gettext("To be asked: %(people)s"), people=who))
    if story.deadline is not None:
        until = story.deadline.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        text = gettext("Until %(until)s; then it counts as approved.")
        if story.on_deadline != "approve":
            text = gettext("Until %(until)s; then it counts as rejected.")
        lines.append(_line(text, until=until))
    lines.append(_line(gettext("Reason: %(reason)s"), reason=story.reason))
    return lines


def _line(text: str, **facts: object) -> str:
    """Empty when there is nothing to say; one line, whatever somebody has typed."""
    if not all(str(fact) for fact in facts.values()):
        return ""
    return " ".join((text % facts).split())[:LINE_MOST]


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
