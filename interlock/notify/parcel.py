"""One message, ready to go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Unsent(Exception):
    """The far side did not take it. ``said`` is in its words, and may hold what must not be shown."""

    def __init__(self, code: str, said: str = "") -> None:
        super().__init__(code)
        self.code, self.said = code, said


class Written(Protocol):
    """What was written for a channel, fresh or kept in its row."""

    @property
    def title(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def link(self) -> str: ...

    @property
    def level(self) -> str: ...


@dataclass(frozen=True)
class Parcel:
    """``uid`` is the same in every try. ``facts`` is what programs are told of it."""

    uid: str
    title: str
    text: str
    link: str
    level: str
    language: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """One line; with our name, which robots may be set to ask for."""
        return " ".join(f"[Interlock] {self.title}".split())

    @property
    def plain(self) -> str:
        return "\n".join(part for part in (self.subject, self.text, self.link) if part)

    def cut(self, most: int) -> str:
        """As plain text of so many bytes; the title and the link stay."""
        over = len(self.plain.encode()) - most
        if over <= 0:
            return self.plain
        kept = self.text.encode()[: -(over + len("…".encode()))].decode(errors="ignore") + "…"
        return "\n".join(part for part in (self.subject, kept, self.link) if part)
