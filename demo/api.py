"""A person at the API: plain HTTP, nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
Json = dict[str, Any]

ANSWER_SECONDS = 20
POLL_SECONDS = 0.1


class Unexpected(Exception):
    """The platform or a host did not do what the story expects."""


class Api:
    """The REST API as one person sees it."""

    def __init__(self, address: str, token: str = "") -> None:
        self.address = address
        self.token = token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # A long-lived connection would end with the server that the story kills: one retry opens a new one.
        transport = httpx.HTTPTransport(retries=1)
        self.client = httpx.Client(
            base_url=f"{address}/api/v1", headers=headers, timeout=ANSWER_SECONDS, transport=transport
        )

    def get(self, path: str, **query: object) -> Any:
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._read(self.client.get(path, params=given))

    def post(self, path: str, body: Json | None = None) -> Any:
        return self._read(self.client.post(path, json=body or {}))

    def patch(self, path: str, body: Json) -> Any:
        return self._read(self.client.patch(path, json=body))

    def put(self, path: str, body: Json) -> Any:
        return self._read(self.client.put(path, json=body))

    def items(self, path: str, **query: object) -> Iterator[Json]:
        """A whole list, page by page."""
        cursor = None
        while True:
            page = self.get(path, **query, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def text(self, path: str) -> str:
        answer = self.client.get(path)
        return answer.text if answer.is_success else ""

    def refusal(self, path: str, body: Json) -> Json:
        """Post what has to be refused; the problem that comes back."""
        answer = self.client.post(path, json=body)
        if answer.is_success:
            raise Unexpected(f"POST {path} {body} was not refused: {answer.text[:500]}")
        if answer.status_code not in (403, 404, 409, 422):
            raise Unexpected(f"POST {path}: {answer.status_code} {answer.text[:1000]}")
        problem: Json = answer.json()
        return problem

    def close(self) -> None:
        self.client.close()

    def _read(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            asked = f"{answer.request.method} {answer.request.url.path} {answer.request.content[:500]!r}"
            raise Unexpected(f"{asked}: {answer.status_code} {answer.text[:1500]}")
        return answer.json() if answer.content else None


def until(what: str, look: Callable[[], T | None], seconds: float = 30, every: float = POLL_SECONDS) -> T:
    """What ``look`` finds, as soon as it does. A platform that is just starting may not answer yet."""
    deadline = time.monotonic() + seconds
    problem = ""
    while True:
        try:
            found = look()
            if found is not None and found is not False:
                return found
            problem = ""
        except httpx.TransportError as error:
            problem = f" ({error})"
        if time.monotonic() > deadline:
            raise Unexpected(f"{what}: not within {seconds:g} s{problem}")
        time.sleep(every)


def expect(held: object, what: str) -> None:
    if not held:
        raise Unexpected(what)


def same(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Unexpected(f"{what}: {found!r}, where {wanted!r} was expected")
