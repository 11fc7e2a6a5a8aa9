"""``http``: one request to another system, from the platform's side.

Each carries an ``Idempotency-Key`` that is the same in every try. What may have been carried out and must
not be twice ends as unknown, for a person (or ``on_lost: retry``) to say what then.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from interlock.fleet.queries import host_spec
from interlock.lifecycle.fields import (
    TOLD,
    Choice,
    Fault,
    Filled,
    FilledJson,
    List,
    Names,
    Number,
    Path,
)
from interlock.lifecycle.filling import Unfilled, fill, fill_all, values_of
from interlock.lifecycle.run.states import StepStatus
from interlock.runs.kinds.base import Declared, Outcome, Work

METHODS = ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH")
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
READ_ONLY = frozenset({"GET", "HEAD"})
CONNECT_SECONDS = 10.0
ANSWER_LIMIT = 1024 * 1024  # bytes that are read
LOGGED = 64 * 1024  # and of these, in the log
REDIRECTS = 5
# What the connection itself says, and the key that is ours.
_OURS = {"host", "content-length", "transfer-encoding", "connection", "idempotency-key"}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


@cache
def tls() -> ssl.SSLContext:
    """Read once: it takes a tenth of a second, in which a loop would stand still."""
    return httpx.create_ssl_context()


def _fits_header(name: str) -> bool:
    return _HEADER.fullmatch(name) is not None and name.lower() not in _OURS


def address_faults(url: str, path: Path) -> Iterator[Fault]:
    """Of an http or https address: no name and password in it, for it is shown."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        fits = False
    if not fits or not url.isprintable() or " " in url:
        yield Fault(path, "url_unfit", {"url": url.rpartition("@")[2][:TOLD]})


class Address(Filled):
    """In it a value is encoded, so that it cannot become another part of the address."""

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        found = list(super().faults(value, path))
        yield from found or address_faults(value, path)


@dataclass(frozen=True)
class Call:
    """``repr`` shows no header and no body: secrets may be in them."""

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    content: bytes | None = field(repr=False)
    json: Any = field(repr=False)


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    body: bytes
    cut: bool


class Http(Declared):
    name = "http"
    fields = {
        "method": Choice(*METHODS),
        "url": Address(2000, required=True),
        "headers": Names(_fits_header, "header_name_unfit", Filled(4000, least=0, secrets=True), most=50),
        "json": FilledJson(),
        "body": Filled(LOGGED, secrets=True),
        "expect": List(Number(100, 599), least=1),
    }

    def rules(self, params: Mapping[str, Any]) -> Iterator[Fault]:
        bodies = sum(name in params for name in ("json", "body"))
        if bodies > 1 or (bodies and params.get("method", "GET") in READ_ONLY):
            yield Fault((), "http_body_unfit")

    async def carry_out(self, work: Work) -> Outcome:
        repeatable = work.step.params.get("method", "GET") in REPEATABLE
        if work.adopted and not repeatable:
            await work.say("a worker died that may have sent this: nobody heard the answer")
            return Outcome(StepStatus.UNKNOWN, error="http_answer_lost")
        try:
            call = await self._call(work)
        except Unfilled as unfilled:
            await work.say(f"no parameter is called {unfilled.name}")
            return Outcome(StepStatus.FAILED, error="http_not_sent")
        if next(address_faults(call.url, ()), None) or any(_breaks(value) for _name, value in call.headers):
            await work.say("with these parameters the request cannot be sent")
            return Outcome(StepStatus.FAILED, error="http_not_sent")
        await work.say(f"{call.method} {call.url}")
        began = time.monotonic()
        try:
            answer = await _ask(call)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.LocalProtocolError,
            httpx.InvalidURL,
        ) as error:
            await work.say(f"not sent: {type(error).__name__} {error}".strip())
            return Outcome(StepStatus.FAILED, error="http_not_sent")
        except httpx.HTTPError as error:
            await work.say(f"no answer: {type(error).__name__} {error}".strip())
            lost = StepStatus.FAILED if repeatable else StepStatus.UNKNOWN
            return Outcome(lost, error="http_answer_lost")
        await work.say(_told(answer, time.monotonic() - began))
        expected = work.step.params.get("expect", range(200, 300))
        good = answer.status in expected
        status = StepStatus.SUCCEEDED if good else StepStatus.FAILED
        return Outcome(status, error="" if good else "http_status", result={"status": answer.status})

    async def _call(self, work: Work) -> Call:
        params = work.step.params
        values = values_of(work.run.parameters) | values_of(work.secrets)
        place = {}
        if work.host is not None:
            host_id = work.host.id
            address = (await work.in_database(lambda: host_spec(host_id))).address
            place = {"host": f"[{address}]" if ":" in address else address}
        # An address is no value of anybody's: its brackets and colons stay.
        url = fill(params["url"], {name: quote(value, safe="") for name, value in values.items()} | place)
        headers = [("Idempotency-Key", work.call_key)]
        headers += [(name, fill(text, place | values)) for name, text in params.get("headers", {}).items()]
        content = fill(params["body"], place | values).encode() if "body" in params else None
        return Call(
            method=params.get("method", "GET"),
            url=url,
            headers=tuple((name.encode(), text.strip().encode()) for name, text in headers),
            content=content,
            json=fill_all(params["json"], place | values) if "json" in params else None,
        )


def _breaks(header: bytes) -> bool:
    """A line break in a value would begin a header of its own."""
    return any(byte < 32 and byte != 9 for byte in header)


async def _ask(call: Call) -> Answer:
    # The step's own time limit bounds the whole; proxies and certificate files are the machine's.
    limits = httpx.Timeout(None, connect=CONNECT_SECONDS)
    async with httpx.AsyncClient(timeout=limits, verify=tls(), follow_redirects=False) as client:
        request = client.build_request(
            call.method, call.url, headers=call.headers, content=call.content, json=call.json
        )
        for _ in range(REDIRECTS):
            answer = await client.send(request, stream=True)
            try:
                following = answer.next_request
                if following is None or not _follows(call, following.url):
                    return await _read(answer)
                request = following
            finally:
                await answer.aclose()
        raise httpx.TooManyRedirects("too many redirects", request=request)


def _follows(call: Call, url: httpx.URL) -> bool:
    """Within the same host only: elsewhere nobody has to learn what our headers say."""
    first = httpx.URL(call.url)
    same = (url.scheme, url.host, url.port) == (first.scheme, first.host, first.port)
    return same and call.method in READ_ONLY


async def _read(answer: httpx.Response) -> Answer:
    body = bytearray()
    async for part in answer.aiter_bytes(LOGGED):
        body += part
        if len(body) > ANSWER_LIMIT:
            break
    return Answer(
        answer.status_code, answer.reason_phrase, bytes(body[:ANSWER_LIMIT]), len(body) > ANSWER_LIMIT
    )


def _told(answer: Answer, seconds: float) -> str:
    size = f"more than {ANSWER_LIMIT}" if answer.cut else str(len(answer.body))
    head = f"{answer.status} {answer.reason}".strip() + f", {size} bytes, {seconds * 1000:.0f} ms"
    shown = answer.body[:LOGGED].decode(errors="replace").replace("\0", "\ufffd")
    more = f"\n… the first {LOGGED} bytes of it" if len(answer.body) > LOGGED else ""
    return f"{head}\n{shown}{more}".rstrip()
