"""The way in: who is let in, where they go on, and what becomes of a form whose session had ended."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import PASSWORD, Cast, make_cast

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def sign_in(client: Client, **more: str) -> None:
    client.post("/sign-in", {"username": "ann", "password": PASSWORD, **more})


def test_a_stranger_is_sent_to_the_sign_in_and_back(cast: Cast, client: Client) -> None:
    away = client.get("/design?tab=2")
    assert away.status_code == 302
    assert away["Location"] == "/sign-in?next=%2Fdesign%3Ftab%3D2"
    back = client.post("/sign-in", {"username": "ann", "password": PASSWORD, "next": "/design?tab=2"})
    assert (back.status_code, back["Location"]) == (303, "/design?tab=2")
    assert client.get("/design").status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"]
)
def test_nobody_is_sent_to_another_site(cast: Cast, client: Client, elsewhere: str) -> None:
    answer = client.post("/sign-in", {"username": "ann", "password": PASSWORD, "next": elsewhere})
    assert answer["Location"] == "/"


def test_a_wrong_password_keeps_the_name(cast: Cast, client: Client) -> None:
    answer = client.post("/sign-in", {"username": "ann", "password": "wrong"})
    assert answer.status_code == 403
    page = answer.content.decode()
    assert 'value="ann"' in page
    assert "wrong" not in page.replace("is-wrong", "").split("<main")[1].replace(
        "The name or the password", ""
    )


def test_a_fragment_of_an_ended_session_makes_the_page_go_to_the_sign_in(cast: Cast, client: Client) -> None:
    answer = client.get(
        "/design", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/design?x=1"}
    )
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/sign-in?next=%2Fdesign%3Fx%3D1"


def test_what_was_typed_outlives_the_session(cast: Cast, client: Client) -> None:
    typed = {"note": "for <b>later</b>", "hosts": ["1", "2"], "password": "never", "once": "abc"}
    ended = client.post("/design", typed)
    assert ended.status_code == 401
    kept = ended.context["kept"]
    assert "never" not in str(ended.content)
    again = client.post("/sign-in", {"username": "ann", "password": PASSWORD, "kept": kept})
    page = again.content.decode()
    assert 'action="/design"' in page
    assert page.count('name="hosts"') == 2
    assert "for &lt;b&gt;later&lt;/b&gt;" in page
    assert 'name="password"' not in page


def test_a_kept_form_that_we_did_not_keep_is_not_shown(cast: Cast, client: Client) -> None:
    answer = client.post("/sign-in", {"username": "ann", "password": PASSWORD, "kept": "eyJ0byI6Ii8ifQ:x:y"})
    assert (answer.status_code, answer["Location"]) == (303, "/")


def test_signing_out_ends_the_session(cast: Cast, client: Client) -> None:
    sign_in(client)
    assert client.post("/sign-out").status_code == 303
    assert client.get("/design").status_code == 302


def test_language_and_look_are_kept_by_the_browser(cast: Cast, client: Client) -> None:
    sign_in(client)
    client.post("/look", {"language": "zh-hans", "next": "/design"})
    client.post("/look", {"theme": "dark", "next": "/design"})
    page = client.get("/design").content.decode()
    assert '<html lang="zh-Hans" data-theme="dark">' in page
    client.post("/look", {"language": "tlh", "theme": "purple"})
    assert '<html lang="zh-Hans" data-theme="dark">' in client.get("/design").content.decode()


def test_no_page_may_load_or_run_anything_from_elsewhere(cast: Cast, client: Client) -> None:
    policy = client.get("/sign-in")["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
