"""Channels, subscriptions and messages through the API; addresses go in and never come back."""

from __future__ import annotations

import json

import pytest
from django.conf import settings

from interlock.journal.models import Entry
from interlock.journal.services import deliver_due
from interlock.lifecycle.version import VersionStatus
from interlock.vault.models import Secret
from tests.api.conftest import Shop
from tests.farside import far_side

pytestmark = pytest.mark.django_db(databases="__all__")
TOKEN = "t0ken-in-the-query"


def test_a_channel_shows_its_place_and_no_more(shop: Shop) -> None:
    made = shop.channel()
    path = f"/channels/{made['id']}"
    assert (made["place"], made["enabled"], made["failures"]) == ("127.0.0.1", True, 0)
    changed = shop.dee.patch(path, {"language": "zh-hans", "name": "值班"})
    assert (changed["language"], changed["place"]) == ("zh-hans", "127.0.0.1")
    moved = shop.dee.patch(path, {"address": f"https://qyapi.example.com/send?key={TOKEN}"})
    assert moved["place"] == "qyapi.example.com"
    told = [
        shop.dee.get(path),
        shop.cy.get("/channels"),
        shop.root.get("/journal"),
        shop.root.get("/secrets"),
    ]
    assert TOKEN not in json.dumps([made, changed, moved, *told])
    # In the vault it is the platform's: no template of the project can ask for it.
    assert set(Secret.objects.filter(name__startswith="channel.").values_list("project", flat=True)) == {None}
    assert shop.dee.delete(path) == {}
    shop.dee.refused("GET", path, status=404, code="channel_not_known")
    acts = Entry.objects.filter(subject="channel").order_by("id").values_list("act", flat=True)
    assert list(acts) == ["channel.created", "channel.changed", "channel.changed", "channel.deleted"]


def test_who_may_do_what_with_channels(shop: Shop) -> None:
    path = f"/channels/{shop.channel()['id']}"
    for desk in (shop.ann, shop.cy):
        desk.refused("PATCH", path, {"enabled": False}, status=403, code="not_allowed")
        desk.refused("POST", f"{path}/test", {}, status=403, code="not_allowed")
    for method in ("GET", "DELETE"):
        shop.sam.refused(method, path, status=404, code="channel_not_known")
    platform = {"name": "all", "kind": "slack", "address": "https://hooks.example.com/x"}
    shop.dee.refused("POST", "/channels", platform, status=403, code="not_allowed")
    # What apprise reaches can be this machine itself.
    apprise = {"project_id": shop.project, "name": "tg", "kind": "apprise", "address": "tgram://a/b"}
    shop.dee.refused("POST", "/channels", apprise, status=403, code="not_allowed")
    made = shop.root.post("/channels", platform)
    assert made["project_id"] is None
    assert [row["name"] for row in shop.sam.get("/channels")["items"]] == ["all"]
    assert [row["name"] for row in shop.cy.get("/channels", project_id=shop.project)["items"]] == [
        "ops",
        "all",
    ]
    shop.sam.post(
        "/subscriptions",
        {"channel_id": made["id"], "project_id": shop.other_project, "events": ["run_failed"]},
    )
    shop.dee.refused("DELETE", f"/channels/{made['id']}", status=403, code="not_allowed")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "webhook", "address": "https://x/y"}, "signing_key_unfit"),
        ({"kind": "slack", "address": "https://me:word@x/y"}, "channel_address_unfit"),
        ({"kind": "slack", "address": "file:///etc/passwd"}, "channel_address_unfit"),
        ({"kind": "slack", "address": "https://x:99999/"}, "channel_address_unfit"),
        ({"kind": "wecom", "address": "https://x/", "signing_key": "k"}, "signing_key_not_of_kind"),
        ({"kind": "slack", "address": "https://x/", "recipients": ["a@b.c"]}, "recipients_not_of_kind"),
        ({"kind": "mail", "address": "smtp://x"}, "recipients_unfit"),
        ({"kind": "mail", "address": "smtp://x", "sender": "a@b.c\nBcc: d@e.f", "recipients": ["a@b.c"]},
         "mail_address_unfit"),
        ({"kind": "mail", "address": "https://x", "sender": "a@b.c", "recipients": ["a@b.c"]},
         "channel_address_unfit"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_channel(shop: Shop, body: dict[str, object], code: str) -> None:
    told = shop.dee.refused(
        "POST", "/channels", {"project_id": shop.project, "name": "x", **body}, status=422, code=code
    )
    assert "word" not in json.dumps(told)


def test_the_test_button_tells_what_the_far_side_said(shop: Shop) -> None:
    with far_side() as side:
        side.answer(
            {"errcode": 0, "errmsg": "ok"}, {"errcode": 93000, "errmsg": f"invalid webhook url {TOKEN}"}
        )
        made = shop.channel(address=f"{side.url}/send?key={TOKEN}")
        path = f"/channels/{made['id']}/test"
        assert shop.dee.post(path, expect=200) | {"seconds": 0} == {
            "sent": True, "code": "", "text": "", "said": "ok", "seconds": 0,
        }  # fmt: skip
        refused = shop.dee.post(path, expect=200)
    assert (refused["sent"], refused["code"]) == (False, "channel_refused")
    assert refused["said"] == "93000 invalid webhook url " + "*" * len(TOKEN)
    assert refused["text"] == "The far side did not take the message."
    assert "ann" not in side.asked[0].body.decode() and "dee" in side.asked[0].body.decode()
    assert Entry.objects.filter(act="channel.tested").count() == 2


def test_subscriptions_and_what_came_of_them(shop: Shop) -> None:
    channel = shop.channel()
    asked = {"channel_id": channel["id"], "project_id": shop.project, "service_id": shop.service,
             "events": ["build_failed"]}  # fmt: skip
    made = shop.dee.post("/subscriptions", asked, **{"Idempotency-Key": "once"})
    assert shop.dee.post("/subscriptions", asked, **{"Idempotency-Key": "once"})["id"] == made["id"]
    assert (made["channel"], made["service"], made["task"]) == ("ops", "checkout", "")
    path = f"/subscriptions/{made['id']}"
    assert shop.dee.patch(path, {"events": ["build_failed", "run_held"]})["events"] == [
        "build_failed",
        "run_held",
    ]
    shop.ann.refused("PATCH", path, {"events": ["run_held"]}, status=403, code="not_allowed")
    shop.sam.refused("DELETE", path, status=404, code="subscription_not_known")
    assert len(shop.cy.get("/subscriptions", channel_id=channel["id"])["items"]) == 2
    assert shop.dee.delete(path) == {}
    wrong = {**asked, "events": ["run_ended"]}
    shop.dee.refused("POST", "/subscriptions", wrong, status=422, code="request_invalid")
    task = shop.task()
    of_task = {**asked, "service_id": None, "task_id": task["id"]}
    shop.dee.post("/subscriptions", of_task)
    assert [row["task"] for row in shop.cy.get("/subscriptions", task_id=task["id"])["items"]] == ["Say it"]
    shop.dee.delete(f"/tasks/{task['id']}")
    assert shop.cy.get("/subscriptions", task_id=task["id"])["items"] == []
    run = shop.command_run()
    deliver_due()
    (message,) = shop.cy.get("/messages", run_id=run["id"])["items"]
    assert (message["event"], message["status"], message["channel"]) == ("run_started", "pending", "ops")
    assert shop.cy.get(f"/messages/{message['id']}")["title"] == "Say hello: started"
    assert shop.cy.get("/messages", status="given_up")["items"] == []
    shop.sam.refused("GET", f"/messages/{message['id']}", status=404, code="message_not_known")


def test_a_release_is_told_to_who_follows_its_service(shop: Shop) -> None:
    other = {"project_id": shop.project, "name": "cart", "language": "go", "build_source": "upload"}
    services = {"mine": shop.service, "its": shop.dee.post("/services", other)["id"]}
    for name, service in services.items():
        body = {
            "project_id": shop.project,
            "name": name,
            "kind": "slack",
            "address": "https://x.example.com/t0ken",
        }
        channel = shop.dee.post("/channels", body)["id"]
        wanted = {"channel_id": channel, "project_id": shop.project, "service_id": service}
        shop.dee.post("/subscriptions", {**wanted, "events": ["run_started", "build_failed"]})
    shop.install("v1")
    release = shop.release()
    version = shop.version("v9", VersionStatus.FAILED)
    deliver_due()
    assert {(row["channel"], row["event"], row["link"]) for row in shop.cy.get("/messages")["items"]} == {
        ("mine", "run_started", f"{settings.PUBLIC_URL}/releases/{release['id']}"),
        ("mine", "build_failed", f"{settings.PUBLIC_URL}/versions/{version}"),
    }
