"""What arrives at the far side of each kind of channel, and what becomes of one that does not answer well."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import logging
import threading
from base64 import b64encode
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from interlock.notify.addresses import Reach
from interlock.notify.parcel import Parcel
from interlock.notify.sending import Said, send
from tests.farside import FarSide
from tests.notify.conftest import KEY, PATH

PARCEL = Parcel(
    uid="0b9ce0bd-0000-4000-8000-000000000001",
    title="shop <!channel>: failed",
    text="“Restart”: exit_code\nBy ann",
    link="https://interlock.example.com/runs/7",
    level="failure",
    language="zh-hans",
    facts={"event": "run_failed"},
)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the process logs, with everything switched on at the root."""
    root, heard = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(heard), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield heard
    root.removeHandler(handler)
    root.setLevel(level)


def sent(side: FarSide, kind: str, answer: Any, key: str = "") -> Said:
    side.answer(answer)
    return send(Reach(kind, side.url + PATH, key), PARCEL, seconds=5)


def test_dingtalk_is_signed(side: FarSide) -> None:
    assert sent(side, "dingtalk", {"errcode": 0, "errmsg": "ok"}, KEY).sent
    (asked,) = side.asked
    query = {name: value for name, (value,) in parse_qs(urlsplit(asked.path).query).items()}
    wanted = hmac.new(KEY.encode(), f"{query['timestamp']}\n{KEY}".encode(), hashlib.sha256).digest()
    assert (query["key"], query["sign"]) == ("t0ken-in-the-query", b64encode(wanted).decode())
    assert asked.json == {"msgtype": "text", "text": {"content": PARCEL.plain}}
    assert PARCEL.plain.splitlines()[0] == "[Interlock] shop <!channel>: failed"


def test_feishu_is_signed_and_calls_nobody(side: FarSide) -> None:
    assert sent(side, "feishu", {"code": 0, "msg": "success"}, KEY).sent
    body = side.asked[0].json
    wanted = hmac.new(f"{body['timestamp']}\n{KEY}".encode(), b"", hashlib.sha256).digest()
    assert (body["msg_type"], body["sign"]) == ("post", b64encode(wanted).decode())
    post = body["content"]["post"]["zh_cn"]
    assert post["title"] == PARCEL.subject
    assert post["content"][0] == [{"tag": "text", "text": "“Restart”: exit_code"}]
    assert post["content"][-1][0]["href"] == PARCEL.link


def test_wecom_takes_no_more_than_it_can(side: FarSide) -> None:
    assert sent(side, "wecom", {"errcode": 0}).sent
    assert side.asked[0].json == {"msgtype": "text", "text": {"content": PARCEL.plain}}
    long = Parcel("u", "t", "长" * 2000, PARCEL.link, "info", "en")
    text = long.cut(2000)
    assert len(text.encode()) <= 2000 and text.endswith(f"长…\n{PARCEL.link}")


def test_slack_calls_nobody(side: FarSide) -> None:
    assert sent(side, "slack", (200, {}, b"ok")).sent
    assert side.asked[0].json["text"].startswith("[Interlock] shop &lt;!channel&gt;: failed\n")


def test_a_webhook_is_signed(side: FarSide) -> None:
    assert sent(side, "webhook", 204, KEY).sent
    (asked,) = side.asked
    signed = dict(part.split("=") for part in asked.headers["x-interlock-signature"].split(","))
    wanted = hmac.new(KEY.encode(), f"{signed['t']}.".encode() + asked.body, hashlib.sha256).hexdigest()
    assert (signed["v1"], asked.json) == (wanted, {"event": "run_failed"})


# One of its hundred services imports a module that is on its way out of Python.
@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated")
def test_what_apprise_reaches(side: FarSide, logged: io.StringIO) -> None:
    address = f"json://{side.url.removeprefix('http://')}/t0ken-in-the-path"
    said = send(Reach("apprise", address), PARCEL, seconds=5)
    assert said.sent and side.asked[0].json["title"] == PARCEL.subject
    side.answer(500)
    refused = send(Reach("apprise", address), PARCEL, seconds=5)
    assert refused.code == "channel_refused" and "500" in refused.text and "t0ken" not in refused.text
    unread = send(Reach("apprise", "dingtalk://t0ken-with-a-dash"), PARCEL)
    assert unread.code == "channel_address_unread" and "t0ken" not in unread.text + logged.getvalue()


@pytest.mark.parametrize("kind", ["dingtalk", "feishu", "wecom"])
def test_a_robot_that_says_no_with_200(side: FarSide, kind: str) -> None:
    said = sent(side, kind, {"errcode": 310000, "code": 310000, "errmsg": "keywords not in content"})
    assert (said.code, said.text) == ("channel_refused", "310000 keywords not in content")
    assert sent(side, kind, (200, {}, b"<html>login</html>")).code == "channel_refused"


@pytest.mark.parametrize("kind", ["webhook", "slack", "wecom"])
def test_far_sides_that_fail(side: FarSide, kind: str, logged: io.StringIO) -> None:
    echo = f"no such hook: {PATH} t0ken-in-the-path\n\x1b[2J".encode()
    refused = sent(side, kind, (500, {}, echo))
    assert refused.code == "channel_refused" and refused.text.startswith("500 no such hook: ***")
    assert "t0ken" not in repr(refused) and "\x1b" not in refused.text
    assert sent(side, kind, "close").code == "channel_silent"
    side.answer("hang")
    silent = send(Reach(kind, side.url + PATH, KEY), PARCEL, seconds=0.2)
    assert silent.code == "channel_silent" and silent.seconds < 5
    assert send(Reach(kind, "http://127.0.0.1:1/t0ken", KEY), PARCEL).code == "channel_unreachable"
    away = sent(side, kind, (302, {"Location": "http://127.0.0.1:1/"}, b""))
    assert away.code == "channel_refused"
    logging.getLogger("of.the.test").debug("heard")
    assert "t0ken" not in logged.getvalue() and "heard" in logged.getvalue()
    assert "t0ken" not in repr(Reach(kind, side.url + PATH, KEY)) + repr(silent)
    assert {asked.headers["idempotency-key"] for asked in side.asked} == {PARCEL.uid}


class Postbox:
    def __init__(self) -> None:
        self.came: list[Envelope] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.came.append(envelope)
        return self.answer


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, str]]:
    box, loop = Postbox(), asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield box, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    asyncio.run_coroutine_threadsafe(_closed(server), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _closed(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_mail_is_text_and_html(postbox: tuple[Postbox, str]) -> None:
    box, address = postbox
    reach = Reach(
        "mail", address, sender="interlock@example.com", recipients=("a@example.com", "b@example.com")
    )
    assert send(reach, PARCEL).sent
    letter = message_from_bytes(box.came[0].content or b"", policy=default)
    assert isinstance(letter, EmailMessage)
    assert box.came[0].rcpt_tos == ["a@example.com", "b@example.com"]
    assert letter["Subject"] == PARCEL.subject and letter["Message-ID"] == f"<{PARCEL.uid}@example.com>"
    plain, html = (letter.get_body(preferencelist=(kind,)) for kind in ("plain", "html"))
    assert plain is not None and plain.get_content().split() == f"{PARCEL.text}\n{PARCEL.link}".split()
    assert html is not None and "shop &lt;!channel&gt;: failed" in html.get_content()
    box.answer = "550 no such box"
    said = send(reach, PARCEL)
    assert said.code == "channel_refused" and "550" in said.text


def test_a_password_is_not_mailed_in_the_open(postbox: tuple[Postbox, str]) -> None:
    box, address = postbox
    reach = Reach(
        "mail", address.replace("//", "//me:p4ssw0rd@"), sender="i@example.com", recipients=("a@b.c",)
    )
    said = send(reach, PARCEL)
    assert said.code == "mail_without_tls" and box.came == [] and "p4ssw0rd" not in repr((said, reach))
