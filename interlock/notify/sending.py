"""A message to the far side of a channel, and what that says: within a bounded time, whatever it does.

Robots of chats are asked by ourselves: DingTalk, Feishu and WeCom answer 200 to what they refuse, and only
their body tells. The many other services are apprise's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from interlock.notify import mail, others
from interlock.notify.addresses import Reach
from interlock.notify.parcel import Parcel, Unsent, Written
from interlock.runs.kinds.http import tls

T = TypeVar("T")
SECONDS = 10.0  # for one message, everything included
CONNECT_SECONDS = 5.0
ANSWER_MOST = 16 * 1024  # bytes of an answer that are read
SAID_MOST = 300  # characters of it that are kept
WECOM_MOST = 2000  # bytes of a text; more is refused
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """``code`` is empty when it arrived. ``text`` is the far side's own, secrets blotted out."""

    code: str
    text: str
    seconds: float

    @property
    def sent(self) -> bool:
        return not self.code


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Json:
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def text(self) -> str:
        return f"{self.status} {self.body.decode(errors='replace').strip()}".strip()


def parcel_of(uid: str, event: str, written: Written, language: str, at: datetime, **more: object) -> Parcel:
    told: dict[str, object] = {"id": uid, "event": event, "at": at.isoformat(), **more}
    told |= {name: getattr(written, name) for name in ("title", "text", "link", "level")}
    return Parcel(uid, written.title, written.text, written.link, written.level, language, told)


def send(reach: Reach, parcel: Parcel, *, seconds: float = SECONDS) -> Said:
    """Never raises for anything that the far side does."""
    began = time.monotonic()
    try:
        code, text = "", within(seconds, lambda: _WAYS[reach.kind](reach, parcel))
    except Unsent as unsent:
        code, text = unsent.code, unsent.said
    except TimeoutError:
        code, text = "channel_silent", ""
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        code, text = "channel_unreachable", _of(error)
    except (httpx.HTTPError, OSError) as error:
        code, text = "channel_silent", _of(error)
    except Exception as error:  # a library that broke on what it was given or told
        code, text = "channel_broken", type(error).__name__
    shown = "".join(one if one.isprintable() else " " for one in reach.blotted(text))
    return Said(code, " ".join(shown.split())[:SAID_MOST], time.monotonic() - began)


def within(seconds: float, call: Callable[[], T]) -> T:
    """Leave it alone when it takes longer; its sockets have limits of their own, so it ends some time."""
    ended: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def work() -> None:
        try:
            ended.put((True, call()))
        except BaseException as error:
            ended.put((False, error))

    threading.Thread(target=work, name="interlock-notify-send", daemon=True).start()
    try:
        good, value = ended.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if not good:
        raise value
    return value  # type: ignore[no-any-return]


def _of(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    # A redirect is not followed: what it leads to was never registered here.
    limits = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
    with (
        httpx.Client(timeout=limits, verify=tls(), follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        read = bytearray()
        for part in answer.iter_bytes(ANSWER_MOST):
            read += part
            if len(read) >= ANSWER_MOST:
                break
        return Answer(answer.status_code, bytes(read[:ANSWER_MOST]))


def _post_json(reach: Reach, parcel: Parcel, content: Json, **query: str) -> Answer:
    url = reach.address
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    body = json.dumps(content, ensure_ascii=False).encode(errors="replace")
    return post(url, body, {"Content-Type": "application/json; charset=utf-8", **_named(parcel)})


def _named(parcel: Parcel) -> dict[str, str]:
    return {"Idempotency-Key": parcel.uid}


def _judged(answer: Answer, *names: str) -> str:
    """Robots say in their body, under one of these names, whether they took it: 0 is yes."""
    told = answer.json
    number = next((told[name] for name in names if name in told), None)
    text = str(told.get("errmsg") or told.get("msg") or answer.text)
    if answer.status != 200 or number != 0:
        raise Unsent("channel_refused", text if number is None else f"{number} {text}")
    return text


def _dingtalk(reach: Reach, parcel: Parcel) -> str:
    signed: dict[str, str] = {}
    if reach.signing_key:
        stamp = str(round(time.time() * 1000))
        signed = {"timestamp": stamp, "sign": _sign(reach.signing_key, f"{stamp}\n{reach.signing_key}")}
    content = {"msgtype": "text", "text": {"content": parcel.plain}}
    return _judged(_post_json(reach, parcel, content, **signed), "errcode")


def _feishu(reach: Reach, parcel: Parcel) -> str:
    signed: dict[str, str] = {}
    if reach.signing_key:
        stamp = str(int(time.time()))
        signed = {"timestamp": stamp, "sign": _sign(f"{stamp}\n{reach.signing_key}", "")}
    # A post, not a text: in a text somebody's "<at user_id=all>" would call everybody.
    lines = [[{"tag": "text", "text": line}] for line in parcel.text.splitlines()]
    if parcel.link:
        lines.append([{"tag": "a", "text": parcel.link, "href": parcel.link}])
    language = "zh_cn" if parcel.language == "zh-hans" else "en_us"
    post_ = {language: {"title": parcel.subject, "content": lines}}
    content = {**signed, "msg_type": "post", "content": {"post": post_}}
    return _judged(_post_json(reach, parcel, content), "code", "StatusCode")


def _wecom(reach: Reach, parcel: Parcel) -> str:
    content = {"msgtype": "text", "text": {"content": parcel.cut(WECOM_MOST)}}
    return _judged(_post_json(reach, parcel, content), "errcode")


def _slack(reach: Reach, parcel: Parcel) -> str:
    # Slack's own way to say that these three mean nothing; "<!channel>" would call everybody.
    text = parcel.plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _taken(_post_json(reach, parcel, {"text": text, "mrkdwn": False}))


def _webhook(reach: Reach, parcel: Parcel) -> str:
    body = json.dumps(parcel.facts, ensure_ascii=False).encode(errors="replace")
    stamp = str(int(time.time()))
    digest = hmac.new(reach.signing_key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Interlock-Signature": f"t={stamp},v1={digest}"}
    return _taken(post(reach.address, body, {**headers, **_named(parcel)}))


def _taken(answer: Answer) -> str:
    if not 200 <= answer.status < 300:
        raise Unsent("channel_refused", answer.text)
    return answer.text


def _sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


_WAYS: Mapping[str, Callable[[Reach, Parcel], str]] = {
    "dingtalk": _dingtalk,
    "feishu": _feishu,
    "wecom": _wecom,
    "slack": _slack,
    "webhook": _webhook,
    "mail": mail.send,
    "apprise": others.send,
}
