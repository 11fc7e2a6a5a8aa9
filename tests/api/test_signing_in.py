"""Sessions and tokens: who gets in, and who no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from interlock.accounts.services import set_password, update_person
from tests.api.conftest import Desk, Shop, problem
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db(databases="__all__")


def signed_in(username: str = "ann", password: str = PASSWORD) -> Client:
    client = Client(enforce_csrf_checks=True)
    body = {"username": username, "password": password}
    answer = client.post("/api/v1/session", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return client


def test_a_session_knows_who_signed_in(shop: Shop) -> None:
    me = signed_in().get("/api/v1/me").json()
    assert (me["username"], me["kind"], me["is_admin"]) == ("ann", "person", False)
    assert me["roles"] == {str(shop.project): ["operator"]}


def test_a_session_changes_things_only_with_its_csrf_token(shop: Shop) -> None:
    client = signed_in("root-shop")
    body = {"name": "linux"}
    without = client.post("/api/v1/groups", body, content_type="application/json")
    assert problem(without)["code"] == "not_allowed_here"
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    with_it = client.post("/api/v1/groups", body, content_type="application/json", headers=headers)
    assert with_it.status_code == 201


def test_a_form_of_another_site_cannot_sign_anybody_in(shop: Shop) -> None:
    body = f'{{"username": "ann", "password": "{PASSWORD}"}}'
    answer = Client().post("/api/v1/session", body, content_type="text/plain")
    assert (answer.status_code, problem(answer)["code"]) == (415, "media_type_unfit")


def test_after_signing_out_the_cookie_is_worth_nothing(shop: Shop) -> None:
    client = signed_in()
    stolen = client.cookies["sessionid"].value
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert client.delete("/api/v1/session", headers=headers).status_code == 200
    thief = Client()
    thief.cookies["sessionid"] = stolen
    assert thief.get("/api/v1/me").status_code == 401


def test_signing_in_makes_a_new_session(shop: Shop) -> None:
    planted = Client()
    planted.cookies["sessionid"] = "a" * 32
    body = {"username": "ann", "password": PASSWORD}
    planted.post("/api/v1/session", body, content_type="application/json")
    assert planted.cookies["sessionid"].value != "a" * 32


def test_a_new_password_ends_the_sessions_of_the_old_one(shop: Shop) -> None:
    client = signed_in()
    set_password(by=shop.cast.root, person_id=shop.cast.ann.person_id or 0, password="quite-another-pass")
    assert client.get("/api/v1/me").status_code == 401
    assert signed_in(password="quite-another-pass").get("/api/v1/me").status_code == 200


def test_whoever_is_no_longer_active_is_out_at_once(shop: Shop) -> None:
    client = signed_in()
    update_person(by=shop.cast.root, person_id=shop.cast.ann.person_id or 0, is_active=False)
    assert client.get("/api/v1/me").status_code == 401
    shop.ann.refused("GET", "/me", status=401, code="not_signed_in")
    body = {"username": "ann", "password": PASSWORD}
    shop.nobody.refused("POST", "/session", body, status=403, code="login_wrong")


@pytest.mark.parametrize("cookie", ['"\\000aaaaaaaaaaaa"', "x" * 5000, "../../etc/passwd", "ünïcödé-key"])
def test_a_cookie_that_is_none_of_ours_is_a_stranger(shop: Shop, cookie: str) -> None:
    client = Client(headers={"Cookie": f"sessionid={cookie}"})
    assert problem(client.get("/api/v1/me"))["code"] == "not_signed_in"
    body = {"username": "ann", "password": PASSWORD}
    assert client.post("/api/v1/session", body, content_type="application/json").status_code == 200


def test_wrong_passwords_are_refused_and_then_slowed_down(shop: Shop) -> None:
    for _ in range(5):
        body = {"username": "ann", "password": "wrong"}
        shop.nobody.refused("POST", "/session", body, status=403, code="login_wrong")
    body = {"username": "ann", "password": PASSWORD}
    shop.nobody.refused("POST", "/session", body, status=403, code="too_many_tries")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6)):
        assert signed_in().get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer ", "Bearer ilk_nothing", "Basic YW5uOnB3", "Bearer ilk_\xff", "ilk"]
)
def test_what_is_no_token_is_a_stranger(shop: Shop, header: str) -> None:
    answer = Client(headers={"Authorization": header}).get("/api/v1/me")
    assert problem(answer)["code"] == "not_signed_in"
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_token_is_told_once_and_works_until_it_is_revoked(shop: Shop) -> None:
    made = shop.ann.post("/tokens", {"name": "ci"})
    assert made["token"].startswith("ilk_")
    listed = shop.ann.get("/tokens")["items"]
    assert made["token"] not in str(listed)
    new = Desk(made["token"])
    assert new.get("/me")["username"] == "ann"
    shop.ann.delete(f"/tokens/{made['id']}")
    new.refused("GET", "/me", status=401, code="not_signed_in")
    assert [row["revoked_at"] is not None for row in shop.ann.get("/tokens")["items"]] == [False, True]


def test_a_token_ends_at_its_time(shop: Shop) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    token = Desk(shop.ann.post("/tokens", {"name": "ci", "expires_at": soon.isoformat()})["token"])
    assert token.get("/me")["username"] == "ann"
    with time_machine.travel(soon + timedelta(seconds=1)):
        token.refused("GET", "/me", status=401, code="not_signed_in")


def test_a_narrow_token_does_no_more_than_its_scopes(shop: Shop) -> None:
    narrow = Desk(shop.ann.post("/tokens", {"name": "look", "scopes": ["view"]})["token"])
    assert narrow.get("/me")["scopes"] == ["view"]
    assert narrow.get(f"/services/{shop.service}")["name"] == "checkout"
    body = {"service": "checkout", "action": "deploy", "version": "v1"}
    narrow.refused("POST", "/releases", body, status=403, code="not_allowed")
    narrow.refused("POST", "/tokens", {"name": "wide"}, status=403, code="scope_too_wide")


def test_tokens_are_made_and_revoked_for_oneself_only(shop: Shop) -> None:
    bob = shop.cast.bob.person_id
    shop.ann.refused("POST", "/tokens", {"name": "x", "person_id": bob}, status=403, code="not_allowed")
    of_bob = shop.bob.get("/tokens")["items"][0]["id"]
    shop.ann.refused("DELETE", f"/tokens/{of_bob}", status=404, code="token_not_known")
    past = "2020-01-01T00:00:00Z"
    shop.ann.refused("POST", "/tokens", {"name": "x", "expires_at": past}, status=422, code="expiry_past")
    shop.ann.refused("POST", "/tokens", {"name": "x", "scopes": ["all"]}, status=422, code="scope_not_known")
