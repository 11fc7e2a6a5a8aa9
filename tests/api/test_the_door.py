"""Who comes in, and how what does not fit is answered: always a problem, never an error of ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.doors import Door
from tests.cast import PASSWORD, Cast, make_cast

pytestmark = pytest.mark.django_db(databases="__all__")
Opener = Callable[[str], Door]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def door(cast: Cast) -> Opener:
    return lambda name: Door(getattr(cast, name) if name else None)


SERVICE = {"name": "shop-web", "language": "python", "build_source": "upload"}


def test_strangers_are_asked_to_sign_in(door: Opener) -> None:
    status, problem = door("").ask("GET", "/services")
    assert (status, problem["code"]) == (401, "not_signed_in")
    assert door("").ask("GET", "/health") == (200, {"status": "ok", "version": "0.1.0"})
    bad = Door(None)
    bad.headers["Authorization"] = "Bearer ilk_wrong"
    assert bad.ask("GET", "/me")[0] == 401


def test_a_session_needs_its_csrf_token(door: Opener, cast: Cast) -> None:
    ann = Door(None)
    ann.client.handler.enforce_csrf_checks = True
    assert ann.ask("POST", "/session", {"username": "ann", "password": "wrong"})[0] == 403
    status, body = ann.ask("POST", "/session", {"username": "ann", "password": PASSWORD})
    assert (status, body) == (200, {"username": "ann"})
    assert ann.ask("GET", "/me")[1]["username"] == "ann"
    assert ann.ask("POST", "/tokens", {"name": "x"})[0] == 403
    csrf = ann.client.cookies["csrftoken"].value
    status, made = ann.ask("POST", "/tokens", {"name": "x"}, X_CSRFToken=csrf)
    assert status == 201 and made["token"].startswith("ilk_")
    ann.ask("DELETE", "/session", X_CSRFToken=csrf)
    assert ann.ask("GET", "/me")[0] == 401


def test_refusals_speak_the_callers_language(door: Opener, cast: Cast) -> None:
    body = {**SERVICE, "project_id": cast.project_id, "name": "Not A Name"}
    status, problem = door("dee").ask("POST", "/services", body, Accept_Language="zh-CN")
    assert (status, problem["code"]) == (422, "service_name_unfit")
    assert problem["type"] == "/problems/service_name_unfit"
    assert problem["facts"] == {"name": "Not A Name"}


def test_what_one_may_not_see_is_not_there(door: Opener, cast: Cast) -> None:
    made = door("dee").ask("POST", "/services", {**SERVICE, "project_id": cast.project_id})[1]
    other = make_cast("other")
    assert Door(other.dee).ask("GET", f"/services/{made['id']}")[0] == 404
    assert Door(other.dee).ask("GET", "/services")[1] == {"items": [], "next": None}
    assert door("cy").ask("GET", f"/services/{made['id']}")[0] == 200
    assert door("cy").ask("PATCH", f"/services/{made['id']}", {"description": "x"})[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/services", "{not json", 400),
        ("POST", "/services", "[]", 422),
        ("POST", "/services", {"unknown": 1}, 422),
        ("POST", "/services", {**SERVICE, "project_id": "one"}, 422),
        ("POST", "/services", {**SERVICE, "project_id": 2**63}, 422),
        ("POST", "/services", {**SERVICE, "project_id": 1, "description": "a\0b"}, 422),
        ("POST", "/services", {**SERVICE, "project_id": 1, "description": "x" * 10_000_000}, 422),
        ("GET", "/services?limit=0", None, 422),
        ("GET", "/services?cursor=forged", None, 422),
        ("GET", "/services/99999999999999999999", None, 422),
        ("GET", "/services/0", None, 422),
        ("GET", "/nowhere", None, 404),
        ("GET", "/runs/1/logs/..%2f..%2fetc", None, 404),
        ("POST", "/runs/1/steps/0.0/skip", {"reason": "x"}, 404),
        ("POST", "/releases", {"service": 1, "action": "fly", "version": 1}, 422),
        ("POST", "/releases", {"service": "none", "action": "upgrade", "version": "x"}, 404),
        ("POST", "/hosts/check", {"host_ids": []}, 422),
    ],
)
def test_nothing_that_a_caller_sends_is_an_error_of_ours(
    door: Opener, method: str, path: str, body: object, status: int
) -> None:
    answer = door("dee").raw(method, path, body)
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"].startswith("application/problem+json")


def test_the_same_key_gives_the_same_answer(door: Opener, cast: Cast) -> None:
    dee = door("dee")
    body = {**SERVICE, "project_id": cast.project_id}
    first = dee.raw("POST", "/services", body, Idempotency_Key="k1")
    again = dee.raw("POST", "/services", body, Idempotency_Key="k1")
    assert first.status_code == again.status_code == 201
    assert again["Idempotent-Replay"] == "true"
    status, problem = dee.ask("POST", "/services", {**body, "name": "else"}, Idempotency_Key="k1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    refused = {**body, "name": "Unfit Name"}
    assert dee.ask("POST", "/services", refused, Idempotency_Key="k2")[0] == 422
    assert dee.ask("POST", "/services", {**body, "name": "fit"}, Idempotency_Key="k2")[0] == 201


def test_pages_hold_every_row_once(door: Opener, cast: Cast) -> None:
    dee = door("dee")
    names = [f"service-{n:02}" for n in range(7)]
    for name in names:
        dee.ask("POST", "/services", {**SERVICE, "project_id": cast.project_id, "name": name})
    seen, cursor = [], ""
    for _ in range(4):
        page = dee.ask("GET", f"/services?limit=2{cursor}")[1]
        seen += [row["name"] for row in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert seen == names and page["next"] is None


def test_the_documents_come_from_here(door: Opener) -> None:
    page = door("").raw("GET", "/docs")
    assert page.status_code == 200
    assert b"http://" not in page.content and b"https://" not in page.content
    assert door("").ask("GET", "/openapi.json")[1]["info"]["title"] == "Interlock"
