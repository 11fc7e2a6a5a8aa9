from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from interlock.lifecycle.refused import Refused
from interlock.vault import services
from interlock.vault.models import SecretVersion
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def cast(settings: Any, tmp_path: Path) -> Cast:
    settings.KEY_FILE = tmp_path / "keys"
    return make_cast()


def test_a_secret_is_kept_encrypted_and_versioned(cast: Cast, settings: Any) -> None:
    secret = services.put(by=cast.dee, name="TOKEN", value="first", project_id=cast.project_id)
    services.put(by=cast.dee, name="TOKEN", value="second", project_id=cast.project_id)
    assert services.reveal(secret.id) == "second"
    assert services.reveal(secret.id, 1) == "first"
    assert services.references(["TOKEN"], cast.project_id) == {"TOKEN": [secret.id, 2]}
    assert not any(b"first" in bytes(row.ciphertext) for row in SecretVersion.objects.all())
    assert settings.KEY_FILE.stat().st_mode & 0o777 == 0o600


def test_a_missing_key_file_is_never_made_anew_while_there_are_secrets(cast: Cast, settings: Any) -> None:
    secret = services.put(by=cast.dee, name="TOKEN", value="first", project_id=cast.project_id)
    settings.KEY_FILE.unlink()
    with pytest.raises(ImproperlyConfigured):
        services.reveal(secret.id)
    assert not settings.KEY_FILE.exists()


def test_another_key_does_not_open_it(cast: Cast, settings: Any) -> None:
    secret = services.put(by=cast.dee, name="TOKEN", value="first", project_id=cast.project_id)
    settings.KEY_FILE = settings.KEY_FILE.with_name("others")
    settings.KEY_FILE.write_bytes(Fernet.generate_key())
    with pytest.raises(Refused, match="secret_unreadable"):
        services.reveal(secret.id)


def test_keys_rotate(cast: Cast, settings: Any) -> None:
    secret = services.put(by=cast.dee, name="TOKEN", value="first", project_id=cast.project_id)
    fresh = Fernet.generate_key()
    old = settings.KEY_FILE.read_bytes()
    both = settings.KEY_FILE.with_name("both")
    both.write_bytes(fresh + b"\n" + old)
    settings.KEY_FILE = both
    assert services.rotate(by=cast.root) == 1
    settings.KEY_FILE = both.with_name("fresh")
    settings.KEY_FILE.write_bytes(fresh)
    assert services.reveal(secret.id) == "first"


@pytest.mark.parametrize("name", ["", "1A", "a b", "a$b", "x" * 129, "../x"])
def test_bad_names(cast: Cast, name: str) -> None:
    with pytest.raises(Refused, match="secret_name_unfit"):
        services.put(by=cast.dee, name=name, value="v", project_id=cast.project_id)


def test_only_who_configures_a_project_puts_its_secrets(cast: Cast) -> None:
    with pytest.raises(Refused, match="not_allowed"):
        services.put(by=cast.ann, name="TOKEN", value="v", project_id=cast.project_id)
    with pytest.raises(Refused, match="not_allowed"):
        services.put(by=cast.dee, name="TOKEN", value="v")
