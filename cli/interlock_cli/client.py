"""Requests to the platform: pages, repeated requests, and refusals as exceptions."""

from __future__ import annotations

import os
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import httpx

from interlock_cli import __version__
from interlock_cli.errors import NotSignedIn, Problem, Trouble, Unreachable
from interlock_cli.servers import Server

Json = dict[str, Any]
TIMEOUT = 30.0  # seconds; a preview of two thousand hosts takes one or two
# Between tries of a request that may be sent again: its answer got lost, or the server is starting anew.
PAUSES = (0.5, 1.0, 2.0, 4.0)
PAGE = 200  # the most that the API gives at once


def languages(environment: Mapping[str, str] = os.environ) -> str:
    """What the sentences of the server should be in: ``zh_CN.UTF-8`` → ``zh-CN, zh;q=0.9, en;q=0.5``."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        language = environment.get(name, "").split(".")[0].split("@")[0]
        if language in ("C", "POSIX"):
            return "en"
        if language:
            named = language.replace("_", "-")
            return f"{named}, {named.split('-')[0]};q=0.9, en;q=0.5"
    return "en"


def new_key() -> str:
    """One a command: however often its request is sent, the platform carries it out once."""
    return f"cli-{uuid.uuid4()}"


class Client:
    """One server, as one person or token sees it."""

    def __init__(self, server: Server, timeout: float = TIMEOUT, pauses: tuple[float, ...] = PAUSES) -> None:
        self.server = server
        self._pauses = pauses
        headers = {"Accept-Language": languages(), "User-Agent": f"interlock-cli/{__version__}"}
        if server.token:
            headers["Authorization"] = f"Bearer {server.token.reveal()}"
        secure = urlsplit(server.url).scheme == "https"
        self.http = httpx.Client(
            base_url=f"{server.url}/api/v1",
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            verify=_trusted() if secure else False,
            # Through no proxy to this very machine.
            trust_env=secure or urlsplit(server.url).hostname not in ("localhost", "127.0.0.1", "::1"),
        )

    def close(self) -> None:
        self.http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(self.request("GET", path, params=_given(query), pauses=self._pauses[:1]))

    def post(self, path: str, body: Any = None, key: str = "") -> Any:
        """``key``: the request may be sent again, and is, when its answer does not come."""
        headers = {"Idempotency-Key": key} if key else {}
        content = {} if body is None else {"json": body}
        return self._answer(
            self.request("POST", path, headers=headers, pauses=self._pauses if key else (), **content)
        )

    def upload(self, path: str, file: tuple[str, BinaryIO], form: Mapping[str, str]) -> Any:
        """Streamed from the disk; a large one takes as long as it takes."""
        patience = httpx.Timeout(None, connect=10.0)
        return self._answer(self.request("POST", path, files={"file": file}, data=form, timeout=patience))

    def delete(self, path: str) -> Any:
        return self._answer(self.request("DELETE", path))

    def pages(self, path: str, limit: int | None = None, **query: Any) -> Json:
        """Up to ``limit`` items (None: all) as one page in the API's own shape."""
        items: list[Json] = []
        following: str | None = None
        while limit is None or len(items) < limit:
            most = PAGE if limit is None else min(PAGE, limit - len(items))
            page = self.get(path, **query, limit=most, cursor=following)
            items += page["items"]
            following = page["next"]
            if following is None:
                break
        return {"items": items, "next": following}

    def request(self, method: str, path: str, pauses: tuple[float, ...] = (), **more: Any) -> httpx.Response:
        """``pauses``: between the tries of a request that does no harm when it is sent again."""
        for pause in (*pauses, None):
            try:
                answer = self.http.request(method, path, **more)
            except httpx.HTTPError as error:
                if pause is None:
                    raise self.unreachable(error) from None
            else:
                if pause is None or not _worth_another_try(answer):
                    return answer
            time.sleep(pause)
        raise AssertionError("the last try answers or raises")

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str], timeout: float) -> Iterator[httpx.Response]:
        patience = httpx.Timeout(timeout, connect=10.0)
        with self.http.stream("GET", path, headers=dict(headers), timeout=patience) as answer:
            if answer.is_error:
                answer.read()
            yield answer

    def unreachable(self, error: httpx.HTTPError) -> Unreachable:
        why = str(error) or type(error).__name__
        return Unreachable(
            f"{self.server.url} does not answer ({why}).", ["interlock servers shows where you are signed in"]
        )

    def _answer(self, answer: httpx.Response) -> Any:
        if answer.is_success and _is_json(answer):
            return answer.json()
        raise self.trouble(answer)

    def trouble(self, answer: httpx.Response) -> Trouble:
        if answer.is_redirect:
            return Unreachable(
                f"{self.server.url} leads to {answer.headers.get('location', '')}: use that address."
            )
        if not _is_json(answer):
            said = f"{answer.status_code} {answer.reason_phrase}".strip()
            return Unreachable(f"{self.server.url} answers, but not as Interlock does ({said}).")
        if answer.status_code == 401 and not self.server.token:
            return NotSignedIn(f"You are not signed in at {self.server.url}.", [self._login])
        problem = Problem(answer.json())
        if answer.status_code == 401 and self.server.token:
            problem.hints.append(self._login)
        return problem

    @property
    def _login(self) -> str:
        return f"interlock login {self.server.url}"


def _worth_another_try(answer: httpx.Response) -> bool:
    if answer.status_code in (502, 503, 504):
        return True
    # Our first one, whose answer we did not get, is still at work.
    return answer.status_code == 409 and _is_json(answer) and answer.json().get("code") == "request_at_work"


def _is_json(answer: httpx.Response) -> bool:
    return answer.headers.get("content-type", "").split(";")[0] in (
        "application/json",
        "application/problem+json",
    )


def _given(query: Mapping[str, Any]) -> Json:
    return {name: value for name, value in query.items() if value is not None and value != ""}


def _trusted() -> ssl.SSLContext:
    """What the world trusts, and what this machine does: a company has an authority of its own."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
