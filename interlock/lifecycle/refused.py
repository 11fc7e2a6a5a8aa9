"""The one exception of a refused request."""

from collections.abc import Sequence
from typing import Any


class Refused(Exception):
    """A request that the rules do not allow; nothing was changed.

    ``code`` is a word of the table in :mod:`interlock.words`; ``facts`` fill the sentence there and
    travel to the caller as data. ``kind`` tells a door how to answer: ``invalid`` (422), ``conflict``
    (409), ``missing`` (404) or ``forbidden`` (403).
    """

    def __init__(self, code: str, *, kind: str = "conflict", **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.kind = kind
        self.facts = facts

    def __repr__(self) -> str:
        return f"Refused({self.code!r})"


def invalid(code: str, **facts: object) -> Refused:
    return Refused(code, kind="invalid", **facts)


def missing(code: str, **facts: object) -> Refused:
    return Refused(code, kind="missing", **facts)


def forbidden(code: str, **facts: object) -> Refused:
    return Refused(code, kind="forbidden", **facts)


class Unfit(Refused):
    """Refused for several faults at once, each with its place, code and facts."""

    def __init__(self, code: str, faults: Sequence[Any], **facts: object) -> None:
        super().__init__(code, kind="invalid", count=len(faults), **facts)
        self.faults = tuple(faults)
