"""What can go wrong, each with its exit code and the problem document that ``--json`` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DONE = 0
ENDED_BADLY = 1  # the run failed, was rejected or canceled
WRONG_USAGE = 2
REFUSED = 3
NOT_ALLOWED = 4
NOT_FOUND = 5
UNREACHABLE = 6
WAITING_FOR_PEOPLE = 7
INTERRUPTED = 130

EXIT_CODES = {
    DONE: "done",
    ENDED_BADLY: "the run failed, was rejected or canceled; a host did not pass its check",
    WRONG_USAGE: "the command is not written like this",
    REFUSED: "the platform refused it; the sentence says why",
    NOT_ALLOWED: "not signed in, or the right is missing",
    NOT_FOUND: "there is no such thing, or you may not see it",
    UNREACHABLE: "the server cannot be reached, or is broken",
    WAITING_FOR_PEOPLE: "with --wait: the run waits for a person",
    INTERRUPTED: "interrupted by Ctrl-C (a run goes on), or a question answered with no",
}


class Trouble(Exception):
    """An end of the command that a person can do something about. ``hints``: what to do next."""

    exit_code = WRONG_USAGE
    code = "wrong_usage"

    def __init__(self, detail: str, hints: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hints = list(hints)

    def document(self) -> dict[str, Any]:
        return {
            "type": f"/problems/{self.code}",
            "title": self.code.replace("_", " "),
            "status": 0,
            "code": self.code,
            "detail": self.detail,
            "facts": {},
            "errors": [],
        }


class Usage(Trouble):
    """The command cannot be meant like this."""


class Declined(Trouble):
    exit_code = INTERRUPTED
    code = "declined"


class NotSignedIn(Trouble):
    exit_code = NOT_ALLOWED
    code = "not_signed_in"


class Unknown(Trouble):
    """A name that the server does not know, found out on this side."""

    exit_code = NOT_FOUND
    code = "not_found"


class Unreachable(Trouble):
    exit_code = UNREACHABLE
    code = "server_unreachable"


class Problem(Trouble):
    """What the server refused, in its own words."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(str(document.get("detail") or document.get("title") or "The server refused this."))
        self._document = dict(document)
        self.code = str(document.get("code", ""))
        self.status = int(document.get("status", 0))
        self.facts: Mapping[str, Any] = document.get("facts") or {}
        self.errors: Sequence[Mapping[str, Any]] = document.get("errors") or []
        self.exit_code = _exit_code(self.status)

    def document(self) -> dict[str, Any]:
        return self._document


def _exit_code(status: int) -> int:
    if status >= 500:
        return UNREACHABLE
    return {401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND}.get(status, REFUSED)
