from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.accounts import services
from interlock.accounts.models import Person, Token
from interlock.lifecycle.refused import Refused
from tests.cast import PASSWORD, Cast, make_cast

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_the_right_password_brings_the_roles(cast: Cast) -> None:
    by = services.authenticate_password("ann", PASSWORD)
    assert by.person_id == cast.ann.person_id
    assert by.roles == {cast.project_id: frozenset({"operator"})}


@pytest.mark.parametrize("username", ["ann", "nobody", ""])
def test_wrong_and_unknown_sound_the_same(cast: Cast, username: str) -> None:
    with pytest.raises(Refused, match="login_wrong"):
        services.authenticate_password(username, "wrong")


def test_guessing_is_slowed_down(cast: Cast) -> None:
    for _ in range(services.FAILURES_ALLOWED):
        with pytest.raises(Refused, match="login_wrong"):
            services.authenticate_password("ann", "guess")
    with pytest.raises(Refused, match="too_many_tries"):
        services.authenticate_password("ann", PASSWORD)
    assert services.authenticate_password("bob", PASSWORD).name == "bob"


def test_a_token_is_its_person_and_only_its_digest_is_kept(cast: Cast) -> None:
    row, text = services.create_token(by=cast.ann, name="ci")
    by = services.authenticate_token(text)
    assert by is not None and by.kind == "token" and by.person_id == cast.ann.person_id
    assert text not in str(Token.objects.values().get())
    services.revoke_token(by=cast.ann, token_id=row.id)
    assert services.authenticate_token(text) is None


@pytest.mark.parametrize("text", ["", "ilk_", "ilk_wrong", "other", "ilk_" + "x" * 500])
def test_what_is_no_token(cast: Cast, text: str) -> None:
    assert services.authenticate_token(text) is None


def test_an_expired_token_and_one_of_somebody_who_left(cast: Cast) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    row, text = services.create_token(by=cast.ann, name="ci", expires_at=soon)
    Token.objects.filter(id=row.id).update(expires_at=datetime.now(UTC))
    assert services.authenticate_token(text) is None
    _, other = services.create_token(by=cast.ann, name="ci")
    assert cast.ann.person_id is not None
    services.update_person(by=cast.root, person_id=cast.ann.person_id, is_active=False)
    assert services.authenticate_token(other) is None
    with pytest.raises(Refused, match="login_wrong"):
        services.authenticate_password("ann", PASSWORD)


def test_a_narrow_token_makes_no_wider_one(cast: Cast) -> None:
    _, text = services.create_token(by=cast.dee, name="narrow", scopes=["view", "release"])
    narrow = services.authenticate_token(text)
    assert narrow is not None
    services.create_token(by=narrow, name="narrower", scopes=["view"])
    for scopes in ([], ["view", "operate"]):
        with pytest.raises(Refused, match="scope_too_wide"):
            services.create_token(by=narrow, name="wider", scopes=scopes)


def test_the_last_administrator_stays(cast: Cast) -> None:
    assert cast.root.person_id is not None
    with pytest.raises(Refused, match="last_admin"):
        services.update_person(by=cast.root, person_id=cast.root.person_id, is_admin=False)


def test_weak_passwords_and_odd_names(cast: Cast) -> None:
    for password in ("short", "password", "12345678\0abc"):
        with pytest.raises(Refused, match="password_weak"):
            services.create_person(by=cast.root, username="new", password=password)
    for username in ("", "a b", "<script>", "x" * 65, "-x", "a\0"):
        with pytest.raises(Refused, match="username_unfit"):
            services.create_person(by=cast.root, username=username, password=PASSWORD)
    with pytest.raises(Refused, match="username_taken"):
        services.create_person(by=cast.root, username="ann", password=PASSWORD)
    assert not Person.objects.filter(username="new").exists()
