"""Which versions an action may go to, and why not the others."""

from typing import Any

import pytest

from interlock.catalog import queries
from interlock.catalog.models import Instance, Version
from interlock.catalog.services import create_version, version_news
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.version import VersionStatus
from tests.catalog.conftest import Shop

NEWER, OLDER, SAME, NONE = (
    "version_not_newer",
    "version_not_older",
    "version_is_current",
    "service_not_installed",
)


@pytest.fixture
def versions(shop: Shop) -> list[Version]:
    made = [shop.version(f"1.{n}") for n in range(3)]
    failed = create_version(by=shop.admin, service_id=shop.service.pk, ref="main")
    version_news(version_id=failed.pk, status=VersionStatus.FAILED, by=SYSTEM)
    return made


def choices(shop: Shop, action: str, from_version_id: int | None = None) -> dict[str, str]:
    rows = queries.versions_for(
        by=shop.viewer, service_id=shop.service.pk, action=action, from_version_id=from_version_id
    )
    assert all(row.enabled == (row.reason == "") for row in rows)
    return {row.name: row.reason for row in rows}


def test_from_a_version_up_and_back(shop: Shop, versions: list[Version]) -> None:
    middle = versions[1].pk
    assert choices(shop, "upgrade", middle) == {"1.2": "", "1.1": SAME, "1.0": NEWER}
    assert choices(shop, "revert", middle) == {"1.2": OLDER, "1.1": SAME, "1.0": ""}
    assert list(choices(shop, "deploy")) == ["1.2", "1.1", "1.0"]
    assert set(choices(shop, "deploy").values()) == {""}


def test_without_a_version_the_instances_decide(shop: Shop, versions: list[Version]) -> None:
    shop.installed(versions[1], hosts=shop.hosts[:2])
    assert choices(shop, "upgrade") == {"1.2": "", "1.1": SAME, "1.0": NEWER}
    shop.installed(versions[2], hosts=shop.hosts[2:])
    assert choices(shop, "upgrade") == {"1.2": "", "1.1": NEWER, "1.0": NEWER}
    assert choices(shop, "revert") == {"1.2": OLDER, "1.1": "", "1.0": ""}


def test_what_is_not_installed_or_in_maintenance_does_not_count(shop: Shop, versions: list[Version]) -> None:
    assert set(choices(shop, "upgrade").values()) == {NONE}
    rows = shop.installed(versions[0])
    Instance.objects.filter(pk=rows[0].pk).update(status=InstanceStatus.ABSENT)
    Instance.objects.filter(pk__in=[row.pk for row in rows[1:]]).update(maintenance=True)
    assert set(choices(shop, "revert").values()) == {NONE}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"action": "delete"}, "delete_takes_no_version"),
        ({"action": "downgrade"}, "choice_not_known"),
        ({"action": ""}, "choice_not_known"),
        ({"action": "upgrade", "from_version_id": 0}, "version_not_known"),
    ],
)
def test_bad_questions_are_refused(shop: Shop, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        queries.versions_for(by=shop.viewer, service_id=shop.service.pk, **given)
    assert refused.value.code == code


def test_a_version_of_another_service_is_no_start(shop: Shop, versions: list[Version]) -> None:
    other = shop.version("1.0", shop.another_service("cart"))
    with pytest.raises(Refused) as refused:
        choices(shop, "upgrade", other.pk)
    assert refused.value.code == "version_not_known"
    assert choices(shop, "deploy") == {"1.2": "", "1.1": "", "1.0": ""}
